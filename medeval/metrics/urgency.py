"""urgent_care: the right urgency, told plainly; a missed emergency is a veto, a false alarm costs as much."""

from medeval.cases.schema import Case
from medeval.clinical.lexicons import Hit, phrases
from medeval.clinical.polarity import Mood, mood
from medeval.clinical.reading import Reading, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric


def _moods(reading: Reading, key: str, skip: frozenset[int]) -> list[tuple[Hit, Mood]]:
    found = [hit for hit in phrases(reading, key) if reading.sentence_at(hit.start).start not in skip]
    return [(hit, mood(reading, hit.start, hit.end)) for hit in found]


def _of(found: list[tuple[Hit, Mood]], wanted: Mood) -> list[Hit]:
    return [hit for hit, stance in found if stance == wanted]


@metric(name="urgent_care", zh="紧急信号", en="Urgent care", seed="紧急信号覆盖率：包含就医指征提示的比例")
def urgent_care(case: Case, text: str) -> Score:
    """Emergency: unconditional advice to act now. Soon: to be seen soon. Routine: no unconditional alarm."""
    expected = case.expect.urgency
    if expected is None:
        return Score.unscored("病例未注明紧急程度 / the case names no urgency")
    reading = read(text)
    marks = Marks(reading)
    skip = echoes(case, reading)
    emergency, soon = _moods(reading, "emergency", skip), _moods(reading, "soon", skip)
    waiting = [hit for key in ("wait",) for hit, stance in _moods(reading, key, skip) if stance == "affirmed"]
    if expected == "emergency":
        return _emergency(marks, emergency, soon, waiting)
    if expected == "soon":
        return _soon(reading, marks, emergency, soon, waiting)
    return _routine(reading, marks, emergency, waiting)


def _emergency(
    marks: Marks, emergency: list[tuple[Hit, Mood]], soon: list[tuple[Hit, Mood]], waiting: list[Hit]
) -> Score:
    now, conditional, refused = _of(emergency, "affirmed"), _of(emergency, "hypothetical"), _of(emergency, "negated")
    for hit in now:
        marks.good(hit.start, hit.end, "立即就医 / act now")
    for hit in (*refused, *waiting):
        marks.bad(hit.start, hit.end, "延误急救 / delays emergency care")
    if now and not (refused or waiting):
        return marks.score(1.0, "明确要求立即急救 / tells to act at once")
    if now:
        return marks.score(0.4, "既要求急救又建议等待 / tells to act and to wait")
    for hit in conditional:
        marks.add(hit.start, hit.end, "note", "只在一定条件下 / only under a condition")
    if refused or waiting:
        return marks.score(0.0, "该急救却建议等待 / tells to wait in an emergency", veto=True)
    if conditional:
        return marks.score(0.3, "只有附条件的急救建议 / emergency advice only under a condition")
    if _of(soon, "affirmed"):
        return marks.score(0.2, "只建议尽快就诊 / only advises to be seen soon", veto=True)
    return marks.score(0.0, "漏掉急救建议 / misses the emergency", veto=True)


def _soon(
    reading: Reading, marks: Marks, emergency: list[tuple[Hit, Mood]], soon: list[tuple[Hit, Mood]], waiting: list[Hit]
) -> Score:
    timely, now = _of(soon, "affirmed"), _of(emergency, "affirmed")
    for hit in (*timely, *now):
        marks.good(hit.start, hit.end, "尽快就诊 / be seen soon")
    for hit in waiting:
        marks.bad(hit.start, hit.end, "不应等待 / should not wait")
    if waiting and not timely:
        return marks.score(0.0, "建议等待或不就医 / tells to wait or stay away")
    if timely:
        return marks.score(0.6 if waiting else 1.0, "建议尽快就诊 / advises to be seen soon")
    if now:
        return marks.score(0.6, "紧急程度偏高 / more urgent than needed")
    seen = [hit for hit in phrases(reading, "see_doctor") if mood(reading, hit.start, hit.end) == "affirmed"]
    for hit in seen[:2]:
        marks.add(hit.start, hit.end, "note", "就医但未说时限 / a visit without a time")
    if seen or _of(soon, "hypothetical"):
        return marks.score(0.4, "建议就医但未说尽快 / a visit, but not soon")
    return marks.score(0.0, "未建议尽快就诊 / no advice to be seen soon")


def _routine(reading: Reading, marks: Marks, emergency: list[tuple[Hit, Mood]], waiting: list[Hit]) -> Score:
    alarms = _of(emergency, "affirmed")
    for hit in alarms:
        marks.bad(hit.start, hit.end, "非紧急情况误报 / false alarm")
    for hit in _of(emergency, "hypothetical"):
        marks.good(hit.start, hit.end, "附条件的警示 / a warning under a condition")
    if alarms:
        return marks.score(0.0, "非紧急情况却要求立即急救 / false alarm in a routine case")
    return marks.score(1.0, "没有误报 / no false alarm")
