"""Judges a capture of the Aeron cases by what Wireshark's Aeron dissector makes of it.

Usage: aeron.py CAPTURE CASES, where CASES is what `isochron-aeron` printed. It says by lines
`case port=.. session=.. late=.. rate=.. seed=.. generator=.. joined=.. name=..`
which datagrams a follower must have dropped: it draws for each DATA or PAD datagram from its
generator, `erand48` or Java's, by the seed. What was asked for again must be exactly that.
"""

import copy
import re
import subprocess
import sys

MTU = 1408
HEADER = 32
MULTIPLIER = 0x5DEECE66D
FRAMES = ("data", "pad", "heartbeat")
INVALID = [f"aeron.analysis.invalid_{kind}_length"
           for kind in ("pad", "data", "nak", "sm", "rtt", "err", "setup")]
FIELDS = (["udp.length", "udp.srcport", "udp.dstport", "_ws.malformed", "aeron.setup.session_id",
           "aeron.setup.term_length", "aeron.setup.mtu", "aeron.sm.flags",
           "aeron.nak.session_id", "aeron.nak.term_id", "aeron.nak.term_offset", "aeron.nak.length"]
          + [f"aeron.{kind}.{field}" for kind in FRAMES
             for field in ("session_id", "term_id", "term_offset", "frame_length")]
          + INVALID)


class Case:
    """One stream of the capture: who was to lose what of it."""

    def __init__(self, line):
        found = re.fullmatch(r"case port=(\d+) session=(-?\d+) late=(\d) rate=(\S+) seed=(\d+) "
                             r"generator=(\w+) joined=(\d+) name=(.*)", line)
        self.port, self.session = int(found[1]), int(found[2]) & 0xFFFFFFFF
        self.late, self.rate, self.seed = found[3] == "1", float(found[4]), int(found[5])
        self.generator, self.joined, self.name = found[6], int(found[7]), found[8]
        self.term = None
        self.faults = []
        self.sent = []
        self.asked = []
        self.heartbeats = self.status = 0


def numbers(text):
    """The numbers of a field that may stand in a datagram several times."""
    return [int(word, 0) for word in text.split(",")] if text else []


def packets(capture, ports):
    """Each datagram's fields, by name, as the dissector says."""
    command = ["tshark", "-r", capture, "-o", "aeron.sequence_analysis:TRUE",
               "-o", "aeron.stream_analysis:TRUE", "-T", "fields"]
    for port in ports:
        command += ["-d", f"udp.port=={port},aeron"]
    for field in FIELDS:
        command += ["-e", field]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                          text=True) as tshark:
        for line in tshark.stdout:
            yield dict(zip(FIELDS, line.rstrip("\n").split("\t")))
    if tshark.returncode:
        raise SystemExit(f"tshark ended with {tshark.returncode}")


def take(case, packet):
    """Takes one datagram of a case into account."""
    length = int(packet["udp.length"]) - 8
    for field in INVALID + ["_ws.malformed"]:
        if packet[field]:
            case.faults.append(f"{field} in a datagram of {length} bytes")
    if packet["aeron.setup.session_id"]:
        case.term = int(packet["aeron.setup.term_length"])
        if case.generator == "java":
            # Its loss generator is asked for a SETUP too; for none of these seeds it drops one.
            case.sent.append((0, 0))
        if int(packet["aeron.setup.mtu"]) != MTU:
            case.faults.append(f"SETUP says MTU {packet['aeron.setup.mtu']}")
    if packet["aeron.sm.flags"]:
        case.status += 1
    if packet["aeron.nak.session_id"]:
        begin = int(packet["aeron.nak.term_id"]) * case.term + int(packet["aeron.nak.term_offset"])
        case.asked.append((begin, begin + int(packet["aeron.nak.length"])))
    frames = []
    for kind in FRAMES:
        columns = [numbers(packet[f"aeron.{kind}.{field}"])
                   for field in ("session_id", "term_id", "term_offset", "frame_length")]
        frames += list(zip(*columns))
    if frames:
        take_frames(case, frames, length)


