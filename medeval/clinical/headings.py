"""The heading that a place of an answer stands under."""

import re

from medeval.clinical.reading import Reading

_NO_HEADING = re.compile(r"[。；;，]")


def heading_of(reading: Reading, place: int) -> str:
    """The last short line without a full stop above a place, and the head of its own line."""
    above = [line.strip(" -*\t") for line in reading.text[:place].split("\n")]
    own = above.pop() if above else ""
    short = [line for line in above[-12:] if 2 <= len(line) <= 26 and not _NO_HEADING.search(line)]
    return (short[-1] if short else "") + own.partition(":")[0][:24]
