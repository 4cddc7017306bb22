"""What the instrument measures on: answers with an independent artefact, judged claims, and corrected notes.

An edited answer is never compared with the text it was edited from: the artefact (checklist, facts, question) is
separate, since a metric that sees the original would find every edit.
"""

import hashlib
import random
import re
from dataclasses import dataclass, field
from typing import Literal

from medeval.cases.schema import AnyOf, Case, Language

Label = Literal["Entailment", "Neutral", "Contradiction"]
_CJK = re.compile(r"[\u3400-\u9fff]")


@dataclass(frozen=True)
class Item:
    """A physician's `answer` to the question of `case`; `cluster` is what is resampled (one question, one patient)."""

    case: Case
    answer: str
    cluster: str
    dataset: str

    @property
    def language(self) -> Language:
        """Of the answer."""
        return self.case.language

    @property
    def checklist(self) -> tuple[str, ...]:
        """Every statement of the case's `must_have`, alternatives one by one."""
        return statements_of(self.case)


@dataclass(frozen=True)
class Claim:
    """A model's `answer` and whether physicians say that it entails the statement `text`."""

    case: Case
    answer: str
    text: str
    majority: Label
    labels: tuple[Label, ...]
    cluster: str
    dataset: str


@dataclass(frozen=True)
class Note:
    """A clinical note (the prompt of `case`) without one sentence, which experts wrote `right` and with an error."""

    case: Case
    right: str
    wrong: str
    kind: str
    cluster: str
    dataset: str


@dataclass(frozen=True)
class Source:
    """A file that was read: how many of its lines were used and what was wrong with the others."""

    name: str
    dataset: str
    rows: int
    problems: tuple[str, ...] = ()


@dataclass(frozen=True)
class Pool:
    """Everything that was read."""

    items: tuple[Item, ...] = ()
    claims: tuple[Claim, ...] = ()
    notes: tuple[Note, ...] = ()
    sources: tuple[Source, ...] = field(default=())

    @property
    def problems(self) -> tuple[str, ...]:
        """Every line that could not be used, with its file."""
        return tuple(f"{source.name}: {problem}" for source in self.sources for problem in source.problems)


def statements_of(case: Case) -> tuple[str, ...]:
    """The statements of `must_have`, alternatives one by one."""
    return tuple(
        text for entry in case.expect.must_have for text in (entry.any if isinstance(entry, AnyOf) else [entry])
    )


def language_of(text: str) -> Language:
    """Chinese where more than a tenth of the characters are."""
    return "zh" if len(_CJK.findall(text)) > 0.1 * len(text) else "en"


def seeded(*names: str) -> random.Random:
    """A generator that depends on `names` alone, so that an edit is the same in every run and on every machine."""
    return random.Random(int.from_bytes(hashlib.sha256("\x1f".join(names).encode()).digest()[:8], "big"))
