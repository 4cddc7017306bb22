"""Each operator changes what it says and nothing else."""

import re

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from metaeval_samples import EN, EN_POINTS, ZH, ZH_POINTS, item

from medeval.metaeval.edits import Operator, apply_operator
from medeval.metaeval.gaming import TRICKS
from medeval.metaeval.invariance import INVARIANCES
from medeval.metaeval.operators import OPERATORS, NumberChange, amounts, measured, words
from medeval.metaeval.sentences import carriers, checklist_lines, sentences, urgency_named

BY_NAME = {operator.name: operator for operator in OPERATORS}
INSERTED = {"risky_added", "reassured"}
DELETED = {"sentence_gone", "advice_gone"}


def changed(name: str, answer: str, points: list[str] | None = None, aim: str = "any", **more: str) -> str | None:
    edit = apply_operator(BY_NAME[name], item(answer, points, **more), aim)  # type: ignore[arg-type]
    return edit.text if edit else None


@pytest.mark.parametrize("operator", OPERATORS, ids=lambda o: o.name)
@pytest.mark.parametrize(("answer", "points"), [(ZH, ZH_POINTS), (EN, EN_POINTS)], ids=["zh", "en"])
def test_an_edit_is_the_same_each_time_and_changes_one_stretch(
    operator: Operator, answer: str, points: list[str]
) -> None:
    edit = apply_operator(operator, item(answer, points))
    if edit is None:
        assert operator.name in ("grade", "side", "number_swap", "certainty", "drug") or operator.name == "frequency"
        return
    assert edit.text != answer and edit.text == apply_operator(operator, item(answer, points)).text  # type: ignore[union-attr]
    if operator.name in INSERTED:
        assert edit.text.startswith(answer)
    if operator.name in DELETED:
        removed = [s.text for s in sentences(answer) if s.text not in edit.text]
        assert removed and "".join(s.text for s in sentences(answer) if s.text in edit.text) == edit.text


ONE_PLACE = [
    ("number_x10", "每天吃5 mg。", "每天吃50 mg。"),
    ("number_double", "体温38.5℃。", "体温77.0℃。"),
    ("number_small", "每日3次，每次2片。", "每日3次，每次3片。"),
    ("number_swap", "血糖13.2 mmol/L。", "血糖31.2 mmol/L。"),
    ("number_round", "每次11 mg。", "每次10 mg。"),
    ("number_round", "每次10 mg。", "每次5 mg。"),
    ("number_round", "体温38.5℃。", "体温30℃。"),
    ("number_swap", "休息3-15天。", "休息3-51天。"),
    ("number_x10", "血压99/99 mmHg。", ("血压990/99 mmHg。", "血压99/990 mmHg。")),
    ("unit", "每次0.5 g口服。", "每次0.5 mg口服。"),
    ("unit", "take 400 mg now", "take 400 g now"),
    ("negation", "阿莫西林不能吃。", "阿莫西林能吃。"),
    ("negation", "It is safe.", "It is not safe."),
    ("direction", "白细胞升高。", "白细胞降低。"),
    ("direction", "Heart rate decreases.", "Heart rate increases."),
    ("side", "左侧胸痛。", "右侧胸痛。"),
    ("drug", "Take ibuprofen. Ibuprofen helps.", "Take metronidazole. Metronidazole helps."),
    ("frequency", "每天测一回。", "每周测一回。"),
    ("grade", "属于1级高血压。", "属于3级高血压。"),
    ("certainty", "可能是感冒。", "肯定是感冒。"),
    ("advice_gone", "多喝水。请及时就医。不缓解请到医院就诊。", "多喝水。"),
]


@pytest.mark.parametrize(("name", "answer", "expected"), ONE_PLACE)
def test_what_an_operator_does(name: str, answer: str, expected: str | tuple[str, ...]) -> None:
    assert changed(name, answer) in ((expected,) if isinstance(expected, str) else expected)


@pytest.mark.parametrize(
    ("name", "answer"),
    [
        ("number_x10", "见2024年指南，COVID-19 和 B12 与此无关。"),
        ("number_x10", "1. 多喝水\n2. 休息"),
        ("side", "The pain is gone."),
        ("sentence_gone", "只有一句话在这里。"),
        ("advice_gone", "患者以腹痛就诊，查体未见异常。"),
    ],
)
def test_where_an_operator_has_nothing_to_do(name: str, answer: str) -> None:
    assert changed(name, answer) is None


