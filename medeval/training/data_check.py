"""Looks at training data before anything is trained: every fault with its file and line, and what the data holds."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from medeval.cases.schema import Case
from medeval.training.data import DataSet, Problem, Sample
from medeval.training.data_identifiers import find_identifiers, identifying_meta
from medeval.training.data_images import clean_images
from medeval.training.data_lengths import histogram
from medeval.training.data_overlap import Overlap, OverlapIndex, plain

Count = Callable[[Sample], int]
Told = Callable[[int, int], None]
_SHORT_ANSWER = 2


@dataclass(frozen=True)
class DataReport:
    """What data holds and what is wrong with it."""

    source: str
    sizes: Mapping[str, int]
    """Samples by split."""
    pairs: int
    images: int
    """Different image files."""
    kinds: Mapping[str, Mapping[str, int]]
    """Counts by modality, pool, dimension, risk_level, specialty."""
    lengths: Sequence[tuple[int, int, int]]
    """Bars (from, to, count) of tokens per sample; empty where no tokenizer was at hand."""
    longest: int
    max_length: int
    problems: Sequence[Problem]
    overlaps: Sequence[Overlap]
    fingerprint: str
    notes: Sequence[str] = ()

    @property
    def ok(self) -> bool:
        """Whether nothing keeps the data from being trained on."""
        return not any(problem.level == "error" for problem in self.problems)

    def document(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        problems = [asdict(problem) for problem in self.problems]
        return {
            "ok": self.ok,
            **{key: value for key, value in asdict(self).items() if key != "problems"},
            "problems": problems,
        }


@dataclass(frozen=True)
class CheckPlan:
    """What a check needs to know beside the data."""

    max_length: int = 2048
    cases: Sequence[Case] = ()
    """Test cases that must not be trained on."""
    count: Count | None = None
    """Tokens of a sample; None: lengths are not checked."""
    clean_images: Path | None = None
    """A private folder for images decoded by the intake; None: only whether files are there."""
    notes: Sequence[str] = ()
    told: Told = field(default=lambda done, total: None)


def check_data(data: DataSet, plan: CheckPlan) -> DataReport:
    """Checks everything and reports every fault, in the order of files and lines."""
    samples = [sample for part in data.splits.values() for sample in part]
    problems = list(data.problems)
    if not samples:
        text = "没有可训练的样本 / there is no sample to train on"
        problems.append(Problem(Path(data.source).name, 0, "no_samples", text))
    problems += duplicate_problems(samples)
    problems += split_problems(data)
    problems += identifier_problems(samples)
    problems += _answer_problems(samples)
    problems += image_problems(samples, plan)
    lengths = [plan.count(sample) for sample in samples] if plan.count else []
    problems += _length_problems(samples, lengths, plan.max_length)
    overlaps = OverlapIndex(plan.cases).find_all(samples) if plan.cases else []
    problems += [_overlap_problem(overlap) for overlap in overlaps]
    return DataReport(
        source=data.source,
        sizes={name: len(part) for name, part in data.splits.items()},
        pairs=sum(sample.is_pair for sample in samples),
        images=len({path for sample in samples for path in sample.images}),
        kinds=kinds_of(samples),
        lengths=histogram(lengths, plan.max_length) if lengths else [],
        longest=max(lengths, default=0),
        max_length=plan.max_length,
        problems=sorted(problems, key=lambda p: (p.file, p.line, p.level, p.kind)),
        overlaps=overlaps,
        fingerprint=data.fingerprint,
        notes=plan.notes,
    )


def kinds_of(samples: Sequence[Sample]) -> dict[str, dict[str, int]]:
    """Counts by modality, pool, dimension and the seeds' meta fields."""
    tables: dict[str, Counter[str]] = {name: Counter() for name in ("modality", "pool", "dimension")}
    for sample in samples:
        tables["modality"][sample.modality] += 1
        tables["pool"].update(sample.pools)
        tables["dimension"].update(sample.dimensions or ("-",))
    for key in ("risk_level", "specialty"):
        tables[key] = Counter(str(sample.meta[key])[:60] for sample in samples if sample.meta.get(key))
    return {name: dict(table.most_common(24)) for name, table in tables.items() if table}


def place(sample: Sample) -> tuple[str, int]:
    """File and line of a sample."""
    file, _, line = sample.id.rpartition(":")
    return file, int(line)


