"""The edits that make an answer worse, as tables of words and patterns (zh and en)."""

import re
import unicodedata
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from medeval.cases.schema import Language
from medeval.metaeval.edits import NamedTest, Operator, Site, SiteFinder
from medeval.metaeval.items import Item
from medeval.metaeval.sentences import CARE, sentences

_DATA = Path(__file__).resolve().parent / "data" / "operators.yaml"


_FIRST = re.compile(r"(?<![A-Za-z\d.．/\-])([\d０-９]+(?:[.．][\d０-９]+)?)[/／~～–\-至到]$")


class Words(BaseModel):
    """Tables of `data/operators.yaml`: by operator and language, word → its replacement."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    units: dict[str, str]
    swaps: dict[str, dict[Language, dict[str, str]]]
    """Both ways: left ↔ right."""
    one_way: dict[str, dict[Language, dict[str, str]]]
    insertions: dict[str, dict[Language, list[str]]]


@lru_cache(maxsize=1)
def words() -> Words:
    """The tables."""
    return Words.model_validate(yaml.safe_load(_DATA.read_text(encoding="utf-8")))


@lru_cache(maxsize=1)
def _measured() -> re.Pattern[str]:
    units = "|".join(sorted(map(re.escape, words().units), key=len, reverse=True))
    return re.compile(
        rf"(?<![A-Za-z\d.．^])(?<![A-Za-z][/\-])(?P<number>[\d０-９]+(?:[.．][\d０-９]+)?)(?P<gap>\s*)(?P<unit>{units})(?![A-Za-z])"
    )


def measured(text: str) -> Iterator[re.Match[str]]:
    """Every figure with a unit: groups number, gap, unit; a calendar year ("2024年") is none."""
    return (match for match in _measured().finditer(text) if not (len(match["number"]) == 4 and match["unit"] == "年"))


@dataclass(frozen=True)
class Amount:
    """A number `start:number_end` with its unit, which ends at `end`; "150" and "95" of "150/95 mmHg" are two."""

    start: int
    number_end: int
    end: int
    number: str
    unit: str


def amounts(text: str) -> Iterator[Amount]:
    """Every number with a unit, the first of a pair or range ("150/95 mmHg", "3-5天") as well as the last."""
    for match in measured(text):
        unit = unicodedata.normalize("NFKC", match["unit"]).lower()
        first = _FIRST.search(text, max(0, match.start() - 12), match.start())
        if first is not None:
            yield Amount(first.start(1), first.end(1), first.end(1), unicodedata.normalize("NFKC", first[1]), unit)
        number = unicodedata.normalize("NFKC", match["number"])
        yield Amount(match.start(), match.end("number"), match.end(), number, unit)


def _numbers(change: "NumberChange") -> SiteFinder:
    def find(text: str, language: Language) -> Iterator[Site]:
        for amount in amounts(text):
            new = change.apply(amount.number)
            if new:
                yield Site(amount.start, amount.number_end, new)

    return find


class NumberChange:
    """A change of a decimal number as text; `apply` gives an empty text where it cannot change it."""

    def __init__(self, factor: float = 0.0) -> None:
        self.factor = factor

    def apply(self, number: str) -> str:
        """The number times `factor`, in as many decimals (at least one off); digits swapped where factor is 0."""
        return self._scaled(number) if self.factor else self._swapped(number)

    def _scaled(self, number: str) -> str:
        decimals = len(number.partition(".")[2])
        new = f"{float(number) * self.factor:.{decimals}f}"
        if float(new) == float(number):
            new = f"{float(number) + 10**-decimals:.{decimals}f}"
        return new

    @staticmethod
    def _swapped(number: str) -> str:
        places = [i for i, c in enumerate(number) if c.isdigit()]
        for left, right in zip(places, places[1:], strict=False):
            if number[left] != number[right] and not (left == 0 and number[right] == "0"):
                swapped = list(number)
                swapped[left], swapped[right] = number[right], number[left]
                return "".join(swapped)
        return ""


def _units(text: str, language: Language) -> Iterator[Site]:
    for match in measured(text):
        yield Site(match.start("unit"), match.end("unit"), words().units[match["unit"]])


def _table(table: Mapping[str, str], language: Language) -> tuple[re.Pattern[str], dict[str, str]]:
    keys = sorted(map(re.escape, table), key=len, reverse=True)
    edge = r"\b" if language == "en" else ""
    pattern = re.compile(rf"{edge}(?:{'|'.join(keys)}){edge}", re.IGNORECASE)
    return pattern, {key.lower(): value for key, value in table.items()}


def _back(table: Mapping[str, str]) -> dict[str, str]:
    """The other way; a word that stands for several goes back to the first."""
    turned: dict[str, str] = {}
    for old, new in table.items():
        turned.setdefault(new, old)
    return {new: old for new, old in turned.items() if new not in table}


@lru_cache(maxsize=64)
def _compiled(name: str, language: Language, both: bool) -> tuple[re.Pattern[str], dict[str, str]] | None:
    table = (words().swaps if both else words().one_way).get(name, {}).get(language)
    if not table:
        return None
    return _table(table | _back(table) if both else table, language)


def _cased(old: str, new: str) -> str:
    return new[:1].upper() + new[1:] if old[:1].isupper() else new


def _words(name: str, *, both: bool) -> SiteFinder:
    def find(text: str, language: Language) -> Iterator[Site]:
        compiled = _compiled(name, language, both)
        if compiled is None:
            return
        pattern, table = compiled
        for match in pattern.finditer(text):
            yield Site(match.start(), match.end(), _cased(match.group(), table[match.group().lower()]))

    return find


def _graded(text: str, language: Language) -> Iterator[Site]:
    """Grades beside a figure of their sentence; as an item of a list of warnings "高热" grades nothing."""
    graded = [s for s in sentences(text) if any(character.isdigit() for character in s.text)]
    for site in _words("grade", both=False)(text, language):
        item = text[: site.start].endswith("、") or text.startswith("、", site.end)
        if not item and any(s.start <= site.start < s.end for s in graded):
            yield site


def _sentence_gone(text: str, language: Language) -> Iterator[Site]:
    found = sentences(text)
    if len(found) > 1:
        yield from (Site(s.start, s.end, "") for s in found if len(s.text.strip()) >= 8 and not _is_heading(s.text))


def _is_heading(text: str) -> bool:
    line = text.strip()
    return line.startswith("#") or line.endswith((":", "：")) or bool(re.fullmatch(r"\*\*[^*]+\*\*", line))


def _advice_gone(text: str, language: Language) -> Iterator[Site]:
    found = sentences(text)
    yield from (Site(s.start, s.end, "") for s in found if CARE.search(s.text) and not _is_heading(s.text))


def _added(name: str) -> SiteFinder:
    def find(text: str, language: Language) -> Iterator[Site]:
        joint = "" if language == "zh" else " "
        end = len(text.rstrip())
        for sentence in words().insertions[name][language]:
            yield Site(end, end, joint + sentence)

    return find


def _figure_in(site: Site, item: Item, texts: Sequence[str]) -> bool:
    """Whether a text holds the very figure (number and unit) that is edited."""
    mine = next((a for a in amounts(item.answer) if a.start <= site.start < a.end), None)
    if mine is None:
        return False
    same = (float(mine.number), mine.unit)
    return any((float(a.number), a.unit) == same for text in texts for a in amounts(text))


def _figure_named(site: Site, item: Item) -> bool:
    return _figure_in(site, item, item.checklist)


def _figure_stated(site: Site, item: Item) -> bool:
    return _figure_in(site, item, (item.case.prompt,))


def _word_named(site: Site, item: Item) -> bool:
    """Whether a statement of the checklist holds the very word that is edited."""
    old = item.answer[site.start : site.end].lower()
    return any(old in point.lower() for point in item.checklist)


def _advice_named(site: Site, item: Item) -> bool:
    return any(CARE.search(point) for point in item.checklist)


def _swap(name: str, zh: str, en: str, severity: int = 2, named: NamedTest = _word_named) -> Operator:
    return Operator(name, name, zh, en, severity, _words(name, both=True), named)


def _round(text: str, language: Language) -> Iterator[Site]:
    for amount in amounts(text):
        new = to_round(amount.number)
        if new:
            yield Site(amount.start, amount.number_end, new)


def to_round(number: str) -> str:
    """The nearest other number of 1, 2, 3, 5 × a power of ten: a wrong figure that looks as usual as any."""
    value = float(number)
    if value <= 0:
        return ""
    ladder = [step * 10.0**power for power in range(-2, 5) for step in (1, 2, 3, 5)]
    return f"{min((r for r in ladder if abs(r - value) > 1e-9), key=lambda r: abs(r - value)):g}"


def _figured(name: str, family: str, zh: str, en: str, severity: int, sites: SiteFinder) -> Operator:
    return Operator(name, family, zh, en, severity, sites, _figure_named, _figure_stated)


OPERATORS: tuple[Operator, ...] = (
    Operator(
        "number_small",
        "number",
        "数值 ×1.1",
        "number ×1.1",
        1,
        _numbers(NumberChange(1.1)),
        _figure_named,
        _figure_stated,
    ),
    Operator(
        "number_double", "number", "数值 ×2", "number ×2", 2, _numbers(NumberChange(2)), _figure_named, _figure_stated
    ),
    Operator(
        "number_x10", "number", "数值 ×10", "number ×10", 3, _numbers(NumberChange(10)), _figure_named, _figure_stated
    ),
    Operator(
        "number_swap",
        "digits",
        "数字换位",
        "digits swapped",
        2,
        _numbers(NumberChange()),
        _figure_named,
        _figure_stated,
    ),
    _figured("number_round", "round", "数值改为常见整数", "number made a round one", 1, _round),
    _figured("unit", "unit", "单位改变", "unit changed", 2, _units),
    Operator("negation", "negation", "否定翻转", "negation flipped", 2, _words("negation", both=False), _word_named),
    _swap("direction", "方向翻转", "direction flipped"),
    _swap("side", "左右对调", "side flipped"),
    Operator("drug", "drug", "药物替换", "drug swapped", 3, _words("drug", both=False), _word_named, reach="same"),
    Operator("frequency", "frequency", "频次改变", "frequency wrong", 2, _words("frequency", both=False), _word_named),
    Operator("grade", "grade", "分级改变", "grade changed", 2, _graded, _word_named),
    Operator("certainty", "certainty", "变得武断", "made certain", 1, _words("certainty", both=False)),
    Operator("sentence_gone", "sentence", "删去正确句子", "correct sentence deleted", 2, _sentence_gone),
    Operator("advice_gone", "advice", "删去就医建议", "advice deleted", 3, _advice_gone, _advice_named, reach="all"),
    Operator("risky_added", "risky", "插入危险建议", "risky advice inserted", 3, _added("risky")),
    Operator("reassured", "reassured", "虚假安慰", "false reassurance added", 2, _added("reassurance")),
)
"""In order of the report."""
