"""Compares what tshark shows with what we wrote, field by field.

Usage:
  tshark.py vectors SCHEMA VECTORS DISSECTOR NAME   every message of a schema, from lines of JSON
  tshark.py groups DISSECTORS                       groups and data, from bytes by hand
  tshark.py session SCHEMA DISSECTOR NAME           a session of ours, captured as it is sent

The first reads what `isochron-codegen-oracle` prints, puts each message into a MoldUDP64 datagram
and each datagram into a capture. Decoding is tshark's and the generated dissector's alone.
"""

import json
import os
import re
import signal
import struct
import subprocess
import sys
import tempfile
import time
import xml.etree.ElementTree

import exchange

PORT = 26477
SESSION = b"261122300A"

# Between the values of one field: in no text of ours.
BETWEEN = "\x1f"

# What tshark itself finds wrong with MoldUDP64, and what it or the dissector marks as an error.
MALFORMED = (
    "moldudp64.count.invalid || moldudp64.msglen.invalid || moldudp64.end_of_session_extra"
    " || _ws.malformed || _ws.expert.severity >= 0x800000 || _ws.expert.group == 0x5000000"
)


class Unable(Exception):
    """What this machine does not let us do."""


def datagram(sequence, messages):
    """A MoldUDP64 packet."""
    blocks = b"".join(struct.pack(">H", len(m)) + m for m in messages)
    return SESSION + struct.pack(">QH", sequence, len(messages)) + blocks


def capture(path, payloads):
    """UDP datagrams as a capture of raw IPv4."""
    with open(path, "wb") as out:
        out.write(struct.pack("<IHHiIII", 0xA1B2C3D4, 2, 4, 0, 0, 65535, 101))
        for number, payload in enumerate(payloads):
            udp = struct.pack(">HHHH", 40000, PORT, 8 + len(payload), 0) + payload
            ip = struct.pack(
                ">BBHHHBBH4s4s", 0x45, 0, 20 + len(udp), number & 0xFFFF, 0, 1, 17, 0,
                bytes([127, 0, 0, 1]), bytes([239, 255, 0, 1]),
            )
            out.write(struct.pack("<IIII", 0, number, 20 + len(udp), 20 + len(udp)) + ip + udp)


def tshark(capture_path, dissector, name, arguments, ports=((PORT, "udp", "moldudp64"),)):
    """What tshark prints, line by line."""
    decode = [part for port, kind, to in ports for part in ("-d", f"{kind}.port=={port},{to}")]
    command = ["tshark", "-n", "-r", capture_path, *decode]
    # A large TCP segment holds more SoupBinTCP packets than tshark allows one frame layers.
    command += ["-o", "gui.max_tree_depth:20000"]
    if dissector:
        command += ["-X", f"lua_script:{dissector}", "-d", f"moldudp64.payload,{name}"]
    command += arguments
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    faults = [line for line in done.stderr.splitlines() if "Running as user" not in line]
    if done.returncode != 0 or faults:
        raise RuntimeError(f"tshark: {done.returncode}: {' '.join(faults)}")
    return done.stdout.splitlines()


def fields(capture_path, dissector, name, wanted, extra=(), **options):
    """A dictionary for each packet: the values of each wanted field, in order."""
    arguments = [*extra, "-T", "fields", "-E", "separator=/t", "-E", f"aggregator={BETWEEN}"]
    for field in wanted:
        arguments += ["-e", field]
    lines = tshark(capture_path, dissector, name, arguments, **options)
    values = [[v.split(BETWEEN) if v else [] for v in line.split("\t")] for line in lines]
    return [dict(zip(wanted, row)) for row in values]


