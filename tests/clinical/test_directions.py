"""Sentences with a direction turned round are seen, true ones are left alone (tables in `directions_zh.yaml`)."""

import re
from pathlib import Path

import pytest
import yaml

from medeval.clinical.effects import effects
from medeval.clinical.reading import read
from medeval.clinical.worth import changes, gain_of_noun

TABLE = yaml.safe_load(Path(__file__).with_name("directions_zh.yaml").read_text("utf-8"))
SITE = re.compile(r"\[(.+?)>(.+?)\]")


def wrong(text: str) -> list[str]:
    return [one.about for one in effects(read(text)) if not one.right]


@pytest.mark.parametrize("text", TABLE["right"])
def test_a_true_sentence_is_left_alone(text: str) -> None:
    assert not wrong(text)


@pytest.mark.parametrize("text", TABLE["turned"])
def test_a_direction_turned_round_is_seen(text: str) -> None:
    assert not wrong(SITE.sub(r"\1", text))
    assert wrong(SITE.sub(r"\2", text))


@pytest.mark.parametrize(
    ("noun", "gain"),
    [("关节功能", 1), ("切口感染", -1), ("伤口的愈合", 1), ("胆固醇的吸收", -1), ("茶碱代谢", 0), ("辛辣食物", -1)],
)
def test_what_more_of_a_thing_is_worth(noun: str, gain: int) -> None:
    assert gain_of_noun(noun) == gain


def test_a_change_says_what_it_changes_and_whether_that_is_a_gain() -> None:
    text = "热敷可促进血液循环，缓解疼痛。"
    assert [(text[c.start : c.end], c.gain, c.state) for c in changes(read(text))] == [
        ("促进血液循环", 1, False),
        ("缓解疼痛", 1, False),
    ]


def test_english_is_left_to_others() -> None:
    assert not wrong("Ice makes the vessels widen and lessens the blood flow.")
