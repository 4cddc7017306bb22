"""Keeps test cases out of preference training, by the same rule as `medeval review export`.

A pair that asks or shows what a test case does stops the run, unless the export was told to write it and marked it
(`meta.held_out`): then somebody decided so, and the run and its card say how many there are.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from pathlib import Path

from medeval.cases.schema import Case
from medeval.review.preferences import TEST_SUITES
from medeval.training.data import DataError, DataSet, Sample
from medeval.training.data_images import clean_images
from medeval.training.data_overlap import OverlapIndex

MARK = "held_out"
_SHOWN = 5


def require_pairs(data: DataSet) -> None:
    """Refuses data whose training split holds no preference pair; raises DataError."""
    if not any(sample.is_pair for sample in data.train):
        raise DataError(
            [
                f"{data.source}: 训练集里没有偏好对，请用盲评导出的文件（medeval review export RUN --format dpo）"
                " / the training split holds no preference pairs: give a file exported from a review"
                " (medeval review export RUN --format dpo)"
            ]
        )


def require_held_out(data: DataSet, cases: Sequence[Case]) -> None:
    """Refuses preference pairs that overlap the test suites and are not marked.

    Args:
        data: all its splits are looked at.
        cases: of the test folder; those of the suites standard and redteam count.

    Raises:
        DataError: with the first lines and the test case of each.
    """
    tests = [case for case in cases if set(case.suite) & set(TEST_SUITES)]
    pairs = [s for part in data.splits.values() for s in part if s.is_pair and MARK not in s.meta]
    found = {overlap.sample: overlap.case for overlap in OverlapIndex(tests).find_all(pairs)}
    found |= {name: case for name, case in _same_pixels(pairs, tests).items() if name not in found}
    if found:
        listed = ", ".join(f"{name} = {case}" for name, case in list(found.items())[:_SHOWN])
        more = " …" if len(found) > _SHOWN else ""
        raise DataError(
            [
                f"{len(found)} 条偏好对与测试病例重合（{listed}{more}），用它们训练会让以后的比较失去意义，请去掉"
                f" / {len(found)} pairs overlap test cases ({listed}{more}): training on them spoils"
                " later comparisons, leave them out"
            ]
        )


def marked(data: DataSet) -> int:
    """Pairs that come from test cases because the export was told to write them."""
    return sum(MARK in sample.meta for part in data.splits.values() for sample in part)


def _same_pixels(samples: Sequence[Sample], tests: Sequence[Case]) -> dict[str, str]:
    """Samples with an image of a test case, whatever file it is in: both go through the intake."""
    mine = [path for sample in samples for path in sample.images]
    theirs = [path for case in tests for path in case.images]
    if not mine or not theirs:
        return {}
    with tempfile.TemporaryDirectory(prefix="medeval-guard-") as private:
        clean = clean_images([*dict.fromkeys([*theirs, *mine])], Path(private))
    names = {path: item.path.name for path, item in clean.items() if item.path is not None}
    known = {names[path]: case.id for case in tests for path in case.images if path in names}
    hits = {s.id: [known[names[p]] for p in s.images if names.get(p) in known] for s in samples}
    return {name: cases[0] for name, cases in hits.items() if cases}
