"""One connection of the PyPI package nasdaq-protocols, which prints as JSON what it was given.

Usage: soup_peer.py HOST PORT USER PASSWORD SESSION SEQUENCE COUNT. It breaks the connection off
after COUNT messages, without a logout. The package takes whatever comes first for the login's
answer: where a Debug packet says why it is refused, this peer sees that and no code.
"""

import asyncio
import json
import logging
import sys

from nasdaq_protocols import soup

PATIENCE_SECONDS = 30


async def connect(host, port, user, password, session, sequence, count):
    answer = {"messages": []}
    enough = asyncio.Event()

    async def on_message(message):
        if isinstance(message, soup.SequencedData) and len(answer["messages"]) < int(count):
            answer["messages"].append(bytes(message.data).hex())
            if len(answer["messages"]) == int(count):
                enough.set()

    async def on_close():
        enough.set()

    try:
        connection = await soup.connect_async(
            (host, int(port)), user, password, session, int(sequence), on_message, on_close
        )
    except ConnectionRefusedError as refusal:
        words = str(refusal)
        code = next((c for c in "AS" if f"'{c}'" in words), None)
        return answer | {"rejected": code, "words": words}
    answer |= {"session": connection.session_id.session, "sequence": connection.sequence + 1}
    await asyncio.wait_for(enough.wait(), PATIENCE_SECONDS)
    await connection.close()
    return answer


if __name__ == "__main__":
    logging.disable(logging.CRITICAL)
    print(json.dumps(asyncio.run(connect(*sys.argv[1:]))))
