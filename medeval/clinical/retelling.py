"""Retelling: an answer that repeats a finding of the case report must not turn it round (未见 → 可见, 升高 → 降低)."""

import re
from bisect import bisect_left
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.reading import Reading, Span
from medeval.clinical.words import Word, opposites, words_of

ENOUGH_WORDS, ALIKE, SAME_FINDING = 3, 0.6, 0.8
_CLAUSE = re.compile(r"[^，,。；;：:！!？?\n、（）()]+")

_TURNING = frozenset("未无不没非可见有闻触及呈示")  # say whether, not what
_HEADING = re.compile(r"(?:分析|诊断依据|鉴别诊断|辅助检查|体格检查|阳性体征)")


@dataclass(frozen=True)
class Retold:
    """A clause of an answer that says what a clause of the report says, rightly or turned round."""

    span: Span
    right: bool


@dataclass(frozen=True, eq=False)
class _Clause:
    span: Span
    keys: dict[str, Word]
    denied: bool
    weight: float


def _clauses(reading: Reading) -> list[_Clause]:
    words = words_of(reading)
    starts = [word.start for word in words]
    found = []
    for match in _CLAUSE.finditer(reading.text):
        inside = words[bisect_left(starts, match.start()) : bisect_left(starts, match.end())]
        keys = {w.key: w for w in inside if not (w.key[0] == "#" or len(w.key) == 2 and not _TURNING.isdisjoint(w.key))}
        if len(keys) >= ENOUGH_WORDS and not _HEADING.search(match.group()):
            weight = sum(word.weight for word in keys.values())
            found.append(_Clause(match.span(), keys, any(word.sign == 2 for word in inside), weight))
    return found


@lru_cache(maxsize=256)
def _report(reading: Reading) -> tuple[tuple[_Clause, ...], dict[str, tuple[int, ...]]]:
    """The clauses of a report, and which of them hold a word."""
    clauses = tuple(_clauses(reading))
    places: dict[str, list[int]] = {}
    for index, clause in enumerate(clauses):
        for key in clause.keys:
            places.setdefault(key, []).append(index)
    return clauses, {key: tuple(indices) for key, indices in places.items()}


def _alike(clause: _Clause, other: _Clause) -> float:
    """Weight of the shared words over that of the shorter clause; opposites count as shared."""
    excluded = opposites()
    shared = sum(
        word.weight
        for key, word in clause.keys.items()
        if key in other.keys or any(o in other.keys for o in excluded.get(key, ()))
    )
    shorter = min(clause.weight, other.weight)
    return shared / shorter if shorter else 0.0


def _agree(clause: _Clause, other: _Clause) -> bool:
    if clause.denied != other.denied:
        return False
    excluded = opposites()
    return not any(
        key not in other.keys and any(o in other.keys and o not in clause.keys for o in excluded.get(key, ()))
        for key in clause.keys
    )


@lru_cache(maxsize=256)
def retold(answer: Reading, report: Reading) -> tuple[Retold, ...]:
    """Clauses of `answer` that repeat clauses of `report` (places in the answer's evened-out text)."""
    clauses, places = _report(report)
    found = []
    for clause in _clauses(answer):
        near = {index for key in clause.keys for index in places.get(key, ())}
        alike = {index: share for index in near if (share := _alike(clause, clauses[index])) >= ALIKE}
        right = any(_agree(clause, clauses[index]) for index in alike)
        if right or any(share >= SAME_FINDING for share in alike.values()):
            found.append(Retold(clause.span, right))
    return tuple(found)
