"""`medeval run --recorded FILE` as it is, but for an engine that stops after ten answers until it is told to end.

So a test can signal the process in the middle of a run without racing it to the end.
"""

from collections.abc import Iterator, Sequence
from itertools import islice
from threading import Event as Cancel

from medeval.cli import main
from medeval.engines.contract import Done, Event, Request
from medeval.engines.recorded import RecordedEngine

ANSWERS = 10
play = RecordedEngine.generate


def generate(self: RecordedEngine, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
    events = play(self, requests, cancel)
    yield from islice((event for event in events if isinstance(event, Done)), ANSWERS)
    cancel.wait(120)
    yield from events


RecordedEngine.generate = generate  # type: ignore[method-assign]
main()
