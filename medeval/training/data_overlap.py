"""Which samples ask what a test case asks: the same words, or nearly, with the same figures.

A question that differs from a test case only in its figures teaches the skill, not the answer, so it is no overlap.
"""

from __future__ import annotations

import hashlib
import re
import unicodedata
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.cases.schema import Case
from medeval.training.data import Sample

NEAR = 0.7
"""Dice similarity of character pairs from which two questions count as nearly the same."""
_NUMBER = re.compile(r"\d+(?:\.\d+)?")
_SHORTEST = 4


@dataclass(frozen=True)
class Overlap:
    """One sample that asks what a case asks. `similarity` is 1 for the same words or the same image."""

    sample: str
    case: str
    suites: tuple[str, ...]
    similarity: float
    by: str
    """`question` or `image`."""


def plain(text: str) -> str:
    """Text without spaces, punctuation, case and width: what two askers of the same thing share."""
    folded = unicodedata.normalize("NFKC", text).lower()
    # The point inside a number is part of it: 38.5 is not 385.
    return "".join(
        c for i, c in enumerate(folded) if c.isalnum() or (c in "./" and folded[i - 1 : i].isdigit() and i)
    ).rstrip("./")


class OverlapIndex:
    """Test cases, indexed by the character pairs of their questions and the bytes of their images."""

    def __init__(self, cases: Sequence[Case]) -> None:
        self._cases = list(cases)
        self._pairs = [_pairs(plain(case.prompt)) for case in self._cases]
        self._numbers = [_numbers(case.prompt) for case in self._cases]
        self._by_pair: dict[str, list[int]] = defaultdict(list)
        for number, pairs in enumerate(self._pairs):
            for pair in pairs:
                self._by_pair[pair].append(number)
        self._images: dict[str, int] = {}
        for number, case in enumerate(self._cases):
            for path in case.images:
                digest = _digest(path)
                if digest:
                    self._images.setdefault(digest, number)
        self._sizes = {path.stat().st_size for case in self._cases for path in case.images if path.is_file()}

    def find(self, sample: Sample) -> Overlap | None:
        """The case that `sample` overlaps most, if any."""
        by_image = self._by_image(sample.images)
        if by_image is not None:
            return self._overlap(sample, by_image, 1.0, "image")
        best, number = 0.0, -1
        # Each question asked anywhere in the conversation counts; a picture question counts by its picture.
        for message in sample.messages:
            if message.role == "user" and not message.images:
                score, which = self._nearest(message.text)
                if score > best:
                    best, number = score, which
        return self._overlap(sample, number, best, "question") if best >= NEAR else None

    def find_all(self, samples: Iterable[Sample]) -> list[Overlap]:
        """All overlaps, in the order of the samples."""
        return [found for found in map(self.find, samples) if found is not None]

    def _nearest(self, text: str) -> tuple[float, int]:
        mine = plain(text)
        if len(mine) < _SHORTEST:
            return 0.0, -1
        pairs, numbers = _pairs(mine), _numbers(text)
        shared: Counter[int] = Counter()
        for pair in pairs:
            shared.update(self._by_pair.get(pair, ()))
        best, which = 0.0, -1
        for number, count in shared.items():
            if self._cases[number].images or not self._numbers[number] <= numbers:
                continue
            score = 2 * count / (len(pairs) + len(self._pairs[number]))
            if score > best:
                best, which = score, number
        return best, which

    def _by_image(self, paths: Sequence[Path]) -> int | None:
        for path in paths:
            if path.is_file() and path.stat().st_size in self._sizes:
                number = self._images.get(_digest(path))
                if number is not None:
                    return number
        return None

    def _overlap(self, sample: Sample, number: int, similarity: float, by: str) -> Overlap:
        case = self._cases[number]
        return Overlap(sample.id, case.id, tuple(case.suite), round(similarity, 3), by)


def _pairs(text: str) -> frozenset[str]:
    return frozenset(text[i : i + 2] for i in range(len(text) - 1))


def _numbers(text: str) -> frozenset[str]:
    return frozenset(_NUMBER.findall(unicodedata.normalize("NFKC", text)))


def _digest(path: Path) -> str:
    try:
        return hashlib.sha256(path.read_bytes()).hexdigest()
    except OSError:
        return ""
