"""Words of a line become rows whatever the order of columns and however cells run together."""

import pytest

from medeval.ocr.again import _compared
from medeval.ocr.checks import check_rows
from medeval.ocr.identifiers import identifying_boxes
from medeval.ocr.items import find_item
from medeval.ocr.report import _is_report
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
        (("3", "管型", "CAST", "▲", "5.0", "/LP", "0.0-2.4"), [("管型", "CAST", "5.0", "↑", "0.0", "2.4", "/LP")]),
        (("谷丙转氨酶73偏高", "9-50", "IU/L"), [("谷丙转氨酶", "", "73", "↑", "9", "50", "IU/L")]),
        (("肌酐", "umol/L", "120", "H", "57~97"), [("肌酐", "", "120", "↑", "57", "97", "umol/L")]),
        (("钾", "3.50-5.30", "3.10", "▼", "mmol/L"), [("钾", "", "3.10", "↓", "3.50", "5.30", "mmol/L")]),
        (("甘油三酯", "<1.70", "0.96", "mmo1/1"), [("甘油三酯", "", "0.96", "", "", "1.70", "mmol/L")]),
        (("白蛋白", "ALB", "41.0", "40一55", "8/1"), [("白蛋白", "ALB", "41.0", "", "40", "55", "g/L")]),
        (("MCV", "93.1", "82—100", "IL"), [("平均红细胞体积", "MCV", "93.1", "", "82", "100", "fL")]),
        (("凝血酶时间", "TT", "13.7 s", "10.3-16.6"), [("凝血酶时间", "TT", "13.7", "", "10.3", "16.6", "s")]),
        (("血小板265×10⁹/L", "125-350"), [("血小板", "", "265", "", "125", "350", "10^9/L")]),
        (("PCT", "0.08", "<0.05", "ng/mL"), [("降钙素原", "PCT", "0.08", "", "", "0.05", "ng/mL")]),
        (("糖类抗原125", "18.1", "0-35", "U/mL"), [("糖类抗原125", "", "18.1", "", "0", "35", "U/mL")]),
        (("某抗原125", "18.1", "0-35", "U/mL"), [("某抗原125", "", "18.1", "", "0", "35", "U/mL")]),
        (("糖类抗原15-3", "54.4", "0-25", "U/mL"), [("糖类抗原15-3", "", "54.4", "", "0", "25", "U/mL")]),
        (("肌钙蛋白1", "0.015", "0-0.04"), [("肌钙蛋白I", "", "0.015", "", "0", "0.04", "")]),
        (("5'-核苷酸酶", "2.5", "0-10", "U/L"), [("5'-核苷酸酶", "", "2.5", "", "0", "10", "U/L")]),
        (("某某抗体", "XX-Ab", "3.1", "男:0-5", "U/mL"), [("某某抗体", "XX-Ab", "3.1", "", "0", "5", "U/mL")]),
        (("阿司匹林片", "100mg", "1片", "2024-05-12"), []),
        (("No", "检验项目", "结果", "参考范围", "单位"), []),
        (("姓名:甲某某", "性别:男", "年龄:45岁"), []),
    ],
)
def test_lines(cells: tuple[str, ...], want: list[Fields]) -> None:
    assert [fields(row) for row in rows_of(line(*cells))] == want


def test_results_in_words_and_unlisted_tests_are_rows_of_a_table() -> None:
    sheet = [
        ("项目名称", "结果", "单位", "参考范围"), ("尿比重", "1.015", "", "1.003-1.030"),
        ("尿蛋白", "1+", "", "阴性(-)"), ("某新项目", "弱阳性", "", "阴性"), ("白细胞酯酶", "+-"), ("尿胆原", "阴性"),
        ("检验者:甲某", "报告日期:2024-05-12"),
    ]  # fmt: skip
    words = [word for i, cells in enumerate(sheet) for word in line(*cells, y=100 + 40 * i) if word.text]
    read = [(row.name, row.value, row.low) for row in rows_of(words)]
    assert read == [
        ("尿比重", "1.015", "1.003"), ("尿蛋白", "1+", ""), ("某新项目", "弱阳性", ""), ("白细胞酯酶", "+-", ""),
        ("尿胆原", "阴性", ""),
    ]  # fmt: skip


def test_a_running_number_is_never_the_result_of_the_row_before() -> None:
    words: list[Word] = []
    for i, (left, right) in enumerate([("总蛋白", "尿酸"), ("白蛋白", "肌酐"), ("球蛋白", "尿素")]):
        value = "41.0" if i != 1 else ""
        cells = (str(i + 1), left, value, "20-60", "g/L", str(i + 4), right, "300", "200-400", "umol/L")
        words += [word for word in line(*cells, y=100 + 40 * i) if word.text]
    assert [(row.name, row.value) for row in rows_of(words) if row.name == "白蛋白"] == []


