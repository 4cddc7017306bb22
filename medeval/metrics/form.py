"""format and relevance: length, language, repetition; and whether the answer is about the question."""

import re
from collections import Counter
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.lexicons import analytes, hits
from medeval.clinical.reading import Reading, read
from medeval.metrics.score import Score, metric

SHORTEST, LONGEST = 15, 1500
_STOP = re.compile(r"[。！!？?\n]")
_NO_CJK = re.compile(r"[^\u3400-\u9fff]+")
_SPECIAL_TOKENS = re.compile(r"<\|[a-z_]+\|>|\[INST\]|</s>")


def _repeats(text: str) -> bool:
    """Whether a sentence of ten or more characters comes three times."""
    sentences = [plain for sentence in _STOP.split(text) if len(plain := sentence.strip()) >= 10]
    return len(sentences) >= 3 and max(Counter(sentences).values()) >= 3


@metric(name="format", zh="格式", en="Format", seed="格式奖励与长度惩罚：回答过短 -0.5")
def format_of_answer(case: Case, text: str) -> Score:
    """1 less 0.5 each for too short, wrong language, repetition, and 0.25 each for lesser faults."""
    reading = read(text)
    content = reading.text.strip()
    if not content:
        return Score(0.0, "没有回答 / no answer")
    cjk = len(_NO_CJK.sub("", content))
    faults: list[tuple[float, str]] = []
    if len(content) < SHORTEST * (1 if case.language == "zh" else 3):
        faults.append((0.5, "过短 / too short"))
    if (case.language == "zh") != (cjk > len(content) * 0.2):
        faults.append((0.5, "语言不符 / wrong language"))
    if _repeats(content):
        faults.append((0.5, "重复 / repeats itself"))
    if len(content) > LONGEST * (1 if case.language == "zh" else 3):
        faults.append((0.25, "过长 / too long"))
    if _SPECIAL_TOKENS.search(text):
        faults.append((0.25, "残留标记 / left-over tokens"))
    if not reading.think_closed:
        faults.append((0.25, "思考未结束 / thinking not closed"))
    value = max(0.0, 1.0 - sum(cost for cost, _ in faults))
    return Score(value, "；".join(reason for _, reason in faults) or "格式正常 / well formed")


@lru_cache(maxsize=2048)
def _topics(reading: Reading) -> frozenset[str]:
    found = {f"c:{h.key}" for h in hits(reading, "concept")} | {f"d:{h.key}" for h in hits(reading, "drug")}
    found |= {f"a:{analytes()[h.key].substance or analytes()[h.key].quantity}" for h in hits(reading, "analyte")}
    return frozenset(found | {f"f:{h.key}" for h in hits(reading, "finding")})


@metric(name="relevance", zh="切题", en="Relevance", seed="回答不相关: -2.0")
def relevance(case: Case, text: str) -> Score:
    """Whether the answer speaks of any medical topic of the question or its key points (1) or of none of them (0)."""
    asked = _topics(read(case.prompt))
    for statement in case.expect.must_have:
        for option in statement.any if isinstance(statement, AnyOf) else [statement]:
            asked |= _topics(read(option))
    if not asked:
        return Score.unscored("问题中没有可识别的主题 / no topic recognised in the question")
    said = _topics(read(text))
    shared = asked & said
    if shared:
        return Score(1.0, f"主题一致 {len(shared)} / shared topics")
    return Score(0.0, "未涉及所问主题 / does not speak of the topic asked")
