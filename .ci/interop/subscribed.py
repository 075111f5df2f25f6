"""Holds what a subscriber of a lab reported against the engine's own books."""

import json
import sys


def books(folder):
    """The engine's books, as `isochron inspect --book --json` shows them, in files `*.book`."""
    found = [json.loads(path.read_text()) for path in sorted(folder.glob("*.book"))]
    if not any(book["orders"] for book in found):
        sys.exit("the engine's books are empty")
    return found


def judge(folder, host, engine):
    """What is wrong with a host's report, or None; and the report."""
    code = int((folder / f"{host}.code").read_text())
    text = (folder / f"{host}.json").read_text()
    try:
        report = json.loads(text.splitlines()[-1])
    except (IndexError, ValueError):
        return f"no report, code {code}", None
    if code != 0:
        return f"code {code}, {report['verdict']}", report
    if not report["ended"] or report["lost"] or report["checksums_failed"]:
        return "it ended early, lost something, or a checksum differed", report
    if report["checksums_verified"] == 0:
        return "no checksum was verified", report
    for book in engine:
        found = report["checksums"].get(str(book["instrument"]))
        due = {"checksum": book["checksum"], "orders": book["orders"]}
        if found is None or any(found[field] != value for field, value in due.items()):
            return f"{book['symbol']}: {found}, the engine has {due}", report
    return None, report