def test_a_range_read_in_place_of_a_lost_result_is_doubted() -> None:
    sheet = [("项目", "结果", "参考"), ("尿糖", "2+", "阴性"), ("酮体", "阴性", "阴性"), ("胆红素", "", "阴性")]
    words = [word for i, cells in enumerate(sheet) for word in line(*cells, y=100 + 40 * i) if word.text]
    assert [row.sure for row in rows_of(words)] == [True, True, False]


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
        ("抗凝血酶川", "", "抗凝血酶III"),
        ("尿总蛋白", "", None),
        ("肌?蛋白", "", None),
        ("血清氮", "C1-", "血清氯"),
        ("a-L-岩藻糖苷酶", "", "α-L-岩藻糖苷酶"),
        ("免疫球蛋白D", "", None),
    ],
)
def test_cut_off_and_misread_names(name: str, abbr: str, full: str | None) -> None:
    found = find_item(name, abbr)
    assert (found.name if found else None) == full


def test_a_clearly_read_name_is_not_made_into_another_test() -> None:
    assert find_item("尿总胆红质", "", "umol/L", clear=True) is None
    assert [row.name for row in rows_of(line("腹水白蛋白", "41.0", "40-55", "g/L"))] == ["腹水白蛋白"]


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


@pytest.mark.parametrize(
    ("value", "second", "sure"),
    [
        ("阳性", "阳性(+)", True),
        ("阳性", "弱阳性", False),
        ("+", "++", False),
        ("-", "+-", False),
        ("11.2", "1.12", False),
    ],
)
def test_a_second_reading_of_another_meaning_is_a_doubt(value: str, second: str, sure: bool) -> None:
    assert _compared(row("尿蛋白", value, "", ""), second, 0.99).sure is sure


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
        (("检 验:甲某", "审核医师：乙某", "报告时间:2024-05-12"), 2),
        (("*A3620880469*",), 1),
        (("流水号:395", "ID号：P0623856", "标本类型:血清"), 3),
        (("咨询电话：0757-79322464",), 2),
        (("检测结果:阴性", "检验项目:血常规"), 0),
        (("Name: A B", "Sex: M"), 1),
        (("姓", "名:甲某某", "性 别:男"), 1),
        (("姓名", "：", "甲某某"), 1),
        (("姓名：", "性别：", "年龄："), 0),
        (("出生日期:1960-01-01", "出生体重3.2kg"), 1),
        (("138-0000-0000", "138 0000 0000"), 2),
        (("檢驗者：甲某", "性別：男", "病歷號：12"), 2),
        (("Hospital No.: A12", "Date of birth: 1960-01-01", "Department: ENT", "Verified by: A B"), 3),
        (("Test Name", "Result", "COVID: negative", "The patient has a cough"), 0),
        (("患者男，45岁，咳嗽3天",), 0),
    ],
)
def test_identifiers(cells: tuple[str, ...], hidden: int) -> None:
    assert len(identifying_boxes(line(*cells))) == hidden


def test_an_entry_beneath_its_label_is_found_wherever_it_stands() -> None:
    words = [*line("姓名", "性别", "检验者:"), *line("甲某某", "男", "乙某", y=132)]
    hidden = identifying_boxes(words)
    assert [word.text for word in words if word.box in hidden] == ["甲某某", "乙某"]
    entry = line("姓名", "：", "甲某某")
    assert identifying_boxes(entry) == [entry[2].box]


def test_a_harmless_entry_told_by_its_colon_stays() -> None:
    words = [*line("注：仅对此标本负责", "标本：血清"), *line("尿酸", "300", "200-400", "umol/L", y=200)]
    assert identifying_boxes(words, [row.box for row in rows_of(words)]) == []


def test_entries_of_the_head_are_no_rows() -> None:
    words = [*line("标本状态:合格", "检验项目:生化"), *line("姓名", "甲某某", "45", y=140)]
    words += [word for i in range(3) for word in line("尿酸", "300", "200-400", "umol/L", y=300 + 40 * i)]
    assert {row.name for row in rows_of(words)} == {"尿酸"}


def test_outside_the_table_only_harmless_entries_stay() -> None:
    words = [*line("送检著:甲某", "年龄:30岁", "科室:内科"), *line("尿酸", "300", "200-400", "umol/L", y=200)]
    table = [row.box for row in rows_of(words)]
    assert len(identifying_boxes(words)) == 0 and len(identifying_boxes(words, table)) == 1


@pytest.mark.parametrize(
    ("sheet", "report"),
    [
        (
            [("项目", "每100g", "NRV%"), ("蛋白质", "8.5g", "14%"), ("钠", "320mg", "16%"), ("钙", "120mg", "15%")],
            False,
        ),
        ([("处方笺",), ("1. 某某片", "5mg×28片", "5mg qd"), ("2. 某某钙片", "20mg×7片", "20mg qn")], False),
        ([("品名", "数量", "单价", "金额"), ("全麦面包", "1", "12.80", "12.80"), ("合计", "52.53")], False),
        ([("钾", "4.10", "3.50-5.30", "mmol/L"), ("钠", "140.0", "137.0-147.0", "mmol/L")], True),
        ([("检验报告单",), ("项目", "结果", "参考值"), ("尿蛋白", "1+", "阴性"), ("酮体", "阴性", "阴性")], True),
    ],
)
def test_amounts_alone_make_no_report(sheet: list[tuple[str, ...]], report: bool) -> None:
    words = [word for i, cells in enumerate(sheet) for word in line(*cells, y=100 + 40 * i)]
    assert _is_report(rows_of(words), words) is report
