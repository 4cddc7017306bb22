"""What the Adapters tab shows of fusing, gathered from jobs and services; no widgets and no HTML here."""

from __future__ import annotations

import hashlib
import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medeval.adapters.variant import Adapter
from medeval.errors import MedevalError, UsageError
from medeval.fusion.report import HTML
from medeval.fusion.report import JSON as REPORT
from medeval.services import Services
from medeval.services.adapters import Adapters
from medeval.services.evaluating import make_room
from medeval.services.fuse_checks import check_order
from medeval.services.fusing import FuseOrder, Width, begin, default_out, order_from, past_reports, widths
from medeval.settings import Settings
from medeval.store.jobs import Job
from medeval.ui.text import Lang

MODEL = "model-"
"""How ids of models begin that no job here made."""
_SPACE_MARGIN = 1.05
_PROOF_BYTES = 200_000_000


@dataclass(frozen=True)
class FuseWork:
    """A fuse job as the page shows it: what was asked, how far it is, and how it went."""

    job: Job
    order: FuseOrder
    share: float = 0.0
    """Of the work, from 0 to 1."""
    note: Mapping[str, str] | None = None
    seconds_left: float | None = None
    result: Mapping[str, Any] | None = None

    def step(self, lang: Lang) -> str:
        """What it is doing now."""
        return str((self.note or {}).get(lang, ""))


class Board:
    """One per server; every method may be called from any thread."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self.adapters = Adapters(services.settings)
        self._read: dict[str, tuple[object, FuseWork]] = {}

    @property
    def settings(self) -> Settings:
        """Where things are; nothing is downloaded for a look."""
        return self.services.settings.model_copy(update={"offline": True})

    def works(self) -> list[FuseWork]:
        """Every fuse job in the queue's order, then newest first, then models that no job here made.

        Only jobs with news are read again.
        """
        found = []
        for job in self.services.jobs.list():
            if job.kind == "fuse":
                try:
                    found.append(self._work(job))
                except (MedevalError, OSError, TypeError):
                    continue  # its folder is being written or was damaged: the others are shown
        return [*found, *self._models({str(work.result["path"]) for work in found if work.result is not None})]

    def _models(self, known: set[str]) -> list[FuseWork]:
        """Models fused by the command line, and those whose job was deleted, as far as they still lie there."""
        return [model_work(report) for report in past_reports(self.services.settings) if report["path"] not in known]

    def find(self, job_id: str) -> FuseWork:
        """A job or a model by its id.

        Raises:
            UsageError: neither is there.
        """
        if job_id.startswith(MODEL):
            found = next((work for work in self._models(set()) if work.job.id == job_id), None)
            if found is None:
                raise UsageError("这个融合模型已不在原处 / this fused model is no longer where it was")
            return found
        return self._work(self.services.jobs.get(job_id))

    def _work(self, job: Job) -> FuseWork:
        events = job.folder / "events.jsonl"
        key = (job, events.stat().st_size if events.is_file() else 0)
        known = self._read.get(job.id)
        if known is None or known[0] != key:
            folder = self.services.jobs.folder(job.id)
            work = work_of(job, order_from(folder.config), folder.events()[0])
            known = (key, work if work.result is not None else replace(work, result=left_by(work)))
            self._read[job.id] = known
        return known[1]

    def widths(self) -> list[Width]:
        """Sizes by bit width; empty where the base's files are not here."""
        try:
            return widths(self.settings)
        except (MedevalError, OSError, ValueError):
            return []

    def default_out(self, order: FuseOrder) -> Path:
        """Where a model goes when no folder is named."""
        return default_out(self.services.settings, order)

    def begin(self, order: FuseOrder) -> tuple[str, bool]:
        """Puts a fusing into the queue; its job's id, and whether the page's own model was closed for it.

        Raises:
            UsageError: no such variant, or a place that is taken.
        """
        check_order(self.services.settings, order)
        job = begin(self.services, order)
        closed = not order.model and make_room(self.services)
        self.services.jobs.start()
        return job.id, closed

    def stop(self, job_id: str) -> None:
        """Stops a fusing; nothing is left behind."""
        self.services.jobs.stop(job_id)

    def again(self, job_id: str) -> None:
        """Puts a stopped, failed or interrupted fusing into the queue again."""
        self.services.jobs.resume(job_id)
        self.services.jobs.start()

    def column(self, job_id: str, name: str) -> Adapter:
        """Makes a column of a job's fused model, beside the variant it was made of.

        Raises:
            UsageError: the job has no model, or the name is taken. EngineError: it is no fused form of this base.
        """
        return self.adapters.as_column(self._model(self.find(job_id)), name)

    def deploy(self, job_id: str, home: str) -> str:
        """Puts the deploying of a job's proven model into the queue; `home` empty finds LM Studio by itself.

        Raises:
            UsageError: the job has no model, LM Studio is not there, or has a model of that name.
        """
        work = self.find(job_id)
        model = str(self._model(work))
        order = FuseOrder(work.order.variant, bits=work.order.bits, lmstudio=True, lmstudio_home=home, model=model)
        return self.begin(order)[0]

    def report(self, job_id: str) -> Path | None:
        """The report beside a job's model; None where there is none."""
        try:
            result = self.find(job_id).result
        except (MedevalError, OSError):
            return None
        file = Path(str(result["path"])) / HTML if result is not None else None
        return file if file is not None and file.is_file() else None

    @staticmethod
    def _model(work: FuseWork) -> Path:
        if work.result is None or not work.result.get("ok"):
            raise UsageError("这个任务没有可用的模型 / this job made no usable model")
        return Path(str(work.result["path"]))

    def delete(self, job_id: str) -> None:
        """Removes a job's record; the model stays."""
        self.services.jobs.delete(job_id)
        self._read.pop(job_id, None)


