"""Whether what is said of a figure ("1级高血压", "偏高") is what the guidelines or its printed range make of it."""

from functools import lru_cache
from typing import Literal

from medeval.cases.schema import Case
from medeval.clinical.claims import Claim
from medeval.clinical.guidelines import Direction, Interpretation, interpret, load_guidelines
from medeval.clinical.reading import Reading
from medeval.halves import NEXT
from medeval.metrics.targets import Meaning, conditions_of

Verdict = Literal["right_class", "right_direction", "wrong", "neutral"]
DIRECTION_WORDS = {"high": "偏高 / high", "low": "偏低 / low", "normal": "正常 / normal"}


@lru_cache(maxsize=1024)
def _words(interpretations: tuple[Interpretation, ...]) -> tuple[dict[str, list[str]], tuple[Interpretation, ...]]:
    """Words that are right of a value, with the guidelines that say so; and those with words of their own country."""
    found: dict[str, list[str]] = {}
    for item in interpretations:
        for word in item.labels:
            found.setdefault(word, []).append(item.source_zh.split("，")[0])
    return found, tuple(item for item in interpretations if item.if_named)


def _named(reading: Reading, guideline: str) -> bool:
    return any(word in reading.text for word in load_guidelines()[guideline].named)


def accepted_words(reading: Reading, meaning: Meaning, case: Case) -> dict[str, list[str]]:
    """Words that are right of this value in this answer, with the guidelines that say so."""
    found, dependent = _words(meaning.interpretations)
    named = [item for item in dependent if _named(reading, item.guideline)]
    known = [word for word in ("高血压", "糖尿病", "hypertension", "diabetes") if word in conditions_of(case)]
    if not named and not known:
        return found
    found = {word: list(sources) for word, sources in found.items()}
    for item in named:
        for word in item.if_named:
            found.setdefault(word, []).append(item.source_zh.split("，")[0])
    for word in known:
        found.setdefault(word, ["已知病史 / known condition"])
    return found


@lru_cache(maxsize=4096)
def _component_directions(key: str, value: float) -> frozenset[Direction]:
    return frozenset(i.direction for i in interpret({key: f"{value} mmHg"}))


def _directions(claim: Claim, meaning: Meaning) -> frozenset[Direction]:
    """Directions that are right; for systolic or diastolic alone also what that figure by itself means."""
    if claim.analyte in ("systolic", "diastolic") and len(meaning.target.values) == 2:
        value = meaning.target.values[0 if claim.analyte == "systolic" else 1]
        return _component_directions(claim.analyte, value)
    return meaning.directions


def verdict(claim: Claim, meaning: Meaning, accepted: dict[str, list[str]]) -> Verdict:
    """Whether a claim about a figure is right; neutral where it decides nothing."""
    if claim.kind == "class":
        if not claim.negated:
            return "right_class" if claim.word in accepted else "wrong"
        every = len(meaning.interpretations) and len(accepted.get(claim.word, ())) >= len(meaning.interpretations)
        return "wrong" if every else "neutral"
    right = claim.word in _directions(claim, meaning)
    if claim.negated:
        if claim.word == "normal":
            return "neutral" if right else "right_direction"
        return "wrong" if right and len(meaning.directions) == 1 else "neutral"
    return "right_direction" if right else "wrong"


def truth(meaning: Meaning) -> str:
    """What should be said of the figure."""
    words = [item.labels[0] for item in meaning.interpretations if item.labels]
    return "、".join(dict.fromkeys(words)) or NEXT.join(
        DIRECTION_WORDS[d] for d in sorted(meaning.directions) if d in DIRECTION_WORDS
    )
