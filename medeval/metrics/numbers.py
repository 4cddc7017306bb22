"""numerical_precision: are the patient's figures quoted rightly, and are the limits the answer gives true ones?"""

import re

from medeval.cases.schema import AnyOf, Case
from medeval.clinical.binding import Bound, bind
from medeval.clinical.lexicons import analytes
from medeval.clinical.quantities import Quantity, quantity_stated
from medeval.clinical.reading import Reading, Span, read
from medeval.clinical.statement import parse_statement
from medeval.clinical.statement_words import Line, lines_of, wanted_of
from medeval.metrics.figures import NOTES, Check, check_figures, mean_credit, verdict_counts
from medeval.metrics.limits import bare_limits
from medeval.metrics.marks import Marks, echoes
from medeval.metrics.score import EvidenceKind, Score, metric
from medeval.metrics.targets import Target, is_asked, quoting, row_direction, targets_of

QUOTED_SHARE = 0.7
DOUBT = 0.3
COUNTED = 10
_NORMAL_BEFORE = re.compile(r"(?:正常|参考|理想|normal|reference)[^，,。;；<>≥≤]{0,12}$")


def _is_limit(bound: Bound, target: Target) -> bool:
    """Whether a reference figure is one the guidelines (or the printed range) give."""
    stated = bound.quantity
    row = target.row
    if row is not None and row.low is not None and row.high is not None:
        given = (row.low, row.high)
        return all(any(abs(v - g) < 1e-6 for g in given) for v in stated.values)
    unlimited = Quantity(stated.start, stated.end, stated.kind, stated.values, "", stated.unit)
    limits = bare_limits(target.quantity, stated.kind)
    return any(quantity_stated(limit, unlimited, target.substance) for limit in limits)


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


def _figures_named(option: str) -> tuple[Quantity, ...]:
    """The figures that a key point names; a small bare number counts things (5个标题) and is none."""
    return tuple(q for q in parse_statement(option).quantities if q.unit or q.comparator or max(q.values) > COUNTED)


def _stated_where(reading: Reading, option: str, wanted: Quantity, lines: tuple[Line, ...]) -> Span | None:
    """Where a sentence that shares a word with the key point states its figure."""
    keys = wanted_of(option, "").places.keys()
    analyte = parse_statement(option).analyte
    substance = analytes()[analyte].substance if analyte else "glucose"
    for line in lines:
        if not keys.isdisjoint(line.words) or max(wanted.values) > COUNTED:
            for figure in line.figures:
                if quantity_stated(wanted, figure, substance):
                    return figure.start, figure.end
    return None


def _expected_figures(case: Case, reading: Reading, skip: frozenset[int], marks: Marks) -> tuple[float | None, str]:
    """Without measured facts: the mean share of the figures of each key point that are stated."""
    groups = [s.any if isinstance(s, AnyOf) else [s] for s in case.expect.must_have]
    points = [[(option, _figures_named(option)) for option in options] for options in groups]
    points = [named for named in points if all(figures for _, figures in named)]
    if not points:
        return None, ""
    lines = lines_of(reading, skip)
    shares: list[float] = []
    for named in points:
        found = [[_stated_where(reading, option, figure, lines) for figure in figures] for option, figures in named]
        best = max(found, key=lambda spans: sum(map(bool, spans)) / len(spans))
        for span in filter(None, best):
            marks.good(*span, "应有的数值 / an expected figure")
        shares.append(sum(map(bool, best)) / len(best))
    met = sum(shares)
    return met / len(shares), f"应有数值 {met:.3g}/{len(shares)} / expected figures stated {met:.3g}/{len(shares)}"


