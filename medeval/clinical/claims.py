"""Claims: what an answer says a value means ("1级高血压", "偏高", "正常"), about which test, affirmed or denied.

Definitions ("正常为 3.9-6.1"), conditions, questions, risks and comparisons are no claims.
"""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.clinical.binding import Bound, bind
from medeval.clinical.guidelines import load_guidelines
from medeval.clinical.lexicons import Hit, analytes, hits
from medeval.clinical.polarity import is_conditional, is_negated, is_prevention, is_quoted
from medeval.clinical.reading import Reading

ClaimKind = Literal["class", "direction"]

_MARKER = re.compile(
    r"(?:属于?|达到?|已|符合|诊断为?|考虑为?|提示|处于|落在|在|判定为?|归为|就是|算是?|[^不]是|为|患有|意味着|说明|表明|即|示"
    r"|满足|超过|超出|高于|进入|:"
    r"|\bmeets?|\bis|\bare|indicates?|suggests?|consistent with|classified as|considered|falls?|within|\bin"
    r"|range|qualif\w+"
    r"|reach\w*|you have|a reading of)"
    r"[^，,。;；]{0,9}$"
)
_STANDARD = re.compile(r"标准|范围|水平|阈值|切点|range")
_STANDARD_MARKER = re.compile(
    r"(?:达到?|已达|符合|满足|超过|超出|处于|在|落入|属于?|进入|高于|到了|meet|within|\bin|reach\w*)[^，,。;；]{0,8}$"
)
_NOT_A_CLAIM_AFTER = re.compile(
    r"(?:的)?(?:患者|病人|人群|风险|危险|并发症|可能|前期|病史|家族史|史|饮食|用药|治疗|管理|防治|教育|指南|诊断(?!标准)|原因|病因|分级|分类|定义|因素|常见|药|急症|危象|症状)"
    r"|是(?:一种|指|最|常见|可以)|\s?(?:risk|patients?|history|guideline|treatment|management|medication|drugs?)"
)
_DEFINITION_AFTER = re.compile(
    r"(?:的?(?:诊断)?(?:标准|范围|值|切点|阈值))?(?:通常|一般)?(?:为|是指|指|是|:|应)?\s?[(]?(?:收缩压|空腹)?(?:[≥≤<>~]|\d)"
)
_COMPARED_BEFORE = re.compile(
    r"(?:高于|超过了?|超出了?|低于|大于|小于|偏离|异于|恢复|回到|降至|降到|维持|保持|接近|高出|较|比|与|和)(?:了)?$"
)
_NORMAL_MARKER = re.compile(r"(?:属于?|处于|在|落在|符合|是|为|尚|基本|完全|均|都|仍|算)$")
_NORMAL_ATTRIBUTE = re.compile(
    r"(?:高值|高限|上限|下限|参考|人|成人|饮食|作息|生活|工作|活动|运动|进食|用餐|服药|睡眠|妊娠|分娩|上班|情况下|现象|反应|体检|的?标准|值|范围|水平|区间|血压|血糖|体温|空腹血糖|空腹|心率|sinus|range|value|level)"
)
_NORMAL_INSIDE = re.compile(
    r"(?:的?(?:参考)?(?:值|范围|水平|区间)(?:之?内|里|以内)?|(?:血压|血糖|体温)?(?:值|范围|水平)?(?:之?内)?)"
)
_BEFORE_IS_NORMAL = re.compile(r"(?:其余|其他|其它|另外|剩余|余下|余)[^，。]{0,10}$")
_EVERYTHING = re.compile(r"(?:各项|所有|全部|整体|总体|各指标|报告|结果|指标)[^，。]{0,8}$")
_LINK = re.compile(r"^[、和及与跟/\s()\[\]a-z0-9.%^×*~<>≥≤#:-]*$|^[^，。]{0,2}(?:、|和|及|与)[^，。]{0,2}$")
_VERB_LOW = frozenset(
    {
        "降低",
        "减少",
        "下降",
        "减低",
        "reduced",
        "decreased",
        "low",
        "high",
        "increased",
        "raised",
        "升高",
        "增高",
        "增多",
    }
)
REST = "rest"
ALL = "all"


@dataclass(frozen=True)
class Claim:
    """`quantity` is a guideline quantity or an analyte key, "" unknown, "rest" or "all" for the remaining rows.

    `word` as in the lexicon; for directions `word` is high, low or normal. Indices of evened-out text.
    """

    quantity: str
    analyte: str
    kind: ClaimKind
    word: str
    negated: bool
    start: int
    end: int


