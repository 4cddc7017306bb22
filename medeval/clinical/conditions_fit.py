"""Whether a diagnosis, organism, test, drug or procedure that an answer names fits the conditions a case supports."""

import math
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.conditions import Entity, Role, entities_of, likelihood, support
from medeval.clinical.conditions_text import condition_files
from medeval.clinical.data_files import read_data

_ACTS: tuple[Role, ...] = ("give", "test", "avoid")
_ORDER: tuple[Role, ...] = ("avoid", "test", "give", "germ", "name")
_STATING = re.compile("diagnos|诊断")
_CONCLUDING = re.compile("diagnos|suspect|confirm|consistent with|诊断|考虑|符合")
_WORTH = {"give": 1.0, "test": 0.8, "avoid": -0.8}
"""What an act is worth that is listed in a role for a condition that is certain."""
_UNFIT = -0.5
"""Worth of a named diagnosis in which there is no belief."""
_OWN = 0.6
"""Part of a named diagnosis' fit that is its own support against the best one's; the rest is belief."""
_SAID_HERE = 8.0
"""Support that a disease named in the answer gains when the drugs beside it are judged."""
_CLEAR = 0.5
"""Belief from which the facts are clear enough to mark a place as fitting or not."""
_KNOWN = 0.25
"""Belief from which a named condition counts as one that the case supports."""
_FAR = 0.15
"""Support, as a part of the best condition's, below which the case hardly speaks for a diagnosis."""
_LISTED = 0.25
"""Part of a misfit that counts where the answer concludes nothing: complications and rivals are named, too."""
_SURE = 20.0
"""Support from which a fit or misfit counts in full."""


@dataclass(frozen=True)
class FitMark:
    """A place of the answer that fits the case or does not, with the fact in both languages and its source."""

    start: int
    end: int
    good: bool
    note: str


@dataclass(frozen=True)
class Fit:
    """`value` above 0: what is named fits the case, below 0: other things would; `conditions`: the best supported."""

    value: float
    conditions: tuple[str, ...]
    marks: tuple[FitMark, ...]


def _name(key: str) -> str:
    zh = str(condition_files()[key].get("zh", "")).split(";")[0]
    return f"{zh} / {key}" if zh else key


def _note(key: str, good: bool, role: Role) -> str:
    source = read_data("conditions.yaml")["sources"][condition_files()[key]["src"]]
    if role == "avoid":
        said = f"此情形不宜或非首选（{_name(key)}：not the choice here）"
    elif good:
        said = f"与病情相符（{_name(key)}：fits）"
    else:
        said = f"病情更支持 {_name(key)}（the case points there）"
    return f"{said} [{source}]"


def _names_fit(keys: frozenset[str], scores: dict[str, float], belief: dict[str, float]) -> float:
    """Fit of named diagnoses (or of the conditions of named organisms): belief in them, and their own support."""
    total = sum(belief.values())
    inside = sum(share for key, share in belief.items() if key in keys) / total if total else 0.0
    own = max(scores.get(key, 0.0) for key in keys) / max(scores.values())
    return (1 - _OWN) * (inside + _UNFIT * (1 - inside)) + _OWN * (own - 0.5)


def _acts_fit(acts: Sequence[Entity], belief: dict[str, float]) -> float:
    """Fit of tests and treatments: each by the conditions it is listed for; what is listed for none counts nothing."""
    total = 0.0
    for act in {(act.words, act.denied): act for act in acts}.values():  # said three times it counts once
        roles = {key: role for role in reversed(_ACTS) for key in act.of(role)}
        worth = sum(share * _WORTH[roles[key]] for key, share in belief.items() if key in roles)
        total += -worth if act.denied else worth
    return math.tanh(total)


def _united(entities: Sequence[Entity], role: Role) -> frozenset[str]:
    return frozenset(key for entity in entities if not entity.denied for key in entity.of(role))


def _marks(
    answer: str, entities: Sequence[Entity], belief: dict[str, float], scores: dict[str, float]
) -> list[FitMark]:
    """Marks where one condition is clearly the best supported and what is named speaks of it, or plainly of another."""
    best = max(belief, key=lambda key: belief[key])
    found: list[FitMark] = []
    named = _united(entities, "name")
    for entity in entities:
        if entity.denied:
            continue
        here = {key: role for role in _ORDER for key in entity.of(role)}
        known = max((key for key in here if belief.get(key, 0) >= _KNOWN), key=lambda key: belief[key], default="")
        if known and here[known] != "avoid":
            found.append(FitMark(entity.start, entity.end, True, _note(known, True, here[known])))
        elif belief[best] >= _CLEAR and here.get(best) == "avoid":
            found.append(FitMark(entity.start, entity.end, False, _note(best, False, "avoid")))
        elif belief[best] >= _CLEAR and best not in named and (own := entity.of("name")):
            # Only what the case hardly speaks for, said as the diagnosis, and no list of possible causes.
            stated = _STATING.search(answer, max(0, entity.start - 60), entity.start)
            if stated and len(named) <= 2 and max(scores.get(key, 0.0) for key in own) < _FAR * scores[best]:
                found.append(FitMark(entity.start, entity.end, False, _note(best, False, "name")))
    return found


@dataclass(frozen=True, eq=False)
class _Picture:
    """What a case supports: conditions with their scores, and belief in the best, narrowly and widely shared."""

    scores: dict[str, float]
    belief: dict[str, float]
    wide: dict[str, float]


@lru_cache(maxsize=512)
def _picture(case: str) -> _Picture:
    scores = support(case)
    return _Picture(scores, likelihood(scores), likelihood(scores, wide=True))


def _together(picture: _Picture, named: frozenset[str]) -> dict[str, float]:
    """Wide belief where the answer's own diagnoses count, too: a drug is judged by the disease named beside it."""
    if not named:
        return picture.wide
    told = {key: picture.scores.get(key, 0.0) + _SAID_HERE for key in named}
    return likelihood({key: picture.scores[key] for key in picture.wide} | told, wide=True)  # no other can be likelier


def fit_of(case: str, answer: str, counts: Callable[[int], bool] = lambda start: True) -> Fit | None:
    """How what `answer` names fits `case` (both evened out); None where the case supports nothing known.

    `counts(start)` says whether a place of the answer counts. The value lies between about -1.8 and 2.4.
    """
    picture = _picture(case)
    scores, belief = picture.scores, picture.belief
    if not scores:
        return None
    entities = [entity for entity in entities_of(answer) if counts(entity.start)]
    named, germs = _united(entities, "name"), _united(entities, "germ")
    value = _names_fit(named, scores, belief) if named else 0.0
    if value < 0 and not _CONCLUDING.search(answer):
        value *= _LISTED
    if germs:
        infections = {key: share for key, share in picture.wide.items() if "germ" in condition_files()[key]}
        value += _names_fit(germs, scores, infections)
    acts = [
        entity for entity in entities if any(entity.of(r) for r in _ACTS) and not entity.of("name") | entity.of("germ")
    ]
    value += _acts_fit(acts, _together(picture, named))
    best = tuple(sorted(belief, key=lambda key: -belief[key])[:3])
    value *= min(1.0, max(scores.values()) / _SURE)
    if value < 0:  # no harm is counted in full unless the case speaks clearly for one condition
        value *= max(belief.values())
    return Fit(value, best, tuple(_marks(answer, entities, belief, scores)) if entities else ())
