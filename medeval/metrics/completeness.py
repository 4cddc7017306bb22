"""completeness: how far what the answer must say is said, and that what it must not say is not."""

from dataclasses import dataclass

from medeval.cases.schema import AnyOf, Case, Statement
from medeval.clinical.advice import odd_advice
from medeval.clinical.entailment import entails
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.support import support
from medeval.clinical.words import wrong_brands
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric

ENTAILED = 0.85
PARTLY = 0.25
CONTRADICTED = 0.35
TURNED, TURNED_MOST = 0.04, 0.2  # what each advice turned on its head costs, and all of them at most
SHORT = 30  # characters: a key point this short is stated or not


@dataclass(frozen=True)
class Point:
    """How one key point fares: `value` in [0, 1], whether it counts as stated or contradicted, and where."""

    text: str
    value: float
    stated: bool
    contradicted: bool
    span: Span


def _options(statement: Statement) -> list[str]:
    return list(statement.any) if isinstance(statement, AnyOf) else [statement]


def judge_point(reading: Reading, statement: Statement, question: str, skip: frozenset[int]) -> Point:
    """The best-supported wording of a key point; stated in full earns 0.85 to 1, partly its graded support."""
    best: Point | None = None
    for option in _options(statement):
        span = entails(reading, option, skip)
        if span and len(option) <= SHORT:
            point = Point(option, 1.0, True, False, span)
        elif span:
            degree = support(reading, option, question, skip).degree
            point = Point(option, ENTAILED + (1 - ENTAILED) * degree, True, False, span)
        else:
            graded = support(reading, option, question, skip)
            opposed = graded.contradiction >= CONTRADICTED and graded.contradiction > graded.degree
            point = Point(option, ENTAILED * graded.degree, False, opposed, graded.span)
        if best is None or point.value > best.value:
            best = point
    assert best is not None  # a statement has at least one wording
    return best


def _banned(reading: Reading, statement: Statement, skip: frozenset[int]) -> tuple[str, Span] | None:
    for option in _options(statement):
        span = entails(reading, option, skip, conditional=False, strict=True)
        if span:
            return option, span
    return None


def _mark(marks: Marks, point: Point) -> None:
    if point.stated:
        marks.good(*point.span, f"要点：{point.text} / key point: {point.text}")
    elif point.contradicted:
        marks.bad(*point.span, f"与要点相反：{point.text} / contradicts the key point: {point.text}")
    elif point.value >= PARTLY:
        said = f"{point.value:.0%}"
        marks.add(*point.span, "note", f"部分提到 {said}：{point.text} / partly said {said}: {point.text}")


@metric(name="completeness", zh="完整性", en="Completeness", seed="完整性评分：是否遗漏关键信息")
def completeness(case: Case, text: str) -> Score:
    """Mean support of the must_have statements, halved for every must_not asserted; 1 where no must_have is listed."""
    wanted, banned = case.expect.must_have, case.expect.must_not
    if not wanted and not banned:
        return Score.unscored("病例没有列出要点 / the case lists no key points")
    reading = read(text)
    if not reading.text.strip():
        return Score(0.0, "没有回答 / no answer")
    marks = Marks(reading)
    skip = echoes(case, reading)
    points = [judge_point(reading, statement, case.prompt, skip) for statement in wanted]
    for point in sorted(points, key=lambda p: (not p.stated, not p.contradicted)):
        _mark(marks, point)
    asserted = []
    for statement in banned:
        found = _banned(reading, statement, skip)
        if found:
            marks.bad(*found[1], f"不应出现：{found[0]} / must not be said: {found[0]}")
            asserted.append(found[0])
    value = sum(point.value for point in points) / len(points) if points else 1.0
    turned = [span for span in odd_advice(reading) if reading.sentence_at(span[0]).start not in skip]
    for span in turned:
        marks.bad(*span, "与常理相反的建议 / advice turned on its head")
    brands = wrong_brands(reading)
    for span in brands:
        marks.bad(*span, "商品名属于另一种药 / the brand of another drug")
    value *= 1 - min(TURNED_MOST, TURNED * (len(turned) + len(brands)))
    value *= 0.5 ** len(asserted) * reading.worth
    return marks.score(value, _reason(points, asserted))


def _reason(points: list[Point], asserted: list[str]) -> str:
    stated = f"{sum(p.stated for p in points)}/{len(points)}"
    parts = [f"要点 {stated} / key points {stated}"]
    partly = [p.text for p in points if not p.stated and not p.contradicted and p.value >= PARTLY]
    missing = [p.text for p in points if not p.stated and not p.contradicted and p.value < PARTLY]
    opposed = [p.text for p in points if p.contradicted]
    parts += [f"部分：{'；'.join(partly)} / partly: {'；'.join(partly)}"] if partly else []
    parts += [f"缺少：{'；'.join(missing)} / missing: {'；'.join(missing)}"] if missing else []
    parts += [f"相反：{'；'.join(opposed)} / contradicted: {'；'.join(opposed)}"] if opposed else []
    parts += [f"不应出现：{'；'.join(asserted)} / must not: {'；'.join(asserted)}"] if asserted else []
    return " · ".join(parts)
