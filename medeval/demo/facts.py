"""The few clinical cut-offs that the corpus is made from, each table with its source.

Scoring does not read this file: `medeval.clinical` holds the project's guidelines.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Band:
    """One class of a reading: `low` is its lowest value, `coarse` the everyday word.

    `relation` compares with the normal range, where the class alone does not say it.
    """

    name: str
    low: float
    cut: str
    coarse: str
    relation: str = ""


# 中国高血压防治指南（2024年修订版）: clinic blood pressure, mmHg.
SYSTOLIC = (0.0, 120.0, 140.0, 160.0, 180.0)
DIASTOLIC = (0.0, 80.0, 90.0, 100.0, 110.0)
PRESSURE = (
    Band("正常血压", 0, "<120且<80", "正常"),
    Band("正常高值", 1, "120-139和/或80-89", "稍微偏高"),
    Band("1级高血压", 2, "140-159和/或90-99", "偏高"),
    Band("2级高血压", 3, "160-179和/或100-109", "偏高"),
    Band("3级高血压", 4, "≥180和/或≥110", "明显偏高"),
)
# WHO 2006 / 中国2型糖尿病防治指南: fasting plasma glucose, mmol/L; low by the ADA alert value.
FASTING = (
    Band("低血糖", 0.0, "<3.9", "偏低", "低于正常值3.9-6.0 mmol/L，"),
    Band("正常范围", 3.9, "3.9-6.0", "正常"),
    Band("空腹血糖受损", 6.1, "6.1-6.9", "稍微偏高", "高于正常值3.9-6.0 mmol/L，"),
    Band("达到糖尿病诊断标准", 7.0, "≥7.0", "偏高", "高于正常值3.9-6.0 mmol/L，"),
)
# WHO 2006: glucose two hours after 75 g of glucose, mmol/L.
TWO_HOURS = (
    Band("正常范围", 0.0, "<7.8", "正常"),
    Band("糖耐量减低", 7.8, "7.8-11.0", "稍微偏高", "高于正常值7.8 mmol/L，"),
    Band("达到糖尿病诊断标准", 11.1, "≥11.1", "偏高", "高于正常值7.8 mmol/L，"),
)
# Fever grades by axillary temperature as Chinese textbooks of diagnostics (诊断学) give them.
FEVER = (
    Band("体温正常", 0.0, "<37.3", "正常"),
    Band("低热", 37.3, "37.3-38.0", "有一点低烧"),
    Band("中度发热", 38.1, "38.1-39.0", "有些发烧"),
    Band("高热", 39.1, "39.1-41.0", "烧得比较高"),
    Band("超高热", 41.1, "≥41.1", "烧得很高"),
)


def band_index(bands: tuple[Band, ...], value: float) -> int:
    """The index of the class that a value falls into."""
    return max(i for i, band in enumerate(bands) if value >= band.low or i == 0)


def pressure_index(systolic: int, diastolic: int) -> int:
    """The grade by the higher of the two readings."""
    high = max(i for i, low in enumerate(SYSTOLIC) if systolic >= low)
    return max(high, max(i for i, low in enumerate(DIASTOLIC) if diastolic >= low))
