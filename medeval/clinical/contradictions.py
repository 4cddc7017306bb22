"""Statements that cannot stand: against themselves, against fixed usage, against the case, against textbooks.

Nothing here needs a key point. What is found names what is known and where it is written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.binding import bind
from medeval.clinical.courses import courses
from medeval.clinical.data_files import read_data
from medeval.clinical.effects import effects
from medeval.clinical.guidelines import interpret
from medeval.clinical.knowledge import Judged, known_statements
from medeval.clinical.lexicons import analytes
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, read
from medeval.clinical.sayings import sayings, spread, things
from medeval.errors import UsageError

_HAN = re.compile(r"[\u4e00-\u9fff]")
_HEADING = re.compile(
    r"^[\s\-*•·\d.、()（）①-⑩]*(?P<head>[^:：。；;\n]{2,24})[:：]\s*(?P<body>[^\n]{4,})", re.MULTILINE
)
_AVOIDED = re.compile(r"(?:避免|禁止|切勿|不要|不宜|不能|不可以?|不应该?|忌)(?P<act>[^，,。；;：:、\n()（）]{2,10})")
_ADVISED = re.compile(r"(?<![不无未勿也需])(?:可以|应该|应|要|建议|(?<!可)能)(?:多|适当|经常)?\Z")
_LONGEST_ADVISED = 4
_NO_ACT = re.compile(
    r"^(?:过[度多分]|长[时期]|自行|随意|的|了|等|以下|上述|任何|因|完全|单独|直接|通过|影响|忽视|忽略|替代|切除|与|被|用于|有)"
)
_TURNED_BACK = re.compile(r"(?:除非|但是?|如果|若|如|当|(?<!术)后|以后|之后|才|恢复|前|时(?!间))[^，。；]{0,12}$")
_CHANGED_LATER = re.compile(
    r"治疗|术后|用药|较前|复查|好转|恢复|改善|鉴别|如果|若|一般|通常|正常|可能|预防|避免|目标|控制|随访|(?<!诊断)标准"
)
_ENLARGED = re.compile(r"(?<!不)(肝|脾)(?:脏)?(?:肿?大|增大|(?:右|左)?(?:肋缘?|剑突)下[^，。]{0,4}\d)")


_SIGN = re.compile(
    r"(?P<of>[\u4e00-\u9fffa-z0-9-]{2,12}?)(?:检测|结果|均|为|呈|强|弱|反应|:|\s|可能)*(?P<sign>阳性|阴性|\(\+\)|\(-\))"
)
_PAIRS = (("低血压", "高血压"), ("低血糖", "高血糖"), ("低钾血症", "高钾血症"), ("低血钾", "高血钾"), ("低热", "高热"))
_AS_HISTORY = r"(?:病)?(?:病史|史|患者|病人|[1-3]级|性|，|、|。|\()"


def has_chinese(text: str) -> bool:
    """Whether any character is Chinese."""
    return not text.isascii() and _HAN.search(text) is not None


@dataclass(frozen=True)
class Fixed:
    """Wordings that make no sense, with why and from where."""

    wrong: Pattern
    note: str
    source: str


_CHINESE, _ENGLISH = ("expressions_zh.yaml", "expressions_advice_zh.yaml"), ("expressions_en.yaml",)


@lru_cache(maxsize=2)
def _fixed(files: tuple[str, ...]) -> tuple[Fixed, ...]:
    return tuple(
        Fixed(Pattern("|".join(f"(?:{pattern})" for pattern in block["wrong"])), block["note"], block["source"])
        for file in files
        for block in read_data(file)["blocks"]
    )


@lru_cache(maxsize=1024)
def expressions(reading: Reading) -> tuple[Judged, ...]:
    """Fixed expressions with the opposite word."""
    files = _CHINESE if has_chinese(reading.text) else _ENGLISH
    return tuple(
        Judged(match.span(), False, fixed.note, fixed.source, measured=False)
        for fixed in _fixed(files)
        for match in fixed.wrong.finditer(reading.text)
    )


def _headings(reading: Reading) -> Iterator[Judged]:
    """A heading and the text behind it that let the same thing rise and fall."""
    every = sayings(reading)
    for match in _HEADING.finditer(reading.text) if every else ():
        mine = [s for s in every if match.start("head") <= s.start < match.end("head")]
        body = [s for s in every if match.start("body") <= s.start < match.end("body")]
        for one in mine:
            for other in body:
                if one.noun == other.noun and one.up != other.up and not (one.turned or other.turned):
                    yield Judged(spread(other), False, "与本条标题相反 / against its own heading", "", measured=False)


def _acts(reading: Reading) -> Iterator[Judged]:
    """An act that is advised against in one place and advised in another."""
    for match in _AVOIDED.finditer(reading.text):
        act = match["act"][:4]
        if _NO_ACT.match(act):
            continue
        for place in _places(reading.text, act):
            advised = _ADVISED.search(reading.text, max(0, place - _LONGEST_ADVISED), place)
            if advised is None or advised.start() == match.start():
                continue
            if not _TURNED_BACK.search(reading.text[: advised.start()][-20:]):
                span = (advised.start(), place + len(act))
                yield Judged(span, False, "自相矛盾 / contradicts itself", "", measured=False)


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


@lru_cache(maxsize=1024)
def against_itself(reading: Reading) -> tuple[Judged, ...]:
    """Places where an answer contradicts what it says elsewhere."""
    return () if reading.text.isascii() else (*_headings(reading), *_acts(reading))


@lru_cache(maxsize=256)
def _told(report: Reading) -> dict[str, bool]:
    """Things that a case report lets move one way only, by words or by figures outside their range."""
    found: dict[str, set[bool]] = {}
    for saying in sayings(report):
        if not saying.turned:
            found.setdefault(saying.noun, set()).add(saying.up)
    for match in _ENLARGED.finditer(report.text):
        found.setdefault(match.group(1) + "脏", set()).add(True)
    for noun, up in _measured(report):
        found.setdefault(noun, set()).add(up)
    return {noun: next(iter(ways)) for noun, ways in found.items() if len(ways) == 1}


def _measured(report: Reading) -> Iterator[tuple[str, bool]]:
    """Things whose figure in the report lies above or below every range that is known for it."""
    for bound in bind(report):
        if not bound.analyte or bound.quantity.kind != "value":
            continue
        value = f"{bound.quantity.values[0]:g} {bound.quantity.unit}".strip()
        try:
            ways = {meaning.direction for meaning in interpret({bound.analyte: value})}
        except UsageError:
            continue
        if len(ways) == 1 and ways <= {"high", "low"}:
            for name in analytes()[bound.analyte].zh:
                if read(name).text in things():
                    yield things()[read(name).text][0], ways == {"high"}


@lru_cache(maxsize=512)
def _signs(text: str) -> dict[str, set[bool]]:
    """Tests and signs with their results, by their last characters."""
    found: dict[str, set[bool]] = {}
    for match in _SIGN.finditer(text):
        found.setdefault(match["of"][-4:], set()).add(match["sign"] in ("阳性", "(+)", "+"))
    return found


def _results(reading: Reading, report: Reading) -> Iterator[Judged]:
    """A test that the report calls positive (or negative), and the answer the other way."""
    told = _signs(report.text)
    for match in _SIGN.finditer(reading.text) if told else ():
        known = told.get(match["of"][-4:])
        if known and len(known) == 1:
            right = (match["sign"] in ("阳性", "(+)", "+")) in known
            yield Judged(match.span(), right, "病例所述 / the case report", "")


def _names(reading: Reading, report: Reading) -> Iterator[Judged]:
    """A disease of the report's history turned into its opposite (高血压 → 低血压)."""
    for one, other in _PAIRS:
        for said, told in ((one, other), (other, one)):
            if told not in report.text or said in report.text:
                continue
            for match in re.finditer(said + _AS_HISTORY, reading.text):
                if not _CHANGED_LATER.search(reading.sentence_at(match.start()).text):
                    yield Judged(match.span(), False, f"病例所述为{told} / the case report", "")


@lru_cache(maxsize=512)
def against_case(reading: Reading, report: Reading) -> tuple[Judged, ...]:
    """What the case report says of a thing, said again: rightly, or turned round."""
    told = _told(report)
    found = [*_results(reading, report), *_names(reading, report)]
    for saying in sayings(reading) if told else ():
        if saying.state and not saying.turned and saying.noun in told:
            sentence = reading.sentence_at(saying.start)
            right = told[saying.noun] == saying.up
            if right or not _CHANGED_LATER.search(sentence.text):
                found.append(Judged(spread(saying), right, "病例所述 / the case report", ""))
    return tuple(found)


@lru_cache(maxsize=1024)
def statements(reading: Reading, topic: tuple[str, ...] = ()) -> tuple[Judged, ...]:
    """Everything in a reading that can be judged without key points; the same stretch once, wrong before right."""
    every = [
        *known_statements(reading, topic),
        *effects(reading, topic),
        *courses(reading),
        *expressions(reading),
        *against_itself(reading),
    ]
    kept: dict[tuple[int, int], Judged] = {}
    for judged in sorted(every, key=lambda j: j.right):
        kept.setdefault(judged.span, judged)
    return tuple(sorted(kept.values(), key=lambda j: j.span))
