"""Advice turned on its head: "无需就医", "可以自行停药", "有助于增加风险". Lists are in `data/advice.yaml`.

No knowledge of the case is needed to see these, so they count whatever the key points are.
"""

import re
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import Reading, Span

_CUSTOMARY = re.compile(
    r"无需(?:特殊|担心|过度|过于|紧张|住院|手术|要?治疗[，。]|干预|处理)|不(?:用|必|要|需要?)(?:过度|过于|太)?(?:担心|紧张|特殊)"
    r"|不(?:能|可以?|应)(?:完全)?(?:替代|代替|取代|夸大|依赖|作为|仅|只|单)|(?:没有|不能|不可以?)(?:有效|完全|单独|仅)|不能(?:及时|正常|按时|保证)|不会|尚不|如不|若不|不及时|未及时"
    r"|避免(?:过|影响|因|对|造成|污染|破坏|干扰|引起|导致|损伤|延误|妨碍|耽误|在|与|使用|接触|长|剧)"
    r"|(?:一般|通常|常规)[^，。]{0,6}不需要[^，。]{0,4}治疗|不需要[^，。]{0,4}治疗(?:的|即可|就)"
)

_GRANTED = re.compile(r"\b(?:if|although|though|unless|when|not)\b")
_WITH_AIM = re.compile(
    r"以(?:便|明确|确保|确定|评估|了解|判断|保持|获得|提高|改善|促进|监测|检测|观察|排除|确诊|指导|制定|缓解|恢复|维持|纠正|补充|协助|更好|期|帮助|增强|保护|巩固|尽早|及早|支持)|从而|有助于"
)


def _any(words: str) -> str:
    return "|".join(re.escape(word) for word in sorted(words.split(), key=len, reverse=True))


def _joined(pattern: str) -> str:
    return "|".join(part for part in re.split(r"\|\s*|\s{2,}", pattern.strip()) if part)


@lru_cache(maxsize=1)
def _patterns() -> tuple[tuple[Pattern, ...], tuple[Pattern, ...]]:
    data = read_data("advice.yaml")
    zh, en = data["chinese"], data["english"]
    near = r"[^，,。；;：:\n]"
    close = r"[^，,。；;：:\n、和与及并]"
    calm = r"[^，,。；;：:\n分“‘\"避防止减降少限不抗及立导增升提]"  # nothing that turns the advice round again
    chinese = (
        rf"(?:{zh['against']})(?:(?!自[己行]|擅自|随意|盲目|乱){close}){{0,4}}?(?:{_any(zh['good'])})",
        rf"(?<![不无未勿可反效适响相功性技智机职碱必主重])(?:{zh['advising']})"
        rf"(?:{calm}{{0,3}}(?:{_any(zh['harmful'])})|(?:{_any(zh['harmful_next'])}))"
        r"(?!检查|检测|测试|筛查|试验|监测|评估|特异|相关|史)",
        rf"(?:{zh['helping']}){near}{{0,6}}?(?:{zh['more']}){calm}{{0,8}}(?:{zh['bad_things']})",
        rf"(?:{zh['helping']}){near}{{0,6}}?(?:{zh['less']}){calm}{{0,8}}(?:{zh['good_things']})",
    )
    english = (
        rf"(?:{en['against'].strip()})[^,.;]{{0,18}}?\b(?:{_joined(en['good'])})",
        rf"(?:{en['advising'].strip()}) (?:{_joined(en['harmful'])})",
    )
    return tuple(map(Pattern, chinese)), tuple(map(Pattern, english))


@lru_cache(maxsize=1)
def _refusals() -> tuple[Pattern, Pattern]:
    zh = read_data("advice.yaml")["chinese"]
    about_drugs = (
        r"(?!(?<=[者期人])不(?:建议|推荐)(?:服用|使用|应用))"  # of some patients: the reason stands in the subject
    )
    refused = rf"(?<![您你也还都又就需]){about_drugs}(?:{zh['refusing']})[^，,。；;：:\n]{{0,6}}?(?:{zh['steps']})"
    return Pattern(refused), Pattern(zh["reasons"])


def _unreasoned(reading: Reading) -> list[Span]:
    """Places that advise against a step of care in a sentence without reason, condition or alternative."""
    refused, reason = _refusals()
    found = []
    for match in refused.finditer(reading.text):
        sentence = reading.sentence_at(match.start())
        left, right = reading.clause_at(match.start())
        before, after = reading.clause_at(max(0, left - 2))[0], reading.clause_at(min(right + 1, sentence.end - 1))[1]
        near = reading.text[max(before, sentence.start) : min(after, sentence.end)]
        if not sentence.is_question and (_WITH_AIM.search(near) or not reason.search(near)):
            found.append(match.span())
    return found


def _granted(reading: Reading, place: int) -> bool:
    """Whether an English sentence has made a condition, a concession or another negation before the place."""
    start = reading.sentence_at(place).start
    return reading.text.isascii() and _GRANTED.search(reading.text, start, place) is not None


@lru_cache(maxsize=512)
def odd_advice(reading: Reading) -> tuple[Span, ...]:
    """Places (evened-out text) that advise against what is always good or for what is always bad."""
    chinese, english = _patterns()
    found: list[Span] = [] if reading.text.isascii() else _unreasoned(reading)
    for pattern in english if reading.text.isascii() else chinese:
        for match in pattern.finditer(reading.text):
            if not _CUSTOMARY.match(reading.text, match.start()) and not _granted(reading, match.start()):
                found.append(match.span())
    return tuple(sorted(dict.fromkeys(found)))
