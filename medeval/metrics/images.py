"""image_alignment: what the image shows is named, with its side; what it does not show is not."""

import re
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from medeval.cases.schema import Case
from medeval.clinical.data_files import read_data
from medeval.clinical.lexicons import Hit, hits
from medeval.clinical.polarity import Mood, mood
from medeval.clinical.reading import Reading, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric

Side = Literal["", "left", "right", "both"]
_SIDES: tuple[tuple[Side, re.Pattern[str]], ...] = (
    ("both", re.compile(r"双侧|两侧|双肺|两肺|bilateral|both")),
    ("left", re.compile(r"左侧|左肺|左[上下中]?|left")),
    ("right", re.compile(r"右侧|右肺|右[上下中]?|right")),
)
PRESENT_SHARE = 0.7
WRONG_SIDE = 0.4
NO_SIDE = 0.7


@dataclass(frozen=True)
class Finding:
    """A finding an expectation names; `key` empty where the list does not know it."""

    key: str
    side: Side
    text: str


def side_of(text: str) -> Side:
    """The side a short text names."""
    return next((side for side, pattern in _SIDES if pattern.search(text)), "")


@lru_cache(maxsize=512)
def parse_finding(text: str) -> Finding:
    """A finding as written in a case ("左侧胸腔积液")."""
    reading = read(text)
    found = hits(reading, "finding")
    return Finding(found[0].key if found else "", side_of(reading.text), text)


def _clause_of(reading: Reading, hit: Hit) -> str:
    left = max(reading.text.rfind(mark, 0, hit.start) for mark in "，,。；;\n") + 1
    right = min((p for mark in "，,。；;\n" if (p := reading.text.find(mark, hit.end)) >= 0), default=len(reading.text))
    return reading.text[left:right]


def _denials(reading: Reading, key: str) -> list[tuple[int, int]]:
    """Words that say outright that a finding is absent ("心影大小正常")."""
    found = []
    for word in read_data("findings.yaml")["normal"].get(key, ()):
        even = read(word).text
        start = reading.text.find(even)
        if start >= 0:
            found.append((start, start + len(even)))
    return found


@metric(name="image_alignment", zh="图文一致", en="Image alignment", seed="多模态对齐分数：图文一致性")
def image_alignment(case: Case, text: str) -> Score:
    """0.7 for what is shown (side missing 0.7, wrong 0.4, inventions 0), 0.3 for claiming nothing that is absent."""
    expected = case.expect.image_findings
    if expected is None or not (expected.present or expected.absent):
        return Score.unscored("病例未注明影像所见 / the case names no findings")
    reading = read(text)
    if not reading.text.strip():
        return Score(0.0, "没有回答 / no answer")
    marks = Marks(reading)
    skip = echoes(case, reading)
    moods = [
        (h, mood(reading, h.start, h.end))
        for h in hits(reading, "finding")
        if reading.sentence_at(h.start).start not in skip
    ]
    claimed = [h for h, stance in moods if stance == "affirmed"]
    present, absent = [parse_finding(t) for t in expected.present], [parse_finding(t) for t in expected.absent]
    shown: list[float] = [_present(reading, finding, claimed, marks) for finding in present if finding.key]
    hidden: list[float] = []
    spoken = bool(claimed) or any(stance == "negated" for _, stance in moods)
    spoken = spoken or any(_denials(reading, finding.key) for finding in absent)
    for finding in absent:
        if any(hit.key == finding.key for hit in claimed):
            shown.append(0.0)
        if finding.key:
            hidden.append(_absent(reading, finding, moods, claimed, marks, spoken))
    named = {f.key for f in (*present, *absent)} | {"normal"}
    invented = [h for h in claimed if h.key not in named]
    for hit in invented:
        marks.bad(hit.start, hit.end, "图中没有 / not in the image")
    shown += [0.0] * len({h.key for h in invented})
    for hit in claimed:
        if hit.key == "normal" and any(f.key not in ("", "normal") for f in present):
            marks.bad(hit.start, hit.end, "有异常却称未见异常 / called normal though it is not")
            shown.append(0.0)
            hidden = [0.0 for _ in hidden]
        elif hit.key == "normal":
            marks.good(hit.start, hit.end, "未见异常 / normal")
    if not shown and not hidden:
        return Score.unscored("所列影像所见不在词表中 / none of the findings is in the list")
    groups = [(PRESENT_SHARE, shown), (1 - PRESENT_SHARE, hidden)]
    weight = sum(share for share, points in groups if points)
    value = sum(share * sum(points) / len(points) for share, points in groups if points) / weight
    reason = (
        f"应见 {sum(shown):.1f}/{len(shown)}，应无 {sum(hidden):.1f}/{len(hidden)}"
        f" / present findings {sum(shown):.1f}/{len(shown)}, absent {sum(hidden):.1f}/{len(hidden)}"
    )
    return marks.score(value, reason)


def _present(reading: Reading, finding: Finding, claimed: list[Hit], marks: Marks) -> float:
    mine = [hit for hit in claimed if hit.key == finding.key]
    if not mine:
        return 0.0
    if not finding.side:
        marks.good(mine[0].start, mine[0].end, f"所见正确：{finding.text} / right finding: {finding.text}")
        return 1.0
    sides = [side_of(_clause_of(reading, hit)) for hit in mine]
    if finding.side in sides:
        hit = mine[sides.index(finding.side)]
        marks.good(hit.start, hit.end, f"所见与侧别正确：{finding.text} / right finding and side: {finding.text}")
        return 1.0
    note = f"侧别应为：{finding.text} / side should be: {finding.text}"
    marks.add(mine[0].start, mine[0].end, "bad" if any(sides) else "note", note)
    return WRONG_SIDE if any(sides) else NO_SIDE


def _absent(
    reading: Reading, finding: Finding, moods: list[tuple[Hit, Mood]], claimed: list[Hit], marks: Marks, spoken: bool
) -> float:
    wrong = [hit for hit in claimed if hit.key == finding.key]
    if wrong:
        marks.bad(wrong[0].start, wrong[0].end, f"图中没有：{finding.text} / not in the image: {finding.text}")
        return 0.0
    denied = [(h.start, h.end) for h, stance in moods if h.key == finding.key and stance == "negated"]
    for start, end in (*denied, *_denials(reading, finding.key))[:1]:
        marks.good(start, end, f"正确排除：{finding.text} / rightly absent: {finding.text}")
    return 1.0 if spoken else 0.0
