"""The process that test_kill kills: works on a run with recorded answers, a little slowly, and logs what it asks.

Arguments: run id or `new`, recorded answers, log file, seconds per answer. Home and cases come from the environment.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event as Cancel

from medeval.engines.contract import Decoding, Done, Event, Request
from medeval.engines.recorded import RecordedEngine
from medeval.services import Services
from medeval.settings import Settings


class Slow(RecordedEngine):
    """Recorded answers at a pace, each noted in the log before it is handed over."""

    def __init__(self, path: Path, log: Path, pause: float) -> None:
        super().__init__(path)
        self.log, self.pause = log, pause

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        for event in super().generate(requests, cancel):
            if isinstance(event, Done):
                time.sleep(self.pause)
                handle = os.open(self.log, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
                os.write(handle, f"{event.request_id}\n".encode())
                os.close(handle)
            yield event


def main(run_id: str, answers: str, log: str, pause: str) -> None:
    services = Services(Settings(engine="recorded"), Slow(Path(answers), Path(log), float(pause)))
    if run_id == "new":
        run_id = services.create_run("all", ["all"], 1, Decoding())
    print(run_id, flush=True)
    services.continue_run(run_id, Cancel())
    print("finished", flush=True)


main(*sys.argv[1:])
