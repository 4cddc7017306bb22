import pytest

from medeval.clinical.data_files import read_data
from medeval.clinical.quantities import quantities_of
from medeval.clinical.reading import read
from medeval.clinical.reference_tables import FACTS, SCALES, load_references
from medeval.clinical.references import Standing, standing_of


def _standing(text: str, prompt: str = "") -> Standing | None:
    reading = read(text)
    return standing_of(reading, quantities_of(reading)[0], prompt)


@pytest.mark.parametrize(
    ("text", "verdict"),
    [
        ("布洛芬每次200 mg", "typical"),
        ("布洛芬每次0.2 g", "typical"),
        ("布洛芬每次220 mg", "other"),
        ("布洛芬每次200 g", "impossible"),
        ("take ibuprofen 400 mg", "typical"),
        ("take ibuprofen 400 g", "impossible"),
        ("血钾低于3.5 mmol/L", "typical"),
        ("血钾低于3.5 g/L", "impossible"),
        ("深度5厘米", None),
        ("按压深度5厘米", "typical"),
        ("按压深度5米", "impossible"),
        ("绝经多在50岁", "typical"),
    ],
)
def test_standing(text: str, verdict: str | None) -> None:
    found = _standing(text)
    assert (found and found.verdict) == verdict


def test_a_drug_of_the_question_is_spoken_of_without_its_name() -> None:
    found = _standing("起始剂量为40 mg，每日一次。", "非布司他怎么吃？")
    assert found is not None and found.verdict == "typical"


def test_an_age_is_no_course_of_illness() -> None:
    found = _standing("流感患者中65岁者")
    assert found is None or found.verdict == "typical"


def test_every_entry_is_in_order_and_in_one_dimension() -> None:
    for reference in load_references():
        assert reference.words, reference
        for (low, high), unit in reference.values:
            assert low <= high, reference.words
            if reference.dimension in SCALES:
                assert unit in SCALES[reference.dimension], (reference.words, unit)
            else:
                assert unit == reference.unit, (reference.words, unit)


@pytest.mark.parametrize("name", [*FACTS, "doses.yaml", "assays.yaml"])
def test_every_group_names_its_source(name: str) -> None:
    for source in read_data(name)["sources"]:
        assert source["zh"] and source["en"] and 1990 < source["year"] < 2030


def test_what_a_source_names_first_counts_most() -> None:
    first, further = _standing("他达拉非每日5 mg"), _standing("他达拉非每日40 mg")
    assert first is not None and further is not None
    assert first.main and not further.main and first.strength > further.strength


def test_the_entry_named_nearest_says_what_is_first() -> None:
    session, week = _standing("每周运动，每次30分钟"), _standing("运动每周150分钟")
    assert session is not None and week is not None and session.main and week.main
    swapped = _standing("每周运动，每次150分钟")
    assert swapped is not None and not swapped.main


def test_figures_named_first_are_among_those_given() -> None:
    for reference in load_references():
        assert all(main in reference.values for main in reference.main if reference.of != "doses"), reference.words
