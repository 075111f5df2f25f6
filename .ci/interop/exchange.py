"""An exchange of ours for other people's programs to talk to, and what it really sent.

`Exchange` starts `isochron serve` with a flow of orders; `Feed` hears its lines and keeps every
message by session and number, without any code of ours. Both are for the scripts beside this file.
"""

import os
import select
import signal
import socket
import struct
import subprocess
import threading
import time

PRODUCTS = ("l1", "l2", "l3")

CONFIGURATION = """
[market_data]
products = ["l1", "l2", "l3"]
end_session_at_stop = true
[market_data.line_a]
group = "{group_a}"
port = {port_a}
interface = "127.0.0.1"
[market_data.line_b]
group = "{group_b}"
port = {port_b}
interface = "127.0.0.1"
[recovery]
replay = "127.0.0.1:{replay}"
snapshots = "127.0.0.1:{snapshots}"
rerequests = "127.0.0.1:{rerequests}"
rerequests_per_second = 1000
rerequests_per_minute = 10000
[[recovery.users]]
name = "peer"
password = "{password_hash}"
"""

USER, PASSWORD = "peer", "secret"


class Failed(Exception):
    """Ours did not do what it should; what it said."""


def program():
    """The exchange's program, built."""
    subprocess.run(["cargo", "build", "--quiet", "--bin", "isochron"], check=True)
    target = os.environ.get("CARGO_TARGET_DIR", "target")
    return os.path.abspath(os.path.join(target, "debug", "isochron"))


def free_port(kind=socket.SOCK_DGRAM):
    """A port that nobody has, and most likely none of the next few, which channels follow on."""
    with socket.socket(socket.AF_INET, kind) as probe:
        probe.bind(("127.0.0.1", 0))
        return min(probe.getsockname()[1], 65_000)


def moved(address, by):
    """239.77.1.1 and 2 as 239.77.1.3."""
    return address[: address.rindex(".") + 1] + str(int(address[address.rindex(".") + 1 :]) + by)


class Exchange:
    """One that runs and trades by itself; who needs repair asks another process of it."""

    def __init__(self, folder, binary, rate=400, seed=1):
        self.folder, self.binary, self.rate, self.seed = folder, binary, rate, seed
        self.lines = {
            "a": ("239.77.1.1", free_port()),
            "b": ("239.78.1.1", free_port()),
        }
        self.recovery = {
            "replay": free_port(socket.SOCK_STREAM),
            "snapshots": free_port(socket.SOCK_STREAM),
            "rerequests": free_port(),
        }
        self.path = os.path.join(folder, "isochron.toml")
        self.processes, self.logs = [], []

    def channel(self, product, line="a"):
        """Group and port of a product's first channel."""
        group, port = self.lines[line]
        number = PRODUCTS.index(product)
        return moved(group, number), port + number

    def start(self):
        """Runs both processes, and waits until they are ready."""
        hashed = subprocess.run(
            [self.binary, "password"], input=PASSWORD + "\n", capture_output=True, text=True,
            check=True,
        ).stdout.strip()
        with open(self.path, "w", encoding="utf-8") as out:
            out.write(CONFIGURATION.format(
                group_a=self.lines["a"][0], port_a=self.lines["a"][1],
                group_b=self.lines["b"][0], port_b=self.lines["b"][1], password_hash=hashed,
                **self.recovery,
            ))
        flow = ["--flow", "mix", "--rate", str(self.rate), "--seed", str(self.seed)]
        self.serve("--only", "core,market-data", *flow)
        self.serve("--only", "recovery")
        return self

    def serve(self, *arguments):
        """Runs one process, and waits until it is ready."""
        process = subprocess.Popen(
            [self.binary, "serve", "--config", self.path, *arguments],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, cwd=self.folder,
        )
        log, is_ready = [], threading.Event()
        self.processes.append(process)
        self.logs.append(log)

        def read():
            for line in process.stderr:
                log.append(line.rstrip())
                if log[-1].endswith(" ready"):
                    is_ready.set()
            is_ready.set()

        threading.Thread(target=read, daemon=True).start()
        if not is_ready.wait(60) or process.poll() is not None:
            raise Failed(f"{' '.join(arguments)}: " + " / ".join(log[-5:]))

    def stop(self):
        """Ends trading, in order: sessions end with it. Repair goes on."""
        process, log = self.processes[0], self.logs[0]
        process.send_signal(signal.SIGTERM)
        code = process.wait(60)
        if code != 0:
            raise Failed(f"the exchange ended with {code}: " + " / ".join(log[-5:]))

    def __enter__(self):
        return self.start()

    def __exit__(self, *_):
        for process in self.processes:
            if process.poll() is None:
                process.kill()
                process.wait()


