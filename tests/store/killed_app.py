"""The app that test_kill kills: supervises the jobs of the store in MEDEVAL_HOME, as the page server does.

Arguments: nothing, or recorded answers: then it first queues an evaluation of all cases and prints its job and run.
"""

import sys
import time
from pathlib import Path

from medeval.engines.recorded import RecordedEngine
from medeval.services import Services
from medeval.services.evaluating import Order, begin
from medeval.settings import Settings
from medeval.store.jobs import Jobs

WORKER = (sys.executable, str(Path(__file__).parent / "killed_job.py"), "work")


def main(answers: str = "") -> None:
    settings = Settings(engine="recorded")
    services = Services(settings, RecordedEngine(Path(answers)) if answers else None)
    jobs = Jobs(services.store, settings, command=WORKER)
    if answers:
        services.__dict__["jobs"] = jobs
        job, run_id = begin(services, Order("all", ("base", "v1", "v2", "v3")), Path(answers))
        print(job.id, run_id, flush=True)
    while True:
        jobs.supervise()
        time.sleep(0.02)


main(*sys.argv[1:])
