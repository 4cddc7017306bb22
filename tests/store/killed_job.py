"""The worker of a job, as `medeval work FOLDER`, but each recorded answer takes a moment and is noted in a log.

Arguments: the word `work` and the folder. Log and seconds per answer come from KILL_LOG and KILL_PAUSE.
"""

import os
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path
from threading import Event as Cancel

from medeval.engines.contract import Done, Event, Request
from medeval.engines.recorded import RecordedEngine
from medeval.services.workers import run_job

play = RecordedEngine.generate


def generate(self: RecordedEngine, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
    for event in play(self, requests, cancel):
        if isinstance(event, Done):
            time.sleep(float(os.environ["KILL_PAUSE"]))
            handle = os.open(os.environ["KILL_LOG"], os.O_WRONLY | os.O_APPEND | os.O_CREAT)
            os.write(handle, f"{event.request_id}\n".encode())
            os.close(handle)
        yield event


RecordedEngine.generate = generate  # type: ignore[method-assign]
sys.exit(run_job(Path(sys.argv[2])))
