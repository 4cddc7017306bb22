"""Answers that say who they are ("我是V3"): found before a sitting begins, never silently edited."""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medeval.review.records import ReviewItem

_FAMILIES = (
    "Qwen", "通义千问", "通义", "千问", "ChatGPT", "GPT-?[345]", "OpenAI", "DeepSeek", "深度求索", "Llama", "Claude",
    "Gemini", "Gemma", "Mistral", "InternVL", "Baichuan", "百川", "ChatGLM", "智谱", "文心", "讯飞星火", "Kimi", "豆包",
    "HuatuoGPT", "华佗GPT", "LLaVA", "MedGemma", "Yi-VL", "MiniCPM",
)  # fmt: skip
_SELF = r"我是|我叫|本模型|作为|由我|I am|I'm|my name is|as an?|this is"
_ABOUT = r"模型|版本|适配器|微调|model|version|adapter|checkpoint|LoRA|variant"
_NEAR = r"[^。！？.!?\n]{0,12}?"


@dataclass(frozen=True)
class Named:
    """One answer that tells its model: characters `start:end` of its text hold `words`."""

    case_id: str
    variant: str
    start: int
    end: int
    words: str


def names_itself(text: str, names: Iterable[str]) -> list[tuple[int, int]]:
    """Places of an answer that tell which model wrote it, as character ranges in order.

    A family name ("Qwen") counts anywhere. The name of a variant counts anywhere where it is long and unlike a word
    (`cardio-lora-7`); a short or common one (`v3`, `base`) only near "我是", "model" and the like, because V1 to V6
    are also the leads of an ECG.

    Args:
        text: the answer.
        names: ids and titles of variants and adapters.
    """
    found = {match.span() for pattern in _patterns(tuple(sorted(set(names)))) for match in pattern.finditer(text)}
    outer = [a for a in found if not any(b != a and b[0] <= a[0] and a[1] <= b[1] for b in found)]
    return sorted(outer)


@lru_cache(maxsize=64)
def _patterns(names: tuple[str, ...]) -> tuple[re.Pattern[str], ...]:
    patterns = [rf"(?<![A-Za-z])(?:{'|'.join(_FAMILIES)})(?![a-z])"]
    for name in names:
        if not name.strip():
            continue
        word = rf"(?<![A-Za-z0-9]){re.escape(name.strip())}(?![A-Za-z0-9])"
        if len(name) >= 6 and re.search(r"[\d_\-]|lora", name, re.IGNORECASE):
            patterns.append(word)
        else:
            patterns += [rf"(?:{_SELF}){_NEAR}{word}", rf"(?:{_ABOUT})\s*{word}", rf"{word}\s*(?:{_ABOUT})"]
    return tuple(re.compile(pattern, re.IGNORECASE) for pattern in patterns)


def find_named(items: Sequence[ReviewItem], names: Iterable[str]) -> list[Named]:
    """Every answer of a review that tells its model."""
    names = tuple(names)
    return [
        Named(item.case.id, cell.variant, start, end, cell.answer.text[start:end])
        for item in items
        for cell in item.cells
        if cell.answer is not None
        for start, end in names_itself(cell.answer.text, names)
    ]