class Codes:
    """The codes of a schema's enums, and which field has which."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        enums = {e.get("name"): {v.get("name"): v.text for v in e} for e in root.iter("enum")}
        self.of = {
            (m.get("name"), f.get("name").lower()): enums[f.get("type")]
            for m in root if m.tag.endswith("message")
            for f in m if f.get("type") in enums
        }

    def text(self, message, field, value):
        """Our value as tshark prints it."""
        codes = self.of.get((message, field.replace("_", "")))
        if codes is not None:
            return [codes.get(value, str(value))]
        if value is None:
            return []
        return [str(value)]


def same(ours, theirs):
    """Numbers that tshark prints in hexadecimal are numbers still."""
    if ours == theirs or (ours == [""] and theirs == []):
        return True
    return len(ours) == len(theirs) and all(
        t.startswith("0x") and o.isdigit() and int(t, 16) == int(o) for o, t in zip(ours, theirs)
    )


def check_messages(schema, vectors, dissector, name):
    """Messages and their fields as tshark sees them: who was seen, and what is wrong."""
    codes = Codes(schema)
    wanted = sorted({f"{name}.{field}" for v in vectors for field in v["fields"]})
    wanted = [f"{name}.header.message", "moldudp64.msgseq", *wanted]
    faults, seen = {}, set()
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "vectors.pcap")
        capture(file, [datagram(i + 1, [bytes.fromhex(v["bytes"])]) for i, v in enumerate(vectors)])
        rows = fields(file, dissector, name, wanted)
        wrong = tshark(file, dissector, name, ["-Y", MALFORMED])
    if len(rows) != len(vectors) or wrong:
        faults["all"] = f"{len(rows)} packets of {len(vectors)}, wrong: {wrong[:3]}"
    for number, (vector, row) in enumerate(zip(vectors, rows), 1):
        message = vector["message"]
        seen.add(message)
        expected = {f"{name}.{f}": codes.text(message, f, v) for f, v in vector["fields"].items()}
        expected[f"{name}.header.message"] = [message]
        expected["moldudp64.msgseq"] = [str(number)]
        for field in wanted:
            if not same(expected.get(field, []), row.get(field, [])):
                fault = f"{field} is {row.get(field)}, not {expected.get(field)}"
                faults.setdefault(message, f"{fault} in {vector['bytes']}")
    return seen, faults


def check_vectors(schema, path, dissector, name):
    """Every message of a schema: one test each."""
    with open(path, encoding="utf-8") as lines:
        vectors = [json.loads(line) for line in lines]
    vectors = [v for v in vectors if v["schema"] == os.path.basename(schema)]
    seen, faults = check_messages(schema, vectors, dissector, name)
    for message, fault in faults.items():
        print(f"{os.path.basename(schema)} {message}: {fault}")
    return len(seen - faults.keys()), len(faults)


def record(folder, binary):
    """A session of ours with both lines, a replay and a re-request: what was seen of it."""
    market = exchange.Exchange(folder, binary)
    file = os.path.join(folder, "session.pcap")
    ports = [market.channel(p, line)[1] for p in exchange.PRODUCTS for line in "ab"]
    tcp, udp = market.recovery["replay"], market.recovery["rerequests"]
    expression = " or ".join(f"udp port {port}" for port in [*ports, udp])
    capturing = subprocess.Popen(
        ["tshark", "-q", "-n", "-i", "lo", "-F", "pcap", "-w", file, "-B", "32",
         "-f", f"tcp port {tcp} or {expression}"],
        stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
    )
    # It says that it captures, or why it cannot.
    if not any("Capturing on" in line for line in capturing.stderr):
        raise Unable(f"tshark cannot capture here (status {capturing.wait()})")
    feed = exchange.Feed([market.channel("l3")])
    group, port = market.channel("l3")
    ours = subprocess.Popen(
        [binary, "subscribe", "--group", group, "--port", str(port), "--json", "--messages"],
        stdout=subprocess.PIPE, text=True,
    )
    with market:
        feed.wait(1_500)
        session = feed.session()
        # The login's answer shares its segment with whole messages only: tshark forgets the TCP
        # stream with that answer, and a message that goes on in the next segment with it.
        first = len(feed.messages[session]) - 20
        replayed = first, exchange.replay(tcp, session, first, 300)
        again = exchange.split(exchange.request_again(udp, session, 10, 5))
        market.stop()
        said = [json.loads(line) for line in ours.communicate(timeout=60)[0].splitlines()]
    time.sleep(1)
    capturing.send_signal(signal.SIGINT)
    capturing.wait(30)
    feed.close()
    words = [line for line in said if "sequence" in line and "message" in line]
    return market, file, session, feed.whole(session), words, replayed, again


def check_session(schema, dissector, name):
    """What tshark says of a captured session, against what we sent and our subscriber read."""
    results = []

    def check(words, is_right, fault=""):
        results.append(bool(is_right))
        if not is_right:
            print(f"session: {words}: {fault}")

    with tempfile.TemporaryDirectory() as folder:
        market, file, session, sent, words, replayed, again = record(folder, exchange.program())
        udp = [market.channel(p, line)[1] for p in exchange.PRODUCTS for line in "ab"]
        ports = [(port, "udp", "moldudp64") for port in [*udp, market.recovery["rerequests"]]]
        ports.append((market.recovery["replay"], "tcp", "soupbintcp"))
        wrong = tshark(file, dissector, name, ["-Y", MALFORMED], ports=ports)
        check("nothing is malformed", not wrong, wrong[:3])
        names, numbers = [w["message"] for w in words], list(range(1, len(sent) + 1))
        check("our subscriber's numbers", [w["sequence"] for w in words] == numbers,
              f"{len(words)} of {len(sent)}")
        for line in "ab":
            wanted = [f"moldudp64.{field}" for field in ("session", "count", "msgseq")]
            wanted.append(f"{name}.header.message")
            extra = ["-Y", f"moldudp64 && udp.dstport == {market.channel('l3', line)[1]}"]
            rows = fields(file, dissector, name, wanted, extra, ports=ports)
            of = [[value for row in rows for value in row[field]] for field in wanted]
            check(f"numbers on line {line}", [int(n) for n in of[2]] == numbers, len(of[2]))
            check(f"names on line {line}", of[3] == names, of[3][:5])
            # Bytes are shown where no dissector took them.
            rows = fields(file, None, None, ["moldudp64.msgdata"], extra, ports=ports)
            data = [d.replace(":", "") for row in rows for d in row["moldudp64.msgdata"]]
            check(f"bytes on line {line}", data == [m.hex() for m in sent], len(data))
            check(f"the session's name on line {line}", set(of[0]) == {session}, of[0][:1])
            check(f"the end on line {line}", int(of[1][-1], 0) == 0xFFFF, of[1][-1])
        vectors = []
        for row, message in zip(words, sent):
            ours = {k: v for k, v in row.items() if k not in ("message", "sequence")}
            vectors.append({"message": row["message"], "bytes": message.hex(), "fields": ours})
        seen, faults = check_messages(schema, vectors, dissector, name)
        check(f"fields of {', '.join(sorted(seen))}", not faults, faults)
        first, replayed = replayed
        part = slice(first - 1, first + 299)
        check("the replay's bytes", replayed == sent[part], f"{len(replayed)} messages")
        check("the bytes sent again", again[:2] == (session, 10) and again[3] == sent[9:14], again)
        wanted = [f"{name}.header.message"]
        extra = ["-Y", f"tcp.srcport == {market.recovery['replay']} && soupbintcp"]
        rows = fields(file, dissector, name, wanted, extra, ports=ports)
        read = [value for row in rows for value in row[wanted[0]]][:300]
        check("names in SoupBinTCP", read == names[part], read[:5])
        # The field's value is an X, whatever the words beside it say.
        words = "\n".join(tshark(file, None, None, [*extra, "-O", "soupbintcp"], ports=ports))
        count = [int(n) for n in re.findall(r"Sequence number: (\d+) \(Calculated\)", words)]
        check("tshark's own count in SoupBinTCP", count[:300] == numbers[part], count[:5])
    return sum(results), len(results) - sum(results)


# Messages with groups and data, by hand as in codegen/oracle/tests, and what must be shown.
CAR = (
    "2d0001004f000000d204000000000000dd070141000000000100000002000000030000006162636465660"
    "6d007043132332301 4ec8"
    "06000300 1e009a990f42 0b00557262616e204379636c65 370000004442 0e00436f6d62696e6564204379636c65"
    "4b0000002042 0d0048696768776179204379636c65"
    "01000200 5f 06000200 1e0000008040 3c000000f040 63 06000100 640000004041"
    "05000000486f6e6461 09004369766963205654 69 03dead00"
)
PARTS = (
    "0c0001004e000200 01000000 0500000000000000 0502 070809ffff 0a0b0c0d00"
    "06000200 010000000000 0102 0202 6162 0300 0102 0809 030078797a 027475"
    "040000000000 0100 0100 0000 00 2a00000001000000" + "6c" * 40 + "0600 0500000068656c6c6f 0121"
)
OLDER = "040001004e000000 01000000 0301 070800 04000100 01000000 0101 02026162 010078 00000000"
NEWER = (
    "0e0001004e000900 01000000 0500000000000000eeee 0602 070809ffffee 0a0b0c0d00ee"
    "06000000 2a00000000000000 02000000 6869 00 eeee"
)


# What tshark prints for data of no bytes.
NOTHING = "<MISSING>"


def cut(message, length):
    """The first bytes of a message."""
    return message.replace(" ", "")[: 2 * length]


def check_case(dissector, name, message, expected, error=""):
    """One message: the values of some fields, and which error is found, if any."""
    with tempfile.TemporaryDirectory() as folder:
        file = os.path.join(folder, "case.pcap")
        capture(file, [datagram(1, [bytes.fromhex(message.replace(" ", ""))])])
        wanted = [f"{name}.{field}" for field in expected]
        row = fields(file, dissector, name, wanted)[0]
        wrong = tshark(file, dissector, name, ["-Y", MALFORMED])
        found = error and tshark(file, dissector, name, ["-Y", f"{name}.{error}"])
    for field, values in expected.items():
        if row[f"{name}.{field}"] != values:
            return f"{field} is {row[f'{name}.{field}']}, not {values}"
    if bool(wrong) != bool(error) or (error and not found):
        return f"errors: {wrong}, not {error or 'none'}"
    return None


def check_groups(folder):
    """Groups and data in their versions, whole and damaged: one test each."""
    parts = {
        "amount": ["1"], "extra": ["5"], "plain.count": ["2"], "plain.code": ["7", "10"],
        "plain.more": ["13"], "holder.count": ["2"], "holder.key": ["1", "4"],
        "holder.inner.count": ["2", "0"], "holder.inner.value": ["2", "3"],
        "holder.inner.note": ["6162", NOTHING], "holder.added.value": ["8", "9"],
        "holder.blob": ["78797a", NOTHING], "holder.tail": ["7475", NOTHING], "late.later": ["6"],
        "text": ["hello"], "late_text": ["21"],
    }
    cases = [
        ("car", "a car", CAR, {
            "header.message": ["Car"], "serial_number": ["1234"], "extras.sports_pack": ["1"],
            "extras.sun_roof": ["0"], "engine.booster.horse_power": ["200"],
            "fuel_figures.count": ["3"], "fuel_figures.speed": ["30", "55", "75"],
            "fuel_figures.usage_description": ["Urban Cycle", "Combined Cycle", "Highway Cycle"],
            "performance_figures.octane_rating": ["95", "99"],
            "performance_figures.acceleration.count": ["2", "1"],
            "performance_figures.acceleration.mph": ["30", "60", "100"],
            "performance_figures.acceleration.seconds": ["4", "7.5", "12"],
            "manufacturer": ["Honda"], "model": ["Civic VTi"], "activation_code": ["dead00"],
        }, ""),
        ("groups2", "every part", PARTS, parts, ""),
        ("groups2", "an older version", OLDER, {
            "amount": ["1"], "extra": [], "plain.code": ["7"], "plain.more": [],
            "holder.inner.note": ["6162"], "holder.added.count": [], "holder.blob": ["78"],
            "holder.tail": [], "late.count": [], "late_text": [],
        }, ""),
        ("groups2", "a newer version", NEWER, {
            "plain.code": ["7", "10"], "plain.more": ["13"], "late.count": ["0"], "text": ["hi"],
        }, ""),
        ("groups2", "an end too early", cut(PARTS, 135), {
            "text": ["hello"], "late_text": [],
        }, "short"),
        ("groups2", "an end in an entry", cut(PARTS, 29), {"plain.count": ["2"]}, "short"),
        ("groups2", "a count without entries", PARTS.replace("0502", "05ff"), {
            "plain.count": ["255"],
        }, "short"),
        ("groups2", "a block too short", PARTS.replace("0c00", "0b00", 1), {"amount": ["1"]},
         "block_too_short"),
        ("groups2", "an unknown template", PARTS.replace("0100", "0900", 1), {"amount": []},
         "template_unknown"),
    ]
    failed = 0
    for name, words, message, expected, error in cases:
        fault = check_case(os.path.join(folder, f"{name}.lua"), name, message, expected, error)
        if fault:
            print(f"{name}, {words}: {fault}")
            failed += 1
    return len(cases) - failed, failed


def main(what, *arguments):
    check = {"vectors": check_vectors, "groups": check_groups, "session": check_session}[what]
    try:
        passed, failed = check(*arguments)
    except Unable as reason:
        print(f"skipped: {reason}")
        print("0 passed, 0 failed, 1 skipped")
        return 0
    print(f"{passed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
