"""Words of a line become rows whatever the order of columns and however cells run together."""

import pytest

from medeval.ocr.checks import check_rows
from medeval.ocr.identifiers import identifying_boxes
from medeval.ocr.items import find_item
from medeval.ocr.rows import ReportRow, rows_of
from medeval.ocr.words import Word


def line(*cells: str, y: float = 100, step: float = 140) -> list[Word]:
    return [Word(text, (i * step, y, i * step + 14 * len(text), y + 24), 0.99) for i, text in enumerate(cells)]


Fields = tuple[str, str, str, str, str, str, str]


def fields(row: ReportRow) -> Fields:
    return row.name, row.abbr, row.value, row.flag, row.low, row.high, row.unit


WBC = ("白细胞计数", "WBC", "11.20", "↑", "3.50", "9.50", "10^9/L")


@pytest.mark.parametrize(
    ("cells", "want"),
    [
        (("1", "白细胞计数", "WBC", "11.20", "↑", "3.50-9.50", "10^9/L"), [WBC]),
        (("1白细胞计数", "WBC", "11.20↑", "3.50~9.50", "10*9/L"), [WBC]),
        (("WBC", "白细胞计数", "11.20", "H", "10^9/L", "3.50--9.50"), [WBC]),
        (("白细胞计数(WBC)", "11.20H", "3.50-9.5010^9/L"), [WBC]),
        (("尿酸", "UA", "430", "H", "208-428", "umol/L"), [("尿酸", "UA", "430", "↑", "208", "428", "umol/L")]),
        (("总胆固醇", "5.90", "↑", "<5.20", "mmol/L"), [("总胆固醇", "", "5.90", "↑", "", "5.20", "mmol/L")]),
        (("LYMPH%11.2", "L", "20.0-50.0", "%"), [("淋巴细胞百分比", "LYMPH%", "11.2", "↓", "20.0", "50.0", "%")]),
        (
            ("1", "钾", "K", "3.10", "L", "3.50-5.30", "mmol/L", "11", "钠", "Na", "140.0", "137.0-147.0", "mmol/L"),
            [
                ("钾", "K", "3.10", "↓", "3.50", "5.30", "mmol/L"),
                ("钠", "Na", "140.0", "", "137.0", "147.0", "mmol/L"),
            ],
        ),
        (("No", "检验项目", "结果", "参考范围", "单位"), []),
        (("姓名:甲某某", "性别:男", "年龄:45岁"), []),
    ],
)
def test_lines(cells: tuple[str, ...], want: list[Fields]) -> None:
    assert [fields(row) for row in rows_of(line(*cells))] == want


def test_two_panels_are_read_one_after_the_other() -> None:
    words: list[Word] = []
    for i, (left, right) in enumerate([("白细胞计数", "血小板计数"), ("红细胞计数", "血红蛋白")]):
        words += line(left, "5.10", "3.50-9.50", "10^9/L", right, "140", "130-175", "g/L", y=100 + 40 * i)
    assert [row.name for row in rows_of(words)] == ["白细胞计数", "红细胞计数", "血小板计数", "血红蛋白"]


@pytest.mark.parametrize(
    ("name", "abbr", "full"),
    [
        ("嗜酸性粒细胞百分", "", "嗜酸性粒细胞百分比"),
        ("嗜酸性粒细胞", "EOS%", "嗜酸性粒细胞"),
        ("丙氨酸氢基转移酶", "ALT", "丙氨酸氨基转移酶"),
        ("", "HGB", "血红蛋白"),
        ("某项目", "", None),
        ("平均血红蛋白", "MCHC", "平均血红蛋白浓度"),
    ],
)
def test_cut_off_and_misread_names(name: str, abbr: str, full: str | None) -> None:
    found = find_item(name, abbr)
    assert (found.name if found else None) == full


def row(name: str, value: str, low: str, high: str, flag: str = "", unit: str = "g/L") -> ReportRow:
    box = (0.0, 0.0, 1.0, 1.0)
    return ReportRow(name, "", value, unit, low, high, flag, 0.99, box, box, True)


@pytest.mark.parametrize(
    ("read", "sure"),
    [
        (row("血红蛋白", "140", "130", "175"), True),
        (row("血红蛋白", "180", "130", "175"), False),
        (row("血红蛋白", "140", "130", "175", "↑"), False),
        (row("白细胞计数", "1120", "3.50", "9.50", "↑"), False),
        (row("白细胞计数", "11.20", "3.50", "9.50", "↑"), True),
        (row("钾", "4.1", "5.3", "3.5"), False),
        (row("尿蛋白", "阴性", "", ""), True),
    ],
)
def test_contradictions_are_doubted_and_never_corrected(read: ReportRow, sure: bool) -> None:
    (checked,), warnings = check_rows([read])
    assert checked.sure is sure and bool(warnings) is not sure
    assert checked.value == read.value and checked.flag == read.flag


def test_counts_against_percentages() -> None:
    rows = [
        row("白细胞计数", "10.00", "3.50", "9.50", "↑", "10^9/L"),
        row("中性粒细胞百分比", "60.0", "40.0", "75.0", "", "%"),
        row("中性粒细胞计数", "8.00", "1.80", "6.30", "↑", "10^9/L"),
    ]
    checked, warnings = check_rows(rows)
    assert [r.sure for r in checked] == [True, False, False] and len(warnings) == 1


@pytest.mark.parametrize(
    ("cells", "hidden"),
    [
        (("姓名:甲某某", "性别:男"), 1),
        (("姓名", "甲某某", "性别", "男"), 1),
        (("病历号:12345678", "科别:内科"), 2),
        (("13800000000",), 1),
        (("白细胞计数", "11.20", "3.50-9.50"), 0),
        (("Name: A B", "Sex: M"), 1),
    ],
)
def test_identifiers(cells: tuple[str, ...], hidden: int) -> None:
    assert len(identifying_boxes(line(*cells))) == hidden
