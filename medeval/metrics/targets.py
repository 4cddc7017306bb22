"""What a case lets us check: the patient's figures and what each means (facts, laboratory rows, expectations)."""

import re
from dataclasses import dataclass
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case, LabRow
from medeval.clinical.binding import Bound, bind
from medeval.clinical.facts import measurement, person, unit_of
from medeval.clinical.guidelines import Direction, Interpretation, interpret, quantity_facts
from medeval.clinical.lexicons import analytes, hits
from medeval.clinical.quantities import Quantity, same_value
from medeval.clinical.reading import Reading, in_chinese, read
from medeval.clinical.statement import parse_statement
from medeval.clinical.units import canonical
from medeval.errors import UsageError

DESCRIPTION = 200  # Chinese characters; three times as many Latin ones
_LATER = re.compile(
    r"(?:术后|手术后|治疗后|用药后|服药后|降至|降到|升至|出院时|复查|复测|随访)[^，,。;；\n]{0,14}$"
    r"|(?:after (?:surgery|treatment)|postoperative(?:ly)?|at discharge|fell to|rose to)[^,.;\n]{0,24}$"
)
"""What stands before a figure of another time than that of the case."""
GLUCOSE = frozenset({"fasting_glucose", "postprandial_glucose", "random_glucose", "glucose"})


@dataclass(frozen=True)
class Target:
    """One figure of the patient: `keys` are the analytes an answer may name it by."""

    keys: frozenset[str]
    quantity: str
    values: tuple[float, ...]
    unit: str
    substance: str
    row: LabRow | None = None

    @property
    def names(self) -> tuple[str, str]:
        """What the test is called, in Chinese and in English; a printed row has the one name of its report."""
        if self.row is not None:
            return self.row.name, self.row.name
        known = analytes()[self.quantity]
        return known.zh[0], known.en[0]

    @property
    def text(self) -> str:
        """The figure as people write it."""
        return f"{'/'.join(f'{v:g}' for v in self.values)} {self.unit}".strip()


@dataclass(frozen=True)
class Meaning:
    """What a target means: accepted classes with the guidelines that give them, and accepted directions."""

    target: Target
    interpretations: tuple[Interpretation, ...]
    directions: frozenset[Direction]

    @property
    def has_classes(self) -> bool:
        """Whether a guideline gives this value a name of its own; of a printed row the direction is enough."""
        return self.target.row is None and any(i.labels and i.direction != "normal" for i in self.interpretations)


def row_direction(row: LabRow) -> Direction:
    """High, low or normal by the printed flag, else by the printed range."""
    if row.flag:
        return "high" if row.flag == "↑" else "low"
    if row.high is not None and row.value > row.high:
        return "high"
    return "low" if row.low is not None and row.value < row.low else "normal"


@lru_cache(maxsize=2048)
def analyte_of(name: str, abbr: str = "") -> str:
    """The analyte key a row name or abbreviation stands for; empty where unknown."""
    for text in (name, abbr):
        reading = read(text)
        whole = [hit for hit in hits(reading, "analyte") if hit.end - hit.start >= len(reading.text.strip()) - 1]
        if whole:
            return whole[0].key
    found = hits(read(name), "analyte")
    return found[0].key if found else ""


def keys_of(quantity: str) -> frozenset[str]:
    """The analytes that an answer may name a quantity by."""
    named = {key for key, analyte in analytes().items() if analyte.quantity == quantity}
    return frozenset(named | ({"glucose"} if quantity in GLUCOSE else set()))


@lru_cache(maxsize=512)
def _targets(facts: tuple[tuple[str, str], ...], rows: tuple[LabRow, ...]) -> tuple[Target, ...]:
    found: list[Target] = []
    known = dict(facts)
    for quantity, keys in quantity_facts().items():
        if known.keys().isdisjoint(keys):
            continue
        values = [value for key in keys if (value := measurement(known, key)) is not None]
        if values and len(values) == len(keys) or (values and quantity == "blood_pressure"):
            unit, substance = unit_of(keys[0]) or ("", "")
            names = keys_of(quantity)
            if len(values) == 1 and quantity == "blood_pressure":
                names = frozenset({next(key for key in keys if measurement(known, key) is not None)})
            found.append(Target(names, quantity, tuple(values), unit, substance))
    taken = {target.quantity for target in found}
    for row in rows:
        key = analyte_of(row.name, row.abbr)
        if key and analytes()[key].quantity not in taken:
            names = keys_of(analytes()[key].quantity)
            unit = canonical(read(row.unit).text) or row.unit
            target = Target(
                names, analytes()[key].quantity, (row.value,), unit, analytes()[key].substance, row
            )
            found.append(target)
    return tuple(found)


def targets_of(case: Case) -> tuple[Target, ...]:
    """Every figure of the patient that an answer can quote; a fact wins over a row of the same test."""
    return _targets(tuple(sorted(case.facts.items())), _rows(case))


def _rows(case: Case) -> tuple[LabRow, ...]:
    return tuple(case.expect.lab_rows)


