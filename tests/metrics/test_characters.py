import pytest

from medeval.cases.schema import Case
from medeval.metrics.characters import character_error_rate, edit_distance
from medeval.metrics.score import get_metric


@pytest.mark.parametrize(
    ("one", "other", "edits"),
    [("", "", 0), ("abc", "abc", 0), ("abc", "", 3), ("kitten", "sitting", 3), ("12.8", "128", 1)],
)
def test_edit_distance(one: str, other: str, edits: int) -> None:
    assert edit_distance(one, other) == edit_distance(other, one) == edits


@pytest.mark.parametrize(
    ("truth", "found", "rate"),
    [
        ("12.8", "12.8", 0.0),
        ("１２．８", "12.8", 0.0),
        ("12.8 g/L", "12.8g/L", 0.0),
        ("12.8", "128", 0.25),
        ("ab", "xxxxx", 2.5),
    ],
)
def test_the_denominator_is_the_truth(truth: str, found: str, rate: float) -> None:
    assert character_error_rate(truth, found) == pytest.approx(rate)


def test_an_empty_truth_is_refused() -> None:
    with pytest.raises(ValueError, match="no character"):
        character_error_rate(" ", "1")


ROWS = Case.model_validate(
    {
        "id": "r",
        "prompt": "看化验单",
        "expect": {
            "lab_rows": [
                {
                    "name": "白细胞",
                    "abbr": "WBC",
                    "value": 12.8,
                    "unit": "10^9/L",
                    "low": 3.5,
                    "high": 9.5,
                    "flag": "↑",
                },
                {"name": "血红蛋白", "abbr": "HGB", "value": 98, "unit": "g/L", "low": 115, "high": 150, "flag": "↓"},
            ]
        },
    }
)


@pytest.mark.parametrize(
    ("answer", "value"),
    [
        ("白细胞12.8×10^9/L，血红蛋白98 g/L。", 14 / 15),
        ("白细胞12.8 10^9/L，血红蛋白98g/L。", 1.0),
        ("白细胞128 10^9/L，血红蛋白98 g/L。", 14 / 15),
        ("血红蛋白98 g/L。", 5 / 15),
        ("建议复查。", 0.0),
    ],
)
def test_ocr_cer(answer: str, value: float) -> None:
    got = get_metric("ocr_cer").function(ROWS, answer)
    assert got.value == pytest.approx(value, abs=1e-3), got.reason


def test_without_rows_it_is_unscored() -> None:
    assert get_metric("ocr_cer").function(Case(id="x", prompt="你好？"), "白细胞12.8").value is None


@pytest.mark.parametrize(
    ("formal", "casual"),
    [
        ("血压140/90 mmHg属于1级高血压，建议监测血压并遵医嘱服药。", "哈哈宝子，血压高点没事啦，分分钟搞定！！"),
        ("考虑急性上呼吸道感染，建议口服对乙酰氨基酚。", "咋整啊，感冒了呗，扛一扛就过去啦~~"),
        (
            "This is consistent with hypertension; blood pressure monitoring is recommended.",
            "Yeah dude, no worries lol.",
        ),
    ],
)
def test_professional_tone(formal: str, casual: str) -> None:
    metric = get_metric("professional_tone").function
    case = Case(id="t", prompt="怎么办？")
    assert (metric(case, formal).value or 0) > (metric(case, casual).value or 0) + 0.3
