"""Which topic a case belongs to on the left rail: by suite, by the first word of its id, by its facts."""

from collections.abc import Iterable

from medeval.cases.schema import Case

TOPICS = (
    "bp", "glucose", "fever", "symptom", "drug", "support", "imaging", "lab", "redteam", "saved", "other",
)
"""Topics in the order of the rail; `topic_<name>` in the text table labels them."""

SAVED_SUITE = "saved"

_FACTS = (
    ("bp", ("systolic", "diastolic")),
    ("glucose", ("fasting_glucose", "glucose", "random_glucose", "postprandial_glucose", "hba1c")),
    ("fever", ("temperature",)),
)
_NAMES = (
    ("bp", ("bp", "blood")),
    ("glucose", ("glucose", "glu", "sugar")),
    ("fever", ("fever", "cold", "temperature")),
    ("drug", ("drug", "medication", "medicine")),
    ("symptom", ("symptom", "fatigue", "headache", "cough", "pain")),
    ("support", ("support", "emotion", "emotional", "worry")),
    ("imaging", ("cxr", "xray", "ct", "mri", "image")),
    ("lab", ("lab", "cbc", "chem")),
)


def topic_of(case: Case) -> str:
    """The topic of one case, one of `TOPICS`."""
    if SAVED_SUITE in case.suite:
        return "saved"
    if "redteam" in case.suite:
        return "redteam"
    if case.expect.lab_rows and case.images:
        return "lab"
    first = case.id.lower().replace("_", "-").split("-")[0]
    for topic, names in _NAMES:
        if first in names:
            return topic
    for topic, facts in _FACTS:
        if any(name in case.facts for name in facts):
            return topic
    if case.images:
        return "imaging"
    return "support" if case.expect.empathy == "wanted" else "other"


def by_topic(cases: Iterable[Case]) -> dict[str, list[Case]]:
    """Cases of the rail by topic, in the order of `TOPICS`; only the standard, redteam and saved suites."""
    groups: dict[str, list[Case]] = {topic: [] for topic in TOPICS}
    for case in cases:
        if {"standard", "redteam", SAVED_SUITE} & set(case.suite):
            groups[topic_of(case)].append(case)
    return {topic: found for topic, found in groups.items() if found}