def _expected(case: Case) -> dict[str, Direction]:
    """Directions a case states in words, such as "WBC high", by quantity."""
    found: dict[str, Direction] = {}
    for text in case.expect.interpretation:
        reading = read(text)
        tests, places = hits(reading, "analyte"), hits(reading, "direction")
        if tests and places:
            direction: Direction = (
                "high" if places[-1].key == "high" else "low" if places[-1].key == "low" else "normal"
            )
            found[analytes()[tests[0].key].quantity] = direction
    return found


def _readings(case: Case) -> list[Interpretation]:
    """What the guidelines make of facts and, where no fact is given, of the rows of the report."""
    rows = {analyte_of(row.name, row.abbr): f"{row.value:g} {row.unit}" for row in case.expect.lab_rows}
    facts = {key: value for key, value in rows.items() if key} | case.facts
    try:
        return interpret(facts, case.guideline)
    except UsageError:
        return interpret(facts, None)


def _of_row(reading: Interpretation, row: LabRow) -> bool:
    """Whether a guideline's class may be said of a printed row: it names the direction that the report prints."""
    return bool(reading.labels) and reading.direction == row_direction(row)


def meanings_of(case: Case) -> tuple[Meaning, ...]:
    """What every figure means; a guideline's word first, then the row's own range, then the case's statement."""
    readings = _readings(case)
    found: list[Meaning] = []
    stated = _expected(case)
    for target in targets_of(case):
        mine = tuple(reading for reading in readings if reading.quantity == target.quantity)
        directions: set[Direction] = {i.direction for i in mine if i.direction != "none"}
        if target.row is not None:
            mine = tuple(reading for reading in mine if _of_row(reading, target.row))
            directions = {row_direction(target.row)}
        if not directions and target.quantity in stated:
            directions = {stated[target.quantity]}
        stated.pop(target.quantity, None)
        if directions:
            found.append(Meaning(target, mine, frozenset(directions)))
    for quantity, direction in stated.items():
        found.append(Meaning(Target(keys_of(quantity), quantity, (), "", ""), (), frozenset({direction})))
    return tuple(found)


def is_description(prompt: str) -> bool:
    """Whether a prompt is a whole case report, of which the question asks only a part."""
    return len(prompt) > (DESCRIPTION if in_chinese(prompt) else 3 * DESCRIPTION)


def is_asked(case: Case, target: Target) -> bool:
    """Whether an answer has to speak of the figure: no key points are listed, or one of them is about its meaning."""
    if target.row is not None or not target.values:
        return True
    if not case.expect.must_have:
        return not is_description(case.prompt)
    words = {label for i in interpret(case.facts, None) if i.quantity == target.quantity for label in i.labels}
    good = {i.direction for i in interpret(case.facts, None) if i.quantity == target.quantity}
    for statement in case.expect.must_have:
        for option in statement.any if isinstance(statement, AnyOf) else [statement]:
            part = parse_statement(option)
            reading = read(option)
            about = bool(part.analyte) and part.analyte in target.keys
            if any(hit.key in words for hit in hits(reading, "label")) or (
                about and (part.quantities or part.directions & good)
            ):
                return True
    return False


def conditions_of(case: Case) -> str:
    """Known diseases of the patient, which an answer may name whatever today's figure is."""
    return person(case.facts).conditions


def states(target: Target, bound: Bound) -> bool | None:
    """Whether a bound quantity quotes the target rightly; None where it speaks of something else."""
    quantity = bound.quantity
    if bound.analyte not in target.keys or not target.values:
        return None
    loose = quantity.comparator == "≈"
    if quantity.kind == "pair":
        if len(target.values) != 2:
            return None
        pairs = zip(quantity.values, target.values, strict=True)
        return all(same_value(a, quantity.unit, b, target.unit, target.substance, loose) for a, b in pairs)
    if quantity.kind != "value":
        return None
    true = _component(target, bound, quantity)
    return (
        None
        if true is None
        else same_value(quantity.values[0], quantity.unit, true, target.unit, target.substance, loose)
    )


def _component(target: Target, bound: Bound, quantity: Quantity) -> float | None:
    if len(target.values) == 1:
        return target.values[0]
    if bound.analyte == "systolic":
        return target.values[0]
    if bound.analyte == "diastolic":
        return target.values[1]
    return None if quantity.values[0] not in target.values else quantity.values[0]


@dataclass(frozen=True)
class Quoting:
    """How an answer quotes one target: places where it does so rightly and wrongly."""

    right: tuple[Bound, ...]
    wrong: tuple[Bound, ...]


def quoting(reading: Reading, target: Target, skip: frozenset[int]) -> Quoting:
    """Right and wrong quotations of a target; once quoted rightly, other figures of the test do no harm."""
    right, wrong = [], []
    for bound in bind(reading):
        if bound.role != "patient" or reading.sentence_at(bound.quantity.start).start in skip:
            continue
        verdict = states(target, bound)
        if verdict:
            right.append(bound)
        elif verdict is False and not _LATER.search(
            reading.text[max(0, bound.quantity.start - 40) : bound.quantity.start]
        ):
            wrong.append(bound)
    if right:
        wrong = [
            b
            for b in wrong
            if b.quantity.unit and b.quantity.unit != target.unit and b.quantity.values[0] in target.values
        ]
    return Quoting(tuple(right), tuple(wrong))
