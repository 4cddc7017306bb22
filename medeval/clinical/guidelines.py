"""Guidelines as data, and what they make of a patient's figures.

The tables (name, year, clause, classes) are in `data/guidelines.yaml`; this module only computes. Words about a class
are matched in answers by `claims`.
"""

from collections.abc import Mapping
from functools import lru_cache
from typing import Literal

from pydantic import BaseModel, ConfigDict

from medeval.clinical.data_files import read_data
from medeval.clinical.facts import measurement
from medeval.clinical.facts import person as person_of
from medeval.errors import UsageError

Direction = Literal["low", "normal", "high", "none"]
Bounds = dict[Literal["ge", "lt"], float]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class GuidelineClass(_Strict):
    """One class; `when` empty = whatever the classes above left."""

    id: str
    direction: Direction
    when: list[dict[str, Bounds]]
    zh: list[str]
    en: list[str]
    broader_zh: list[str]
    broader_en: list[str]
    if_named: list[str] = []

    def holds(self, values: Mapping[str, float]) -> bool:
        """Whether `values` (canonical units) fall in this class, classes above having failed."""
        return not self.when or any(_all_hold(test, values) for test in self.when)

    @property
    def labels(self) -> tuple[str, ...]:
        """Every word that is true of this class."""
        return (*self.zh, *self.en, *self.broader_zh, *self.broader_en)


class Guideline(_Strict):
    """One classification of one quantity, with its source."""

    id: str
    quantity: str
    zh: str
    en: str
    year: int
    clause: str
    current: bool
    unit: str
    named: list[str]
    limits: list[str]
    classes: list[GuidelineClass]
    adults_only: bool = False
    pregnant: bool = False
    setting: str = ""
    overrides: bool = False


class Interpretation(_Strict):
    """What one guideline makes of one quantity; `values` in `unit`, (systolic, diastolic) for blood pressure."""

    quantity: str
    values: tuple[float, ...]
    unit: str
    category: str
    direction: Direction
    labels_zh: tuple[str, ...]
    labels_en: tuple[str, ...]
    if_named: tuple[str, ...]
    guideline: str
    source_zh: str
    source_en: str

    @property
    def value(self) -> str:
        """The figures as people write them: 140/90 or 7.2."""
        return "/".join(f"{v:g}" for v in self.values)

    @property
    def labels(self) -> tuple[str, ...]:
        """Words of both languages, the most exact first."""
        return self.labels_zh + self.labels_en


QUANTITY_FACTS: dict[str, tuple[str, ...]] = {
    "blood_pressure": ("systolic", "diastolic"),
    "fasting_glucose": ("fasting_glucose",),
    "postprandial_glucose": ("postprandial_glucose",),
    "random_glucose": ("random_glucose",),
    "hba1c": ("hba1c",),
    "temperature": ("temperature",),
}


def _all_hold(test: Mapping[str, Bounds], values: Mapping[str, float]) -> bool:
    def one(key: str, bounds: Bounds) -> bool:
        value = round(values[key], 3)
        return value >= bounds.get("ge", float("-inf")) and value < bounds.get("lt", float("inf"))

    return all(key in values and one(key, bounds) for key, bounds in test.items())


@lru_cache(maxsize=1)
def load_guidelines() -> dict[str, Guideline]:
    """Every guideline by id."""
    found = [Guideline.model_validate(entry) for entry in read_data("guidelines.yaml")["guidelines"]]
    return {guideline.id: guideline for guideline in found}


def _applicable(facts: Mapping[str, str], quantity: str, wanted: str | None) -> list[Guideline]:
    person = person_of(facts)
    candidates = [g for g in load_guidelines().values() if g.quantity == quantity]
    if person.age is not None and person.age < 18:
        candidates = [g for g in candidates if not g.adults_only]
    named = [
        g
        for g in candidates
        if wanted and (g.id == wanted or (g.id.startswith(f"{wanted}-") and g.setting in ("", person.setting)))
    ]
    if named:
        return named
    candidates = [g for g in candidates if g.current]
    if person.pregnant and any(g.pregnant for g in candidates):
        return [g for g in candidates if g.pregnant]
    candidates = [g for g in candidates if not g.pregnant]
    return [g for g in candidates if not g.setting or g.setting == person.setting]


def _one(guideline: Guideline, values: Mapping[str, float]) -> Interpretation | None:
    for cls in guideline.classes:
        if cls.holds(values):
            return Interpretation(
                quantity=guideline.quantity,
                values=tuple(values.values()),
                unit=guideline.unit,
                category=cls.id,
                direction=cls.direction,
                labels_zh=(*cls.zh, *cls.broader_zh),
                labels_en=(*cls.en, *cls.broader_en),
                if_named=tuple(cls.if_named),
                guideline=guideline.id,
                source_zh=f"{guideline.zh}，{guideline.clause}",
                source_en=f"{guideline.en} ({guideline.clause})",
            )
    return None


def _heard(spoken: list[tuple[Guideline, Interpretation]]) -> list[Interpretation]:
    """Who is heard: an overriding definition alone; for home measurement, those that agree with the home limit."""
    overriding = [reading for guideline, reading in spoken if guideline.overrides]
    home = [reading for guideline, reading in spoken if guideline.setting]
    if overriding or not home:
        return overriding or [reading for _, reading in spoken]
    hypertension = "hypertension" in home[0].labels_en
    agreeing = [r for g, r in spoken if not g.setting and ("hypertension" in r.labels_en) == hypertension]
    return home + (agreeing if hypertension else [r for r in agreeing if r.direction == "normal"])


def interpret(facts: Mapping[str, str], guideline: str | None = None) -> list[Interpretation]:
    """What the facts mean: one interpretation per quantity and guideline that covers it.

    `guideline` restricts to that id (and its parts) where it covers a quantity; otherwise every current guideline
    speaks, since an answer right under any of them is right. Raises UsageError for an unknown id.
    """
    return list(_interpret(tuple(facts.items()), guideline))


@lru_cache(maxsize=1024)
def _interpret(items: tuple[tuple[str, str], ...], guideline: str | None) -> tuple[Interpretation, ...]:
    facts = dict(items)
    known = load_guidelines()
    if guideline and not any(key == guideline or key.startswith(f"{guideline}-") for key in known):
        raise UsageError(f"没有指南 {guideline} / unknown guideline {guideline!r}; known: {', '.join(known)}")
    found: list[Interpretation] = []
    for quantity, keys in QUANTITY_FACTS.items():
        measured = {key: measurement(facts, key) for key in keys}
        values = {key: value for key, value in measured.items() if value is not None}
        if not values:
            continue
        readings = [(g, _one(g, values)) for g in _applicable(facts, quantity, guideline)]
        spoken = [(g, reading) for g, reading in readings if reading is not None]
        found += _heard([(g, reading) for g, reading in spoken])
    return tuple(found)
