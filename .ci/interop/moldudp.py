"""The crate `moldudp` follows our L3 feed with losses, and our re-request server makes them good.

Usage: moldudp.py PEER, the peer's program. What we send is passed on to a group of its own, where
some datagrams are missing: single ones and a run of them. The peer must end with every message, byte
for byte, and must have seen the end of the session.
"""

import subprocess
import sys
import tempfile

import exchange
from exchange import Exchange, Failed, Feed

SECONDS = 60


def drop(number):
    """Which datagrams are lost: every seventh, and ten in a row."""
    return number % 7 == 3 or 40 <= number < 50


def main(peer):
    results = []

    def check(words, is_right, fault=""):
        results.append(bool(is_right))
        if not is_right:
            print(f"{words}: {fault}")

    with tempfile.TemporaryDirectory() as folder:
        market = Exchange(folder, exchange.program())
        relay = ("239.79.1.1", exchange.free_port())
        feed = Feed([market.channel("l3")], relay, drop)
        with market:
            feed.wait(1)
            session = feed.session()
            following = subprocess.Popen(
                [peer, f"{relay[0]}:{relay[1]}", "127.0.0.1",
                 f"127.0.0.1:{market.recovery['rerequests']}", session, str(SECONDS)],
                stdout=subprocess.PIPE, text=True,
            )
            if following.stdout.readline() != "ready\n":
                raise Failed("the peer did not start")
            feed.wait(len(feed.messages[session]) + 2_000)
            market.stop()
            said = following.communicate(timeout=SECONDS)[0].splitlines()
        feed.close()
        sent = feed.whole(session)
        lines = [line.split() for line in said]
        check("the end of the session was seen", lines[-1] == ["ended"], lines[-1])
        check("messages were lost on the way", feed.dropped > 100, feed.dropped)
        numbers = [int(line[0]) for line in lines[:-1]]
        check("every number came, in order", numbers == list(range(1, len(sent) + 1)),
              f"{len(numbers)} of {len(sent)}")
        same = [line[1] for line in lines[:-1]] == [message.hex() for message in sent]
        check("every message is what was sent", same)
        print(f"{len(sent)} messages, {feed.dropped} of them lost and repaired")
    failed = results.count(False)
    print(f"{len(results) - failed} passed, {failed} failed, 0 skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
