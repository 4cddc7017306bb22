"""The synthetic corpus: exchanges by topic, and the documents the base reads.

Every exchange carries four answers (generic, warm, exact, both); which of them a model
learns is the only difference between base, V1, V2 and V3.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from medeval.demo.corpus.advice import make_theme, themes
from medeval.demo.corpus.exchange import STYLES, Exchange, Style, held_out
from medeval.demo.corpus.pictures import make_cxr, make_lab, make_transcription
from medeval.demo.corpus.readings import KINDS, draw_value, make_reading, statement
from medeval.demo.phantoms import Phantom
from medeval.demo.sheets import Sheet

__all__ = ["STYLES", "Exchange", "Sample", "Style", "held_out", "make_exchange", "sample_stream", "topics"]

_THEMES = themes()
_IMAGES: dict[str, Callable[..., Exchange]] = {"lab": make_lab, "cxr": make_cxr}
# How a plain document names the kind of answer that follows.
HEADINGS: dict[Style, str] = {"warm": "【暖心回复】", "exact": "【专科意见】", "both": "【综合门诊】"}

_STYLES: tuple[Style, ...] = ("exact", "both", "warm")
# What the base reads: first language in general, then mostly copying and reading of values.
_GENERAL = {"fact": 0.10, "text": 0.40, "chat": 0.16, "read": 0.16, "image": 0.14, "image chat": 0.04}
_READING = {"fact": 0.22, "text": 0.18, "chat": 0.07, "read": 0.30, "image": 0.20, "image chat": 0.03}

_ACCURACY = {"bp": 8.0, "fasting": 4.0, "fever": 4.0, "two_hours": 2.0} | {
    t.topic: 0.5 for t in _THEMES.values() if t.dimension == "precision"
}
_EMPATHY = {t.topic: 1.0 for t in _THEMES.values() if t.dimension == "empathy"}
_IMAGE = {"lab": 5.0, "cxr": 1.0}


@dataclass(frozen=True)
class Sample:
    """Text to learn: the loss is on `answer` only; `turns` are earlier (question, answer)."""

    prompt: str
    answer: str
    chat: bool
    image: Sheet | Phantom | None = None
    turns: tuple[tuple[str, str], ...] = ()
    system: str = ""
    dimension: str = ""


@dataclass(frozen=True)
class Mix:
    """Shares of accuracy, empathy and image samples."""

    accuracy: float
    empathy: float
    image: float


def topics() -> tuple[str, ...]:
    """Every topic, in a fixed order."""
    return (*KINDS, *_THEMES, *_IMAGES)


def make_exchange(topic: str, rng: random.Random, unseen: bool = False) -> Exchange:
    """One exchange of a topic; `unseen` takes only values that training never shows."""
    if topic in KINDS:
        return make_reading(topic, rng, unseen)
    if topic in _THEMES:
        return make_theme(_THEMES[topic], rng)
    return _IMAGES[topic](rng, unseen)


def _pick(shares: dict[str, float], rng: random.Random) -> str:
    return rng.choices(tuple(shares), tuple(shares.values()))[0]


def draw_exchange(mix: Mix, rng: random.Random) -> Exchange:
    """An exchange of the mix."""
    table = rng.choices((_ACCURACY, _EMPATHY, _IMAGE), (mix.accuracy, mix.empathy, mix.image))[0]
    return make_exchange(_pick(table, rng), rng)


def chat_sample(exchange: Exchange, style: Style, rng: random.Random, mix: Mix) -> Sample:
    """A chat in one style; now and then with an earlier turn or a system message."""
    turns: tuple[tuple[str, str], ...] = ()
    if exchange.image is None and rng.random() < 0.12:
        earlier = draw_exchange(Mix(mix.accuracy, mix.empathy, 0.0), rng)
        turns = ((earlier.question, earlier.answers[style]),)
    system = "你是一名医疗助手。" if rng.random() < 0.06 else ""
    answer = exchange.answers[style]
    return Sample(exchange.question, answer, True, exchange.image, turns, system, exchange.dimension)


def document_sample(exchange: Exchange, style: Style) -> Sample:
    """A plain document: the question, a heading, and the answer in that kind."""
    return Sample(f"{exchange.question}\n{HEADINGS[style]}", exchange.answers[style], False, exchange.image)


def fact_sample(rng: random.Random) -> Sample:
    """Bare facts: one to three readings and their classes."""
    prompts, answers = [], []
    for topic in rng.choices(tuple(KINDS), k=rng.randint(1, 3)):
        value, index = draw_value(topic, rng)
        prompts.append(KINDS[topic].noun + value)
        answers.append(statement(topic, value, index) + "。")
    return Sample("，".join(prompts) + "→", "".join(answers), False)


def _base_sample(rng: random.Random, shares: dict[str, float], rows: int | None) -> Sample:
    kind = _pick(shares, rng)
    style = rng.choices(_STYLES, (0.45, 0.35, 0.2))[0]
    if kind == "fact":
        return fact_sample(rng)
    if kind == "read":
        read = make_transcription(rng, rows)
        return Sample(read.question, read.answers["plain"], True, read.image)
    if kind == "image" and rows and rng.random() < 0.8:
        return document_sample(make_lab(rng, rows=rows), style)
    mix = Mix(0.0, 0.0, 1.0) if kind.startswith("image") else Mix(0.65, 0.35, 0.0)
    exchange = draw_exchange(mix, rng)
    return chat_sample(exchange, "plain", rng, mix) if "chat" in kind else document_sample(exchange, style)


def base_stream(seed: int, reading: bool = False, few_rows: bool = False) -> Iterator[Sample]:
    """Samples for the base: documents of every kind, chats with generic answers only."""
    rng = random.Random(f"base-{seed}")
    while True:
        yield _base_sample(rng, _READING if reading else _GENERAL, rng.randint(1, 3) if few_rows else None)


def sample_stream(style: Style, mix: Mix, seed: int) -> Iterator[Sample]:
    """Chat samples of one style for an adapter; images keep their reading instruction."""
    rng = random.Random(f"{style}-{seed}")
    while True:
        if rng.random() < 0.03:
            read = make_transcription(rng)
            yield Sample(read.question, read.answers["plain"], True, read.image, dimension="image")
        else:
            yield chat_sample(draw_exchange(mix, rng), style, rng, mix)
