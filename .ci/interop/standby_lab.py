"""What standby_lab.sh does to a store, and what it judges in the end.

    standby_lab.py lose-power STORE
    standby_lab.py judge FOLDER PASSED

`judge` prints a line for each thing that must hold, and last the counts; PASSED are counted before.
"""

import json
import pathlib
import re
import struct
import sys

import subscribed

PAGE_BYTES = 4096
# In the control page.
COMMITTED = 384
# In each slot of the marks; positions only grow, so the larger of the two is the newer one.
SLOT_BYTES, SYNCED, KEPT_FROM = 4096, 32, 56
# Of a frame in a log, and of the message in it.
FRAME_HEADER_BYTES, FRAME_ALIGNMENT_BYTES, PADDING, SBE_HEADER_BYTES = 32, 32, 0, 8


def u64(content, at):
    return struct.unpack_from("<Q", content, at)[0]


def mark(store, at):
    marks = (store / "marks").read_bytes()
    return max(u64(marks, slot + at) for slot in (0, SLOT_BYTES))


def segments(store):
    """Position and path of each, in the order of the log."""
    return sorted((int(path.stem), path) for path in store.glob("*.log"))


def lose_power(store):
    """Leaves of a log what was synced, and of the rest each second page, as a disk may."""
    synced, lost = mark(store, SYNCED), 0
    for base, path in segments(store):
        content = bytearray(path.read_bytes())
        first = max(synced - base, 0)
        for page in range(first - first % PAGE_BYTES, len(content), 2 * PAGE_BYTES):
            span = slice(max(page, first), page + PAGE_BYTES)
            lost += any(content[span])
            content[span] = bytes(len(content[span]))
        if first < len(content):
            path.write_bytes(content)
    print(f"lost {lost} pages beyond {synced}")


class Log:
    """The bytes of all segments; they count from where the log is kept, a snapshot's place."""

    def __init__(self, store):
        found = segments(store)
        self.base = self.end = found[0][0]
        self.begin = mark(store, KEPT_FROM)
        parts = []
        for base, path in found:
            if base != self.end:
                raise ValueError(f"{path} does not follow at {self.end}")
            parts.append(path.read_bytes())
            self.end += len(parts[-1])
        self.content = b"".join(parts)

    def between(self, begin, end):
        return self.content[begin - self.base : end - self.base]


def are_one(logs, end):
    """Whether logs are equal up to an end, as far as each reaches back."""
    whole = min(logs, key=lambda log: log.begin)
    return whole.begin == 0 and all(
        log.end >= end and log.between(log.begin, end) == whole.between(log.begin, end)
        for log in logs
    )


def feed_messages(store):
    """The messages in a node's feed log, each behind its length, whatever their datagrams."""
    (session,) = (store / "feed").iterdir()
    messages = []
    for _, path in segments(session):
        content, at = path.read_bytes(), 0
        while at < len(content):
            length, kind = struct.unpack_from("<i2xH", content, at)
            if length <= 0:
                break
            if kind != PADDING:
                record = content[at + FRAME_HEADER_BYTES : at + length]
                (block_bytes,) = struct.unpack_from("<H", record)
                messages.append(record[SBE_HEADER_BYTES + block_bytes :])
            at += -(-length // FRAME_ALIGNMENT_BYTES) * FRAME_ALIGNMENT_BYTES
    return b"".join(messages)


def dropped(path):
    return [int(count) for count in re.findall(r"counter packets (\d+)", path.read_text())]


def checks(folder):
    """What must hold: its name, with the values, and whether it does."""
    faults = {name: dropped(folder / name) for name in ("lost-by-one", "lost-by-all", "held-back")}
    yield f"the faults were faults, in datagrams: {faults}", all(map(all, faults.values()))

    stores = [folder / f"store{node}" for node in (1, 2, 3)]
    said = [json.loads((folder / f"verify{node}.json").read_text()) for node in (1, 2, 3)]
    verdicts = [verified["verdict"] for verified in said]
    yield f"every log is sound: {verdicts}", set(verdicts) == {"sound"}

    ends = {verified["position"] for verified in said}
    logs = [Log(store) for store in stores]
    yield f"the logs are one log, up to {ends}", len(ends) == 1 and are_one(logs, min(ends))

    states = {verified["state_hash"] for verified in said}
    yield f"executed again, they come to one state: {states}", len(states) == 1

    for name in ("deposed", "killed"):
        confirmed = u64((folder / name / "control").read_bytes(), COMMITTED)
        holds = 0 < confirmed <= min(ends) and are_one([Log(folder / name), *logs], confirmed)
        yield f"the {name} primary's {confirmed} confirmed bytes are in every log", holds

    # A standby that was not told the last commit is behind by what that let out.
    feeds = [feed_messages(store) for store in stores]
    sizes = [len(feed) for feed in feeds]
    same = min(sizes) > 0 and len({feed[: min(sizes)] for feed in feeds}) == 1
    yield f"the feed's messages are the same at every node: {sizes} bytes", same

    wrong, report = subscribed.judge(folder, "outside", subscribed.books(folder))
    heard = report and f"{report['messages']} messages, {report['checksums_verified']} checksums"
    yield f"the subscriber's books are the engine's, {heard}; wrong: {wrong}", wrong is None


def judge(folder, passed):
    failed = 0
    for what, holds in checks(folder):
        passed, failed = passed + holds, failed + (not holds)
        print(("ok: " if holds else "FAILED: ") + what)
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


def main(command, folder, *passed):
    if command == "lose-power":
        return lose_power(pathlib.Path(folder))
    return judge(pathlib.Path(folder), *map(int, passed))


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
