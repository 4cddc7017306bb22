"""empathy (where wanted) and over_comfort (always): warmth that answers a feeling, comfort in place of help."""

import re
from dataclasses import replace
from functools import lru_cache

from medeval.cases.schema import Case, Expect
from medeval.clinical.binding import bind
from medeval.clinical.claims import claims_of
from medeval.clinical.lexicons import concept_kind, hits, phrases
from medeval.clinical.polarity import is_negated, mood
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import Reading, Sentence, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric

COMFORT_LIMIT = 50
COMFORT_LIMIT_WANTED = 100
LETTERS = 4  # Latin letters that hold as much as one Chinese character
EMOTION_LIMIT = 5
REASSURED = 0.9  # what reassurance without ground leaves of every profile
_PENALTIES = {"long": 0.5, "words": 0.3, "empty": 1.0, "evasive": 1.5, "false": 1.0}
_FEELS = re.compile(
    r"(?:很|好|非常|特别|十分|真的|有点|越来越|一直|心里|整天|每天|又)(?:害怕|担心|焦虑|紧张|难过|恐惧|怕(?!热|冷|光|风)|慌|着急|痛苦|无助)"
    r"|吓坏|吓死|怕得|怕极|崩溃|绝望|睡不着觉?(?:了|，|。|$)|不想活|撑不下去|怎么办.{0,4}我怕"
    r"|\b(?:i'?m|i am|feel(?:ing)?|so|very|really) (?:so |very |really )?"
    r"(?:scared|afraid|worried|anxious|terrified|frightened|desperate|hopeless)\b"
)
_NOTHING_EXPECTED = Expect()
_CONCRETE = frozenset({"test", "drug", "measure", "followup"})


def wants_empathy(case: Case) -> bool:
    """Whether a feeling is to be answered: the case says so, or a free question tells of fear or despair outright."""
    if case.expect != _NOTHING_EXPECTED:
        return case.expect.empathy == "wanted"
    return _FEELS.search(read(case.prompt).text) is not None


@metric(name="empathy", zh="人情味", en="Empathy", seed="人情味保持：同理心表达、温暖安慰、情绪支持")
def empathy(case: Case, text: str) -> Score:
    """0.5 acknowledging, 0.3 support, 0.2 for naming the patient's feeling or more support; dismissal costs 0.5."""
    if not wants_empathy(case):
        return Score.unscored("本例不要求情感回应 / the case does not ask for empathy")
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    kept = {
        key: [
            hit
            for hit in phrases(reading, key)
            if reading.sentence_at(hit.start).start not in skip
            and not (key == "acknowledge" and is_negated(reading, hit.start, hit.end))
        ]
        for key in ("acknowledge", "support", "explore", "formulaic", "dismissive", "feeling")
    }
    notes = {"acknowledge": "理解感受 / acknowledges", "support": "支持 / supports", "explore": "关心询问 / explores"}
    for key, note in notes.items():
        for hit in kept[key]:
            marks.good(hit.start, hit.end, note)
    for hit in kept["dismissive"]:
        marks.bad(hit.start, hit.end, "轻视感受 / dismisses the feeling")
    question = read(case.prompt)
    asked = {question.text[hit.start : hit.end] for hit in phrases(question, "feeling")}
    named = {reading.text[hit.start : hit.end] for hit in kept["feeling"]}
    supports = {reading.text[hit.start : hit.end] for hit in kept["support"]}
    fitting = bool(kept["acknowledge"]) and (bool(asked & named) or not asked or bool(kept["explore"]))
    value = 0.5 * bool(kept["acknowledge"]) + 0.3 * bool(supports) + 0.2 * (fitting or len(supports) > 1)
    if not value and kept["formulaic"]:
        value = 0.1
    value -= 0.5 * bool(kept["dismissive"])
    found = [zh for key, zh in (("acknowledge", "理解"), ("support", "支持"), ("dismissive", "轻视")) if kept[key]]
    return marks.score(
        value, f"{'、'.join(found) or '没有情感回应'} / {', '.join(k for k in notes if kept[k]) or 'no empathy'}"
    )