def model_work(report: Mapping[str, Any]) -> FuseWork:
    """A fused model that has no job here, shown like one that is done."""
    path = Path(str(report["path"]))
    name = MODEL + hashlib.sha256(str(path).encode()).hexdigest()[:16]
    bits = int(report.get("bits", 16))
    order = FuseOrder(str(report.get("variant", "")), str(path), bits)
    title = f"{order.variant} → {path.name} ({bits} bit)"
    job = Job(name, "fuse", title, "done" if report.get("ok") else "failed", path, str(report.get("created", "")))
    return FuseWork(job, order, 1.0, result={"ok": bool(report.get("ok")), "path": str(path), "report": report})


def left_by(work: FuseWork) -> Mapping[str, Any] | None:
    """The model that a job put in place before a later step (deploying) failed; None where there is none."""
    if work.job.state != "failed" or not work.job.started:
        return None
    try:
        report = json.loads((Path(work.order.out) / REPORT).read_text("utf-8"))
    except (OSError, ValueError):
        return None
    mine = isinstance(report, dict) and report.get("ok") is True and str(report.get("created")) >= work.job.started
    return {"ok": True, "path": work.order.out, "report": report} if mine else None


def work_of(job: Job, order: FuseOrder, events: Sequence[Mapping[str, Any]]) -> FuseWork:
    """How far a job is, from its events; the time left goes by the pace of the step it is in, for steps differ."""
    result = next((event for event in reversed(events) if event["kind"] == "result"), None)
    told = [event for event in events if event["kind"] == "progress" and event.get("total")]
    if not told:
        return FuseWork(job, order, result=result)
    last = told[-1]
    begun = len(told) - 1
    while begun and told[begun - 1].get("note") == last.get("note") and told[begun - 1]["done"] <= told[begun]["done"]:
        begun -= 1
    first = told[begun]
    share = min(1.0, last["done"] / last["total"])
    gone = (last["done"] - first["done"]) / last["total"]
    left = (last["t"] - first["t"]) / gone * (1 - share) if gone > 0 else None
    note = last.get("note")
    return FuseWork(job, order, share, note if isinstance(note, dict) else None, left, result)


def needed_bytes(found: Sequence[Width], bits: int, measure: Sequence[int]) -> int:
    """Disk space while at work: every width that is written, and room for the proof; as fusing itself counts."""
    used = {16, bits, *measure}
    return int(sum(width.bytes for width in found if width.bits in used) * _SPACE_MARGIN) + _PROOF_BYTES


def command_of(order: FuseOrder, out: Path) -> str:
    """The same order on the command line."""
    words = ["medeval", "fuse", order.variant, "--out", str(out)]
    words += ["--bits", str(order.bits)] if order.bits != 16 else []
    words += ["--measure", ",".join(map(str, order.measure))] if order.measure else []
    words += ["--replace"] if order.replace else []
    if order.lmstudio:
        words += ["--lmstudio-home", order.lmstudio_home] if order.lmstudio_home else ["--lmstudio"]
        words += ["--publisher", order.publisher] if order.publisher != FuseOrder("").publisher else []
        words += ["--name", order.name] if order.name else []
    return shlex.join(words)
