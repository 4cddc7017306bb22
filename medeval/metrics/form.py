"""format and relevance: length, language, repetition; and whether the answer is about the question."""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.lexicons import analytes, concept_kind, hits
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import Reading, read
from medeval.clinical.words import GENERIC, KNOWN, words_of
from medeval.metrics.marks import echoes
from medeval.metrics.score import Score, metric

SHORTEST, LONGEST = 15, 1500
ENOUGH = 3.0  # weight of the words that question and answer must share: three words that tell something
OFF_TOPIC_KEPT, NOTHING_SHARED = 0.2, 1.0
"""What an answer to another question keeps of every profile, and the weight of shared words below which it is one."""
TOLD = 60  # characters that say enough to tell what an answer is about
LARGE = 10  # a smaller figure is shared by chance
SHOWN = 5
_STOP = re.compile(r"[。！!？?\n]")
_NO_CJK = re.compile(r"[^\u3400-\u9fff]+")
_SPECIAL_TOKENS = re.compile(r"<\|[a-z_]+\|>|\[INST\]|</s>")


def _repeats(text: str) -> bool:
    """Whether a sentence of ten or more characters comes three times."""
    sentences = [plain for sentence in _STOP.split(text) if len(plain := sentence.strip()) >= 10]
    return len(sentences) >= 3 and max(Counter(sentences).values()) >= 3


def _other_language(case: Case, content: str) -> bool:
    """Whether an answer is not in the language of its question."""
    return (case.language == "zh") != (len(_NO_CJK.sub("", content)) > len(content) * 0.2)


@metric(name="format", zh="格式", en="Format", seed="格式奖励与长度惩罚：回答过短 -0.5")
def format_of_answer(case: Case, text: str) -> Score:
    """1 less 0.5 each for too short, wrong language, repetition, and 0.25 each for lesser faults."""
    reading = read(text)
    content = reading.text.strip()
    if not content:
        return Score(0.0, "没有回答 / no answer")
    faults: list[tuple[float, str]] = []
    if len(content) < SHORTEST * (1 if case.language == "zh" else 3):
        faults.append((0.5, "过短 / too short"))
    if _other_language(case, content):
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
    return Score(value, " · ".join(reason for _, reason in faults) or "格式正常 / well formed")


@lru_cache(maxsize=1)
def _tests() -> dict[str, str]:
    return {key: analyte.substance or analyte.quantity for key, analyte in analytes().items()}


def _topics(reading: Reading) -> Iterator[tuple[int, int, tuple[str, str]]]:
    """Places of diseases, tests, drugs and findings, with what they mean."""
    for name in ("concept", "drug", "finding"):
        for hit in hits(reading, name):
            yield hit.start, hit.end, (name, hit.key)
    for hit in hits(reading, "analyte"):
        yield hit.start, hit.end, ("analyte", _tests()[hit.key])


@lru_cache(maxsize=512)
def _topics_asked(texts: tuple[str, ...]) -> frozenset[tuple[str, str]]:
    return frozenset(topic for text in texts for *_, topic in _topics(read(text)))


@lru_cache(maxsize=512)
def _words_asked(texts: tuple[str, ...]) -> dict[str, float]:
    """The telling words of a question and its key points, with their weights."""
    words = (word for text in texts for word in words_of(read(text)))
    return {word.key: word.weight for word in words if word.weight >= GENERIC}


def _runs(text: str, spans: list[tuple[int, int]]) -> list[str]:
    """What the spans cover, each run once, the longest first; pairs of characters that overlap are one run."""
    runs: list[tuple[int, int]] = []
    for start, end in sorted(spans):
        if runs and start < runs[-1][1]:
            start, end = runs[-1][0], max(end, runs.pop()[1])
        runs.append((start, end))
    return sorted(dict.fromkeys(text[start:end] for start, end in runs), key=len, reverse=True)


def _shared(case: Case, reading: Reading, texts: tuple[str, ...]) -> list[tuple[int, int]]:
    """Places of what the question holds too: topics, else figures, else words; empty where they are too few."""
    skip = echoes(case, reading)

    def kept(place: int) -> bool:
        return reading.sentence_at(place).start not in skip

    topics = _topics_asked(texts)
    found = [(start, end) for start, end, topic in _topics(reading) if topic in topics and kept(start)]
    if found:
        return found
    figures = {q.values for q in quantities_of(read(case.prompt)) if max(q.values) >= LARGE}
    found = [(q.start, q.end) for q in quantities_of(reading) if q.values in figures and kept(q.start)]
    if found:
        return found
    asked = _words_asked(texts)
    words = [word for word in words_of(reading) if word.key in asked and kept(word.start)]
    weights = [asked[key] for key in {word.key for word in words}]
    enough = sum(weights) >= ENOUGH or max(weights, default=0.0) >= KNOWN
    return [(word.start, word.end) for word in words] if enough else []


def _spoken_of(case: Case) -> Iterator[str]:
    """The question, what was said before it, its key points, and the tests that its facts and its report hold."""
    yield case.prompt
    yield from (turn.text for turn in case.history if turn.role == "user")
    for statement in case.expect.must_have:
        yield from statement.any if isinstance(statement, AnyOf) else [statement]
    yield from (key.replace("_", " ") for key in case.facts)
    yield from (row.name for row in case.expect.lab_rows)


def _tells_of_another(reading: Reading) -> bool:
    """Whether an answer says enough, and names a disease or a drug: "多休息" may well be about the question."""
    names = any(concept_kind(hit.key) in ("condition", "drug") for hit in hits(reading, "concept"))
    return len(reading.text) >= TOLD * (3 if reading.text.isascii() else 1) and (names or bool(hits(reading, "drug")))


@metric(name="relevance", zh="切题", en="Relevance", seed="回答不相关: -2.0")
def relevance(case: Case, text: str) -> Score:
    """1 where question or key points and answer share a known topic, a figure or three telling words, else 0.

    One that shares no telling word, and names a disease or drug or speaks another language, leaves a fifth of every
    profile.
    """
    texts = tuple(_spoken_of(case))
    reading = read(text)
    if places := _shared(case, reading, texts):
        said = ", ".join(_runs(reading.text, places)[:SHOWN])
        return Score(1.0, f"同题：{said} / on topic: {said}")
    if case.images and (seen := hits(reading, "finding")):
        name = reading.text[seen[0].start : seen[0].end]
        return Score(1.0, f"描述所附图像：{name} / speaks of the image: {name}")
    asked = _words_asked(texts)
    known = bool(_topics_asked(texts)) or any(weight >= KNOWN for weight in asked.values())
    if not known and (sum(asked.values()) < ENOUGH or any(word.key in asked for word in words_of(reading))):
        return Score.unscored("问题中没有可识别的主题 / no topic recognised in the question")
    shared = sum(asked[key] for key in asked.keys() & {word.key for word in words_of(reading)})
    another = _other_language(case, reading.text) or _tells_of_another(reading)
    keeps = OFF_TOPIC_KEPT if shared < NOTHING_SHARED and another else 1.0
    return Score(0.0, "未涉及所问主题 / does not speak of the topic asked", keeps=keeps)