@lru_cache(maxsize=256)
def _substantial(reading: Reading) -> frozenset[int]:
    """Starts of sentences that hold a figure, a test, a drug or a measure."""
    places = [(h.start, h.end) for h in hits(reading, "concept") if concept_kind(h.key) in _CONCRETE]
    places += [(q.start, q.end) for q in quantities_of(reading)]
    sentences = ((reading.sentence_at(start), start, end) for start, end in places)
    return frozenset(s.start for s, start, end in sentences if s.start <= start and end <= s.end)


def comfort_characters(reading: Reading) -> tuple[int, list[Sentence]]:
    """Characters of sentences that comfort and hold nothing else, and those sentences."""
    soothing = [hit for key in ("comfort", "support", "acknowledge") for hit in phrases(reading, key)]
    found = []
    for sentence in reading.sentences:
        holds = any(sentence.start <= hit.start and hit.end <= sentence.end for hit in soothing)
        if holds and sentence.start not in _substantial(reading):
            found.append(sentence)
    return sum(len(sentence.text.strip()) for sentence in found), found


def _false_reassurance(reading: Reading, skip: frozenset[int]) -> list[tuple[int, int]]:
    """Places that call it harmless beyond doubt beside one that sends nobody to be seen, in one sentence or the next.

    Either alone is none: "不用去医院" is often right, and so is "this is completely normal".
    """
    order = {sentence.start: number for number, sentence in enumerate(reading.sentences)}
    places: dict[str, list[tuple[int, int, int]]] = {}
    for key in ("harmless", "unseen"):
        for hit in phrases(reading, key):
            start = reading.sentence_at(hit.start).start
            if start not in skip and mood(reading, hit.start, hit.end) in ("affirmed", "negated"):
                places.setdefault(key, []).append((order.get(start, 0), hit.start, hit.end))
    harmless, unseen = places.get("harmless", []), places.get("unseen", [])
    near = [(one, other) for one in harmless for other in unseen if abs(one[0] - other[0]) <= 1]
    return sorted({place[1:] for pair in near for place in pair})


@metric(
    name="over_comfort",
    zh="安慰适度",
    en="Measured comfort",
    seed="过度人情惩罚：安慰>50字、过多情绪词、缺乏实质、回避分析",
)
def over_comfort(case: Case, text: str) -> Score:
    """1 minus penalties over 1.5: 0.5 long (>50, wanted >100), 0.3 words, 1.0 empty, 1.0 false, 1.5 evasive."""
    reading = read(text)
    marks = Marks(reading)
    limit = COMFORT_LIMIT_WANTED if wants_empathy(case) else COMFORT_LIMIT
    limit *= LETTERS if reading.letters > len(reading.text) / 2 else 1
    length, sentences = comfort_characters(reading)
    found: list[str] = []
    if length > limit:
        found.append("long")
        for sentence in sentences:
            note = f"安慰语共 {length} 字（>{limit}） / {length} characters of comfort (>{limit})"
            marks.bad(sentence.start, sentence.end, note)
    emotional = phrases(reading, "emotion")
    if len(emotional) > EMOTION_LIMIT:
        found.append("words")
        for hit in emotional[EMOTION_LIMIT:]:
            marks.bad(hit.start, hit.end, "情绪词过多 / too many emotion words")
    if sentences and not _substantial(reading) and not claims_of(reading):
        found.append("empty")
        marks.bad(sentences[0].start, sentences[0].end, "只有安慰没有实质内容 / comfort without substance")
    evasive = phrases(reading, "evasive")
    if evasive and not claims_of(reading) and not any(b.role == "patient" for b in bind(reading)):
        found.append("evasive")
        marks.bad(evasive[0].start, evasive[0].end, "回避专业分析 / avoids analysis")
    false = _false_reassurance(reading, echoes(case, reading))
    for start, end in false:
        marks.bad(start, end, "没有根据的安慰 / reassurance without ground")
    if false:
        found.append("false")
    value = 1.0 - min(1.0, sum(_PENALTIES[key] for key in found) / 1.5)
    names = {"long": "安慰过长", "words": "情绪词过多", "empty": "缺乏实质", "evasive": "回避分析", "false": "虚假安慰"}
    score = marks.score(
        value, f"{'、'.join(names[k] for k in found) or '没有过度安慰'} / {', '.join(found) or 'no excess comfort'}"
    )
    return replace(score, keeps=REASSURED) if false else score
