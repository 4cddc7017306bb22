"""Words of a line -> typed tokens: number in front, name, abbreviation, value, flag, range, unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from medeval.ocr.words import Word

Kind = Literal["name", "abbr", "value", "flag", "range", "unit", "other"]

_NUMBER = r"\d+(?:\.\d+)?"
_POWER = r"(?:[×xX*]?10[\^*°~\"'`″˄ˆ]?(?:9|12|6|3))"
UNIT = re.compile(
    rf"(?:{_POWER}/[Ll1I]|(?:[mμµunpkf]?(?:mol|g|IU|U|L|l|eq)|mm|mIU|uIU|copies)/(?:[mdfuμ]?[Ll1]|min(?:/1\.73m[2²])?|h|mol|kg)"
    rf"|fL|f[l1I]|FL|pg|PG|Pg|mmHg|%|℃|秒)(?![A-Za-z#])"
)
RANGE = re.compile(rf"{_NUMBER}\s*(?:[-~～—–−]{{1,3}}|--|至)\s*{_NUMBER}|[<>≤≥＜＞]=?\s*{_NUMBER}")
VALUE = re.compile(rf"[<>]?{_NUMBER}|阴性|阳性|弱阳性|\(?[-+±]\)?")
FLAG = re.compile(r"[↑↓]|[HL](?![A-Za-z])")
_LATIN = re.compile(r"[A-Za-zγαβ][A-Za-z0-9γ]*(?:[-/][A-Za-z0-9]+)*(?:\([a-z]\))?[%#+]?")
_HAN = re.compile(r"[★*▲△﹡]?[\u4e00-\u9fff][\u4e00-\u9fffA-Za-z0-9γ()/-]*|[γDC]-?[\u4e00-\u9fff]+")


@dataclass(frozen=True)
class Token:
    """A typed piece of a word; `box` of the piece is estimated from its share of the word's characters."""

    kind: Kind
    text: str
    box: tuple[float, float, float, float]
    confidence: float


def even(text: str) -> str:
    """Fullwidth forms made plain, and the arrows that fonts and engines vary made one; nothing else is changed."""
    text = unicodedata.normalize("NFKC", text)
    for seen, meant in (("⬆", "↑"), ("⬇", "↓"), ("🠕", "↑"), ("🠗", "↓"), ("⇧", "↑"), ("⇩", "↓"), ("†", "↑")):
        text = text.replace(seen, meant)
    return text


def tokens_of(word: Word) -> list[Token]:
    """The typed pieces of one word, from left to right; engines often join neighbouring cells."""
    text = even(word.text)
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        kind, end = _next(text, at, found)
        found.append(Token(kind, text[at:end], _part(word, at, end, len(text)), word.confidence))
        at = end
    return found


def _next(text: str, at: int, before: list[Token]) -> tuple[Kind, int]:
    power = re.compile(rf"({_NUMBER}\s*[-~～—–−]{{1,2}}\s*\d+(?:\.\d+?)?)\s*(?={_POWER}/[Ll1I])").match(text, at)
    if power:
        return "range", power.end(1)
    rules: tuple[tuple[Kind, re.Pattern[str]], ...] = (
        ("unit", UNIT), ("range", RANGE), ("value", VALUE), ("flag", FLAG), ("name", _HAN), ("abbr", _LATIN)
    )  # fmt: skip
    for kind, rule in rules:
        match = rule.match(text, at)
        if match and not (kind == "flag" and not before and len(text) > 1):
            return kind, match.end()
    return "other", at + 1


def _part(word: Word, start: int, end: int, length: int) -> tuple[float, float, float, float]:
    left, top, right, bottom = word.box
    step = (right - left) / max(length, 1)
    return left + start * step, top, left + end * step, bottom
