"""Consistency of read rows: what contradicts itself is reported and doubted, never corrected."""

from __future__ import annotations

from collections.abc import Sequence

from medeval.ocr.rows import ReportRow
from medeval.ocr.tokens import number

DOUBT, MILD = 0.5, 0.75
"""Confidence that stays to a row that contradicts itself, and to one that is only unusual; both are below `LOW`."""
COUNTED, SHARED = 0.02, 0.06
"""How far a count (10^9/L) may lie from percentage times white cells: rounding of the count, and of the other two."""
PARTS = (
    ("中性粒细胞", "NEUT"), ("淋巴细胞", "LYMPH"), ("单核细胞", "MONO"), ("嗜酸性粒细胞", "EOS"),
    ("嗜碱性粒细胞", "BASO"),
)  # fmt: skip
Warned = tuple[list[ReportRow], list[str]]


def check_rows(rows: Sequence[ReportRow]) -> Warned:
    """Doubts added to rows, and warnings in Chinese and English."""
    warnings: list[str] = []
    finer = _prints_finer(rows)
    checked = [_flag_against_range(_decimals(row, finer, warnings), warnings) for row in rows]
    return _counts(checked, warnings), warnings


def _prints_finer(rows: Sequence[ReportRow]) -> bool:
    """Whether the sheet prints results with more decimals than ranges (4.85 for 3.5-9.5) as its habit."""
    figures = [row for row in rows if number(row.value) is not None and (row.low or row.high)]
    finer = sum(_places(row.value) > max(_places(row.low), _places(row.high)) for row in figures)
    return finer >= 3 and finer >= 0.3 * len(figures)


def _decimals(row: ReportRow, finer: bool, warnings: list[str]) -> ReportRow:
    """A result is printed with the decimals of its range; a lost point shows here."""
    limits = [text for text in (row.low, row.high) if text]
    if number(row.value) is None or not limits:
        return row
    mine, theirs = _places(row.value), {_places(text) for text in limits}
    if mine in theirs or (mine == 0 and theirs == {1} and row.low.endswith(".0")):
        return row
    worse = mine < min(theirs)
    if not worse and finer:
        return row
    if not worse and mine - max(theirs) <= 1:
        return row.doubted("小数位与参考范围不同 / decimals differ from the range", MILD)
    warnings.append(
        f"{row.name} {row.value}: 小数位与参考范围 {row.low}-{row.high} 不同，请核对小数点"
        f" / decimals differ from the range {row.low}-{row.high}, check the decimal point"
    )
    return row.doubted("小数点可能漏读 / a decimal point may be lost", DOUBT)


def _places(text: str) -> int:
    return len(text.partition(".")[2])


def _flag_against_range(row: ReportRow, warnings: list[str]) -> ReportRow:
    value, low, high = number(row.value), number(row.low), number(row.high)
    if value is None or (low is None and high is None):
        return row
    if low is not None and high is not None and low > high:
        warnings.append(
            f"{row.name}: 参考范围 {row.low}-{row.high} 上下限颠倒"
            f" / the range {row.low}-{row.high} is upside down"
        )
        return row.doubted("参考范围读得不对 / the range was misread", DOUBT)
    meant = outside(row)
    if meant == row.flag:
        return row
    warnings.append(
        f"{row.name} {row.value} ({row.low}-{row.high}): 提示“{row.flag or '–'}”与参考范围不符"
        f" / flag {row.flag or '–'} contradicts the range"
    )
    return row.doubted("提示与参考范围不符 / the flag contradicts the range", DOUBT)


def outside(row: ReportRow) -> str:
    """↑ or ↓ where the figure is outside the printed range, else empty."""
    value, low, high = number(row.value), number(row.low), number(row.high)
    if value is None:
        return ""
    return "↑" if high is not None and value > high else "↓" if low is not None and value < low else ""


def _counts(rows: list[ReportRow], warnings: list[str]) -> list[ReportRow]:
    """A cell count is the white count times its percentage, within rounding."""
    white = next((number(r.value) for r in rows if r.abbr.upper() == "WBC" or r.name.startswith("白细胞")), None)
    if not white:
        return rows
    doubted: list[str] = []
    for zh, en in PARTS:
        share = _find(rows, zh, en, "%")
        count = _find(rows, zh, en, "10^9/L")
        if share is None or count is None:
            continue
        part, whole = number(share.value), number(count.value)
        if part is None or whole is None:
            continue
        allowed = COUNTED + SHARED * white * part / 100
        if abs(white * part / 100 - whole) > allowed:
            doubted += [share.name, count.name]
            warnings.append(
                f"{count.name} {count.value} 与 {share.name} {share.value}% × 白细胞 {white:g} 不符"
                f" / {count.name} {count.value} does not equal {share.name} {share.value}% × white cells {white:g}"
            )
    why = "计数与百分比不符 / count and percentage disagree"
    return [row.doubted(why, MILD) if row.name in doubted else row for row in rows]


def _find(rows: Sequence[ReportRow], zh: str, en: str, unit: str) -> ReportRow | None:
    return next((r for r in rows if r.unit == unit and (r.name.startswith(zh) or r.abbr.upper().startswith(en))), None)
