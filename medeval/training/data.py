"""Training data in memory: samples, preference pairs, and how a file or folder becomes splits of them.

Formats are read by `medeval.training.data_formats`; a bad line is a Problem with its file and line, and never stops
the others. Nothing here decodes an image; `data_check` does.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal

from medeval.engines.contract import Message
from medeval.errors import MedevalError
from medeval.training.phases import FAMILIES, Pool

Split = Literal["train", "valid", "test"]
SPLITS: tuple[Split, ...] = ("train", "valid", "test")
_FILE_NAMES: dict[Split, tuple[str, ...]] = {
    "train": ("train",),
    "valid": ("valid", "val", "validation", "dev"),
    "test": ("test",),
}
ENDINGS = (".jsonl", ".csv", ".json")


class DataError(MedevalError):
    """Training data cannot be used; `problems` holds one sentence per fault."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


@dataclass(frozen=True)
class Problem:
    """One fault of a data file. `kind` is a stable word for scripts; `line` counts from 1, 0 is the whole file."""

    file: str
    line: int
    kind: str
    text: str
    level: Literal["error", "warning"] = "error"

    def sentence(self) -> str:
        """`file:line: what is wrong`."""
        return f"{self.file}:{self.line}: {self.text}" if self.line else f"{self.file}: {self.text}"


@dataclass(frozen=True)
class Sample:
    """One exchange to learn. `messages` ends with the assistant's answer, or, for a pair, with the question."""

    id: str
    """`file:line`, unique within the data."""
    messages: tuple[Message, ...]
    dimensions: tuple[str, ...] = ()
    meta: Mapping[str, Any] = field(default_factory=dict)
    chosen: str = ""
    rejected: str = ""
    """Both only for preference pairs."""

    @property
    def is_pair(self) -> bool:
        """Whether this is a preference pair (method dpo)."""
        return bool(self.chosen or self.rejected)

    @property
    def images(self) -> tuple[Path, ...]:
        """All images, in the order of the conversation."""
        return tuple(path for message in self.messages for path in message.images)

    @property
    def question(self) -> str:
        """The last thing the user says."""
        return next((m.text for m in reversed(self.messages) if m.role == "user"), "")

    @property
    def answer(self) -> str:
        """The last answer (of a pair: the chosen one)."""
        last = self.messages[-1] if self.messages else None
        return self.chosen or (last.text if last is not None and last.role == "assistant" else "")

    @property
    def modality(self) -> Literal["image", "text"]:
        """Whether the sample holds an image."""
        return "image" if self.images else "text"

    @property
    def tags(self) -> tuple[str, ...]:
        """Dimensions whose weights apply: the declared ones, or the modality where none is declared."""
        return self.dimensions or (self.modality,)

    @property
    def pools(self) -> frozenset[Pool]:
        """The pools of a phase's mix the sample may be drawn for (V2 plan: image, text, accuracy, alignment)."""
        pools: set[Pool] = {self.modality}
        given = self.meta.get("pool")
        if given in ("image", "text", "accuracy", "alignment"):
            return frozenset({*pools, given}) if given not in ("image", "text") else frozenset(pools)
        if any(tag == "precision" or tag in FAMILIES["precision"] for tag in self.dimensions):
            pools.add("accuracy")
        if any(tag in FAMILIES["image"] for tag in self.dimensions) and self.images:
            pools.add("alignment")
        return frozenset(pools)

    @property
    def group(self) -> str:
        """What keeps samples in one split: the patient, or else the question with its images."""
        for key in ("patient_id", "patient", "group"):
            if self.meta.get(key):
                return f"{key}:{self.meta[key]}"
        first = next((m for m in self.messages if m.role == "user"), None)
        if first is None:
            return self.id
        # by name, so that a data set that is moved keeps its splits
        return "|".join(["".join(first.text.split()), *(path.name for path in first.images)])


@dataclass(frozen=True)
class DataSet:
    """Samples by split, what is wrong with the files, and their fingerprint."""

    source: str
    splits: Mapping[Split, tuple[Sample, ...]]
    problems: tuple[Problem, ...] = ()
    fingerprint: str = ""
    """SHA-256 over names and bytes of the files read."""

    @property
    def train(self) -> tuple[Sample, ...]:
        """Samples to learn from."""
        return self.splits.get("train", ())

    @property
    def valid(self) -> tuple[Sample, ...]:
        """Samples the validation loss is measured on."""
        return self.splits.get("valid", ())

    def require(self) -> DataSet:
        """Itself, if it can be trained on; raises DataError with every fault."""
        faults = [p.sentence() for p in self.problems if p.level == "error"]
        if not faults and not self.train:
            faults = [f"{self.source}: 没有可用的训练样本 / no usable training samples"]
        if faults:
            raise DataError(faults)
        return self


def read_data(path: Path) -> DataSet:
    """Reads a folder with train/valid(/test) files, or one file that is split 80/10/10 by group.

    Raises:
        DataError: nothing readable is there; faults of single lines are in `problems` instead.
    """
    from medeval.training.data_formats import read_file

    files = data_files(path)
    problems: list[Problem] = []
    splits: dict[Split, tuple[Sample, ...]] = {}
    digest = hashlib.sha256()
    for split, file in files.items():
        samples, faults = read_file(file)
        digest.update(f"{file.name}\0".encode() + file.read_bytes())
        problems += faults
        splits[split] = tuple(samples)
    if path.is_file():
        splits = split_samples(splits["train"])
    return DataSet(str(path), splits, tuple(problems), digest.hexdigest())


def data_files(path: Path) -> dict[Split, Path]:
    """The file of each split: those of a folder, or a single file as `train`; raises DataError."""
    if path.is_file():
        return {"train": path}
    if not path.exists():
        raise DataError([f"{path}: 没有这个文件或文件夹，请检查路径 / no such file or folder: check the path"])
    found: dict[Split, Path] = {}
    for split in SPLITS:
        names = [path / (stem + end) for stem in _FILE_NAMES[split] for end in ENDINGS]
        file = next((name for name in names if name.is_file()), None)
        if file:
            found[split] = file
    if "train" not in found:
        raise DataError([f"{path}: 文件夹里没有 train.jsonl / the folder holds no train.jsonl (or train.csv)"])
    return found


def split_samples(samples: Sequence[Sample], seed: int = 0) -> dict[Split, tuple[Sample, ...]]:
    """80/10/10 by group: which split a group is in depends on the group and the seed alone, never on other samples."""
    parts: dict[Split, list[Sample]] = {split: [] for split in SPLITS}
    for sample in samples:
        parts[split_of(sample.group, seed)].append(sample)
    return {split: tuple(part) for split, part in parts.items()}


def split_of(group: str, seed: int = 0) -> Split:
    """The split of a group, by hash."""
    value = int.from_bytes(hashlib.sha256(f"{seed}:{group}".encode()).digest()[:8]) / 2**64
    return "train" if value < 0.8 else "valid" if value < 0.9 else "test"