def _patient_figures(
    case: Case, reading: Reading, skip: frozenset[int], marks: Marks, others: bool
) -> tuple[float | None, str]:
    """The patient's figures that had to be quoted, and the limits given for them."""
    targets = targets_of(case)
    asked = [
        t for t in targets if is_asked(case, t) or quoting(reading, t, skip).right or quoting(reading, t, skip).wrong
    ]
    required = [t for t in asked if t.row is None or row_direction(t.row) != "normal"] or asked
    if not required:
        return None, ""
    right = wrong = 0
    printed = False
    for target in targets:
        quoted = quoting(reading, target, skip)
        for bound in quoted.right:
            note = f"数值正确：{target.text} / right figure: {target.text}"
            marks.good(bound.quantity.start, bound.quantity.end, note)
        for bound in quoted.wrong:
            marks.bad(bound.quantity.start, bound.quantity.end, f"应为 {target.text} / should be {target.text}")
        printed = printed or any(target.row is not None and b.quantity.unit for b in quoted.right)
        right += bool(quoted.right) and target in required
        wrong += bool(quoted.wrong)
    true_limits, wrong_limits = _check_limits(reading, targets, marks)
    value = QUOTED_SHARE * right / len(required) + (1 - QUOTED_SHARE) * bool(true_limits or others or printed)
    value *= 0.5 ** (wrong + wrong_limits)
    return value, (
        f"病例数值 {right}/{len(required)} 正确，错误 {wrong}，标准值 {true_limits} 对 {wrong_limits} 错"
        f" / figures quoted {right}/{len(required)}, wrong {wrong}, limits {true_limits} right {wrong_limits} wrong"
    )


def _mark_checks(checks: list[Check], marks: Marks) -> None:
    for check in checks:
        kind: EvidenceKind = "good" if check.verdict == "supported" else "note"
        kind = "bad" if check.verdict in ("contradicted", "unlikely") else kind
        marks.add(check.quantity.start, check.quantity.end, kind, NOTES[check.verdict])


@metric(
    name="numerical_precision",
    zh="数值精度",
    en="Numerical precision",
    seed="数值精度：数值范围、带单位数值、结构化数值",
)
def numerical_precision(case: Case, text: str) -> Score:
    """Asked figures quoted (0.7) and further ones (0.3), halved per error, times up to 30 % for doubtful figures.

    Expected figures count 0.7, the mean credit of all 0.3. Where the case asks for none, the mean credit of the
    answer's figures: agreeing with case, guideline or a reference table 0.98 to 1, usual about 0.97, unusual at least
    0.9, doubtful 0.75, implausible 0.2, contrary to the case or to one another 0.
    """
    reading = read(text)
    skip = echoes(case, reading)
    marks = Marks(reading)
    checks = check_figures(case, reading, skip)
    patient = {(b.quantity.start, b.quantity.end) for b in bind(reading) if b.analyte in analytes()}
    others = any((c.quantity.start, c.quantity.end) not in patient for c in checks)
    credit = mean_credit(checks)
    value, reason = _patient_figures(case, reading, skip, marks, others)
    if value is None:
        value, reason = _expected_figures(case, reading, skip, marks)
        if value is not None and credit is not None:
            value = QUOTED_SHARE * value + (1 - QUOTED_SHARE) * credit
    _mark_checks(checks, marks)
    if value is None and credit is None:
        return Score.unscored("病例和回答都没有可核对的数值 / neither case nor answer holds a figure to check")
    counts = verdict_counts(checks)
    common = counts["common"] + counts["usual"] + counts["paired"]
    wrong = counts["doubtful"] + counts["unlikely"] + counts["contradicted"]
    known, rare = counts["supported"], counts["unusual"]
    told = f"数值：{known} 有据，{common} 常见，{rare} 少见，{wrong} 可疑或相反"
    told += f" / figures: {known} supported, {common} usual, {rare} unusual, {wrong} doubtful or contrary"
    if value is None:
        value = credit or 0.0
    elif credit is not None:
        value *= 1 - DOUBT * (1 - credit)
    value *= reading.worth
    return marks.score(value, " · ".join(part for part in (reason, told if checks else "") if part))
