"""Who judges what, in which order, and which column shows whom: seeded, so that it can be repeated and audited."""

import hashlib
import random
from collections.abc import Sequence
from typing import TypeVar

from medeval.errors import UsageError
from medeval.review.records import FEWEST, MOST, Place, ReviewSpec

T = TypeVar("T")
APART = 3
"""Stops that lie at least between a case and its repetition, where the sitting is long enough."""


def _shuffled(things: Sequence[T], *key: object) -> list[T]:
    """The things in an order that depends on the key only."""
    digest = hashlib.sha256("\x1f".join(map(str, key)).encode()).digest()
    order = list(things)
    random.Random(digest).shuffle(order)
    return order


def column_order(spec: ReviewSpec, reviewer: str, case_id: str, turn: int = 0) -> tuple[str, ...]:
    """Which variant each column shows, from the left: another order for every reviewer, case and round."""
    return tuple(_shuffled(spec.item(case_id).variants, spec.seed, "columns", reviewer, case_id, turn))


def assigned(spec: ReviewSpec, reviewer: str) -> list[str]:
    """Ids of the cases that a reviewer judges, in the order of the review.

    With `overlap` k of m named reviewers each case goes to k of them, and nobody gets two cases more than another.
    """
    cases = [item.case.id for item in spec.items]
    if not spec.reviewers or not spec.overlap or spec.overlap >= len(spec.reviewers):
        return cases
    ring = _shuffled(spec.reviewers, spec.seed, "ring")
    dealt = _shuffled(cases, spec.seed, "deal")
    mine: set[str] = set()
    for number, case_id in enumerate(dealt):
        first = number * spec.overlap
        if reviewer in {ring[(first + step) % len(ring)] for step in range(spec.overlap)}:
            mine.add(case_id)
    return [case_id for case_id in cases if case_id in mine]


def places_for(spec: ReviewSpec, reviewer: str) -> list[Place]:
    """The whole sitting of one reviewer: their cases in their own order, then the repeated ones."""
    cases = _shuffled(assigned(spec, reviewer), spec.seed, "cases", reviewer)
    again = _again(cases, spec, reviewer)
    stops = [(case_id, 0) for case_id in cases] + [(case_id, 1) for case_id in again]
    return [
        Place(number, case_id, turn, column_order(spec, reviewer, case_id, turn))
        for number, (case_id, turn) in enumerate(stops)
    ]


def _again(cases: Sequence[str], spec: ReviewSpec, reviewer: str) -> list[str]:
    """The cases to repeat at the end, early ones first, so that the first sight lies as far back as it can."""
    count = min(spec.repeated, len(cases))
    early = cases[: max(count, len(cases) - APART)]
    picked = set(_shuffled(early, spec.seed, "again", reviewer)[:count])
    return [case_id for case_id in cases if case_id in picked]


def check_plan(spec: ReviewSpec) -> None:
    """Refuses a review that could not be held.

    Raises:
        UsageError: too few or too many columns, no cases, names given twice or empty, an overlap that cannot be.
    """
    if not FEWEST <= len(spec.variants) <= MOST:
        raise UsageError(f"盲评需要 {FEWEST}–{MOST} 个版本 / a review needs {FEWEST} to {MOST} variants")
    if not spec.items:
        raise UsageError("没有可评的病例：每例至少要有两个回答 / no case has two answers to compare")
    names = [name.casefold() for name in spec.reviewers]
    if len(set(names)) != len(names) or not all(name.strip() for name in names):
        raise UsageError("评审者姓名不能为空或重复 / names of reviewers must be given once each")
    if spec.overlap < 0 or (spec.reviewers and spec.overlap > len(spec.reviewers)):
        raise UsageError("每例评审人数不能超过评审者人数 / more reviewers per case than there are reviewers")
    if spec.overlap and not spec.reviewers:
        raise UsageError("要限定每例评审人数，请先列出评审者 / name the reviewers to deal the cases out")
    if spec.repeated < 0:
        raise UsageError("重复病例数不能为负 / the number of repeated cases cannot be negative")
