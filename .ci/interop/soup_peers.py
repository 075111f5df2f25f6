"""Other people's SoupBinTCP clients at our replay server, which must give the feed's bytes.

Usage: soup_peers.py NODE_FOLDER PYTHON_FOLDER. Either may be `-`: its cases are skipped then. Each
client logs in, replays from the start, breaks off, and goes on from where it was; a wrong password
and a wrong session are refused.
"""

import json
import os
import subprocess
import sys
import tempfile

import exchange
from exchange import PASSWORD, USER, Exchange, Failed, Feed

HERE = os.path.dirname(os.path.abspath(__file__))


def ask(command, host, port, password, session, sequence, count):
    """What one connection of a client gives: its login's answer, then messages."""
    arguments = [host, str(port), USER, password, session, str(sequence), str(count)]
    done = subprocess.run(
        [*command, *arguments], capture_output=True, text=True, timeout=60, check=False
    )
    if done.returncode != 0:
        raise Failed(f"{command[-1]}: {done.returncode}: {done.stderr.strip()[-300:]}")
    return json.loads(done.stdout)


def check(peer, command, host, port, feed, session):
    """The cases of one client: a word for each, and what is wrong with it."""
    known = feed.messages[session]

    def replay(words, sequence, count, name=session):
        answer = ask(command, host, port, PASSWORD, name, sequence, count)
        expected = [known[n].hex() for n in range(sequence, sequence + count)]
        fault = None
        if answer.get("session", "").strip() != session or answer.get("sequence") != sequence:
            fault = f"accepted {answer.get('session')!r} {answer.get('sequence')}"
        elif answer["messages"] != expected:
            fault = f"{len(answer['messages'])} messages, not the feed's {count}"
        return f"{peer}: {words}", fault

    def refused(words, password, name, code):
        answer = ask(command, host, port, password, name, 1, 1)
        # One peer takes the Debug packet with the reason for the answer.
        told = answer.get("words", "").startswith("Debug(") and not answer["messages"]
        fault = None if answer.get("rejected") == code or told else f"answered {answer}"
        return f"{peer}: {words}", fault

    yield replay("replays from the start", 1, 700)
    yield replay("goes on where it was", 701, 300)
    yield replay("the current session without its name", 1, 10, "")
    yield refused("a wrong password", "wrong", session, "A")
    yield refused("a wrong session", PASSWORD, "000101300A", "S")


def main(node, python):
    peers, skipped = [], 0
    for peer, folder, command in (
        ("npm soupbintcp", node, ["node", os.path.join(HERE, "soup_peer.js")]),
        ("PyPI nasdaq-protocols", python, [sys.executable, os.path.join(HERE, "soup_peer.py")]),
    ):
        if folder == "-":
            skipped += 5
        else:
            peers.append((peer, command))
    os.environ["NODE_PATH"], os.environ["PYTHONPATH"] = node, python
    passed = failed = 0
    with tempfile.TemporaryDirectory() as folder:
        market = Exchange(folder, exchange.program())
        feed = Feed([market.channel("l3")])
        with market:
            feed.wait(1_000)
            session = feed.session()
            feed.whole(session)
            host, port = "127.0.0.1", market.recovery["replay"]
            for peer, command in peers:
                for words, fault in check(peer, command, host, port, feed, session):
                    passed, failed = passed + (not fault), failed + bool(fault)
                    if fault:
                        print(f"{words}: {fault}")
            market.stop()
            feed.close()
    print(f"{passed} passed, {failed} failed, {skipped} skipped")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
