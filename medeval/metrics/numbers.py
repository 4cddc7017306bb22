"""numerical_precision: are the patient's figures quoted rightly, and are the limits the answer gives true ones?"""

import re
from functools import lru_cache

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.binding import Bound, bind
from medeval.clinical.entailment import entails, parse_statement
from medeval.clinical.guidelines import load_guidelines
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity, find_quantities, quantities_of, quantity_stated
from medeval.clinical.reading import Reading, read
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import GLUCOSE, Target, is_asked, quoting, row_direction, targets_of

QUOTED_SHARE = 0.7
_NORMAL_BEFORE = re.compile(r"(?:正常|参考|理想|normal|reference)[^，,。;；<>≥≤]{0,12}$")


@lru_cache(maxsize=64)
def _limits(quantity: str) -> tuple[Quantity, ...]:
    """Figures any guideline gives for a quantity, in its unit."""
    found: list[Quantity] = []
    for guideline in load_guidelines().values():
        if guideline.quantity == quantity or (quantity in GLUCOSE and guideline.quantity in GLUCOSE):
            for text in guideline.limits:
                found += find_quantities(f"{text} {guideline.unit}")
    return tuple(found)


def _components(quantity: Quantity) -> list[tuple[float, ...]]:
    """The systolic and the diastolic range of a pair of ranges."""
    return [quantity.values[:2], quantity.values[2:]] if quantity.kind == "pair_range" else []


@lru_cache
def _bare_limits(quantity: str) -> tuple[Quantity, ...]:
    """The guidelines' limits of a quantity without comparators: whole, by component, and each figure alone."""
    plain = [Quantity(q.start, q.end, q.kind, q.values, "", q.unit) for q in _limits(quantity)]
    plain += [Quantity(0, 0, "range", pair, "", q.unit) for q in plain for pair in _components(q)]
    plain += [Quantity(0, 0, "value", (v,), "", q.unit) for q in plain for v in q.values]
    return tuple(plain)


def _is_limit(bound: Bound, target: Target) -> bool:
    """Whether a reference figure is one the guidelines (or the printed range) give."""
    stated = bound.quantity
    row = target.row
    if row is not None and row.low is not None and row.high is not None:
        given = (row.low, row.high)
        return all(any(abs(v - g) < 1e-6 for g in given) for v in stated.values)
    unlimited = Quantity(stated.start, stated.end, stated.kind, stated.values, "", stated.unit)
    return any(quantity_stated(limit, unlimited, target.substance) for limit in _bare_limits(target.quantity))


def _check_limits(reading: Reading, targets: tuple[Target, ...], marks: Marks) -> tuple[int, int]:
    """(true limits, wrong limits) the answer gives for the patient's tests."""
    true = wrong = 0
    for bound in bind(reading):
        if bound.role != "reference":
            continue
        target = next((t for t in targets if bound.analyte in t.keys), None)
        if target is None:
            continue
        if _is_limit(bound, target):
            true += 1
            marks.good(bound.quantity.start, bound.quantity.end, "标准值正确 / a limit the guidelines give")
        elif _NORMAL_BEFORE.search(reading.text[: bound.quantity.start][-30:]):
            wrong += 1
            marks.bad(bound.quantity.start, bound.quantity.end, "正常范围与指南不符 / not a guideline's normal range")
    return true, wrong


def _other_figures(reading: Reading, skip: frozenset[int]) -> list[Quantity]:
    """Figures with a unit that are not a patient's value: doses, intervals, amounts."""
    known = {(b.quantity.start, b.quantity.end) for b in bind(reading) if b.analyte in analytes()}
    free = [q for q in quantities_of(reading) if q.unit and (q.start, q.end) not in known]
    return [q for q in free if reading.sentence_at(q.start).start not in skip]


def _from_expectations(case: Case, reading: Reading, skip: frozenset[int]) -> Score:
    """Without measured facts: the figures that the expected statements hold."""
    wanted = []
    for statement in case.expect.must_have:
        options = statement.any if isinstance(statement, AnyOf) else [statement]
        if all(parse_statement(option).quantities for option in options):
            wanted.append(options)
    if not wanted:
        return Score.unscored("病例没有需要核对的数值 / the case holds no figure to check")
    marks = Marks(reading)
    met = 0
    for options in wanted:
        found = next((span for option in options if (span := entails(reading, option, skip))), None)
        if found:
            met += 1
            marks.good(*found, "应有的数值 / an expected figure")
    return marks.score(met / len(wanted), f"应有数值 {met}/{len(wanted)} / expected figures stated")


@metric(
    name="numerical_precision",
    zh="数值精度",
    en="Numerical precision",
    seed="数值精度：数值范围、带单位数值、结构化数值",
)
def numerical_precision(case: Case, text: str) -> Score:
    """0.7 for the patient's (abnormal) figures quoted in the right unit, 0.3 for further figures; halved per error."""
    reading = read(text)
    skip = echoes(case, reading)
    targets = targets_of(case)
    if not targets:
        return _from_expectations(case, reading, skip)
    marks = Marks(reading)
    asked = [
        t for t in targets if is_asked(case, t) or quoting(reading, t, skip).right or quoting(reading, t, skip).wrong
    ]
    required = [t for t in asked if t.row is None or row_direction(t.row) != "normal"] or asked
    if not required:
        return _from_expectations(case, reading, skip)
    right = wrong = 0
    printed = False
    for target in targets:
        quoted = quoting(reading, target, skip)
        for bound in quoted.right:
            marks.good(bound.quantity.start, bound.quantity.end, f"数值正确 / right figure: {target.text}")
        for bound in quoted.wrong:
            marks.bad(bound.quantity.start, bound.quantity.end, f"应为 / should be {target.text}")
        printed = printed or any(target.row is not None and b.quantity.unit for b in quoted.right)
        right += bool(quoted.right) and target in required
        wrong += bool(quoted.wrong)
    true_limits, wrong_limits = _check_limits(reading, targets, marks)
    others = _other_figures(reading, skip)
    for quantity in others[:6]:
        marks.add(quantity.start, quantity.end, "note", "带单位的数值 / figure with unit")
    value = QUOTED_SHARE * right / len(required) + (1 - QUOTED_SHARE) * bool(true_limits or others or printed)
    value *= 0.5 ** (wrong + wrong_limits) * (0.3 if reading.is_listing else 1.0)
    reason = (
        f"病例数值 {right}/{len(required)} 正确，错误 {wrong}，标准值 {true_limits} 对 {wrong_limits} 错"
        f" / figures quoted {right}/{len(required)}, wrong {wrong}, limits {true_limits} right {wrong_limits} wrong"
    )
    return marks.score(value, reason)
