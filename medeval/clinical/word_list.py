"""A list of words found in a text in one pass: the longest word at the earliest place; Latin ones stand alone."""

from collections.abc import Callable, Iterable, Iterator

from ahocorasick_rs import AhoCorasick, MatchKind


def alone(text: str, start: int, end: int) -> bool:
    """Whether `text[start:end]` is no part of a longer Latin word."""
    return not (_joins(text[start], text[start - 1 : start]) or _joins(text[end - 1], text[end : end + 1]))


class WordList:
    """Finds the words of a list; what it finds does not overlap.

    Args:
        words: as they stand in the text.
        stands: told (text, start, end) of a word found, whether it counts.
    """

    def __init__(self, words: Iterable[str], stands: Callable[[str, int, int], bool] = alone) -> None:
        self._words, self._stands = sorted(set(words)), stands
        self._automaton = AhoCorasick(self._words, matchkind=MatchKind.LeftmostLongest)

    def find(self, text: str) -> Iterator[tuple[int, int, str]]:
        """Start, end and word for every match, in order."""
        for number, start, end in self._automaton.find_matches_as_indexes(text):
            if self._stands(text, start, end):
                yield start, end, self._words[number]


def _joins(letter: str, beside: str) -> bool:
    """Whether two letters belong to one Latin word."""
    return letter.isascii() and letter.isalnum() and beside.isascii() and beside.isalpha()
