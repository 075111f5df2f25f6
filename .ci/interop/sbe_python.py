"""Compares what the PyPI package sbe reads from our bytes with what we wrote, field by field.

Usage: sbe_python.py SCHEMAS VECTORS SESSION. Each line of VECTORS is a message: the schema's file,
the message's name, its bytes in hexadecimal and its fields by our names. So is each of SESSION,
which was sent and replayed by an exchange of ours.

Excluded, each a known property of sbe 0.4.3, and checked to be exactly that:
- a code without a name is None there; ours is the number;
- a null value that the schema leaves to the standard is read as a number there; ours is null;
- bits without a name are not listed there; ours is the number of all bits.
"""

import json
import re
import sys
import xml.etree.ElementTree
from collections import Counter

import sbe

INT64_NULL = -(2**63)


def snake(name):
    """orderId as order_id."""
    return re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name).lower()


def flat(value, prefix=""):
    """Nested members as header.sequence, without the paddings."""
    for name, inner in value.items():
        if name.startswith("padding"):
            continue
        if isinstance(inner, dict):
            yield from flat(inner, prefix + snake(name) + ".")
        else:
            yield prefix + snake(name), inner


class Names:
    """The names in a schema, read without the package under test."""

    def __init__(self, path):
        root = xml.etree.ElementTree.parse(path).getroot()
        self.id = int(root.get("id"))
        self.version = int(root.get("version"))
        self.enums = {e.get("name"): {v.get("name") for v in e} for e in root.iter("enum")}
        self.sets = {
            s.get("name"): {c.get("name"): int(c.text) for c in s} for s in root.iter("set")
        }
        messages = [m for m in root if m.tag.endswith("message")]
        self.messages = {m.get("name"): int(m.get("id")) for m in messages}
        self.types = {
            m.get("name"): {snake(f.get("name")): f.get("type") for f in m} for m in messages
        }
        self.standard_nulls = {
            t.get("name")
            for t in root.iter("type")
            if t.get("presence") == "optional" and t.get("nullValue") is None
        }


def same(names, type_name, ours, theirs, exclusions):
    """Whether both say the same of a field."""
    if type_name in names.sets:
        choices = names.sets[type_name]
        named = sum(1 << bit for bit in choices.values())
        if ours & ~named:
            exclusions["bits without a name"] += 1
        return sorted(theirs) == sorted(name for name, bit in choices.items() if ours >> bit & 1)
    if type_name in names.enums:
        if theirs is None and isinstance(ours, int):
            exclusions["codes without a name"] += 1
            return True
        return ours == theirs and ours in names.enums[type_name]
    if ours is None and type_name in names.standard_nulls:
        exclusions["null values left to the standard"] += 1
        return theirs == INT64_NULL
    return ours == theirs and type(ours) is type(theirs)


def check(names, schema, vector, exclusions):
    """What is wrong with one message, or None."""
    data = bytes.fromhex(vector["bytes"])
    decoded = schema.decode(data)
    header = {
        "blockLength": len(data) - 8,
        "templateId": names.messages[vector["message"]],
        "schemaId": names.id,
        "version": names.version,
    }
    if decoded.header != header or decoded.message_name != vector["message"]:
        return f"{decoded.message_name} {decoded.header}, not {vector['message']} {header}"
    theirs = dict(flat(decoded.value))
    ours = vector["fields"]
    if theirs.keys() != ours.keys():
        return f"fields {sorted(theirs)}, not {sorted(ours)}"
    types = names.types[vector["message"]]
    for name, value in ours.items():
        if not same(names, types.get(name), value, theirs[name], exclusions):
            return f"{name} is {theirs[name]!r}, not {value!r}"
    return None


def main(schemas, vectors, session):
    names, decoders = {}, {}
    counts, faults, exclusions = Counter(), {}, Counter()
    for file in ("events.xml", "market-data.xml", "cluster.xml"):
        names[file] = Names(f"{schemas}/{file}")
        with open(f"{schemas}/{file}", encoding="utf-8") as text:
            decoders[file] = sbe.Schema.parse(text)
    for path in (vectors, session):
        with open(path, encoding="utf-8") as lines:
            for line in lines:
                vector = json.loads(line)
                file = vector["schema"]
                key = (file, vector.get("session", vector["message"]))
                counts[key] += 1
                fault = check(names[file], decoders[file], vector, exclusions)
                if fault:
                    faults.setdefault(key, f"{fault} in {vector['bytes']}")
    expected = [(file, message) for file, known in names.items() for message in known.messages]
    expected += [("market-data.xml", product) for product in ("l1", "l2", "l3")]
    for key in expected:
        if counts[key] == 0:
            faults[key] = "no vectors"
    for (file, message), fault in faults.items():
        print(f"{file} {message}: {fault}")
    for words, count in sorted(exclusions.items()):
        print(f"excluded: {count} {words}")
    print(f"{sum(counts.values())} messages of {len(expected)} templates and sessions read by sbe")
    print(f"{len(expected) - len(faults)} passed, {len(faults)} failed, 0 skipped")
    return 1 if faults else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
