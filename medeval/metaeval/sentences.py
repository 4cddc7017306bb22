"""Sentences, checklists and advice as plain text: on purpose not the readings that the metrics use.

An instrument that finds its places with the rules it measures would only find what those rules already see.
"""

import re
from collections.abc import Sequence
from dataclasses import dataclass

from medeval.cases.schema import Urgency

_SENTENCE = re.compile(
    r"[^。！？!?；;]*?(?:[。！？!?；;]+[”」』\"']?|(?<!\d)\.(?=\s|$)|(?<=\d)\.(?=\s+[A-Z]|\s*$)|(?<![，,、\s])\s*\n\s*|$)"
)
_WORD = re.compile(r"[A-Za-z][A-Za-z'-]+|\d+(?:\.\d+)?")
_CJK_RUN = re.compile(r"[\u3400-\u9fff]+")
_STOP = frozenset(
    "the a an is are was were be been of to in on for and or with by as at it its this that these those you your can"
    " may should will would if not no do does from have has any more than also such there their they when which"
    " who".split()
)
_HEADING = re.compile(r"^[一二三四五六七]?[、.]?\s*[*#\s]*(?:核心|次要)需求[*\s]*[:：]?$")
_NUMBERING = re.compile(r"^\s*(?:[-*•]|\(?（?[\d一二三四五六七八九十]+[)）.、．]|[①-⑩])\s*")
_KIND = re.compile(r"^\**\s*(?P<kind>[^\s:：，。]{2,8}?)[①-⑩\d]*\s*\**\s*[:：]\s*")
_FORM = ("格式", "字数", "语言", "结构", "排版", "表达")

CARE = re.compile(
    r"(?:建议|应|请|需|及时|尽快|尽早|立即|立刻|马上|务必|最好|必要时|可以?|要|前往|随时)[^。；;\n]{0,16}"
    r"(?:就医|就诊|急诊|看医生|去医院|到医院|复诊|面诊|求助|求医|医院)|咨询[^。，]{0,8}(?:医|药师|专业)|寻求[^。，]{0,8}(?:医|专业|帮助)"
    r"|拨打\s*120|遵医嘱|在(?:专业)?医[生师][^。，]{0,6}指导下"
    r"|\b(?:see|consult|contact|call|visit|ask|talk to|speak (?:to|with)|evaluated by|notify|inform)\b[^.]{0,40}"
    r"\b(?:doctor|physician|provider|professional|clinic|911|specialist|dentist|pharmacist|gynecologist)\b"
    r"|\bmedical (?:attention|care|help|advice|evaluation)\b"
    r"|\bemergency (?:room|department|care|medical|services?)\b|\bcall 911\b",
    re.IGNORECASE,
)
"""Advice to be seen by a physician."""
_ALARM = re.compile(
    r"立即|立刻|马上|急诊|120|急救|紧急|抢救|自杀|胸痛|昏迷|呼吸困难|休克|大出血|中毒"
    r"|\bemergenc|\bimmediate|\b911\b|\bright away\b|\burgent|\bsuicid|\bchest pain\b|\boverdose\b|\bstroke\b",
    re.IGNORECASE,
)
_NOW = re.compile(
    r"(?:立即|立刻|马上|尽快送)[^，。]{0,8}(?:就医|就诊|急诊|医院|拨打)|(?:去|到|往|送|挂|看)急诊|急诊(?:就医|就诊)|120"
    r"|\b(?:call 911|emergency (?:room|department|care|medical)|(?:seek )?immediate medical)",
    re.IGNORECASE,
)
_CONDITION = re.compile(
    r"如|若|一旦|时|出现|超过|情况|信号|表现|症状|征象"
    r"|\bif\b|\bwhen\b|\bunless\b|\bshould you\b|\bcase of\b|\bsigns?\b|\bsymptoms?\b",
    re.IGNORECASE,
)


CARRIES = 0.4
"""A sentence carries a point when it holds this share of the point's words …"""
MARGIN = 0.15
"""… and this much more of them than any other sentence."""


@dataclass(frozen=True)
class Stretch:
    """Characters `start:end` of an answer, one sentence with its end mark and the white space behind it."""

    start: int
    end: int
    text: str


def sentences(text: str) -> tuple[Stretch, ...]:
    """The sentences of `text`; together they are the whole text, blank stretches belong to the sentence before."""
    found: list[Stretch] = []
    for match in _SENTENCE.finditer(text):
        if match.end() == match.start():
            continue
        if not re.search(r"\w", match.group()) and found:
            last = found.pop()
            found.append(Stretch(last.start, match.end(), text[last.start : match.end()]))
        else:
            found.append(Stretch(match.start(), match.end(), match.group()))
    return tuple(found)


def grams(text: str) -> frozenset[str]:
    """Latin words, figures and pairs of Chinese characters."""
    words = {word.lower() for word in _WORD.findall(text)} - _STOP
    for run in _CJK_RUN.findall(text):
        words |= {run[i : i + 2] for i in range(len(run) - 1)}
    return frozenset(words)


def overlap(sentence: str, statement: str) -> float:
    """Share of the statement's words that the sentence has."""
    wanted = grams(statement)
    return len(wanted & grams(sentence)) / len(wanted) if wanted else 0.0


def carriers(text: str, checklist: Sequence[str]) -> tuple[Stretch, ...]:
    """The sentences that carry a point of the checklist: the one that shares most words with it, by a clear margin.

    Where two sentences carry a point alike, none counts: without one of them the point is still made.
    """
    found: dict[int, Stretch] = {}
    stretches = sentences(text)
    for statement in checklist:
        ranked = sorted(((overlap(s.text, statement), i) for i, s in enumerate(stretches)), reverse=True)
        if ranked and ranked[0][0] >= CARRIES and (len(ranked) == 1 or ranked[0][0] - ranked[1][0] >= MARGIN):
            best = stretches[ranked[0][1]]
            found[best.start] = best
    return tuple(found[start] for start in sorted(found))


def checklist_lines(text: str) -> list[str]:
    """The points of a physician's checklist (核心需求, 次要需求), without numbering and without points of form."""
    found: list[str] = []
    for line in text.splitlines():
        line = line.strip()
        if not line or _HEADING.match(line):
            continue
        line = _NUMBERING.sub("", line, count=1)
        kind = _KIND.match(line)
        if kind and kind.group("kind").startswith(_FORM):
            continue
        if kind and kind.group("kind").endswith("要求"):
            line = line[kind.end() :]
        if line.strip():
            found.append(line.strip())
    return found


def urgency_named(question: str, checklist: Sequence[str]) -> Urgency | None:
    """How urgent the physicians' checklist says it is; the answer itself is never asked.

    Emergency where a point demands help now without a condition; routine where neither question nor checklist holds
    an alarm word; None in between.
    """
    if any(_NOW.search(point) and not _CONDITION.search(point) for point in checklist):
        return "emergency"
    if checklist and not _ALARM.search(question) and not any(_ALARM.search(point) for point in checklist):
        return "routine"
    return None
