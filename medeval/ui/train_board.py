"""What the Train tab shows, gathered from jobs and services; no widgets and no HTML here."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from threading import Lock

from medeval.engines.contract import BaseRef
from medeval.engines.folders import find_folder
from medeval.errors import MedevalError
from medeval.services import Services
from medeval.services import training as service
from medeval.services.evaluating import make_room
from medeval.services.training import Run
from medeval.training.checkpoints import Checkpoint
from medeval.training.config import TrainConfig
from medeval.training.presets import DEMO_SUFFIX, preset_names

LOG_BYTES = 12_000


@dataclass(frozen=True)
class Opened:
    """The run that is open and those laid over it."""

    job: str = ""
    others: tuple[str, ...] = ()


class Board:
    """One per server; every method may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._read: dict[str, tuple[tuple[object, ...], Run]] = {}
        self._colours: dict[str, int] = {}
        self._lock = Lock()

    def presets(self) -> list[str]:
        """Names to offer: forms that fit the base first."""
        demo = self.services.settings.is_demo
        return sorted(preset_names(), key=lambda name: name.endswith(DEMO_SUFFIX) != demo)

    def suites(self) -> list[str]:
        """Names of suites."""
        return list(self.services.cases.suites())

    def runs(self) -> list[Run]:
        """Every training run; only those with news are read again."""
        found = []
        for job in self.services.jobs.list():
            if job.kind != "train":
                continue
            try:
                found.append(self._run(job.id, (job.state, job.place, job.ended, _size(job.folder / "events.jsonl"))))
            except MedevalError:
                continue  # a folder that is being written or was damaged: the others are shown
        return found

    def _run(self, job_id: str, key: tuple[object, ...]) -> Run:
        with self._lock:
            known = self._read.get(job_id)
        if known is not None and known[0] == key:
            return replace(known[1], job=self.services.jobs.get(job_id))
        run = service.run_of(self.services, job_id)
        with self._lock:
            self._read[job_id] = (key, run)
        return run

    def colour(self, job_id: str) -> int:
        """A colour that a run keeps while the app lives."""
        with self._lock:
            return self._colours.setdefault(job_id, len(self._colours))

    def short_of_room(self, config: TrainConfig) -> tuple[int, int, int] | None:
        """Bytes that a run needs, that are free and that the page's model holds, where not both fit; else None."""
        if not self.services.resident_bytes():
            return None
        from medeval.services.preflight import memory_plan, needed_bytes
        from medeval.training.torch_model import skeleton_of_folder

        base = BaseRef(config.base or self.services.settings.base, offline=True)
        try:
            folder = find_folder(base)
            needed = needed_bytes(folder, config, skeleton_of_folder(folder), None)
        except (MedevalError, ImportError, OSError, ValueError):
            return None  # the job says what is wrong with its base
        plan = memory_plan(self.services, needed)
        return plan if plan[0] > plan[1] else None

    def begin(self, config: TrainConfig, release: bool = False) -> str:
        """Puts a run into the queue, with `release` after closing the page's own model; returns its job."""
        job = service.begin(self.services, config)
        if release:
            self.services.release()
        self.services.jobs.start()
        return job.id

    def stop(self, job_id: str) -> None:
        """Asks a run to save and end."""
        self.services.jobs.stop(job_id)

    def resume(self, job_id: str) -> bool:
        """Goes on with a run; whether the page's own model was closed for it."""
        self.services.jobs.resume(job_id)
        self.services.jobs.start()
        return make_room(self.services)

    def delete(self, job_id: str) -> None:
        """Removes a run and its folder; its adapter stays."""
        self.services.jobs.delete(job_id)
        with self._lock:
            self._read.pop(job_id, None)

    def checkpoints(self, job_id: str) -> Sequence[Checkpoint]:
        """The complete checkpoints of a run."""
        try:
            return service.checkpoints(self.services, job_id)
        except MedevalError:
            return []

    def use(self, job_id: str, step: int) -> str:
        """Makes a column of a checkpoint; returns its name."""
        config = service.run_of(self.services, job_id).config
        return service.use_checkpoint(self.services, job_id, step, f"{config.name}-{step}").name

    def log(self, job_id: str) -> str:
        """The end of what the process printed."""
        try:
            path = self.services.jobs.folder(job_id).log
            with path.open("rb") as file:
                file.seek(max(0, path.stat().st_size - LOG_BYTES))
                return file.read().decode("utf-8", "replace")
        except (OSError, MedevalError):
            return ""


def _size(path: object) -> int:
    from pathlib import Path

    try:
        return Path(str(path)).stat().st_size
    except OSError:
        return 0
