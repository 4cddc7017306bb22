"""The set that comes with medeval: written answers to its own cases, and figures around the guidelines' cut-offs.

It needs no data from elsewhere, so it guards against regressions; since its authors also wrote the rules, it says
nothing about other people's answers: that is what `--data` is for.
"""

from collections.abc import Iterator, Mapping
from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict

from medeval.cases.schema import AnyOf, Case, Expect, Language, Statement, Urgency
from medeval.clinical.guidelines import interpret
from medeval.metaeval.edits import apply_operator
from medeval.metaeval.items import Claim, Item, Label, Note, Pool, Source, seeded, statements_of
from medeval.metaeval.operators import OPERATORS
from medeval.metaeval.sentences import sentences

_DATA = Path(__file__).resolve().parent / "data" / "shipped.yaml"
_FLIPS = frozenset({"negation", "direction"})
_ERRORS = frozenset({"number_x10", "number_double", "unit", "negation", "direction", "drug"})


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Written(_Strict):
    """A case of the set's own with its answer."""

    prompt: str
    facts: dict[str, str]
    urgency: Urgency
    must_have: list[Statement]
    must_not: list[str]
    answer: str
    source: str


class Template(_Strict):
    """An answer about one figure; `{label}` is what the guidelines call it."""

    quantity: str
    language: Language
    prompt: str
    answer: str
    figures: list[list[float]]
    keys: list[str]
    unit: str
    next: str


class ShippedData(_Strict):
    """The file `data/shipped.yaml`."""

    answers: dict[str, str]
    cases: list[Written]
    templates: list[Template]


@lru_cache(maxsize=1)
def load_shipped() -> ShippedData:
    """The file."""
    return ShippedData.model_validate(yaml.safe_load(_DATA.read_text(encoding="utf-8")))


def shipped_pool(cases: Mapping[str, Case]) -> Pool:
    """Items, claims and notes made from `cases` (medeval's own, by id) and from the guidelines.

    Args:
        cases: an answer whose case is not among them is left out.
    """
    data = load_shipped()
    items = [Item(cases[name], answer, name, "test_cases") for name, answer in data.answers.items() if name in cases]
    items += [_written(number, written) for number, written in enumerate(data.cases, 1)]
    for template in data.templates:
        items += _filled(template)
    claims, notes = list(_claims(items)), list(_notes(items))
    counts = {name: sum(item.dataset == name for item in items) for name in ("test_cases", "written", "guidelines")}
    sources = [Source(_DATA.name, name, count) for name, count in counts.items()]
    return Pool(tuple(items), tuple(claims), tuple(notes), tuple(sources))


def _written(number: int, written: Written) -> Item:
    expect = Expect(urgency=written.urgency, must_have=written.must_have, must_not=list(written.must_not))
    case = Case(
        id=f"written-{number}", prompt=written.prompt, language="en", facts=written.facts, expect=expect,
        source=written.source,
    )  # fmt: skip
    return Item(case, written.answer, case.id, "written")


def _filled(template: Template) -> Iterator[Item]:
    for number, figures in enumerate(template.figures, 1):
        value = "/".join(f"{figure:g}" for figure in figures)
        facts = {k: f"{figure:g} {template.unit}" for k, figure in zip(template.keys, figures, strict=True)}
        facts["age"] = "45 year"
        readings = [r for r in interpret(facts) if r.quantity == template.quantity and r.labels_zh]
        if not readings:
            continue
        label = readings[0].labels_zh[0]
        answer = template.answer.format(value=value, label=label, next=template.next)
        follow: list[Statement] = [s.text.strip() for s in sentences(template.next)]
        must: list[Statement] = [f"{value} {template.unit}", AnyOf(any=list(readings[0].labels_zh)), *follow]
        case = Case(
            id=f"{template.quantity}-{number}", prompt=template.prompt.format(value=value), language=template.language,
            facts=facts, expect=Expect(urgency="routine", must_have=must), source=readings[0].source_zh,
        )  # fmt: skip
        yield Item(case, answer, case.id, "guidelines")


def _claims(items: list[Item]) -> Iterator[Claim]:
    """Points of the own case (entailed), of another case (neutral), and answers with the point flipped."""
    written = [item for item in items if item.dataset != "guidelines"]
    for item in written:
        others = [o for o in written if o.language == item.language and o is not item]
        for number, entry in enumerate(item.case.expect.must_have):
            point = entry.any[0] if isinstance(entry, AnyOf) else entry
            if point.lower() in item.answer.lower():
                yield _claim(item, item.answer, point, "Entailment", f"{number}e")
            other = seeded(item.case.id, str(number)).choice(others)
            stranger = seeded(item.case.id, str(number), "n").choice(statements_of(other.case))
            if stranger.lower() not in item.answer.lower():
                yield _claim(item, item.answer, stranger, "Neutral", f"{number}n")
        for sentence in sentences(item.answer):
            alone = Item(item.case, sentence.text.strip(), item.cluster, item.dataset)
            for operator in OPERATORS:
                edit = apply_operator(operator, alone, "named") if operator.name in _FLIPS else None
                if edit is not None:
                    turned = sentence.text.replace(alone.answer, edit.text)  # with the blanks around it
                    text = item.answer[: sentence.start] + turned + item.answer[sentence.end :]
                    yield _claim(item, text, alone.answer, "Contradiction", f"{sentence.start}c-{operator.name}")


def _claim(item: Item, answer: str, point: str, label: Label, tag: str) -> Claim:
    case = item.case.model_copy(update={"id": f"{item.case.id}-{tag}"})
    return Claim(case, answer, point, label, (label,) * 3, item.cluster, item.dataset)


def _notes(items: list[Item]) -> Iterator[Note]:
    """A right sentence and the same with one error, to the case of the item."""
    for item in items:
        for sentence in sentences(item.answer):
            alone = Item(item.case, sentence.text.strip(), item.cluster, item.dataset)
            for operator in OPERATORS:
                edit = apply_operator(operator, alone) if operator.name in _ERRORS else None
                if edit is not None:
                    case = item.case.model_copy(update={"id": f"{item.case.id}-{sentence.start}-{operator.name}"})
                    yield Note(case, alone.answer, edit.text, operator.name, item.cluster, item.dataset)
