"""Negations that Chinese itself does not bear: words cut open by 不, definitions denied, harm denied behind its cause.

Patterns, reasons, sources and what excuses a place are in `data/negation_sense_zh.yaml`. No key point is needed.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.knowledge import Judged
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading

_FILE = "negation_sense_zh.yaml"
# "A 能透光，而B 则能透光": the contrast promises the opposite.
_CONTRAST = re.compile(
    r"，而[^，。；;\n]{1,14}?(?:则|却)(?P<way>不|无|没有|未)?(?:能|可以?|会|有|出现|见)?(?P<what>[\u4e00-\u9fff]{2,8})(?=[，。；;\n])"
)
_DENIED = re.compile(r"[不无未没非少难]")
# "不是 A，而是 B": somewhere before "而是" something is denied or given up.
_HAN = re.compile(r"[\u4e00-\u9fff]")
_RATHER = re.compile(r"(?<=[，\u4e00-\u9fff])而是(?![否])")
_GIVEN_UP = re.compile(r"[不无未没非少难别勿弃停止除却反与难避免拒]|如何|代替|所谓|仅|误|过去|以往|以前|传统|曾")


@dataclass(frozen=True)
class _Rule:
    """Wordings that are wrong unless the rest of their sentence excuses them."""

    wrong: Pattern
    unless: re.Pattern[str] | None
    note: str
    source: str
    sure: bool
    everywhere: bool
    """In questions too."""


@lru_cache(maxsize=1)
def _rules() -> tuple[_Rule, ...]:
    return tuple(
        _Rule(
            Pattern("|".join(f"(?:{pattern})" for pattern in block["wrong"])),
            re.compile(block["unless"]) if "unless" in block else None,
            block["note"],
            block["source"],
            block.get("sure", True),
            block.get("everywhere", False),
        )
        for block in read_data(_FILE)["blocks"]
    )


def _excused(rule: _Rule, reading: Reading, match: re.Match[str]) -> bool:
    """Whether the sentence asks, or the clauses around the place say why the negation stands there."""
    sentence = reading.sentence_at(match.start())
    if sentence.is_question and not rule.everywhere:
        return True
    if rule.unless is None:
        return False
    left, right = reading.clause_at(match.start())[0], reading.clause_at(match.end() - 1)[1]
    start = max(sentence.start, reading.clause_at(max(0, left - 2))[0])
    end = min(sentence.end, reading.clause_at(min(right + 1, sentence.end - 1))[1])
    around = reading.text[start : match.start()], reading.text[match.end() : max(end, match.end())]
    return any(map(rule.unless.search, around))


def _contrasts(reading: Reading) -> Iterator[Judged]:
    """The same said of both sides of "而……则"."""
    for match in _CONTRAST.finditer(reading.text):
        first = reading.text[slice(*reading.clause_at(match.start() - 1))]
        place = first.find(match["what"])
        if place >= 0 and (_DENIED.search(first[:place]) is not None) == (match["way"] is not None):
            yield Judged(
                match.span(), False, "对比的两边说法相同 / no contrast", "行文：“而……则”表示相反", measured=False
            )


def _replacements(reading: Reading) -> Iterator[Judged]:
    """A "而是" that replaces nothing: its sentence (if it opens that, the one before) denies nothing."""
    for match in _RATHER.finditer(reading.text):
        sentence = reading.sentence_at(match.start())
        opens = not _HAN.search(reading.text, sentence.start, match.start())
        first = reading.sentence_at(max(0, sentence.start - 1)).start if opens else sentence.start
        if not sentence.is_question and not _GIVEN_UP.search(reading.text, first, match.start()):
            yield Judged(
                match.span(), False, "“而是”之前没有否定 / “rather” replaces nothing", "行文：“不是……而是”", False
            )


@lru_cache(maxsize=1024)
def misplaced_negations(reading: Reading) -> tuple[Judged, ...]:
    """Places of a Chinese text where a negation, or its absence, makes no sense."""
    if reading.text.isascii():
        return ()
    found = [
        Judged(match.span(), False, rule.note, rule.source, measured=False, sure=rule.sure)
        for rule in _rules()
        for match in rule.wrong.finditer(reading.text)
        if not _excused(rule, reading, match)
    ]
    return (*sorted(found, key=lambda judged: not judged.sure), *_contrasts(reading), *_replacements(reading))
