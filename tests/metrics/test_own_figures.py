"""What an answer calls a figure that it gives itself: right, wrong, or nothing that could be judged."""

import pytest

from medeval.cases.schema import Case, Expect
from medeval.clinical.reading import read
from medeval.metrics.own_figures import judged_figures
from medeval.metrics.soundness import soundness

ASKED = Case(id="q", prompt="请解释这张化验单。", expect=Expect())
FIGURES = [
    # the range beside it decides, whether or not any list knows the test
    ("胰岛素样生长因子 507.0 ng/ml（127~424），升高。", [True]),
    ("胰岛素样生长因子 507.0 ng/ml（127~424），降低。", [False]),
    ("空腹血糖 7.8 mmol/L（参考范围3.9-6.1），在正常范围内。", [False]),
    ("空腹血糖 5.8 mmol/L（参考范围3.9-6.1），在正常范围内。", [True]),
    ("总胆固醇 6.8 mmol/L（正常参考值<5.2），偏低。", [False]),
    ("ALT 35 U/L（参考区间9-50），正常。", [True]),
    ("ALT 86 U/L（参考区间9-50），正常。", [False]),
    ("Ferritin 8 ng/mL (15-150), which is low.", [True]),
    ("Ferritin 8 ng/mL (15-150), which is high.", [False]),
    # else a guideline
    ("您的空腹血糖为8.5 mmol/L，属于正常。", [False]),
    ("您的空腹血糖为8.5 mmol/L，偏高。", [True]),
    ("血红蛋白降低（84 g/L）。", [True]),
    ("血红蛋白升高（84 g/L）。", [False]),
    ("体温38.9℃，正常。", [False]),
    ("尿酸 520 μmol/L，属于正常范围。", [False]),
    ("血压150/95 mmHg，属3级高血压。", [False]),
    ("血压150/95 mmHg，属1级高血压。", [True]),
    ("Her blood pressure is 165/102 mmHg, which is normal.", [False]),
    # laboratories differ: close to a limit nothing is wrong
    ("白细胞 10.2×10^9/L，正常。", [True]),
    ("白细胞 10.2×10^9/L，偏高。", [True]),
    # no judgement: a limit, a change, another body, a word about something else
    ("正常血压应低于120/80 mmHg。", []),
    ("尿酸 520 μmol/L，正常范围为208-428。", []),
    ("血压由170/100 mmHg降至130/80 mmHg，正常。", []),
    ("血红蛋白 84 g/L，较前升高。", []),
    ("孩子3岁，血红蛋白 105 g/L，正常。", []),
    ("空腹血糖 8.5 mmol/L，需要控制饮食。", []),
]


@pytest.mark.parametrize(("answer", "verdicts"), FIGURES)
def test_figure(answer: str, verdicts: list[bool]) -> None:
    assert [one.right for one in judged_figures(ASKED, read(answer))] == verdicts


def test_evidence_is_the_figure_with_its_word_and_the_guideline() -> None:
    text = "**血压**150/95 mmHg，属3级高血压。"
    found = [e for e in soundness(ASKED, text).evidence if e.kind == "bad"]
    assert [text[e.start : e.end] for e in found] == ["150/95 mmHg，属3级高血压"]
    assert "1级高血压" in found[0].note and "指南" in found[0].note


def test_a_figure_of_the_case_is_left_to_data_interpretation() -> None:
    case = ASKED.model_copy(update={"facts": {"fasting_glucose": "8.5 mmol/L"}})
    assert not list(judged_figures(case, read("空腹血糖 8.5 mmol/L，属于正常。")))