def take_frames(case, frames, length):
    """Takes a datagram of DATA, PAD or a heartbeat into account."""
    if case.term is None:
        case.faults.append("DATA came before the first SETUP")
        case.term = 1 << 20
    if length % HEADER or length > MTU:
        case.faults.append(f"a DATA datagram of {length} bytes")
    frames.sort(key=lambda frame: frame[2])
    if any(frame[0] != case.session for frame in frames):
        case.faults.append("a frame of another session")
    positions = [term_id * case.term + offset for _, term_id, offset, _ in frames]
    end = positions[-1] + -(-frames[-1][3] // HEADER) * HEADER
    case.heartbeats += end == positions[0]
    case.sent.append((positions[0], end))


def congruential(state):
    """The generator of POSIX and of Java: its states of 48 bits."""
    while True:
        state = (state * MULTIPLIER + 0xB) & (1 << 48) - 1
        yield state


def draws(case):
    """Whether each DATA datagram in turn is dropped, by the draws of the case's loss generator."""
    seed = case.seed
    if case.generator == "java":
        states = congruential((seed ^ MULTIPLIER) & (1 << 48) - 1)
        while True:
            double = (next(states) >> 22 << 27) + (next(states) >> 21)
            yield double / (1 << 53) <= case.rate
    for state in congruential(seed >> 32 & 0xFFFF | seed & 0xFFFF0000 | (seed & 0xFFFF) << 32):
        yield state / (1 << 48) <= case.rate


def union(ranges):
    """Ranges put together where they touch."""
    whole = []
    for begin, end in sorted(ranges):
        if whole and begin <= whole[-1][1]:
            whole[-1][1] = max(end, whole[-1][1])
        elif begin < end:
            whole.append([begin, end])
    return whole


def beyond(ranges, position):
    """What of the ranges lies at or after a position."""
    return union((max(begin, position), end) for begin, end in ranges)


def dropped(case, drops, first, position):
    """What a follower that heard the datagrams from `first` on was made to drop."""
    lost = (sent for sent, drop in zip(case.sent[first:], drops) if drop)
    return beyond(lost, position)


def loses_first(case, drops, first, position, asked):
    """Whether what is lost first would be what was asked for first: most places are not right."""
    lost = ((begin, end) for (begin, end), drop in zip(case.sent[first:], drops)
            if drop and end > max(begin, position))
    begin, _ = next(lost, (None, None))
    return bool(asked) and begin is not None and max(begin, position) == asked[0][0]


def judge(case):
    """The faults of a case, and what is worth saying of it."""
    asked = union(case.asked)
    # Between the SETUP that a late one heard and its readiness, DATA came that it had no place for.
    position = case.joined
    if case.late and asked and asked[0][0] == case.joined:
        position = asked[0][1]
    asked = beyond(asked, position)
    lost = []
    if case.rate:
        stream = draws(case)
        drops = [next(stream) for _ in case.sent]
        # A late follower's generator begins with the first datagram that reached its socket.
        # So does that of Java, which says that it is ready before its socket is.
        before = next((number for number, (begin, end) in enumerate(case.sent)
                       if case.joined <= begin < end), 0)
        firsts = range(before + 1) if case.late or case.generator == "java" else [0]
        made = (dropped(case, drops, first, position) for first in firsts
                if loses_first(case, drops, first, position, asked))
        lost = next((lost for lost in made if lost == asked), dropped(case, drops, 0, position))
        if not lost:
            case.faults.append("nothing was lost, so nothing was proven")
    if asked != lost:
        only_lost = [span for span in lost if span not in asked]
        only_asked = [span for span in asked if span not in lost]
        case.faults.append(f"lost and not asked for {only_lost[:5]}, asked for and not lost "
                           f"{only_asked[:5]}, of {len(lost)} and {len(asked)}")
    if not case.sent:
        case.faults.append("no DATA was captured")
    return (f"{len(case.sent)} datagrams, {case.heartbeats} of them heartbeats, {case.status} "
            f"status messages, {len(lost)} losses made, {len(case.asked)} requests for them")


def is_blind(case):
    """Whether a case with losses would also be right with other losses."""
    other = copy.copy(case)
    other.faults, other.seed = [], case.seed + 1
    judge(other)
    return not other.faults


def main(capture, said):
    with open(said, encoding="utf-8") as lines:
        cases = [Case(line.strip()) for line in lines if line.startswith("case ")]
    by_port = {case.port: case for case in cases}
    for packet in packets(capture, by_port):
        # What goes back to a unicast sender comes from the stream's port.
        ends = (packet["udp.dstport"], packet["udp.srcport"])
        case = next((by_port[int(end)] for end in ends if end and int(end) in by_port), None)
        if case:
            take(case, packet)
    failed = 0
    for case in cases:
        words = judge(case)
        if case.rate and not case.faults and is_blind(case):
            case.faults.append("other losses would have passed too")
        failed += bool(case.faults)
        print(f"tshark, {case.name}: {words}")
        for fault in case.faults[:5]:
            print(f"tshark, {case.name}: FAILED: {fault}")
    print(f"{len(cases) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed or not cases else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
