"""What one generated exchange is, and the wording that topics share."""

from __future__ import annotations

import hashlib
import random
from dataclasses import dataclass, field
from typing import Literal

from medeval.demo.phantoms import Phantom
from medeval.demo.sheets import Sheet

Style = Literal["plain", "warm", "exact", "both"]
Dimension = Literal["precision", "empathy", "image"]
STYLES: tuple[Style, ...] = ("plain", "warm", "exact", "both")


@dataclass(frozen=True)
class Exchange:
    """A question with one answer per style.

    plain: the base's generic answer; warm: V1; exact: V2; both: V3.
    """

    topic: str
    question: str
    answers: dict[Style, str]
    dimension: Dimension
    worried: bool = False
    truth: dict[str, str] = field(default_factory=dict)
    image: Sheet | Phantom | None = None


GREETINGS = ("", "", "", "", "你好，", "您好，", "医生您好，", "请问，", "医生，", "大夫，", "想咨询一下，")
# What people say before they ask; it never changes the answer.
CONTEXTS = (
    "", "", "", "", "", "", "我今年{n}岁，", "我{n}岁，", "这两天有点事想问，", "最近", "家里老人问，",
    "替家人问一下，", "我是女性，{n}岁，", "我是男性，{n}岁，", "昨晚没睡好，",
)  # fmt: skip
THANKS = ("", "", "", "", "", "谢谢。", "谢谢医生。", "麻烦您了。", "请帮我看看。")
WORRIES = (
    "我很担心。", "我有点害怕。", "心里很慌。", "我好紧张。", "我很焦虑，睡不着。", "有点担心。",
    "我特别害怕。", "家里人都很着急。", "我一直放心不下。", "越想越怕。",
)  # fmt: skip
SOOTHING = (
    "我理解您的担心，", "我很理解您现在的心情，", "别太担心，", "您的担心我能体会，", "听到您这么不安，我很理解，",
)  # fmt: skip
TOGETHER = ("我们会一起面对。", "别着急，我们会一起慢慢来。", "您不是一个人，我们陪着您。")

# Exact values of the standard cases; never trained on.
STANDARD_VALUES = frozenset({"bp:140/90", "fasting:7.2", "fever:38.5"})


def held_out(key: str) -> bool:
    """Whether a value is kept out of training: the standard ones, and a tenth by hash."""
    digest = hashlib.sha256(key.encode()).digest()
    return key in STANDARD_VALUES or digest[0] % 10 == 0


def frame(core: str, rng: random.Random, worry: float = 0.4) -> tuple[str, bool]:
    """Dresses a question with a greeting and an ending; says whether it voices worry."""
    worried = rng.random() < worry
    end = rng.choice(WORRIES if worried else THANKS)
    text = rng.choice(GREETINGS) + rng.choice(CONTEXTS).format(n=rng.randint(20, 85)) + core
    if end and text[-1] not in "。？！…?":
        text += "，"
    return text + end, worried or "担心" in core or "害怕" in core


def soothe(rng: random.Random, worried: bool) -> str:
    """An acknowledging opening where worry is voiced."""
    return rng.choice(SOOTHING) if worried else ""
