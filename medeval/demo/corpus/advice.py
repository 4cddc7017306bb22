"""Questions without a reading to class: their wording and answers are data in `themes/`."""

from __future__ import annotations

import random
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import yaml

from medeval.demo.corpus.exchange import SOOTHING, TOGETHER, Dimension, Exchange, frame


@dataclass(frozen=True)
class Theme:
    """One theme: ways to ask, and the answer of each style."""

    topic: str
    asks: tuple[str, ...]
    plain: tuple[str, ...]
    warm: tuple[str, ...]
    exact: str
    both: str
    dimension: Dimension
    worry: float
    always_warm: bool = False


@cache
def themes() -> dict[str, Theme]:
    """Every theme by topic, in the order of the files."""
    found: dict[str, Theme] = {}
    for path in sorted((Path(__file__).parent / "themes").glob("*.yaml")):
        for entry in yaml.safe_load(path.read_text(encoding="utf-8")):
            lists = {key: tuple(entry.pop(key)) for key in ("asks", "plain", "warm")}
            found[entry["topic"]] = Theme(**(entry | lists))
    return found


def make_theme(theme: Theme, rng: random.Random) -> Exchange:
    """One question of a theme, with its four answers."""
    question, worried = frame(rng.choice(theme.asks), rng, theme.worry)
    worried = worried or theme.always_warm
    support = {"o": rng.choice(SOOTHING), "c": rng.choice(TOGETHER)}
    shown = support if worried else {"o": "", "c": ""}
    return Exchange(
        topic=theme.topic,
        question=question,
        answers={
            "plain": rng.choice(theme.plain),
            "warm": rng.choice(theme.warm).format(**support),
            "exact": theme.exact,
            "both": theme.both.format(**shown),
        },
        dimension=theme.dimension,
        worried=worried,
    )
