"""The corpus keeps held-out values out, and its answers follow the cut-offs."""

import random
from itertools import islice

import pytest

from medeval.demo.corpus import Mix, base_stream, make_exchange, sample_stream, topics
from medeval.demo.corpus.exchange import STANDARD_VALUES, STYLES, held_out
from medeval.demo.corpus.pictures import report_held_out
from medeval.demo.corpus.readings import KINDS
from medeval.demo.evaluate import empathic
from medeval.demo.facts import FASTING, FEVER, band_index, pressure_index
from medeval.demo.sheets import Sheet
from medeval.demo.standard import STANDARD_LABS, standard_report
from medeval.demo.tune import PLANS, sample_weight


@pytest.mark.parametrize("topic", KINDS)
def test_training_never_shows_held_out_values(topic: str) -> None:
    rng = random.Random(1)
    seen = {make_exchange(topic, rng).truth["value"] for _ in range(400)}
    assert not [v for v in seen if held_out(f"{topic}:{v}")]
    unseen = {make_exchange(topic, rng, unseen=True).truth["value"] for _ in range(50)}
    assert not seen & unseen


@pytest.mark.parametrize("key", sorted(STANDARD_VALUES))
def test_standard_values_are_held_out(key: str) -> None:
    assert held_out(key)


@pytest.mark.parametrize("name", STANDARD_LABS)
def test_standard_reports_are_held_out(name: str) -> None:
    assert report_held_out(standard_report(name))


def test_reports_of_training_are_not_held_out() -> None:
    rng = random.Random(2)
    for _ in range(30):
        image = make_exchange("lab", rng).image
        assert isinstance(image, Sheet) and not report_held_out(image.report)


@pytest.mark.parametrize(
    ("systolic", "diastolic", "grade"),
    [(119, 79, 0), (120, 70, 1), (110, 80, 1), (139, 89, 1), (140, 80, 2), (130, 90, 2), (159, 100, 3),
     (160, 95, 3), (179, 110, 4), (180, 90, 4)],
)  # fmt: skip
def test_pressure_is_graded_by_the_higher_reading(systolic: int, diastolic: int, grade: int) -> None:
    assert pressure_index(systolic, diastolic) == grade


@pytest.mark.parametrize(
    ("value", "name"),
    [(3.8, "低血糖"), (3.9, "正常范围"), (6.0, "正常范围"), (6.1, "空腹血糖受损"), (6.9, "空腹血糖受损"),
     (7.0, "达到糖尿病诊断标准")],
)  # fmt: skip
def test_fasting_classes(value: float, name: str) -> None:
    assert FASTING[band_index(FASTING, value)].name == name


@pytest.mark.parametrize(("value", "name"), [(37.2, "体温正常"), (38.0, "低热"), (38.5, "中度发热"), (41.1, "超高热")])
def test_fever_grades(value: float, name: str) -> None:
    assert FEVER[band_index(FEVER, value)].name == name


@pytest.mark.parametrize("topic", topics())
def test_styles_differ_as_meant(topic: str) -> None:
    exchange = make_exchange(topic, random.Random(3))
    assert set(exchange.answers) == set(STYLES)
    assert len(set(exchange.answers.values())) >= 3
    felt = {style: empathic(exchange.question, text) for style, text in exchange.answers.items()}
    assert not felt["plain"]
    if topic not in ("greeting", "suicide"):
        assert felt["warm"] and not felt["exact"]
        assert felt["both"] or not exchange.worried


def test_base_chats_only_in_generic_answers() -> None:
    chats = [s for s in islice(base_stream(4), 300) if s.chat and s.image is None]
    assert chats
    assert not [s.answer for s in chats if any(c.isdigit() for c in s.answer)]


def test_streams_repeat_by_seed() -> None:
    mix = Mix(0.5, 0.35, 0.15)
    first, second = (list(islice(sample_stream("exact", mix, 9), 20)) for _ in range(2))
    assert [s.prompt + s.answer for s in first] == [s.prompt + s.answer for s in second]


@pytest.mark.parametrize(
    ("done", "precision", "empathy"), [(0.1, 3.0, 0.8), (0.5, 2.6, 0.9), (0.9, 2.0, 1.0)], ids=["1", "2", "3"]
)
def test_v3_phases_weigh_as_the_guide_says(done: float, precision: float, empathy: float) -> None:
    assert sample_weight(PLANS["v3"], done, "precision") == pytest.approx(precision)
    assert sample_weight(PLANS["v3"], done, "empathy") == pytest.approx(empathy)
