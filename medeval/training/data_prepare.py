"""Makes training data ready: test questions, gold and red-team sets held out, 80/10/10 by patient or question, a mix.

Everything is decided by hashes of the sample's group and the seed: the same data gives the same files, and one line
more moves no other line to another split.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medeval.cases.schema import Case
from medeval.errors import UsageError
from medeval.training.data import DataError, DataSet, Sample, split_of
from medeval.training.data_check import duplicate_problems, identifier_problems
from medeval.training.data_images import clean_images
from medeval.training.data_overlap import OverlapIndex
from medeval.training.data_write import write_samples
from medeval.training.phases import POOLS, Pool

HELD_SETS = ("gold", "red_team")


@dataclass(frozen=True)
class PreparePlan:
    """How data is to be prepared."""

    seed: int = 0
    mix: Mapping[Pool, float] = field(default_factory=dict)
    """Shares of the training split; empty: as it is."""
    gold: int = 0
    """Samples moved from validation and test to the gold set, beside those marked `meta.set: gold`."""
    cases: Sequence[Case] = ()
    """Test cases; samples that ask the same are held out."""
    told: Callable[[int, int], None] = field(default=lambda done, total: None)


@dataclass(frozen=True)
class Prepared:
    """What was written, and what was left out and why."""

    folder: Path
    sizes: Mapping[str, int]
    left_out: Mapping[str, int]
    """Reason (bad_line, duplicate, identifier, overlap, image, mix) -> samples."""
    mix: Mapping[str, float]
    """Shares of the pools in the training split; a sample may be in two."""
    fingerprint: str

    def document(self) -> dict[str, Any]:
        """Plain values for `--json`."""
        return {
            "folder": str(self.folder), "sizes": dict(self.sizes), "left_out": dict(self.left_out),
            "mix": {name: round(share, 4) for name, share in self.mix.items()}, "fingerprint": self.fingerprint,
        }  # fmt: skip


def parse_mix(text: str) -> dict[Pool, float]:
    """`image=0.6,text=0.4` as shares; raises UsageError."""
    mix: dict[Pool, float] = {}
    for part in filter(None, (p.strip() for p in text.split(","))):
        name, _, share = part.partition("=")
        pool = next((p for p in POOLS if p == name.strip()), None)
        try:
            value = float(share)
        except ValueError:
            value = -1.0
        if pool is None or not 0 < value <= 1:
            known = ", ".join(POOLS)
            raise UsageError(
                f"mix 里的 {part} 不对，应如 image=0.6；类别：{known}"
                f" / {part} in mix is wrong, give shares like image=0.6; pools: {known}"
            )
        mix[pool] = value
    if mix and abs(sum(mix.values()) - 1) > 1e-6:
        raise UsageError(
            f"mix 之和应为 1，现为 {sum(mix.values()):g}"
            f" / the shares of mix must add up to 1, not {sum(mix.values()):g}"
        )
    return mix


def prepare_data(data: DataSet, out: Path, plan: PreparePlan) -> Prepared:
    """Writes train, valid, test, gold and red_team files with their images to `out`.

    Raises:
        DataError: `out` holds other files, nothing is left to train on, or a pool of the mix is empty.
    """
    if out.exists() and any(out.iterdir()) and not (out / "prepared.json").is_file():
        raise DataError([f"{out}: 文件夹不是空的，请换一个 --out / the folder is not empty: choose another --out"])
    left: dict[str, int] = {"bad_line": sum(p.level == "error" and p.line > 0 for p in data.problems)}
    samples = _unique([s for part in data.splits.values() for s in part], left)
    samples = _without_identifiers(samples, left)
    samples = _without_overlap(samples, plan.cases, left)
    samples, images = _with_images(samples, out, plan, left)
    parts = split_parts(samples, plan.seed, plan.gold)
    parts["train"] = take_mix(parts["train"], plan.mix, plan.seed)
    left["mix"] = len(samples) - sum(map(len, parts.values()))
    if not parts["train"]:
        raise DataError([f"{data.source}: 留出后训练集为空 / nothing is left to train on after holding out"])
    sizes = _write(parts, out, images)
    return _finish(out, data, plan, sizes, left, parts["train"])


def _unique(samples: Sequence[Sample], left: dict[str, int]) -> list[Sample]:
    repeats = {f"{p.file}:{p.line}" for p in duplicate_problems(samples)}
    left["duplicate"] = len(repeats)
    return [sample for sample in samples if sample.id not in repeats]


def _without_overlap(samples: Sequence[Sample], cases: Sequence[Case], left: dict[str, int]) -> list[Sample]:
    index = OverlapIndex(cases)
    # Samples marked as gold or red-team may well be the test cases; they are never trained on anyway.
    over = {s.id for s in samples if s.meta.get("set") not in HELD_SETS and index.find(s) is not None}
    left["overlap"] = len(over)
    return [sample for sample in samples if sample.id not in over]


def _without_identifiers(samples: Sequence[Sample], left: dict[str, int]) -> list[Sample]:
    named = {f"{p.file}:{p.line}" for p in identifier_problems(samples)}
    left["identifier"] = len(named)
    return [sample for sample in samples if sample.id not in named]


def _with_images(
    samples: Sequence[Sample], out: Path, plan: PreparePlan, left: dict[str, int]
) -> tuple[list[Sample], dict[Path, Path]]:
    """Samples whose images can all be read, and the clean form of each image: upright, without metadata."""
    paths = [path for sample in samples for path in sample.images]
    cleaned = clean_images(paths, out / "images", plan.told) if paths else {}
    good = {path: image.path for path, image in cleaned.items() if image.path is not None}
    kept = [sample for sample in samples if all(path in good for path in sample.images)]
    left["image"] = len(samples) - len(kept)
    return kept, good


def split_parts(samples: Sequence[Sample], seed: int, gold: int = 0) -> dict[str, list[Sample]]:
    """Samples by file: train, valid, test, gold, red_team; a group marked gold or red-team is nowhere else."""
    parts: dict[str, list[Sample]] = {name: [] for name in ("train", "valid", "test", *HELD_SETS)}
    held = {s.group: str(s.meta["set"]) for s in samples if s.meta.get("set") in HELD_SETS}
    for sample in samples:
        parts[held.get(sample.group) or split_of(sample.group, seed)].append(sample)
    more = sorted((*parts["valid"], *parts["test"]), key=lambda s: _order(s.group, seed))[:gold]
    chosen = {sample.group for sample in more}
    for name in ("valid", "test"):
        parts["gold"] += [s for s in parts[name] if s.group in chosen]
        parts[name] = [s for s in parts[name] if s.group not in chosen]
    return parts


def take_mix(samples: Sequence[Sample], mix: Mapping[Pool, float], seed: int) -> list[Sample]:
    """The most samples that keep the shares of `mix`, each used once, in their order; raises DataError."""
    if not mix:
        return list(samples)
    # The rarer pool first: a sample that belongs to two counts for the one that has fewer.
    pools = sorted(mix, key=lambda pool: sum(pool in s.pools for s in samples))
    members: dict[Pool, list[Sample]] = {}
    taken: set[str] = set()
    for pool in pools:
        members[pool] = [s for s in samples if pool in s.pools and s.id not in taken]
        taken |= {s.id for s in members[pool]}
    empty = [pool for pool in pools if not members[pool]]
    if empty:
        raise DataError([f"mix 里的 {', '.join(empty)} 类没有样本 / the data holds no samples of: {', '.join(empty)}"])
    total = min(len(members[pool]) / mix[pool] for pool in pools)
    keep: set[str] = set()
    for pool in pools:
        ordered = sorted(members[pool], key=lambda s: _order(s.group + s.id, seed))
        keep |= {s.id for s in ordered[: max(1, int(total * mix[pool] + 1e-9))]}
    return [sample for sample in samples if sample.id in keep]


def _order(key: str, seed: int) -> str:
    return hashlib.sha256(f"{seed}/{key}".encode()).hexdigest()


def _write(parts: Mapping[str, Sequence[Sample]], out: Path, images: Mapping[Path, Path]) -> dict[str, int]:
    out.mkdir(parents=True, exist_ok=True)
    sizes = {}
    for name, part in parts.items():
        file = out / f"{name}.jsonl"
        if part:
            sizes[name] = write_samples(part, file, lambda path: f"images/{images[path].name}")
        else:
            file.unlink(missing_ok=True)
    used = {images[path].name for part in parts.values() for sample in part for path in sample.images}
    for file in (out / "images").glob("*.png"):
        if file.name not in used:
            file.unlink()
    return sizes


def _finish(
    out: Path, data: DataSet, plan: PreparePlan, sizes: dict[str, int], left: dict[str, int], train: Sequence[Sample]
) -> Prepared:
    shares: dict[str, float] = {pool: sum(pool in s.pools for s in train) / len(train) for pool in POOLS}
    done = Prepared(out, sizes, left, shares, data.fingerprint)
    note = done.document() | {"source": Path(data.source).name, "seed": plan.seed, "asked_mix": dict(plan.mix)}
    part = out / "prepared.json.part"
    part.write_text(json.dumps(note | {"folder": out.name}, ensure_ascii=False, indent=2) + "\n", "utf-8")
    os.replace(part, out / "prepared.json")
    return done
