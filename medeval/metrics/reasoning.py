"""reasoning: the thinking shown before the answer is there, says something, and agrees with the answer."""

from medeval.cases.schema import Case
from medeval.clinical.claims import claims_of
from medeval.clinical.lexicons import hits
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import read
from medeval.metrics.score import Evidence, Score, metric

ENOUGH_CHARACTERS = 20


@metric(name="reasoning", zh="思考链", en="Reasoning", seed="思考链覆盖率：输出包含<think>标签的比例")
def reasoning(case: Case, text: str) -> Score:
    """0.4 present and closed, 0.3 non-trivial, 0.3 not contradicting the answer; only where present or wanted."""
    reading = read(text)
    if reading.think is None:
        if case.expect.reasoning == "wanted":
            return Score(0.0, "缺少思考过程 / no thinking shown")
        return Score.unscored("没有思考过程，也未要求 / no thinking, none asked for")
    start, end = reading.think
    thought = reading.think_text.strip()
    if not thought:
        return Score(0.0, "思考过程为空 / empty thinking")
    inner = read(thought)
    substance = bool(hits(inner, "concept") or hits(inner, "analyte") or quantities_of(inner))
    rich = len(inner.text) >= ENOUGH_CHARACTERS and substance
    contrary = _contradicts(inner.original, reading.original)
    answered = bool(reading.text.strip())
    value = 0.4 * (reading.think_closed and answered) + 0.3 * rich + 0.3 * (not contrary and answered and rich)
    kind = "bad" if contrary or not rich else "good"
    note = (
        "思考与结论矛盾 / contradicts the answer"
        if contrary
        else "思考内容空泛 / trivial"
        if not rich
        else "思考过程 / thinking"
    )
    return Score(round(value, 4), note, (Evidence(start, end, "bad" if kind == "bad" else "good", note),))


def _contradicts(thought: str, answer: str) -> bool:
    """Whether thinking and answer place the same test differently."""
    inner = {(c.quantity, c.word) for c in claims_of(read(thought)) if c.kind == "direction" and not c.negated}
    outer = {(c.quantity, c.word) for c in claims_of(read(answer)) if c.kind == "direction" and not c.negated}
    return any(quantity == other and word != said for quantity, word in inner for other, said in outer)
