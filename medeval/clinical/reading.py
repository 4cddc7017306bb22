"""An answer as the rules read it: thinking set aside, spelling evened out, every character traceable.

Fullwidth forms, bold marks, thousands separators and stray spaces vanish here and nowhere else, so that each rule
sees one spelling; `Reading.span` leads back to the text as given.
"""

import re
from bisect import bisect_left, bisect_right
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import chain, pairwise
from string import ascii_lowercase
from typing import NamedTuple

from medeval.clinical.data_files import read_data
from medeval.clinical.numerals import PATTERN as NUMERAL
from medeval.clinical.numerals import arabic
from medeval.clinical.patterns import Pattern

Span = tuple[int, int]

_CJK = r"\u3400-\u9fff，。；、！？：（）【】℃"
_SPECIAL = Pattern(
    r"\*\*|__|`+|\\(?=[~*_#.()\[\]<>+=|-])|[\u200b-\u200f\u2060\ufeff]|^#+[ \t]*"  # marks that carry no meaning
    r"|(?<=\d),(?=\d{3}(?!\d))"  # thousands
    rf"|[ \t\u3000\u00a0]+(?=[{_CJK}])|(?<=[{_CJK}])[ \t\u3000\u00a0]+"
    r"|[⁰¹²³⁴⁵⁶⁷⁸⁹]+|\\geq?|\\leq?|\\times|[㎎㎍㎏㎖㎜]"
    rf"|{NUMERAL}",
    re.MULTILINE,
)
_WORDS = {"\\ge": "≥", "\\geq": "≥", "\\le": "≤", "\\leq": "≤", "\\times": "×"}
_WORDS |= {"㎎": "mg", "㎍": "ug", "㎏": "kg", "㎖": "ml", "㎜": "mm"}
_SUPER = str.maketrans("⁰¹²³⁴⁵⁶⁷⁸⁹", "0123456789")
_THINK = re.compile(r"<think>(.*?)(</think>|\Z)", re.DOTALL | re.IGNORECASE)
_BARE_CLOSE = re.compile(r"\A(.*?)</think>", re.DOTALL | re.IGNORECASE)
_HALF_STOP = re.compile(r"(?<=[\u3400-\u9fff)%℃])[,;]|[,;](?=[\u3400-\u9fff])")
_SENTENCE_END = re.compile(  # the point first, so that Python's engine leaps from one to the next
    r"[。！!？?；;\n]"
    r"|\.(?:(?=\s|\Z)|(?<=[\u3400-\u9fff)”]\.)(?!\d)|(?<!\d\.)(?=[\u3400-\u9fff])|(?<=[a-z]{3}\.)(?=[a-z]{3}))"
)
_STOP = re.compile(r"[，,。;；!?！？\n]")
_PIECE = re.compile(r"[，,、。；;\s|]+")
_LATIN_WORD = re.compile(r"[a-z']+")
_FUNCTION = frozenset(
    "a an the is are was be to of in on for and or with by as at it this that you your can may if not should".split()
)
_GLUE = re.compile(r"[的了是您你请应需可为在有会若时]|建议|\b(?:is|are|you|should|the|if)\b")
_DENSE = re.compile("[\u3400-\U0010ffff]")
_CLAUSE = re.compile(r"[^，,。！!？?；;\n]+")


def _one_to_one() -> dict[int, str]:
    table = {0xFF01 + i: chr(0x21 + i) for i in range(94) if chr(0xFF01 + i) not in "，；"}
    table |= {ord(c): "~" for c in "～∼〜"} | {ord(c): "-" for c in "—–−‐‑―"}
    table |= {ord("μ"): "u", ord("µ"): "u", ord("≧"): "≥", ord("≦"): "≤", ord("⩾"): "≥", ord("⩽"): "≤"}
    table |= {0x3000: " ", 0xA0: " ", ord("º"): "°", ord("˚"): "°"}
    table |= {upper: chr(upper + 32) for upper in range(65, 91)}
    table |= {0xFF21 + i: chr(0x61 + i) for i in range(26)}
    table |= dict.fromkeys(range(0xD800, 0xE000), "\ufffd")  # half a character: no word list can be asked about it
    script = read_data("traditional.yaml")
    pairs = zip("".join(script["traditional"].split()), "".join(script["simplified"].split()), strict=True)
    return table | {ord(old): new for old, new in pairs}


_TABLE = _one_to_one()


class Sentence(NamedTuple):
    """Characters `start:end` of `Reading.text`; a question ends with a question mark."""

    start: int
    end: int
    text: str

    @property
    def is_question(self) -> bool:
        """Whether it asks rather than states."""
        return self.text.rstrip().endswith("?") or self.text.rstrip().endswith("吗。")


def in_chinese(text: str) -> bool:
    """Whether a text begins in Chinese, or another script as dense: one such character among its first 200."""
    return _DENSE.search(text, 0, 200) is not None


