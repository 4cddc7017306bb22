"""Words of a line -> typed tokens: number in front, name, abbreviation, value, flag, range, unit."""

from __future__ import annotations

import re
import unicodedata
from dataclasses import dataclass
from typing import Literal

from medeval.ocr import units
from medeval.ocr.items import is_abbr, is_name, known_start
from medeval.ocr.words import Word

Kind = Literal["name", "abbr", "value", "flag", "range", "unit", "other"]

NUMBER = r"\d+(?:\.\d+)?"
DASH = r"(?:[-~∼〜—–−―一]{1,3}|至)"
"""Between limits; a long dash is at times read as the numeral 一."""
HAN = "\u4e00-\u9fff"
UP, DOWN = "↑", "↓"
FLAGS = {
    "↑": UP, "▲": UP, "△": UP, "Δ": UP, "H": UP, "高": UP, "偏高": UP, "升高": UP, "增高": UP, "过高": UP,
    "↓": DOWN, "▼": DOWN, "▽": DOWN, "L": DOWN, "低": DOWN, "偏低": DOWN, "降低": DOWN, "减低": DOWN, "过低": DOWN,
    "*": "*",
}  # fmt: skip
"""Printed marks and what they say; a star says "abnormal" without a direction."""
_SAME = str.maketrans(
    {"⬆": UP, "⬇": DOWN, "🠕": UP, "🠗": DOWN, "⇧": UP, "⇩": DOWN, "†": UP, "∆": "△", "Λ": UP, "π": "TT"}
)
UNIT = re.compile(rf"(?:{units.POWER}|{units.ANY}|(?<=\d)[sS]|(?<=\d\s)[sS])(?![A-Za-z0-9#])")
RANGE = re.compile(rf"{NUMBER}\s*{DASH}\s*{NUMBER}(?!\s*{DASH}\s*\d)|[<>≤≥]\s*=?\s*{NUMBER}")
VALUE = re.compile(rf"<?1:\d+(?![\d.])|[<>]?{NUMBER}(?:E[-+]?\d+)?(?![\d.])")
_GRADE = re.compile(r"\(?(?:[1-4]\+|\+[1-4]|\+-|-\+|\+{1,4}|±)\)?(?![\d+])|\(-\)")
_WORD = re.compile(
    r"(?:弱阳性?|阴性?|阳性?|可疑|正常|异常|未检出|未见异?常?|检出|待复[检查]|清亮|清晰|清|透明|微?[浑混]浊?|微[浑混]|"
    r"[淡浅深暗棕橙黄红乳]{0,2}[黄红白褐绿色]色?|[淡浅深]?(?:黄|棕|红|绿|褐)(?:黄|褐|红)?色?|无色|灰白色?|"
    r"软便?|稀便?|糊状?|成形|少量|中量|大量|偶见|少许|满视野|无|有|A型|B型|O型|AB型)"
)
_TAIL = re.compile(r"(?:弱阳性|阴性|阳性|未检出|未见)$")
SIGN = re.compile(r"\([-+±\d]{1,3}\)")
_FLAG = re.compile(
    rf"[↑↓]+|[▲▼△▽]+(?![{HAN}A-Za-z])|(?:[偏升增过降减]?[高低])(?![{HAN}])|(?:H{{1,2}}|L{{1,2}})(?![A-Za-z/-])|\*"
)
_MARKS = re.compile(rf"[★☆*▲△﹡●◆■#※·.]+(?=[{HAN}A-Za-zα-ω])")
_DATE = re.compile(
    r"(?:19|20)\d\d(?:[-/.]\d{1,2}[-/.]\d{1,2}|年\d{1,2}月(?:\d{1,2}日?)?)(?:\s*\d{1,2}:\d\d(?::\d\d)?)?"
    r"|(?!1:)\d{1,2}:\d\d(?::\d\d)?(?!\d)"
)
_AMOUNT = re.compile(r"(?<=\d)\s*(?:[kmuμ]?g|m[lL]|k[Jj]|kcal)(?![A-Za-z/])|(?:片|粒|支|盒|袋|枚)(?![\u4e00-\u9fff])")
"""Doses and pack sizes: no unit of a result, and no abbreviation (mg is not magnesium)."""
_METHOD = re.compile(rf"[{HAN}]{{1,8}}法(?![{HAN}])")
_RUN = re.compile(rf"[{HAN}]+|[ABO]{{1,2}}型")
_RULES: tuple[tuple[Kind, re.Pattern[str]], ...] = (
    ("other", _DATE), ("unit", UNIT), ("range", RANGE), ("value", _GRADE), ("value", VALUE), ("flag", _FLAG),
    ("other", _METHOD), ("other", _AMOUNT),
)  # fmt: skip
"""What a piece is by its look alone; the first that matches holds."""
_LATIN = re.compile(
    r"(?:\d{1,2}['’′]?-)?[A-Za-zα-ω][A-Za-z0-9α-ω]*(?:[-/'’][A-Za-z0-9]+)*(?:\([a-z]\))?(?:[%#+]|-(?![\dA-Za-z]))?"
)
_NAME = re.compile(
    rf"(?:\d{{1,2}}(?:,\d{{1,2}})?['’′]?-)?(?:[A-Za-zα-ω]{{1,5}}\d{{0,2}}['’′]?-?){{0,2}}[{HAN}]"
    rf"(?:[{HAN}A-Za-zα-ω()/·'’-]|(?<=[A-Za-zα-ω])\d{{1,2}}(?![.\d]))*"
)
_NUMBER_THEN_POWER = re.compile(rf"({NUMBER}(?:\s*{DASH}\s*\d+(?:\.\d+?)?|\.\d+?)?|\d+?)\s*(?={units.POWER})")
_LOST_UNIT = re.compile(r"[A-Za-z0-9μµ]{1,5}/[1lLI|]\.?")


