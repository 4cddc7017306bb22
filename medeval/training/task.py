"""TrainTask: everything a worker needs for one run, found and resolved beforehand; the same for every engine."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from medeval.adapters.variant import Adapter
from medeval.cases.schema import Case
from medeval.engines.contract import BaseRef
from medeval.training.config import TrainConfig
from medeval.training.data import DataSet
from medeval.training.progress import JobFolder


@dataclass(frozen=True)
class TrainTask:
    """One run. A worker is `train(task) -> Trained`; it reports to `folder` and stops when `folder` says so."""

    folder: JobFolder
    config: TrainConfig
    base: BaseRef
    stack: tuple[Adapter, ...]
    """Adapters below the new one, in order, applied and frozen."""
    data: DataSet
    cases: tuple[Case, ...] = ()
    """Asked at every evaluation for the clinical score; empty: none."""

    @property
    def checkpoints(self) -> Path:
        """Where checkpoints are kept."""
        return self.folder.path / "checkpoints"

    @property
    def output(self) -> Path:
        """Where the finished adapter is written."""
        return self.folder.path / "output"


@dataclass(frozen=True)
class Trained:
    """How a run ended: `checkpoint` holds the weights to use; `finished` is False where it was stopped before."""

    finished: bool
    steps: int
    checkpoint: Path | None
    early: bool = False
    """Whether it ended because nothing improved any more."""