@dataclass(frozen=True, eq=False)
class Reading:
    """`text` is the evened-out content without thinking; `stretches` are its parts as (first, last, characters).

    A part as long as `original[first:last]` stands for it character by character.
    """

    original: str
    text: str
    stretches: tuple[tuple[int, int, int], ...]
    think: Span | None
    think_closed: bool

    @cached_property
    def at(self) -> tuple[int, ...]:
        """Where each character of `text` stood in `original`; the last of a replacement at the end of its stretch."""
        return tuple(chain.from_iterable(_places(*stretch) for stretch in self.stretches))

    def span(self, start: int, end: int) -> Span:
        """Where `text[start:end]` lies in the original; (0, 0) for an empty stretch."""
        if not self.text or end <= start:
            return (0, 0)
        return self.at[start], self.at[end - 1] + 1

    @cached_property
    def sentences(self) -> tuple[Sentence, ...]:
        """Sentences in order, without blank ones; a decimal point ends none."""
        text = self.text
        ends = [0, *[m.end() for m in _SENTENCE_END.finditer(text)], len(text)]
        found = [(start, end, text[start:end]) for start, end in pairwise(ends)]
        return tuple([Sentence(*place) for place in found if place[2] and not place[2].isspace()])

    @cached_property
    def _starts(self) -> list[int]:
        return [sentence.start for sentence in self.sentences]

    @cached_property
    def _stops(self) -> list[int]:
        return [-1, *(m.start() for m in _STOP.finditer(self.text)), len(self.text)]

    def clause_at(self, position: int) -> Span:
        """The stretch between stops (commas and sentence ends) that holds `position`."""
        index = bisect_left(self._stops, position, 1)
        return self._stops[index - 1] + 1, self._stops[min(index, len(self._stops) - 1)]

    @cached_property
    def clauses(self) -> tuple[Span, ...]:
        """Stretches between commas and stops."""
        return tuple(m.span() for m in _CLAUSE.finditer(self.text))

    def sentence_at(self, position: int) -> Sentence:
        """The sentence that holds `position` (the one before it where none does)."""
        if not self.sentences:
            return Sentence(0, 0, "")
        return self.sentences[max(0, bisect_right(self._starts, position) - 1)]

    @property
    def think_text(self) -> str:
        """What was thought, as written; empty where nothing was."""
        return self.original[self.think[0] : self.think[1]] if self.think else ""

    @cached_property
    def letters(self) -> int:
        """How many of the characters are Latin letters."""
        return sum(map(self.text.count, ascii_lowercase))

    @cached_property
    def worth(self) -> float:
        """What a heap of key words without sentences may earn: nothing, 0.3 with figures among them, else 1 in full."""
        most = self.letters + self.text.count("'")
        latin = _LATIN_WORD.findall(self.text) if most > 0.6 * len(self.text) else []
        if sum(map(len, latin)) > 0.6 * len(self.text):
            pieces = [piece for piece in re.split(r"[,;.\n]+", self.text) if piece.strip()]
            if len(pieces) < 6 or len(latin) > 2.5 * len(pieces):
                return 1.0
            return float(sum(word in _FUNCTION for word in latin) >= 0.15 * len(latin))
        pieces = [piece for piece in _PIECE.split(self.original) if piece]
        long = sum(map(len, pieces)) / max(1, len(pieces))
        glue = len(_GLUE.findall(self.text)) / max(1, len(pieces))
        if len(pieces) < 6 or long > 6.5 or glue >= 0.35 or self.text.count("。") >= 2:
            return 1.0
        figures = sum(any(c.isdigit() for c in piece) for piece in pieces)
        if figures < 0.15 * len(pieces):
            return 0.0
        return 0.3 if len(pieces) >= 8 and long <= 5 and glue < 0.3 else 1.0


def _content(text: str) -> tuple[list[Span], Span | None, bool]:
    """Stretches outside thinking, the (first) thinking stretch, whether it was closed."""
    if "<" not in text:
        return [(0, len(text))], None, True
    match = _THINK.search(text)
    if match is None:
        bare = _BARE_CLOSE.match(text)
        return ([(bare.end(), len(text))], bare.span(1), True) if bare else ([(0, len(text))], None, True)
    stretches, last = [], 0
    for block in _THINK.finditer(text):
        stretches.append((last, block.start()))
        last = block.end()
    return [*stretches, (last, len(text))], match.span(1), bool(match.group(2))


@lru_cache(maxsize=2048)
def read(text: str) -> Reading:
    """The reading of `text`; cached, since every metric asks for the same one."""
    stretches, think, closed = _content(text)
    pieces: list[str] = []
    kept: list[tuple[int, int, int]] = []
    for begin, stop in stretches:
        last = begin
        for match in _SPECIAL.finditer(text, begin, stop):
            pieces.append(_even(text[last : match.start()]))
            new = _replacement(match.group())
            pieces.append(new)
            kept += ((last, match.start(), match.start() - last), (*match.span(), len(new)))
            last = match.end()
        pieces.append(_even(text[last:stop]))
        kept.append((last, stop, stop - last))
    return Reading(text, "".join(pieces), tuple(kept), think, closed)


def _even(text: str) -> str:
    """`text` in small letters, simplified characters and plain marks, as many as before."""
    if text.isascii():
        return text.lower()
    text = text.translate(_TABLE)
    return _HALF_STOP.sub(lambda stop: "，" if stop[0] == "," else "；", text) if "," in text or ";" in text else text


def _places(start: int, end: int, count: int) -> Sequence[int]:
    """Where `count` new characters stood: one after the other, the last one at the end of what they replace."""
    if count == end - start:
        return range(start, end)
    return [end - 1 if i == count - 1 else min(start + i, end - 1) for i in range(count)]


def _replacement(found: str) -> str:
    if found in _WORDS:
        return _WORDS[found]
    if found[0] in "零〇一二两三四五六七八九十百千半":
        return arabic(found)
    return "^" + found.translate(_SUPER) if found[0] in "⁰¹²³⁴⁵⁶⁷⁸⁹" else ""