@dataclass(frozen=True)
class Token:
    """A typed piece of a word; `box` of the piece is estimated from its share of the word's characters."""

    kind: Kind
    text: str
    box: tuple[float, float, float, float]
    confidence: float
    word: Word

    @property
    def height(self) -> float:
        """Of the print, in pixels."""
        return self.box[3] - self.box[1]


def even(text: str) -> str:
    """Fullwidth forms made plain, and the arrows that fonts and engines vary made one; nothing else is changed."""
    return unicodedata.normalize("NFKC", text).translate(_SAME)


def number(text: str) -> float | None:
    """A printed figure, bounds such as `<0.5` included by their number; None for words."""
    try:
        return float(text.lstrip("<>≤≥"))
    except ValueError:
        return None


def tokens_of(word: Word) -> list[Token]:
    """The typed pieces of one word, from left to right; engines often join neighbouring cells."""
    text = even(word.text)
    whole = _whole(text.strip())
    if whole is not None:
        return [Token(whole, text.strip(), word.box, word.confidence, word)]
    found: list[Token] = []
    at = 0
    while at < len(text):
        if text[at].isspace():
            at += 1
            continue
        kind, end = _next(text, at, found)
        found.append(Token(kind, text[at:end], part(word, text, at, end), word.confidence, word))
        at = end
    return found


def _whole(text: str) -> Kind | None:
    """What can be told only of a word that stands alone."""
    if text in ("s", "S") or re.search(r"[/1lI|]1\.73", text):
        return "unit"
    if text in FLAGS:
        return "flag"
    if text == "-" or (_GRADE.fullmatch(text) and text not in ("+-", "-+")):
        return "value"
    if (_LOST_UNIT.fullmatch(text) or text in ("1L", "IL", "lL", "1l", "Il")) and not is_abbr(text):
        return "unit"
    return None


def _next(text: str, at: int, before: list[Token]) -> tuple[Kind, int]:
    marks = _MARKS.match(text, at)
    if marks and not (before and before[-1].kind == "value"):
        return "other", marks.end()
    power = _NUMBER_THEN_POWER.match(text, at)
    if power and power.end(1) > at and not UNIT.match(text, at):
        return ("range" if re.search(DASH, power[1]) else "value"), power.end(1)
    listed = known_start(text[at:])
    if listed:
        return "name", at + listed
    for kind, rule in _RULES:
        match = rule.match(text, at)
        if match and not (kind == "flag" and not _is_flag(text, match, before)) and not _begins_name(text, match):
            return kind, match.end()
    return _letters(text, at)


def _is_flag(text: str, match: re.Match[str], before: list[Token]) -> bool:
    """A letter is a flag behind a figure, or in front of one; not at the head of a name."""
    if match[0][0] in "↑↓▲▼△▽" or (before and before[-1].kind in ("value", "range", "unit")):
        return True
    return bool(re.match(r"\s*[\d<>≤≥]", text[match.end() :])) and (not before or before[-1].kind in ("name", "abbr"))


def _begins_name(text: str, match: re.Match[str]) -> bool:
    """5'-核苷酸酶, 25-羟维生素D: a figure with a hyphen in front of a name."""
    return bool(re.match(rf"\d{{1,2}}['’′]?-[{HAN}A-Z]", text[match.start() :])) and match[0].isdigit()


def _letters(text: str, at: int) -> tuple[Kind, int]:
    run = _RUN.match(text, at)
    if run and _WORD.fullmatch(run[0]):
        sign = SIGN.match(text, run.end())
        return "value", sign.end() if sign else run.end()
    name = _NAME.match(text, at)
    if name:
        return _name(text, at, name[0])
    latin = _LATIN.match(text, at)
    if latin:
        return "abbr", at + _abbr_length(text, at, latin[0])
    return "other", at + 1


def _name(text: str, at: int, found: str) -> tuple[Kind, int]:
    """Cuts what engines join to a name: an abbreviation on either side, a result in words."""
    if not is_name(found):
        front = re.match(r"[A-Za-z][A-Za-z0-9]*-?[A-Za-z0-9]*(?=[\u4e00-\u9fff])", found)
        if front and is_abbr(front[0]) and is_name(found[front.end() :]):
            return "abbr", at + front.end()
        back = re.search(r"(?<=[\u4e00-\u9fff])[A-Za-z][A-Za-z0-9-]*$", found)
        if back and is_abbr(back[0]) and is_name(found[: back.start()]):
            return "name", at + back.start()
        words = _TAIL.search(found)
        if words and words.start() >= 2:
            return "name", at + words.start()
    while found and (found[-1] in "-/·'’" or (found[-1] == "(" and not text[at + len(found) :].strip())):
        found = found[:-1]
    return "name", at + max(1, len(found))


def _abbr_length(text: str, at: int, found: str) -> int:
    """WBC11.20 is an abbreviation and a figure; CA125 is an abbreviation."""
    glued = re.match(r"([A-Za-z-]*[A-Za-z])(\d+)$", found)
    if glued and not is_abbr(found) and (is_abbr(glued[1]) or re.match(r"\.\d", text[at + len(found) :])):
        return len(glued[1])
    return len(found)


def part(word: Word, text: str, start: int, end: int) -> tuple[float, float, float, float]:
    """The box of text[start:end] within its word; a Chinese character is about twice as wide as a figure."""
    left, top, right, bottom = word.box
    wide = [2.0 if char >= "\u2e80" else 1.0 for char in text]
    step = (right - left) / max(sum(wide), 1.0)
    return left + sum(wide[:start]) * step, top, left + sum(wide[:end]) * step, bottom
