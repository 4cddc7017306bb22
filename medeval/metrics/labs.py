"""ocr_fields: the rows of a laboratory report are quoted as printed."""

from medeval.cases.schema import Case, LabRow
from medeval.clinical.binding import Bound, bind
from medeval.clinical.claims import ALL, REST, claims_of
from medeval.clinical.lexicons import analytes, hits
from medeval.clinical.quantities import same_value
from medeval.clinical.reading import Reading, read
from medeval.clinical.units import canonical
from medeval.metrics.marks import Marks
from medeval.metrics.score import Score, metric
from medeval.metrics.targets import analyte_of, row_direction

VALUE, UNIT, FLAG = 0.6, 0.15, 0.25
ABNORMAL_WEIGHT = 2.0


def bound_values(reading: Reading, key: str) -> list[Bound]:
    """Plain values an answer gives for a test."""
    known = analytes()
    same = {k for k, a in known.items() if a.quantity == known[key].quantity}
    if known[key].substance == "glucose":
        same.add("glucose")
    return [b for b in bind(reading) if b.analyte in same and b.quantity.kind == "value" and b.role == "patient"]


def _row(reading: Reading, row: LabRow, key: str, marks: Marks) -> float:
    direction = row_direction(row)
    unit = canonical(read(row.unit).text)
    substance = analytes()[key].substance
    values = bound_values(reading, key)
    right = [b for b in values if same_value(b.quantity.values[0], b.quantity.unit, row.value, unit, substance)]
    points = 0.0
    printed = f"{row.name} {row.value:g} {row.unit}".strip()
    if right:
        bound = right[0]
        points += VALUE + UNIT * bool(bound.quantity.unit or not unit)
        marks.good(bound.quantity.start, bound.quantity.end, f"与报告一致：{printed} / as printed: {printed}")
    for bound in values if not right else ():
        marks.bad(bound.quantity.start, bound.quantity.end, f"报告为：{printed} / printed: {printed}")
    return points + FLAG * _flag(reading, key, direction, row, marks)


def _flag(reading: Reading, key: str, direction: str, row: LabRow, marks: Marks) -> float:
    """1 where the direction is named rightly, 0 where wrongly or not at all."""
    known = analytes()
    mine = [
        c
        for c in claims_of(reading)
        if c.analyte in known and known[c.analyte].quantity == known[key].quantity and not c.negated
    ]
    named = [c for c in mine if c.kind == "direction"]
    for claim in named:
        (marks.good if claim.word == direction else marks.bad)(claim.start, claim.end, f"{row.name}: {direction}")
    if named:
        return float(all(c.word == direction for c in named))
    if direction == "high" and any(c.kind == "class" for c in mine):
        return 1.0
    return float(direction == "normal" and any(c.quantity in (REST, ALL) for c in claims_of(reading)))


@metric(name="ocr_fields", zh="化验单字段", en="Report fields", seed="OCR准确率：图像文本提取")
def ocr_fields(case: Case, text: str) -> Score:
    """Rows quoted: 0.6 value, 0.15 unit, 0.25 direction; abnormal rows weigh double; an invented row costs a row."""
    rows = [(row, analyte_of(row.name, row.abbr)) for row in case.expect.lab_rows]
    known = [(row, key) for row, key in rows if key]
    if not known:
        return Score.unscored("病例没有化验单行 / the case holds no report rows")
    reading = read(text)
    marks = Marks(reading)
    total = got = 0.0
    whole = 0
    for row, key in known:
        weight = ABNORMAL_WEIGHT if row_direction(row) != "normal" else 1.0
        points = _row(reading, row, key, marks)
        whole += points >= VALUE
        total += weight
        got += weight * points
    printed = {analytes()[key].quantity for _, key in known} | {"glucose"}
    mentioned = {h.key for h in hits(reading, "analyte")}
    invented = [
        b for b in bind(reading)
        if b.role == "patient" and b.mention and b.analyte in mentioned
        and analytes()[b.analyte].quantity not in printed
        and analytes()[b.analyte].quantity not in ("temperature", "blood_pressure") and b.quantity.unit
    ]  # fmt: skip
    for bound in invented:
        marks.bad(bound.quantity.start, bound.quantity.end, "报告上没有此项 / not on the report")
    value = (got - len(invented)) / total
    right, more = f"{whole}/{len(known)}", len(invented)
    return marks.score(value, f"{right} 行数值正确，多出 {more} 行 / {right} rows with the right value, {more} made up")
