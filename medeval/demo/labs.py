"""Laboratory panels of the demo: items, reference ranges, and random reports with known truth.

Drawing a report is in `sheets`; words about a report are in `corpus`.
"""

from __future__ import annotations

import random
from dataclasses import dataclass
from typing import Literal

Flag = Literal["", "↑", "↓"]

# Reference ranges: WS/T 405-2012 (blood cells, adults) and WS/T 404 (clinical chemistry,
# adults); glucose and HbA1c as common Chinese laboratories print them.
FLAG_WORDS: dict[str, str] = {"": "正常", "↑": "偏高", "↓": "偏低"}


@dataclass(frozen=True)
class Item:
    """One analyte as a laboratory prints it.

    `reach` is how far beyond the range a drawn value may go, as (lowest, highest).
    """

    name: str
    abbr: str
    unit: str
    decimals: int
    ranges: tuple[tuple[float, float], ...]
    reach: tuple[float, float]


@dataclass(frozen=True)
class LabRow:
    """One printed line of a report; every field exactly as printed."""

    name: str
    abbr: str
    value: str
    unit: str
    low: str
    high: str
    flag: Flag

    @property
    def word(self) -> str:
        """The flag in words: 偏高, 偏低 or 正常."""
        return FLAG_WORDS[self.flag]


@dataclass(frozen=True)
class LabReport:
    """A whole report: panel name, printed title and lines."""

    panel: str
    title: str
    rows: tuple[LabRow, ...]


PANELS: dict[str, tuple[Item, ...]] = {
    "血常规": (
        Item("白细胞", "WBC", "10^9/L", 1, ((3.5, 9.5),), (1.2, 22.0)),
        Item("红细胞", "RBC", "10^12/L", 2, ((4.3, 5.8), (3.8, 5.1)), (2.2, 6.9)),
        Item("血红蛋白", "HGB", "g/L", 0, ((130, 175), (115, 150)), (55, 205)),
        Item("血小板", "PLT", "10^9/L", 0, ((125, 350),), (35, 560)),
        Item("中性粒细胞", "NEUT", "10^9/L", 1, ((1.8, 6.3),), (0.6, 15.0)),
        Item("淋巴细胞", "LYMPH", "10^9/L", 1, ((1.1, 3.2),), (0.3, 6.5)),
        Item("单核细胞", "MONO", "10^9/L", 2, ((0.1, 0.6),), (0.02, 1.5)),
        Item("红细胞压积", "HCT", "%", 1, ((40.0, 50.0), (35.0, 45.0)), (22.0, 58.0)),
    ),
    "生化": (
        Item("谷丙转氨酶", "ALT", "U/L", 0, ((9, 50), (7, 40)), (4, 260)),
        Item("谷草转氨酶", "AST", "U/L", 0, ((15, 40), (13, 35)), (8, 210)),
        Item("白蛋白", "ALB", "g/L", 1, ((40.0, 55.0),), (24.0, 60.0)),
        Item("总蛋白", "TP", "g/L", 1, ((65.0, 85.0),), (48.0, 98.0)),
        Item("肌酐", "CREA", "umol/L", 0, ((57, 97), (41, 73)), (30, 320)),
        Item("尿素", "UREA", "mmol/L", 1, ((3.1, 8.0),), (1.5, 21.0)),
        Item("尿酸", "UA", "umol/L", 0, ((208, 428), (155, 357)), (110, 640)),
        Item("钾", "K", "mmol/L", 2, ((3.5, 5.3),), (2.4, 6.6)),
        Item("钠", "NA", "mmol/L", 0, ((137, 147),), (121, 158)),
        Item("空腹血糖", "GLU", "mmol/L", 1, ((3.9, 6.1),), (2.4, 16.0)),
    ),
    "血糖": (
        Item("空腹血糖", "GLU", "mmol/L", 1, ((3.9, 6.1),), (2.4, 16.0)),
        Item("餐后血糖", "PBG", "mmol/L", 1, ((4.4, 7.8),), (3.1, 19.0)),
        Item("糖化血红蛋白", "HBA1C", "%", 1, ((4.0, 6.0),), (3.5, 12.5)),
    ),
}

TITLES = ("{}检验报告", "{}报告单", "{}检查结果")


def draw_row(item: Item, rng: random.Random) -> LabRow:
    """Draws one line: half the values are normal, the rest high or low."""
    low, high = rng.choice(item.ranges)
    step = 10.0**-item.decimals
    where = rng.choices(("in", "high", "low"), (0.46, 0.32, 0.22))[0]
    span = {"in": (low, high), "high": (high + step, item.reach[1])}.get(where)
    first, last = span or (item.reach[0], low - step)
    value = round(rng.uniform(first, last), item.decimals)
    return print_row(item, value, (low, high))


def print_row(item: Item, value: float, limits: tuple[float, float]) -> LabRow:
    """Formats a value as the laboratory prints it and sets the flag from the printed figures."""
    low, high = limits
    text, low_text, high_text = (f"{x:.{item.decimals}f}" for x in (value, low, high))
    flag: Flag = ""
    if float(text) > float(high_text):
        flag = "↑"
    elif float(text) < float(low_text):
        flag = "↓"
    return LabRow(item.name, item.abbr, text, item.unit, low_text, high_text, flag)


def draw_report(rng: random.Random, rows: int | None = None) -> LabReport:
    """Draws a report of 3 to 6 lines of one panel, in printed order."""
    panel = rng.choices(tuple(PANELS), (0.42, 0.42, 0.16))[0]
    items = PANELS[panel]
    count = min(rows or rng.randint(3, 6), len(items))
    chosen = sorted(rng.sample(range(len(items)), count))
    lines = tuple(draw_row(items[i], rng) for i in chosen)
    return LabReport(panel, rng.choice(TITLES).format(panel), lines)
