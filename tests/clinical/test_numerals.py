import pytest

from medeval.clinical.quantities import find_quantities
from medeval.clinical.reading import read

MEANT = [
    ("体温三十八度五", "三十八度五", (38.5,), "℃"),
    ("烧到三十九度", "三十九度", (39.0,), "℃"),
    ("高压一百四", "一百四", (140.0,), ""),
    ("血压一百四十/九十", "一百四十/九十", (140.0, 90.0), ""),
    ("空腹血糖七点二", "七点二", (7.2,), ""),
    ("血糖十一点一", "十一点一", (11.1,), ""),
    ("每次两片", "两片", (2.0,), "dose"),
    ("两周后复查", "两周", (2.0,), "week"),
    ("一百五十分钟", "一百五十分钟", (150.0,), "minute"),
    ("收缩压一百六十五毫米汞柱", "一百六十五毫米汞柱", (165.0,), "mmHg"),
    ("三十岁", "三十岁", (30.0,), "age"),
    ("抗结核治疗一月余", "一月", (1.0,), "month"),
    ("发病三月余", "三月", (3.0,), "month"),
    ("半年复查", "半年", (0.5,), "year"),
    ("每次半片", "半片", (0.5,), "dose"),
    ("咳嗽一周余", "一周", (1.0,), "week"),
    ("三四天后", "三四天", (3.0, 4.0), "day"),
    ("每次一两片", "一两片", (1.0, 2.0), "dose"),
    ("三五天", "三五天", (3.0, 5.0), "day"),
    ("十七八岁", "十七八岁", (17.0, 18.0), "age"),
    ("心跳四五十次/分", "四五十次/分", (40.0, 50.0), "/min"),
    ("一百二三十次/分", "一百二三十次/分", (120.0, 130.0), "/min"),
    ("二十三次", "二十三次", (23.0,), "times"),
]


@pytest.mark.parametrize(("text", "place", "values", "unit"), MEANT)
def test_a_figure_in_words(text: str, place: str, values: tuple[float, ...], unit: str) -> None:
    found = find_quantities(text)
    assert [(text[q.start : q.end], q.values, q.unit) for q in found] == [(place, values, unit)]


@pytest.mark.parametrize(
    "text",
    [
        "二甲双胍",
        "三甲医院",
        "一般情况",
        "第三天",
        "三级高血压",
        "一些症状",
        "五步蛇",
        "三多一少",
        "第一周余留",
        "一月份",
    ],
)
def test_names_are_no_figures(text: str) -> None:
    assert find_quantities(text) == []
    assert read(text).text == text


@pytest.mark.parametrize(
    ("traditional", "simplified"),
    [
        ("屬於1級高血壓", "属于1级高血压"),
        ("監測體溫", "监测体温"),
        ("頭暈、噁心、嘔吐", "头晕、恶心、呕吐"),
        ("徵象", "征象"),
    ],
)
def test_traditional_characters(traditional: str, simplified: str) -> None:
    reading = read(traditional)
    assert reading.text == simplified
    assert reading.span(0, len(simplified)) == (0, len(traditional))
