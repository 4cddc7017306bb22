"""Drugs and what this patient must not be given; rules and sources are in `data/drugs.yaml`."""

import re
from dataclasses import dataclass
from functools import lru_cache

from medeval.clinical.data_files import read_data
from medeval.clinical.facts import Person
from medeval.clinical.lexicons import hits
from medeval.clinical.patterns import Pattern
from medeval.clinical.reading import read


@dataclass(frozen=True)
class RiskRule:
    """Who must not be given what; `classes` and `drugs` name what, the rest names whom."""

    id: str
    who: str
    classes: frozenset[str]
    drugs: frozenset[str]
    matches: tuple[str, ...]
    below: float
    from_week: float
    egfr_below: float
    told_is_enough: bool
    zh: str
    en: str
    source: str


@dataclass(frozen=True)
class DoseLimit:
    """Largest adult dose by mouth in mg."""

    single: float
    day: float
    source: str


@lru_cache(maxsize=1)
def drug_classes() -> dict[str, frozenset[str]]:
    """Classes of every drug by key."""
    return {key: frozenset(entry["classes"]) for key, entry in read_data("drugs.yaml")["drugs"].items()}


@lru_cache(maxsize=1)
def risk_rules() -> tuple[RiskRule, ...]:
    """Every rule."""
    return tuple(
        RiskRule(
            entry["id"],
            entry["who"],
            frozenset(entry.get("classes", ())),
            frozenset(entry.get("drugs", ())),
            tuple(entry.get("matches", ())),
            float(entry.get("below", 0)),
            float(entry.get("from_week", 0)),
            float(entry.get("egfr_below", 0)),
            bool(entry.get("told_is_enough", False)),
            entry["zh"],
            entry["en"],
            entry["source"],
        )
        for entry in read_data("drugs.yaml")["rules"]
    )


@lru_cache(maxsize=1)
def dose_limits() -> dict[str, DoseLimit]:
    """Dose limits by drug key."""
    entries = read_data("drugs.yaml")["doses"].items()
    return {key: DoseLimit(float(e["single"]), float(e["day"]), e["source"]) for key, e in entries}


@dataclass(frozen=True)
class ChildLimit:
    """Largest dose by mouth in mg per kg of a child younger than `below` years."""

    single: float
    day: float
    below: float
    source: str


@lru_cache(maxsize=1)
def child_limits() -> dict[str, ChildLimit]:
    """Dose limits for children by drug key."""
    entries = read_data("drugs.yaml")["child_doses"].items()
    return {key: ChildLimit(float(e["single"]), float(e["day"]), float(e["below"]), e["source"]) for key, e in entries}


@lru_cache(maxsize=1)
def act_patterns() -> dict[str, Pattern]:
    """Dangerous acts (stopping medicine, doubling a dose) by id."""
    acts = read_data("drugs.yaml")["acts"].items()
    return {key: Pattern("|".join(f"(?:{p})" for p in entry["patterns"])) for key, entry in acts}


@lru_cache(maxsize=512)
def _taken(text: str) -> frozenset[str]:
    """Drug keys and classes named in a fact such as current_drugs."""
    found = {hit.key for hit in hits(read(text), "drug")}
    return frozenset(found | {cls for key in found for cls in drug_classes()[key]})


def _kidney_impaired(person: Person) -> bool:
    text = f"{person.kidney} {person.conditions}"
    stated = re.search(r"肾功能不全|肾衰|慢性肾|肾病|透析|尿毒症|ckd|renal|kidney disease|impaired|reduced|受损", text)
    return bool(stated) and not re.search(r"无肾|肾功能正常|no kidney", text)


def _applies(rule: RiskRule, person: Person) -> bool:
    """Whether the patient is one the rule speaks about."""
    if rule.who == "pregnant":
        return person.pregnant and (not rule.from_week or person.weeks is None or person.weeks >= rule.from_week)
    if rule.who == "child":
        return person.age is not None and person.age < rule.below
    if rule.who == "kidney":
        if person.egfr is not None:
            return person.egfr < rule.egfr_below
        return rule.told_is_enough and _kidney_impaired(person)
    if rule.who == "breastfeeding":
        return person.breastfeeding
    if rule.who == "current":
        return bool(set(rule.matches) & _taken(person.current_drugs))
    text = person.allergies if rule.who == "allergy" else person.conditions
    return any(word in text for word in rule.matches) and not re.match(r"无|否认|没有|none|no\b", text)


def forbidden(person: Person, drug: str) -> tuple[RiskRule, ...]:
    """Rules that forbid `drug` (a key of the drug list) to this patient."""
    classes = drug_classes()[drug]
    return tuple(
        rule for rule in risk_rules() if (drug in rule.drugs or classes & rule.classes) and _applies(rule, person)
    )
