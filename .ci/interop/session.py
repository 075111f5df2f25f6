"""Prints every message of a session of ours as a line of JSON, for decoders in other languages.

The bytes are those of a replay over TCP, the fields those that our own subscriber printed when it
heard the messages: one session for each product, as `isochron-codegen-oracle` prints its own.
"""

import json
import subprocess
import tempfile

import exchange


def main():
    with tempfile.TemporaryDirectory() as folder:
        binary = exchange.program()
        market = exchange.Exchange(folder, binary)
        feeds, subscribers, replayed = {}, {}, {}
        for product in exchange.PRODUCTS:
            group, port = market.channel(product)
            feeds[product] = exchange.Feed([(group, port)])
            subscribers[product] = subprocess.Popen(
                [binary, "subscribe", "--group", group, "--port", str(port), "--json", "--messages"],
                stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
            )
        with market:
            feeds["l3"].wait(1_000)
            for product, feed in feeds.items():
                session = feed.session()
                count = len(feed.messages[session])
                replayed[product] = exchange.replay(market.recovery["replay"], session, 1, count)
            market.stop()
            said = {p: s.communicate(timeout=60)[0] for p, s in subscribers.items()}
        for product, messages in replayed.items():
            feeds[product].close()
            lines = [json.loads(line) for line in said[product].splitlines()]
            words = {line["sequence"]: line for line in lines if "message" in line}
            for sequence, message in enumerate(messages, 1):
                ours = words[sequence]
                fields = {k: v for k, v in ours.items() if k not in ("sequence", "message")}
                print(json.dumps({
                    "schema": "market-data.xml", "message": ours["message"], "session": product,
                    "bytes": message.hex(), "fields": fields,
                }))


if __name__ == "__main__":
    main()
