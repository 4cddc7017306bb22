"""Words -> lines: each word is linked to its nearest neighbour on the right, so that a slight slope does no harm."""

from __future__ import annotations

from medeval.ocr.words import Word

NEAR = 0.5
"""Neighbours of a line differ in height on the page by less than this part of their print height."""


def lines_of(words: list[Word]) -> list[list[Word]]:
    """Lines from top to bottom, each from left to right."""
    pairs = sorted(
        (_gap(word, other), i, j)
        for i, word in enumerate(words)
        for j, other in enumerate(words)
        if _beside(word, other)
    )
    follows: dict[int, int] = {}
    taken: set[int] = set()
    for _, i, j in pairs:
        if i not in follows and j not in taken:
            follows[i] = j
            taken.add(j)
    lines = [_chain(words, i, follows) for i in range(len(words)) if i not in taken]
    return sorted(lines, key=lambda line: line[0].middle[1])


def _beside(word: Word, other: Word) -> bool:
    if other is word or other.middle[0] <= word.middle[0] or other.box[0] < word.box[0] + 1:
        return False
    low = min(word.height, other.height)
    return abs(other.middle[1] - word.middle[1]) < NEAR * max(low, 0.6 * max(word.height, other.height))


def _gap(word: Word, other: Word) -> float:
    # Height counts thrice: of two candidates at one distance the one on the same level is right.
    return max(0.0, other.box[0] - word.box[2]) + 3 * abs(other.middle[1] - word.middle[1])


def _chain(words: list[Word], start: int, follows: dict[int, int]) -> list[Word]:
    line, at = [words[start]], start
    while at in follows:
        at = follows[at]
        line.append(words[at])
    return line
