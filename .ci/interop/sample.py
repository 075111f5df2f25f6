"""Records docs/protocols/sample.pcap: a short session with all that a consumer meets.

Usage, in a network of its own as in tshark.sh: sample.py FILE. An exchange with the ports of its
example trades slowly; our subscriber joins late, by a snapshot over TCP, and loses a datagram on
both lines, which it asks for again; a replay of the last messages follows, then the end of the
session.
"""

import os
import signal
import subprocess
import sys
import tempfile
import time

import exchange


def main(path):
    with tempfile.TemporaryDirectory() as folder:
        binary = exchange.program()
        market = exchange.Exchange(folder, binary, rate=40)
        market.lines = {"a": ("239.77.1.1", 40_001), "b": ("239.78.1.1", 41_001)}
        market.recovery = {"replay": 42_001, "snapshots": 42_002, "rerequests": 42_003}
        (group, port), (group_b, port_b) = market.channel("l3"), market.channel("l3", "b")
        capturing = subprocess.Popen(
            ["tshark", "-q", "-n", "-i", "lo", "-F", "pcap", "-w", path, "-f",
             f"udp port {port} or udp port {port_b} or portrange 42001-42003"],
            stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        )
        assert any("Capturing on" in line for line in capturing.stderr), "tshark cannot capture"
        feed = exchange.Feed([(group, port)])
        with market:
            feed.wait(300)
            time.sleep(1)
            here = [f"127.0.0.1:{market.recovery[name]}" for name in market.recovery]
            late = subprocess.Popen(
                [binary, "subscribe", "--group", group, "--port", str(port), "--group-b", group_b,
                 "--port-b", str(port_b), "--replay", here[0], "--snapshot", here[1],
                 "--rerequest", here[2], "--user", exchange.USER, "--drop-datagram", "20",
                 "--quiet"],
                env=os.environ | {"ISOCHRON_PASSWORD": exchange.PASSWORD},
            )
            time.sleep(2)
            session = feed.session()
            first = len(feed.messages[session]) - 20
            exchange.replay(market.recovery["replay"], session, first, 20)
            market.stop()
            assert late.wait(60) == 0, "the late subscriber did not end complete"
        time.sleep(1)
        capturing.send_signal(signal.SIGINT)
        capturing.wait(30)
        feed.close()
        print(f"{session}: {len(feed.whole(session))} messages, {os.path.getsize(path)} bytes")


if __name__ == "__main__":
    main(*sys.argv[1:])
