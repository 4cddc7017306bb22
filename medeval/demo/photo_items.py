"""Lines of the drawn lab-report photos: names, abbreviations, units and adult ranges as laboratories print them.

Ranges: WS/T 405-2012 (blood cells) and WS/T 404.1 to .8 (clinical chemistry), male adults. Values are random.
"""

from __future__ import annotations

import random
from dataclasses import dataclass


@dataclass(frozen=True)
class PrintedItem:
    """One test as a report prints it; `one_sided` ranges are printed as `<high`."""

    name: str
    abbr: str
    unit: str
    decimals: int
    low: float
    high: float
    one_sided: bool = False


CBC = tuple(
    PrintedItem(*fields)
    for fields in (
        ("白细胞计数", "WBC", "10^9/L", 2, 3.5, 9.5),
        ("中性粒细胞百分比", "NEUT%", "%", 1, 40.0, 75.0),
        ("淋巴细胞百分比", "LYMPH%", "%", 1, 20.0, 50.0),
        ("单核细胞百分比", "MONO%", "%", 1, 3.0, 10.0),
        ("嗜酸性粒细胞百分比", "EOS%", "%", 1, 0.4, 8.0),
        ("嗜碱性粒细胞百分比", "BASO%", "%", 1, 0.0, 1.0),
        ("中性粒细胞计数", "NEUT#", "10^9/L", 2, 1.8, 6.3),
        ("淋巴细胞计数", "LYMPH#", "10^9/L", 2, 1.1, 3.2),
        ("单核细胞计数", "MONO#", "10^9/L", 2, 0.1, 0.6),
        ("嗜酸性粒细胞计数", "EOS#", "10^9/L", 2, 0.02, 0.52),
        ("嗜碱性粒细胞计数", "BASO#", "10^9/L", 2, 0.0, 0.06),
        ("红细胞计数", "RBC", "10^12/L", 2, 4.3, 5.8),
        ("血红蛋白", "HGB", "g/L", 0, 130, 175),
        ("红细胞压积", "HCT", "%", 1, 40.0, 50.0),
        ("平均红细胞体积", "MCV", "fL", 1, 82.0, 100.0),
        ("平均血红蛋白含量", "MCH", "pg", 1, 27.0, 34.0),
        ("平均血红蛋白浓度", "MCHC", "g/L", 0, 316, 354),
        ("红细胞分布宽度", "RDW-CV", "%", 1, 11.0, 15.0),
        ("血小板计数", "PLT", "10^9/L", 0, 125, 350),
        ("平均血小板体积", "MPV", "fL", 1, 7.0, 11.0),
        ("血小板分布宽度", "PDW", "fL", 1, 9.0, 17.0),
        ("血小板压积", "PCT", "%", 2, 0.11, 0.27),
    )
)
CHEMISTRY = tuple(
    PrintedItem(*fields)
    for fields in (
        ("丙氨酸氨基转移酶", "ALT", "U/L", 1, 9.0, 50.0),
        ("天门冬氨酸氨基转移酶", "AST", "U/L", 1, 15.0, 40.0),
        ("谷氨酰转肽酶", "GGT", "U/L", 1, 10.0, 60.0),
        ("碱性磷酸酶", "ALP", "U/L", 1, 45.0, 125.0),
        ("总蛋白", "TP", "g/L", 1, 65.0, 85.0),
        ("白蛋白", "ALB", "g/L", 1, 40.0, 55.0),
        ("总胆红素", "TBIL", "umol/L", 1, 0.0, 26.0, True),
        ("尿素", "UREA", "mmol/L", 2, 3.1, 8.0),
        ("肌酐", "CREA", "umol/L", 1, 57.0, 97.0),
        ("尿酸", "UA", "umol/L", 0, 208, 428),
        ("葡萄糖", "GLU", "mmol/L", 2, 3.9, 6.1),
        ("总胆固醇", "TC", "mmol/L", 2, 0.0, 5.2, True),
        ("甘油三酯", "TG", "mmol/L", 2, 0.0, 1.7, True),
        ("高密度脂蛋白胆固醇", "HDL-C", "mmol/L", 2, 1.0, 1.9),
        ("低密度脂蛋白胆固醇", "LDL-C", "mmol/L", 2, 0.0, 3.4, True),
        ("钾", "K", "mmol/L", 2, 3.5, 5.3),
        ("钠", "Na", "mmol/L", 1, 137.0, 147.0),
        ("氯", "Cl", "mmol/L", 1, 99.0, 110.0),
        ("钙", "Ca", "mmol/L", 2, 2.11, 2.52),
        ("无机磷", "P", "mmol/L", 2, 0.85, 1.51),
    )
)
TITLES = {"CBC": "血细胞分析报告单", "CHEMISTRY": "生化检验报告单"}


@dataclass(frozen=True)
class PrintedRow:
    """One line exactly as printed; `low` is empty where the range is one-sided."""

    name: str
    abbr: str
    value: str
    unit: str
    low: str
    high: str
    flag: str

    def range_text(self, dash: str) -> str:
        """The reference range in one of the printed forms."""
        return f"{self.low}{dash}{self.high}" if self.low else f"<{self.high}"


def draw_rows(items: tuple[PrintedItem, ...], rng: random.Random) -> tuple[PrintedRow, ...]:
    """Random values for `items`: six in ten normal, the others high or low, flags set from the printed figures.

    A cell count is its percentage of the white cells, as on a real report.
    """
    drawn = {item.abbr: _figure(item, rng) for item in items}
    for abbr in [abbr for abbr in drawn if abbr.endswith("#") and {"WBC", abbr[:-1] + "%"} <= drawn.keys()]:
        drawn[abbr] = round(drawn["WBC"], 2) * round(drawn[abbr[:-1] + "%"], 1) / 100
    return tuple(_printed(item, drawn[item.abbr]) for item in items)


def _figure(item: PrintedItem, rng: random.Random) -> float:
    width = item.high - item.low
    where = rng.choices(("in", "high", "low"), (0.6, 0.22, 0.18))[0]
    spans = {
        "in": (item.low + 0.02 * width, item.high),
        "high": (item.high, item.high + 1.5 * width),
        "low": (max(0.0, item.low - 0.6 * width), item.low),
    }
    most = 99.0 if item.unit == "%" else float("inf")
    return min(rng.uniform(*spans[where]), most)


def _printed(item: PrintedItem, drawn: float) -> PrintedRow:
    low, high, value = (f"{number:.{item.decimals}f}" for number in (item.low, item.high, drawn))
    flag = "↑" if float(value) > float(high) else "↓" if float(value) < float(low) and not item.one_sided else ""
    return PrintedRow(item.name, item.abbr, value, item.unit, "" if item.one_sided else low, high, flag)
