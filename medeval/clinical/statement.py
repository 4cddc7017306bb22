"""A short statement taken apart: its meanings, figures, direction, polarity and leftover words."""

import re
from dataclasses import dataclass
from functools import cached_property, lru_cache
from operator import add, itemgetter

from medeval.clinical.lexicons import Hit, hits
from medeval.clinical.polarity import negations
from medeval.clinical.quantities import Quantity, quantities_of
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.words import opposites

_STOP = re.compile(
    r"[的了是在和与或及、,，。;；:()\[\]“”\"'!?/\s]|可以|可能|应该?|需要?|请|您|你|我|以免|进行|一些|一下|如果|若|任何|以及|并|也|都|就|很|为|者|使|会|能|将|及时"
)
_STOP_EN = frozenset(
    "a an the is are was be been of to in on for and or with by as at it this that these those you your can may"
    " should will would avoid avoided avoiding if not no do does from have has any more than also such there their they"
    " when which who".split()
)
_WORD = re.compile(r"[a-z][a-z'-]+|\d+(?:\.\d+)?")
_CJK_RUN = re.compile(r"[\u3400-\u9fff]+")
_FILLER = re.compile(
    r"允许|询问|问清|核实|完全|范围|之?内|水平|结果|指标|数值|轻度|明显|略|稍|有点|处于|自行|擅自|随意|服用|口服|使用"
)
_NEGATING = re.compile(r"不(?:能|要|可|宜|应|得|用|必|会|建议|推荐)?|没有?|未|无|勿|别|切勿|避免|禁用?|非")
_ABSOLUTE = frozenset("肯定 一定 绝对 必须 必然".split())
_DIRECTIONS = frozenset({"high", "low", "normal"})


@dataclass(frozen=True)
class Statement:
    """What a statement is made of; `words` are leftover character pairs or Latin stems."""

    text: str
    meanings: tuple[str, ...]
    quantities: tuple[Quantity, ...]
    directions: frozenset[str]
    analyte: str
    negated: bool
    words: tuple[str, ...]

    @cached_property
    def keys(self) -> frozenset[str]:
        """The meanings, without order."""
        return frozenset(self.meanings)

    @cached_property
    def leftover(self) -> frozenset[str]:
        """The leftover words, without order."""
        return frozenset(self.words)

    @cached_property
    def absolute(self) -> frozenset[str]:
        """Leftover words such as "肯定" and "必须", which weigh 2; all others weigh 1."""
        return self.leftover & _ABSOLUTE

    @cached_property
    def possible(self) -> float:
        """Weight of all parts together."""
        return 2.0 * (len(self.meanings) + len(self.quantities) + bool(self.directions)) + self.loose

    @cached_property
    def rivals(self) -> dict[str, frozenset[str]]:
        """Leftover words with those outside the statement that exclude them (左侧, 右侧)."""
        known = opposites()
        return {word: known[word] - self.leftover for word in self.words if word in known}

    def weight_of(self, words: frozenset[str]) -> float:
        """Weight of some of the leftover words."""
        return float(len(words) + len(words & self.absolute))

    @cached_property
    def loose(self) -> float:
        """Weight of the leftover words together."""
        return self.weight_of(self.leftover)

    def bound(self, held: int) -> float:
        """The largest share that a text with so many of the meanings can reach."""
        return (self.possible - 2.0 * (len(self.keys) - held)) / self.possible if self.possible else 0.0

    @property
    def is_short(self) -> bool:
        """Whether only one clause may answer for it."""
        return len(self.text) <= 9 and (bool(self.directions) or not self.meanings)

    @property
    def is_direction(self) -> bool:
        """Whether it says just "test X is high/low/normal"."""
        return bool(self.analyte) and len(self.directions) == 1 and not self.words and len(self.meanings) <= 2


def meanings_in(reading: Reading) -> list[Hit]:
    """Concepts, then drugs and tests where no concept covers the place."""
    found: list[Hit] = []
    covered = bytearray(len(reading.text))
    for name in ("concept", "drug", "analyte", "finding", "label"):
        for hit in [hit for hit in hits(reading, name) if covered.find(1, hit.start, hit.end) < 0]:
            covered[hit.start : hit.end] = b"\x01" * (hit.end - hit.start)
            found.append(hit if name == "concept" else Hit(hit.start, hit.end, f"{name}:{hit.key}"))
    return sorted(found, key=itemgetter(0))


@lru_cache(maxsize=8192)
def _stem(word: str) -> str:
    for ending in ("ations", "ation", "ings", "ing", "ies", "es", "ed", "s", "ly"):
        if word.endswith(ending) and len(word) - len(ending) >= 4:
            return word[: -len(ending)]
    return word


def _leftover(text: str, covered: list[Span]) -> tuple[str, ...]:
    for start, end in covered:
        text = text[:start] + " " * (end - start) + text[end:]
    words = [_stem(word) for word in _WORD.findall(text) if word not in _STOP_EN and len(word) > 2]
    text = _FILLER.sub(" ", text)
    text = _NEGATING.sub(" ", _STOP.sub(" ", text))
    return tuple(dict.fromkeys(words + _pairs(text)))


def _pairs(text: str) -> list[str]:
    """Pairs of neighbouring Chinese characters."""
    return [pair for run in _CJK_RUN.findall(text) for pair in map(add, run, run[1:])]


def words_in(text: str) -> frozenset[str]:
    """Latin stems and character pairs of a text."""
    return frozenset((*map(_stem, _WORD.findall(text)), *_pairs(text)))


@lru_cache(maxsize=4096)
def parse_statement(text: str) -> Statement:
    """The parts of a statement."""
    reading = read(text)
    meanings = meanings_in(reading)
    quantities = quantities_of(reading)
    directions = frozenset(hit.key for hit in hits(reading, "direction"))
    spans = [(hit.start, hit.end) for hit in (*meanings, *hits(reading, "direction"))]
    outside = reading.text
    for start, end in spans:
        outside = outside[:start] + "＿" * (end - start) + outside[end:]
    spans += [(quantity.start, quantity.end) for quantity in quantities]
    found = hits(reading, "analyte")
    return Statement(
        reading.text.strip(),
        tuple(dict.fromkeys(hit.key for hit in meanings if hit.key not in _DIRECTIONS)),
        quantities,
        directions,
        found[0].key if found else "",
        negations(outside) % 2 == 1,
        _leftover(reading.text, spans),
    )
