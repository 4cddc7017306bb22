"""Guidelines as data, and what they make of a patient's figures.

The tables (name, year, clause, classes) are in `data/guidelines.yaml`; this module only computes. Words about a class
are matched in answers by `claims`.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from medeval.clinical.data_files import read_data
from medeval.clinical.facts import Person, measurement
from medeval.clinical.facts import person as person_of
from medeval.clinical.lexicons import analytes
from medeval.errors import UsageError

Direction = Literal["low", "normal", "high", "none"]
ADULT = 40.0
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
    sex: Literal["", "male", "female"] = ""
    age_from: float = 0
    age_below: float = 130
    trimesters: list[int] = []

    def fits(self, person: Person) -> bool:
        """Whether sex, age and trimester, as far as told, are those it speaks of; an untold age is an adult's."""
        age = person.age if person.age is not None else ADULT
        if not self.age_from <= age < self.age_below or (self.adults_only and age < 18):
            return False
        if self.sex and person.sex_known and person.sex_known != self.sex:
            return False
        return not self.trimesters or person.trimester is None or person.trimester in self.trimesters


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
    """Every guideline by id: classifications first, then reference intervals."""
    found = [Guideline.model_validate(entry) for entry in read_data("guidelines.yaml")["guidelines"]]
    return {guideline.id: guideline for guideline in (*found, *_intervals())}


def _intervals() -> Iterator[Guideline]:
    """`data/ranges.yaml`: one guideline of three classes for each test, sex and age group."""
    for source in read_data("ranges.yaml")["sources"]:
        for key, rows in source["rows"].items():
            for sex, age_from, age_below, low, high in rows:
                yield _interval(source, key, "" if sex == "any" else sex, age_from, age_below, low, high)


def _interval(
    source: Mapping[str, Any], key: str, sex: str, age_from: float, age_below: float, low: float | None,
    high: float,
) -> Guideline:  # fmt: skip
    classes = [{"id": "normal", "direction": "normal", "when": [{key: {"lt": high + 5e-4}}]}]
    if low is not None:
        classes.insert(0, {"id": "low", "direction": "low", "when": [{key: {"lt": low}}]})
    classes.append({"id": "high", "direction": "high", "when": []})
    empty: dict[str, list[str]] = {"zh": [], "en": [], "broader_zh": [], "broader_en": []}
    return Guideline.model_validate(
        {
            "id": "-".join([source["id"], key, *([sex] if sex else []), *([f"{age_from}"] if age_from > 18 else [])]),
            **{name: source[name] for name in ("zh", "en", "year", "clause")},
            "quantity": key, "current": True, "unit": analytes()[key].units[0], "named": [],
            "limits": [f"{high:g}"] if low is None else [f"{low:g}-{high:g}", f"{low:g}", f"{high:g}"],
            "classes": [{**entry, **empty} for entry in classes], "sex": sex, "age_from": age_from,
            "age_below": age_below,
        }
    )  # fmt: skip


@lru_cache(maxsize=1)
def _by_quantity() -> dict[str, tuple[Guideline, ...]]:
    found: dict[str, list[Guideline]] = {}
    for guideline in load_guidelines().values():
        found.setdefault(guideline.quantity, []).append(guideline)
    return {quantity: tuple(guidelines) for quantity, guidelines in found.items()}


@lru_cache(maxsize=1)
def quantity_facts() -> dict[str, tuple[str, ...]]:
    """Quantities that a guideline covers, with the facts they are measured by."""
    return QUANTITY_FACTS | {q: (q,) for q in _by_quantity() if q not in QUANTITY_FACTS}


def _applicable(facts: Mapping[str, str], quantity: str, wanted: str | None) -> list[Guideline]:
    person = person_of(facts)
    candidates = [g for g in _by_quantity().get(quantity, ()) if g.fits(person)]
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
        raise UsageError(
            f"没有指南 {guideline}；可用：{', '.join(known)}"
            f" / unknown guideline {guideline!r}; known: {', '.join(known)}"
        )
    found: list[Interpretation] = []
    for quantity, keys in quantity_facts().items():
        if facts.keys().isdisjoint(keys):
            continue
        measured = {key: measurement(facts, key) for key in keys}
        values = {key: value for key, value in measured.items() if value is not None}
        if not values:
            continue
        readings = [(g, _one(g, values)) for g in _applicable(facts, quantity, guideline)]
        spoken = [(g, reading) for g, reading in readings if reading is not None]
        found += _heard([(g, reading) for g, reading in spoken])
    return tuple(found)