def _problem(sample: Sample, kind: str, text: str, warning: bool = False) -> Problem:
    return Problem(*place(sample), kind, text, "warning" if warning else "error")


def duplicate_problems(samples: Sequence[Sample]) -> list[Problem]:
    """Samples that repeat an earlier one word for word (warning: a repeat only counts twice)."""
    found = []
    first: dict[tuple[str, ...], str] = {}
    for sample in samples:
        key = _key(sample)
        if key in first:
            text = f"与 {first[key]} 重复 / repeats {first[key]}"
            found.append(_problem(sample, "duplicate", text, warning=True))
        else:
            first[key] = sample.id
    return found


def _key(sample: Sample) -> tuple[str, ...]:
    turns = tuple(plain(m.text) for m in sample.messages if m.role != "system")
    return (*turns, plain(sample.chosen), plain(sample.rejected), *(str(path) for path in sample.images))


def split_problems(data: DataSet) -> list[Problem]:
    """Questions (or patients) of the validation or test split that also stand in the training split."""
    train = {sample.group: sample.id for sample in data.train}
    return [
        _problem(
            sample, "split_leak", f"与训练集 {train[sample.group]} 同组 / shares its group with {train[sample.group]}"
        )
        for name, part in data.splits.items()
        if name != "train"
        for sample in part
        if sample.group in train
    ]


def identifier_problems(samples: Iterable[Sample]) -> list[Problem]:
    """Samples that hold what may name a patient, or say that they were not de-identified."""
    found = []
    for sample in samples:
        texts = [m.text for m in sample.messages] + [sample.chosen, sample.rejected]
        finds = {find for text in texts for find in find_identifiers(text)}
        found += [
            _problem(sample, "identifier", f"疑似{zh} {shown} / looks like a {en}: {shown}")
            for zh, en, shown in sorted(finds)
        ]
        found += [
            _problem(sample, "identifier", f"meta 含患者信息 {key} / meta holds {key}, which names a patient")
            for key in identifying_meta(sample.meta)
        ]
        if str(sample.meta.get("is_deidentified", "true")).lower() in ("false", "0", "no"):
            text = "标注为未去标识 / is marked as not de-identified"
            found.append(_problem(sample, "identifier", text))
    return found


def _answer_problems(samples: Iterable[Sample]) -> list[Problem]:
    return [
        _problem(sample, "short_answer", f"答案只有 {n} 个字 / the answer has only {n} characters", warning=True)
        for sample in samples
        if (n := len(plain(sample.answer))) < _SHORT_ANSWER
    ]


def image_problems(samples: Sequence[Sample], plan: CheckPlan) -> list[Problem]:
    """Images that are missing, and those the intake cannot decode; each file is decoded once."""
    users: dict[Path, list[Sample]] = {}
    for sample in samples:
        for path in dict.fromkeys(sample.images):
            users.setdefault(path, []).append(sample)
    faults: dict[Path, str] = {path: _missing(path) for path in users if not path.is_file()}
    there = [path for path in users if path not in faults]
    if plan.clean_images is not None:
        cleaned = clean_images(there, plan.clean_images, plan.told)
        faults |= {path: image.fault for path, image in cleaned.items() if image.fault}
    kind = {path: "broken_image" if path.is_file() else "missing_image" for path in faults}
    return [_problem(sample, kind[path], text) for path, text in faults.items() for sample in users[path]]


def _missing(path: Path) -> str:
    return f"图片不存在：{path.name} / the image is missing: {path.name}"


def _length_problems(samples: Sequence[Sample], lengths: Sequence[int], limit: int) -> list[Problem]:
    return [
        _problem(sample, "too_long", f"{length} 词元，上限 {limit} / {length} tokens, the limit is {limit}")
        for sample, length in zip(samples, lengths, strict=False)
        if length > limit
    ]


def _overlap_problem(overlap: Overlap) -> Problem:
    file, _, line = overlap.sample.rpartition(":")
    zh, en = ("图片", "image") if overlap.by == "image" else ("问题", "question")
    alike = f"{overlap.case}（{overlap.similarity:.2f}）"
    text = f"{zh}与测试用例 {alike} 重合 / the {en} overlaps test case {alike}"
    return Problem(file, int(line), "overlap", text)