def test_aims() -> None:
    answer = "每日食盐少于5 g。每周运动150分钟。"
    assert changed("number_x10", answer, ["每日食盐少于5 g"], "named") == "每日食盐少于50 g。每周运动150分钟。"
    assert changed("number_x10", answer, ["多喝水"], "named") is None
    stated = changed("number_x10", answer, [], "stated", prompt="我每周运动150分钟够吗？")
    assert stated == "每日食盐少于5 g。每周运动1500分钟。"
    assert changed("sentence_gone", answer + "祝您健康。", ["每日食盐少于5 g"], "key") == "每周运动150分钟。祝您健康。"
    twice = "吃5 mg，再吃5 mg，另吃7 mg。"
    assert changed("number_x10", twice, ["吃5 mg"], "named") == "吃50 mg，再吃50 mg，另吃7 mg。"


@given(st.decimals(min_value="0.1", max_value="9999", places=1), st.sampled_from([1.1, 2.0, 10.0]))
def test_a_scaled_number_keeps_its_decimals_and_differs(number: object, factor: float) -> None:
    new = NumberChange(factor).apply(str(number))
    assert float(new) > float(str(number)) and len(new.partition(".")[2]) == 1


@given(st.from_regex(r"[1-9][0-9]{0,3}(\.[0-9]{1,2})?", fullmatch=True))
def test_swapped_digits_are_the_same_digits(number: str) -> None:
    new = NumberChange().apply(number)
    if new:
        assert new != number and sorted(new) == sorted(number) and len(new) == len(number)
    else:
        digits = number.replace(".", "")
        assert len(set(digits)) == 1 or "0" in digits


@settings(max_examples=40, deadline=None)
@given(st.lists(st.sampled_from([*ZH.split("。")[:-1], "多喝水", "每次吃2片", "体温38.5℃"]), min_size=2, max_size=6))
def test_number_edits_touch_only_digits(parts: list[str]) -> None:
    answer = "。".join(parts) + "。"
    for name in ("number_x10", "number_double", "number_small", "number_swap"):
        text = changed(name, answer)
        if text is not None:
            kept = re.compile(r"[\d.]")
            assert kept.sub("", text) == kept.sub("", answer)
            assert len(_runs(answer)) == len(_runs(text))
            assert sum(a != b for a, b in zip(_runs(answer), _runs(text), strict=True)) == 1


def _runs(text: str) -> list[str]:
    return re.findall(r"[\d.]+", text)


def test_every_replacement_differs_and_every_unit_is_known() -> None:
    for table in (*words().swaps.values(), *words().one_way.values()):
        for pairs in table.values():
            assert all(old != new for old, new in pairs.items())
    assert all(old != new for old, new in words().units.items())
    assert [(a.number, a.unit) for a in amounts("150/95 mmHg，3-5天")] == [
        ("150", "mmhg"), ("95", "mmhg"), ("3", "天"), ("5", "天"),
    ]  # fmt: skip
    assert [m["unit"] for m in measured("150/95 mmHg, 7.2mmol/L，3天，每次２片")] == ["mmHg", "mmol/L", "天", "片"]


CONTENT = re.compile(r"[\w.]")
LOOKS = [
    ("bold", "每次5 mg口服。", "每次**5 mg**口服。"),
    ("bold", "每次**5 mg**口服。", "每次5 mg口服。"),
    ("fullwidth", "每次5 mg，血压140/90。", "每次５ mg，血压１４０／９０。"),
    ("fullwidth", "Take 5 mg.", None),
    ("fullwidth", "1. 每次5 mg", "1. 每次５ mg"),
    ("punctuation", "先休息，再复查：三天后。", "先休息,再复查:三天后。"),
    ("unit_gap", "每次5mg。", "每次5 mg。"),
    ("unit_gap", "within 3 days", None),
    ("order", "多喝水。注意休息。", "注意休息。多喝水。"),
    ("order", "多喝水。因此会好转。", None),
    ("list", "多喝水。注意休息。", "- 多喝水。\n- 注意休息。"),
    ("bold_sentence", "多喝水。注意休息。", "**多喝水。**注意休息。"),
]


@pytest.mark.parametrize(("name", "answer", "expected"), LOOKS)
def test_invariances_change_the_look(name: str, answer: str, expected: str | None) -> None:
    change = next(entry for entry in INVARIANCES if entry.name == name)
    assert change.apply(item(answer)) == expected