@lru_cache(maxsize=1)
def _label_quantities() -> dict[str, tuple[str, ...]]:
    found: dict[str, set[str]] = {}
    for guideline in load_guidelines().values():
        for cls in guideline.classes:
            for word in (*cls.labels, *cls.if_named):
                found.setdefault(word, set()).add(guideline.quantity)
    return {word: tuple(sorted(quantities)) for word, quantities in found.items()}


def _own_value_before(bound: tuple[Bound, ...], start: int, end: int) -> Bound | None:
    """The nearest patient value in `start:end`."""
    inside = [b for b in bound if b.role == "patient" and start <= b.quantity.start and b.quantity.end <= end]
    return inside[-1] if inside else None


def _plain_mood(reading: Reading, start: int, end: int) -> bool | None:
    """Negated or not; None where the mention is no statement (question, condition, quotation)."""
    if reading.sentence_at(start).is_question or is_conditional(reading, start, end) or is_quoted(reading, start, end):
        return None
    return is_negated(reading, start, end)


def _class_claim(reading: Reading, hit: Hit, bound: tuple[Bound, ...]) -> Claim | None:
    text = reading.text
    sentence = reading.sentence_at(hit.start)
    before = text[max(sentence.start, hit.start - 24) : hit.start]
    own = _own_value_before(bound, sentence.start, hit.start)
    marked = bool(_MARKER.search(before))
    if _STANDARD.search(hit.key):
        marked = bool(_STANDARD_MARKER.search(before))
        own = own if marked else None
    negated = _plain_mood(reading, hit.start, hit.end)
    if negated is None or is_prevention(reading, hit.start) or _COMPARED_BEFORE.search(before):
        return None
    after = text[hit.end : hit.end + 14]
    if _NOT_A_CLAIM_AFTER.match(after):
        return None
    definition = _DEFINITION_AFTER.match(after)
    if definition and not marked and not (own and after.startswith("(")):
        return None
    if not (marked or own or negated):
        return None
    quantities = _label_quantities()[hit.key]
    topic = own.analyte if own else _nearest(reading, hit.start, hit.end, bound)
    quantity = _quantity_of(topic)
    if quantity not in quantities:
        quantity = quantities[0] if len(quantities) == 1 else "|".join(quantities)
    return Claim(quantity, topic, "class", hit.key, negated, hit.start, hit.end)


def _quantity_of(analyte: str) -> str:
    return analytes()[analyte].quantity if analyte in analytes() else analyte


def _nearest(reading: Reading, start: int, end: int, bound: tuple[Bound, ...]) -> str:
    """The analyte a word at `start:end` speaks about: before it in the sentence, after it in the clause, or before."""
    sentence = reading.sentence_at(start)
    mentions = hits(reading, "analyte")
    before = [(h.end, h.key) for h in mentions if sentence.start <= h.start and h.end <= start]
    before += [(b.quantity.end, b.analyte) for b in bound if b.analyte and sentence.start <= b.quantity.start < start]
    if before:
        return max(before, key=lambda pair: pair[0])[1]
    after = [
        h.key for h in mentions if end <= h.start <= end + 6 and not re.search(r"[，,。]", reading.text[end : h.start])
    ]
    if after:
        return after[0]
    earlier = [(h.end, h.key) for h in mentions if h.end <= start]
    earlier += [(b.quantity.end, b.analyte) for b in bound if b.analyte and b.quantity.end <= start]
    return max(earlier, key=lambda pair: pair[0])[1] if earlier else ""


def _is_normal_claim(text: str, hit: Hit) -> bool:
    before, after = text[max(0, hit.start - 12) : hit.start], text[hit.end : hit.end + 16]
    if _COMPARED_BEFORE.search(before):
        return False
    marked = bool(_NORMAL_MARKER.search(before))
    attribute = _NORMAL_ATTRIBUTE.match(after)
    if attribute:
        inside = _NORMAL_INSIDE.match(after)
        rest = after[inside.end() :] if inside else after
        if re.match(r"(?:通常|一般)?(?:为|是|应|:|<|≤|≥|\d|约|of)", rest) and not re.search(
            r"(?:属于?|处于|落在|在)$", before
        ):
            return False
        return marked or ("内" in (inside.group() if inside else "") and not rest[:1].isdigit())
    if re.match(r"\s?(?:通常|一般)?(?:(?:为|是|应|:)[^，。]{0,6}[\d<≤≥]|[<≤≥\d])", after):
        return False
    return not re.match(r"[(]\s?[<≥≤\d]", after) or bool(re.search(r"[\d\w]$", before))


