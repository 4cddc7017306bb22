"""Statements that cannot stand: against themselves, against fixed usage, against textbooks.

Nothing here needs a key point. What is found names what is known and where it is written.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.effects import effects
from medeval.clinical.knowledge import Judged, known_statements
from medeval.clinical.negation_sense import misplaced_negations
from medeval.clinical.patterns import Pattern
from medeval.clinical.plain_sense import plain_sense
from medeval.clinical.reading import Reading
from medeval.clinical.results import known_results
from medeval.clinical.sayings import Saying, sayings, spread

_HAN = re.compile(r"[\u4e00-\u9fff]")
_HEADING = re.compile(
    r"^[\s\-*•·\d.、()（）①-⑩]*(?P<head>[^:：。；;\n]{2,24})[:：]\s*(?P<body>[^\n]{4,})", re.MULTILINE
)
_REMEDY = re.compile(
    r"应|建议|通过|(?<!长期)[服使]用|治疗|采取|有助|(?:来|(?<!可)以|(?:，|^)可(?!能)以?)$|需|方法|措施"
)
_DENYING = r"无法|不能够?|不可以?|不会|不需要?|无需|难以"
_PROMISED = re.compile(rf"(?:(?P<no>{_DENYING})|能够?|可以|会|需要)(?P<act>[\u4e00-\u9fff]{{2}})")
_AVOIDED = re.compile(r"(?:避免|禁止|切勿|不要|不宜|不能|不可以?|不应该?|忌)(?P<act>[^，,。；;：:、\n()（）]{2,10})")
_ADVISED = re.compile(r"(?<![不无未勿也需])(?:可以|应该|应当|鼓励|应|要|建议|(?<!可)能)(?:多|适当|经常)?\Z")
_LONGEST_ADVISED = 4
_NO_ACT = re.compile(
    r"^(?:做什么|排除|除外|确诊|诊断|说明|判断|证明|过[度多分]|长[时期]|自行|随意|的|了|等|以下|上述|任何|因|完全|单独|直接|通过|影响|忽视|忽略|替代|切除|与|被|用于?|有|治疗|停药|延缓)"
)
# "高钾血症时不宜补钾": avoided in one state, right in another.
_SOME_ONLY = re.compile(r"(?:(?<!或)者|(?<![及同暂随按小平])时|期|患者|病人|孕妇|儿童|婴儿|血症|如|若|当)")
_TURNED_BACK = re.compile(r"(?:除非|但是?|如果|若|如|当|(?<!术)后|以后|之后|才|恢复|前|时(?!间))[^，。；]{0,12}$")


def has_chinese(text: str) -> bool:
    """Whether any character is Chinese."""
    return not text.isascii() and _HAN.search(text) is not None


@dataclass(frozen=True)
class Fixed:
    """Wordings that make no sense, with why and from where."""

    wrong: Pattern
    note: str
    source: str
    sure: bool = True


_CHINESE = ("expressions_zh.yaml", "expressions_advice_zh.yaml", "expressions_fit_zh.yaml")
_ENGLISH = ("expressions_en.yaml",)


@lru_cache(maxsize=2)
def _fixed(files: tuple[str, ...]) -> tuple[Fixed, ...]:
    return tuple(
        Fixed(
            Pattern("|".join(f"(?:{pattern})" for pattern in block["wrong"])),
            block["note"],
            block["source"],
            block.get("sure", True),
        )  # fmt: skip
        for file in files
        for block in read_data(file)["blocks"]
    )


@lru_cache(maxsize=1024)
def expressions(reading: Reading) -> tuple[Judged, ...]:
    """Fixed expressions with the opposite word."""
    files = _CHINESE if has_chinese(reading.text) else _ENGLISH
    return tuple(
        Judged(match.span(), False, fixed.note, fixed.source, measured=False, sure=fixed.sure)
        for fixed in _fixed(files)
        for match in fixed.wrong.finditer(reading.text)
        if not reading.sentence_at(match.start()).is_question
    )


def _headings(reading: Reading) -> Iterator[Judged]:
    """A heading and the text behind it that let the same thing rise and fall."""
    every = sayings(reading)
    for match in _HEADING.finditer(reading.text) if every else ():
        mine = [s for s in every if match.start("head") <= s.start < match.end("head")]
        body = [s for s in every if match.start("body") <= s.start < match.end("body")]
        for one in mine:
            for other in body:
                if one.up != other.up and not (one.turned or other.turned) and _of_one(reading.text, one, other):
                    yield Judged(spread(other), False, "与本条标题相反 / against its own heading", "", measured=False)


def _of_one(text: str, head: Saying, body: Saying) -> bool:
    """Whether a heading and its text speak of one thing (失眠, 失眠症状) and not of its remedy."""
    name, told = text[slice(*head.thing)], text[slice(*spread(body))]
    same = head.noun == body.noun or (name[:2] in told and name[-2:] in told)
    return same and not _REMEDY.search(text, max(0, body.start - 12), body.start)


def _promises(reading: Reading) -> Iterator[Judged]:
    """A heading that denies what its text begins by granting, or the other way round: "无法显示血管：能显示……"."""
    for match in _HEADING.finditer(reading.text):
        head = _PROMISED.match(match["head"].strip("*# "))
        body = _PROMISED.match(reading.text, match.start("body") + len(match["body"]) - len(match["body"].lstrip("* ")))
        if head and body and head["act"] == body["act"] and bool(head["no"]) != bool(body["no"]):
            yield Judged(body.span(), False, "与本条标题相反 / against its own heading", "", measured=False)


def _acts(reading: Reading) -> Iterator[Judged]:
    """An act that is advised against in one place and advised in another."""
    for match in _AVOIDED.finditer(reading.text):
        act = match["act"][:4]
        if _NO_ACT.match(act) or _SOME_ONLY.search(reading.text, reading.clause_at(match.start())[0], match.start()):
            continue
        for place in _places(reading.text, act):
            advised = _ADVISED.search(reading.text, max(0, place - _LONGEST_ADVISED), place)
            if advised is None or advised.start() == match.start():
                continue
            if not _TURNED_BACK.search(reading.text[: advised.start()][-20:]):
                span = (advised.start(), place + len(act))
                yield Judged(span, False, "自相矛盾 / contradicts itself", "", measured=False, sure=False)


def _places(text: str, word: str) -> Iterator[int]:
    place = text.find(word)
    while place >= 0:
        yield place
        place = text.find(word, place + len(word))


@lru_cache(maxsize=1024)
def against_itself(reading: Reading) -> tuple[Judged, ...]:
    """Places where an answer contradicts what it says elsewhere."""
    return () if reading.text.isascii() else (*_headings(reading), *_promises(reading), *_acts(reading))


@lru_cache(maxsize=1024)
def statements(reading: Reading, topic: tuple[str, ...] = (), of_drug: bool = False) -> tuple[Judged, ...]:
    """Everything in a reading that can be judged without key points; the same stretch once, wrong before right."""
    every = [
        *known_statements(reading, topic, of_drug),
        *known_results(reading, topic),
        *effects(reading, topic),
        *plain_sense(reading),
        *expressions(reading),
        *misplaced_negations(reading),
        *against_itself(reading),
    ]
    kept: dict[tuple[int, int], Judged] = {}
    for judged in sorted(every, key=lambda j: j.right):
        kept.setdefault(judged.span, judged)
    return tuple(sorted(kept.values(), key=lambda j: j.span))