def split(packet):
    """A MoldUDP64 packet: session, number, count, messages."""
    session, sequence, count = packet[:10], *struct.unpack(">QH", packet[10:20])
    messages, at = [], 20
    while count not in (0, 0xFFFF) and len(messages) < count:
        (length,) = struct.unpack_from(">H", packet, at)
        messages.append(packet[at + 2 : at + 2 + length])
        at += 2 + length
    if at != len(packet):
        raise Failed(f"{len(packet) - at} bytes too many in a packet")
    return session.decode(), sequence, count, messages


def read_exactly(connection, length):
    """So many bytes of a connection."""
    data = b""
    while len(data) < length:
        part = connection.recv(length - len(data))
        if not part:
            raise Failed(f"closed after {len(data)} of {length} bytes")
        data += part
    return data


def replay(port, session, sequence, count):
    """So many messages of a replay: SoupBinTCP 3.00 by hand."""
    login = f"{USER:<6}{PASSWORD:<10}{session:>10}{sequence:>20}".encode()
    messages = []
    with socket.create_connection(("127.0.0.1", port), 30) as connection:
        connection.sendall(struct.pack(">H", len(login) + 1) + b"L" + login)
        while len(messages) < count:
            (length,) = struct.unpack(">H", read_exactly(connection, 2))
            packet = read_exactly(connection, length)
            if packet[:1] == b"J":
                raise Failed(f"the login was refused: {packet}")
            if packet[:1] == b"S":
                messages.append(packet[1:])
        connection.sendall(b"\x00\x01O")
    return messages


def request_again(port, session, sequence, count):
    """What a re-request server answers: one MoldUDP64 packet."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as asking:
        asking.settimeout(5)
        request = session.encode() + struct.pack(">QH", sequence, count)
        asking.sendto(request, ("127.0.0.1", port))
        return asking.recv(65_536)


class Feed:
    """Hears channels on 127.0.0.1, and may pass on what it hears to somebody with losses."""

    def __init__(self, channels, relay=None, drop=lambda number: False):
        self.sockets, self.messages, self.ended = [], {}, {}
        self.relay, self.drop, self.dropped, self.number = relay, drop, 0, 0
        self.differences = 0
        self.stopping = threading.Event()
        for group, port in channels:
            listener = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 8 << 20)
            listener.bind((group, port))
            member = socket.inet_aton(group) + socket.inet_aton("127.0.0.1")
            listener.setsockopt(socket.IPPROTO_IP, socket.IP_ADD_MEMBERSHIP, member)
            self.sockets.append(listener)
        self.out = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self.out.setsockopt(
            socket.IPPROTO_IP, socket.IP_MULTICAST_IF, socket.inet_aton("127.0.0.1")
        )
        self.out.setsockopt(socket.IPPROTO_IP, socket.IP_MULTICAST_TTL, 0)
        self.thread = threading.Thread(target=self.run, daemon=True)
        self.thread.start()

    def run(self):
        while not self.stopping.is_set():
            for ready in select.select(self.sockets, [], [], 0.1)[0]:
                self.hear(ready.recv(65_536))

    def hear(self, packet):
        if len(packet) < 20:
            # No packet of MoldUDP64: the exchange asks before it starts whether multicast works.
            return
        session, sequence, count, messages = split(packet)
        known = self.messages.setdefault(session, {})
        for number, message in enumerate(messages, sequence):
            self.differences += known.setdefault(number, message) != message
        if count == 0xFFFF:
            self.ended[session] = sequence
        if self.relay:
            self.number += bool(messages)
            if messages and self.drop(self.number):
                self.dropped += len(messages)
            else:
                self.out.sendto(packet, self.relay)

    def session(self):
        """The session with the most messages."""
        return max(self.messages, key=lambda name: len(self.messages[name]))

    def wait(self, count, seconds=60, session=None):
        """Until so many messages were heard."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if self.messages and len(self.messages[session or self.session()]) >= count:
                return
            time.sleep(0.05)
        raise Failed(f"{ {s: len(m) for s, m in self.messages.items()} } after {seconds} s")

    def whole(self, session):
        """All messages of a session, in order; fails if one was not heard."""
        known = self.messages[session]
        missing = [number for number in range(1, len(known) + 1) if number not in known]
        if missing:
            raise Failed(f"{session}: {missing[:3]} were not heard")
        return [known[number] for number in range(1, len(known) + 1)]

    def close(self):
        self.stopping.set()
        self.thread.join()
        for listener in self.sockets:
            listener.close()
