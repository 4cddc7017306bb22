"""A stand-in for the app that test_jobs kills: supervises the jobs of one home until it is ended."""

import sys
import time
from pathlib import Path

from jobs_bench import COMMAND

from medeval.settings import Settings
from medeval.store import Store
from medeval.store.jobs import Jobs

home = Path(sys.argv[1])
jobs = Jobs(Store(home), Settings(home=home), command=COMMAND)
jobs.start()
print("ready", flush=True)
while True:
    time.sleep(1)