def _direction_claims(reading: Reading, hit: Hit, bound: tuple[Bound, ...]) -> list[Claim]:
    text = reading.text
    word = text[hit.start : hit.end]
    before = text[max(0, hit.start - 12) : hit.start]
    sentence = reading.sentence_at(hit.start)
    if hit.key == "normal" and word in ("正常", "normal") and not _is_normal_claim(text, hit):
        return []
    if word in _VERB_LOW and not _predicate(reading, hit, bound):
        return []
    if word in ("不高", "不算高", "不低"):
        negated: bool | None = False if not is_conditional(reading, hit.start, hit.end) else None
    else:
        negated = _plain_mood(reading, hit.start, hit.end)
    if negated is None or is_prevention(reading, hit.start) or _NOT_A_CLAIM_AFTER.match(text[hit.end : hit.end + 6]):
        return []
    if hit.key == "normal" and _BEFORE_IS_NORMAL.search(before):
        return [Claim(REST, "", "direction", "normal", negated, hit.start, hit.end)]
    if (
        hit.key == "normal"
        and _EVERYTHING.search(before)
        and not any(sentence.start <= h.start < hit.start for h in hits(reading, "analyte"))
    ):
        return [Claim(ALL, "", "direction", "normal", negated, hit.start, hit.end)]
    found = _coordinated(reading, hit, bound)
    return [Claim(_quantity_of(key), key, "direction", hit.key, negated, hit.start, hit.end) for key in found]


def _predicate(reading: Reading, hit: Hit, bound: tuple[Bound, ...]) -> bool:
    """Whether a word that is also a verb or an adjective stands right behind a test or its value."""
    ends = [h.end for h in hits(reading, "analyte") if h.end <= hit.start]
    ends += [b.quantity.end for b in bound if b.analyte and b.quantity.end <= hit.start]
    gap = reading.text[max(ends) : hit.start] if ends else "................"
    close = len(gap) <= 6 or bool(
        re.fullmatch(r"[^，,。;]{0,14}(?:is|was|are|轻度|明显|略|稍|显著|有所|呈|计数|水平|浓度|值|\s|\))+", gap)
    )
    after = reading.text[hit.end : hit.end + 8]
    object_follows = bool(
        re.match(r"(?:盐|钠|糖|脂|体重|血压|血糖|风险|摄入|负担|刺激|心血管|到|至|\s?(?:to|the|risk))", after)
    )
    return close and not object_follows and not re.search(r"(?:能|可以?|有助于|帮助|以|来)[^，。]{0,2}$", gap)


def _coordinated(reading: Reading, hit: Hit, bound: tuple[Bound, ...]) -> list[str]:
    """Tests the word speaks about: the nearest one, and those joined to it by 、和及 before a shared predicate."""
    nearest = _nearest(reading, hit.start, hit.end, bound)
    sentence = reading.sentence_at(hit.start)
    mentions = [h for h in hits(reading, "analyte") if sentence.start <= h.start and h.end <= hit.start]
    found = [nearest]
    for left, right in zip(reversed(mentions[:-1]), reversed(mentions[1:]), strict=True):
        between = reading.text[left.end : right.start]
        spoken = any(left.end <= d.start < right.start for d in hits(reading, "direction"))
        if spoken or not _LINK.match(between) or not re.search(r"[、和及与(]|and", between):
            break
        found.append(left.key)
    return list(dict.fromkeys(found))


@lru_cache(maxsize=512)
def claims_of(reading: Reading) -> tuple[Claim, ...]:
    """Every claim of the answer, in order."""
    bound = bind(reading)
    found = [claim for hit in hits(reading, "label") if (claim := _class_claim(reading, hit, bound))]
    taken = [(claim.start, claim.end) for claim in found]
    labels = [(hit.start, hit.end) for hit in hits(reading, "label")]
    for hit in hits(reading, "direction"):
        if not any(start <= hit.start and hit.end <= end for start, end in (*taken, *labels)):
            found += _direction_claims(reading, hit, bound)
    return tuple(sorted(found, key=lambda claim: claim.start))
