"""Fixtures of the queue's tests."""

import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from jobs_bench import WORKER, Bench


@pytest.fixture(autouse=True)
def _importable(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PYTHONPATH", str(WORKER.parents[2]))


@pytest.fixture
def bench(home: Path) -> Iterator[Bench]:
    made = Bench(home)
    yield made
    for job in made.jobs.list():
        if job.active:
            made.jobs.stop(job.id)
    limit = time.monotonic() + 20
    while any(job.active for job in made.jobs.list()) and time.monotonic() < limit:
        made.jobs.supervise(start=False)
        time.sleep(0.02)
    made.store.close()
