"""Judges the story of standby_lab.sh: the logs of three nodes, and the killed primary's.

Prints a line for each thing that must hold and the counts last.
"""

import json
import pathlib
import re
import struct
import sys

COMMITTED = 384


def committed(store):
    page = (store / "control").read_bytes()
    return struct.unpack_from("<Q", page, COMMITTED)[0]


def log(store):
    """All segments, which begin at 0."""
    segments = sorted(store.glob("*.log"))
    at, parts = 0, []
    for segment in segments:
        content = segment.read_bytes()
        if int(segment.stem) != at:
            raise ValueError(f"{segment} does not follow at {at}")
        at += len(content)
        parts.append(content)
    return b"".join(parts)


def dropped(path):
    return sum(int(count) for count in re.findall(r"counter packets (\d+)", path.read_text()))


def main(folder):
    stores = {node: folder / f"store{node}" for node in (1, 2, 3)}
    killed = folder / "killed"
    verified = {}
    for node in stores:
        lines = (folder / f"verify{node}.json").read_text().splitlines()
        verified[node] = json.loads(lines[-1]) if lines else {"verdict": "none"}
    confirmed, logs = committed(killed), {node: log(store) for node, store in stores.items()}
    ends = {node: committed(store) for node, store in stores.items()}
    shortest = min(ends.values())
    first = logs[2][:shortest]
    states = {
        node: (said.get("position"), said.get("state_hash")) for node, said in verified.items()
    }
    checks = {
        f"the faults were faults: {dropped(folder / 'losses')} lost, "
        f"{dropped(folder / 'partition')} held back": min(
            dropped(folder / "losses"), dropped(folder / "partition")
        )
        > 0,
        f"all that was confirmed, {confirmed} bytes, is in the new primary's log": confirmed > 0
        and log(killed)[:confirmed] == logs[2][:confirmed],
        f"the logs are one log, {ends} bytes": all(
            content[:shortest] == first for content in logs.values()
        )
        and shortest >= confirmed,
        f"every log is sound: {[said.get('verdict') for said in verified.values()]}": all(
            said.get("verdict") == "sound" for said in verified.values()
        ),
        # A tick more or less: a state is that of a position.
        f"re-executed, the logs come to one state at one position: {states}": len(
            {position for position, _ in states.values()}
        )
        == len(set(states.values()))
        and None not in [state for _, state in states.values()],
        "every node ended in order": all(
            (folder / f"node{node}.code").read_text().strip() == "0" for node in stores
        ),
    }
    for what, holds in checks.items():
        print(("ok: " if holds else "FAILED: ") + what)
    failed = sum(not holds for holds in checks.values())
    print(f"{len(checks) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
