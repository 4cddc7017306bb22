"""case_fit: what the answer names (diagnosis, organism, test, drug, procedure) fits the findings of the case."""

import math

from medeval.cases.schema import Case
from medeval.clinical.conditions_fit import fit_of
from medeval.clinical.reading import in_chinese, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric

SHORT = 80
"""Characters of a Latin prompt below which it describes no patient; a Chinese one says as much in a third."""


def _describes(prompt: str) -> bool:
    return len(prompt) >= (SHORT // 3 if in_chinese(prompt) else SHORT)


@metric(name="case_fit", zh="与病情相符", en="Fit to the case", seed="诊断置信度：专业分析判断；治疗方案与病情相符")
def case_fit(case: Case, text: str) -> Score:
    """0.5 where the facts know nothing that is named; above where it fits the case, below where other things do."""
    if not _describes(case.prompt):
        return Score.unscored("题目没有描述病情 / the prompt describes no patient")
    reading = read(text)
    skip = echoes(case, reading)

    def counts(start: int) -> bool:
        sentence = reading.sentence_at(start)
        return sentence.start not in skip and not sentence.is_question

    fit = fit_of(read(case.prompt).text, reading.text, counts)
    if fit is None:
        return Score.unscored("病情不足以支持已知疾病 / the findings support no condition that the facts know")
    marks = Marks(reading)
    for mark in fit.marks:
        marks.add(mark.start, mark.end, "good" if mark.good else "bad", mark.note)
    value = math.tanh(fit.value) * (reading.worth if fit.value > 0 else 1.0)
    told = ", ".join(fit.conditions)
    return marks.score(0.5 + 0.5 * value, f"病情支持：{told} / the case supports: {told}")