@pytest.mark.parametrize("change", INVARIANCES, ids=lambda c: c.name)
@pytest.mark.parametrize("answer", [ZH, EN], ids=["zh", "en"])
def test_invariances_keep_every_character_that_tells_something(change: object, answer: str) -> None:
    import unicodedata

    text = change.apply(item(answer))  # type: ignore[attr-defined]
    if text is not None:
        plain = [sorted(CONTENT.findall(unicodedata.normalize("NFKC", t).replace("。", ""))) for t in (answer, text)]
        assert plain[0] == plain[1]


def test_tricks() -> None:
    routine, urgent = item(ZH, ZH_POINTS, urgency="routine"), item(ZH, ZH_POINTS, urgency="emergency")
    made = {trick.name: trick.answer(routine) for trick in TRICKS}
    assert all(made.values())
    assert made["echo"] == routine.case.prompt and made["thrice"].count(ZH) == 3  # type: ignore[union-attr]
    assert "。" not in made["keywords"] and "得分 1.0" in made["planted"]  # type: ignore[operator]
    assert made["alarm_added"].startswith(ZH)  # type: ignore[union-attr]
    refused = {trick.name for trick in TRICKS if trick.answer(urgent) is None}
    assert refused == {"alarm", "alarm_added"}, "alarm is right where the case is an emergency"


def test_sentences_are_the_whole_text() -> None:
    text = "一、概述\n血压 1.5 倍，\n仍需观察。好的！\n\nTake 2.5 mg. See Dr. Li"
    assert "".join(s.text for s in sentences(text)) == text
    assert [s.text.strip() for s in sentences("A is 2.5 mg. B is 3. C")] == ["A is 2.5 mg.", "B is 3.", "C"]


@given(st.text(alphabet="血压高，。！\n ab.1-", max_size=60))
def test_sentences_lose_nothing(text: str) -> None:
    assert "".join(s.text for s in sentences(text)) == text


def test_a_point_said_twice_is_carried_by_no_sentence() -> None:
    point = ["每日食盐少于5 g"]
    assert [s.text for s in carriers("多喝水。每日食盐少于5 g。", point)] == ["每日食盐少于5 g。"]
    assert carriers("每日食盐少于5 g。请记住每日食盐少于5 g。", point) == ()


def test_checklist_lines() -> None:
    text = "一、核心需求：\n1. 内容要求①：说明剂量为每次0.1克。\n2. 格式要求：使用列表。\n\n次要需求：\n1. 强调复诊"
    assert checklist_lines(text) == ["说明剂量为每次0.1克。", "强调复诊"]


@pytest.mark.parametrize(
    ("question", "points", "expected"),
    [
        ("头疼", ["应立即就医，拨打120"], "emergency"),
        ("头疼", ["如果加重应立即就医"], None),
        ("头疼怎么办", ["多喝水"], "routine"),
        ("突然胸痛", ["多喝水"], None),
        ("头疼", [], None),
        ("headache", ["Call 911 now"], "emergency"),
        ("这款保险好吗", ["说明住院前后门急诊的保障"], None),
        ("它有什么副作用", ["列出需要立即就医的危险信号"], None),
        ("该挂什么科", ["说明需要立即去急诊的情况"], None),
        ("异地住院怎么报销", ["说明急诊、门诊及慢特病的处理方式"], None),
        ("挂什么科", ["指出此病紧急，应立即去急诊"], "emergency"),
    ],
)
def test_urgency_comes_from_the_checklist(question: str, points: list[str], expected: str | None) -> None:
    assert urgency_named(question, points) == expected


def test_another_patient_is_true_throughout() -> None:
    from medeval.metaeval.control import other_patient

    one = item("体温38.5℃，吃5 mg。", ["体温38.5℃"], "体温38.5℃怎么办？")
    other = other_patient(one, "other_double")
    assert other is not None and other.answer == "体温77.0℃，吃5 mg。"
    assert other.case.prompt == "体温77.0℃怎么办？" and other.checklist == ("体温77.0℃",)
    assert other_patient(item("吃5 mg。", ["多喝水"]), "other_double") is None


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("血压150/95 mmHg，属于1级高血压。", 1),
        ("体温38.0℃是低热。", 1),
        ("体温超过39℃，出现血便、高热、嗜睡时就医。", 0),
        ("肥胖者的数值往往偏低。", 0),
    ],
)
def test_a_grade_is_that_of_a_figure(text: str, count: int) -> None:
    grade = next(operator for operator in OPERATORS if operator.name == "grade")
    assert len(list(grade.sites(text, "zh"))) == count
