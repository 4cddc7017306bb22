"""Findings of a case report said again in other words: what it denies, what it affirms, item by item.

"淋巴结无肿大" of the report and "未触及肿大淋巴结" of the answer are one finding. Items are the parts of an
enumeration; each takes the last word of yes or no before it in its clause. An item without such a word decides nothing.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span

_CLAUSE = re.compile(r"[^，,。；;：:！!？?\n（）()]+")
_ITEM = re.compile(r"(?:[^、及和或]|(?<=[触扪闻探未可累])及)+")
_SAYS = re.compile(
    r"(?P<no>没有|并无|无(?!痛|力|菌|创)|未(?:见|及|触及|扪及|闻及|引出|探及|发现|出现|诉|觉|累及|侵犯)?(?!婚|育|经|予|行|产|成)|不伴有?|否认)"
    r"|(?P<yes>可?(?:见|及(?=\S)|触及|扪及|闻及|引出|探及)|发现|出现|伴有?|有(?!效|关|限|时|无|性)|存在|提示|显示)"
)
_FILLER = Pattern(
    r"明显|显著|明确|轻度|轻微|中度|重度|特殊|任何|其他|其它|本例|该|此|病人|患者|患儿|病例|检查|查体|方面|均|等|的|了|史|病|表现|症状|情况|阳性|既往"
)
_SUBJECT_NEEDED = frozenset({"异常", "", "体征", "变化", "改变", "不适", "异常改变", "异常体征"})
_SENSED = re.compile(
    r"可?(?:触及|扪及|闻及|引出|探及)|可及|(?:可见|可发现|发现|有|可有)(?:明显|明确|异常|远处|局部|淋巴结)?(?:转移|侵犯|受累|肿大|浸润|外侵|异常)"
    r"|可?见(?:明显|明确|远处)|有明显(?!的)|可见异常"
)
_SEEN = re.compile(r"可(?:见|发现|探及|及)")
_NOTHING = 0.34
"""Share of an item's pairs up to which a report has no word of it."""
_ENOUGH, _LONG = 0.7, 4
"""Share of an item's pairs of characters that makes it the same finding, and characters from which shares count."""


@dataclass(frozen=True, slots=True)
class _Item:
    """A finding: its plain words, those with what it is a finding of, whether it is denied, where it stands."""

    core: str
    full: str
    denied: bool
    span: Span


@dataclass(frozen=True, slots=True)
class Restated:
    """A finding of the report in the answer, rightly or turned round; what the report says."""

    span: Span
    right: bool
    told: str


def _plain(words: str) -> str:
    return _FILLER.sub(lambda _: "", words).strip(" .*-•①②③④⑤⑥⑦⑧⑨")


@lru_cache(maxsize=256)
def _items_of(reading: Reading) -> tuple[_Item, ...]:
    return tuple(_items(reading.text))


def _items(text: str) -> Iterator[_Item]:
    for clause in _CLAUSE.finditer(text):
        said: re.Match[str] | None = None
        for part in _ITEM.finditer(text, clause.start(), clause.end()):
            words = list(_SAYS.finditer(text, part.start(), part.end()))
            said = words[-1] if words else said
            if said is None:
                continue
            first = words[-1].end() if words else part.start()
            core = _plain(text[first : part.end()])
            subject = _plain(text[part.start() : words[0].start()]) if words else ""
            if core in _SUBJECT_NEEDED and words:
                core = subject + core if subject else ""
            if len(core) >= 2:
                start = words[-1].start() if words else part.start()
                full = core if core.startswith(subject) else subject + core
                yield _Item(core, full, said.lastgroup == "no", (start, part.end()))


def _pairs(core: str) -> frozenset[str]:
    return frozenset(core[i : i + 2] for i in range(len(core) - 1))


@lru_cache(maxsize=256)
def _report(reading: Reading) -> tuple[tuple[_Item, ...], dict[str, tuple[int, ...]]]:
    """The findings of a report, and which of them hold a pair of characters."""
    items = _items_of(reading)
    places: dict[str, list[int]] = {}
    for index, item in enumerate(items):
        for pair in _pairs(item.full):
            places.setdefault(pair, []).append(index)
    return items, {pair: tuple(indices) for pair, indices in places.items()}


def _same(item: _Item, other: _Item) -> bool:
    if item.core == other.core:
        return True
    for mine, theirs in ((item.core, other.core), (item.full, other.full)):
        if min(len(mine), len(theirs)) >= _LONG:
            pairs, others = _pairs(mine), _pairs(theirs)
            if len(pairs & others) >= _ENOUGH * max(len(pairs), len(others)):
                return True
    return False


@lru_cache(maxsize=256)
def restated(answer: Reading, report: Reading) -> tuple[Restated, ...]:
    """Findings of `report` that `answer` says again (places in the answer's evened-out text)."""
    items, places = _report(report)
    found = []
    for item in _items_of(answer) if items else ():
        near = {index for pair in _pairs(item.full) for index in places.get(pair, ())}
        same = [items[index] for index in sorted(near) if _same(item, items[index])]
        if same:
            right = any(other.denied == item.denied for other in same)
            told = report.text[slice(*same[0].span)]
            found.append(Restated(item.span, right, told))
    return tuple(found)


@lru_cache(maxsize=256)
def unreported(answer: Reading, report: Reading) -> tuple[Span, ...]:
    """Findings that the answer says were seen, felt or heard, and of which the report has no word.

    What was not found is often left out of a report; what was found is not.
    """
    found = []
    for item in _items_of(answer):
        pairs = _pairs(item.core)
        if item.denied or not pairs:
            continue
        share = sum(pair in report.text for pair in pairs) / len(pairs)
        sensed = _SENSED.match(answer.text, item.span[0], item.span[1])
        seen = _SEEN.match(answer.text, item.span[0]) and item.core[0] not in report.text
        if (sensed and share <= _NOTHING) or (seen and not share):
            found.append(item.span)
    return tuple(found)
