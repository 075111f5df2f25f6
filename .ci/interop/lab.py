"""Judges the loss drill of lab.sh: what each subscriber reported, and the engine's own books.

Given the folder with, for each host, its report, its log and its exit code; for each of some
symbols the engine's book; and what nftables counted. Prints a line for each host and the counts
last.
"""

import pathlib
import re
import sys

import subscribed

LINES = ("a", "b")


def dropped(folder, host):
    """The packets that nftables dropped on each line, in the order of the rules."""
    text = (folder / f"{host}.nft").read_text()
    return [int(count) for count in re.findall(r"counter packets (\d+)", text)]


def repairs(report):
    return report["repaired_udp"] + report["repaired_tcp"] + report["covered_by_snapshots"]


def lost(report):
    """What each line did not bring."""
    return [report["lines"][line]["lost"] for line in LINES]


def fault_of(host, report, folder):
    """What the host's own fault should have left in its report and has not."""
    lost_a, lost_b = lost(report)
    if host == "clean":
        if lost_a or lost_b or repairs(report):
            return f"lost {lost_a} and {lost_b} and repaired {repairs(report)} without a fault"
    elif host == "loss-a":
        if dropped(folder, host)[0] == 0 or lost_a == 0:
            return "nothing was lost on line A"
        if lost_b or repairs(report):
            return f"line B stood in for A, yet {lost_b} lost there, {repairs(report)} repaired"
    elif host == "loss-both":
        if min(dropped(folder, host)) == 0 or lost_a == 0 or lost_b == 0:
            return "a line lost nothing"
        if report["repaired_udp"] + report["repaired_tcp"] == 0:
            return "nothing was repaired, though both lines lost"
    elif host == "pull-a":
        if lost_a == 0:
            return "line A lost nothing with its cable pulled"
        if lost_b or repairs(report):
            return f"line B stood in for A, yet {lost_b} lost there, {repairs(report)} repaired"
    elif host == "cut":
        if repairs(report) == 0:
            return "nothing was repaired after both cables were pulled"
    elif host == "late":
        if report["snapshots"] == 0 and report["repaired_tcp"] == 0:
            return "it joined late without a snapshot or a replay"
    return None


def fault(host, folder, books):
    """What is wrong with a host, or None; and its report."""
    wrong, report = subscribed.judge(folder, host, books)
    return wrong or fault_of(host, report, folder), report


def show(host, report):
    if report is None:
        return host
    lost_a, lost_b = lost(report)
    return (
        f"{host}: {report['messages']} messages, lines lost {lost_a} and {lost_b}, repaired "
        f"{report['repaired_udp']} by UDP, {report['repaired_tcp']} by TCP, "
        f"{report['covered_by_snapshots']} covered by {report['snapshots']} snapshots"
    )


def main():
    folder = pathlib.Path(sys.argv[1])
    books = subscribed.books(folder)
    failed = 0
    hosts = sorted(path.stem for path in folder.glob("*.code"))
    for host in hosts:
        wrong, report = fault(host, folder, books)
        print(show(host, report))
        if wrong is not None:
            failed += 1
            print(f"failed: {host}: {wrong}")
            print((folder / f"{host}.log").read_text()[-2000:], end="")
    print(f"{len(hosts) - failed} passed, {failed} failed, 0 skipped")
    sys.exit(1 if failed else 0)


main()
