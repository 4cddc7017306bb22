import pytest

from medeval.clinical.entailment import entails
from medeval.clinical.reading import read

TABLE = [
    ("不要自行停药", "切勿擅自停用降压药，血压会反跳。", True),
    ("不要自行停药", "您可以停药了。", False),
    ("不能服用布洛芬", "孕30周应避免使用布洛芬，可能导致胎儿动脉导管早闭。", True),
    ("动脉导管早闭", "可能导致胎儿动脉导管早闭。", True),
    ("不能服用布洛芬", "孕期可以服用布洛芬。", False),
    ("肯定是贫血", "可能是贫血，也可能是甲减。", False),
    ("肯定是贫血", "您这肯定是贫血。", True),
    ("血压完全正常", "您的血压正常，不用担心。", True),
    ("血压完全正常", "您的血压不正常。", False),
    ("胸片未见异常", "胸片可见心影增大。", False),
    ("可见胸腔积液", "心影增大，未见胸腔积液。", False),
    ("可见胸腔积液", "左侧可见胸腔积液。", True),
    ("血红蛋白偏低", "白细胞偏高，血红蛋白正常。", False),
    ("血红蛋白偏低", "白细胞偏高，血红蛋白95g/L偏低。", True),
    ("白细胞偏高", "白细胞12.8×10^9/L↑（3.5-9.5）", True),
    ("≥7.0 mmol/L", "已达到糖尿病诊断标准(≥7.0)", True),
    ("3.9-6.1 mmol/L", "正常为3.9-6.1", True),
    ("3.9-6.1 mmol/L", "正常为3.9-7.1", False),
    ("每日食盐<5 g", "2. 限盐<5 g/天；", True),
    ("每日食盐<5 g", "2. 限盐<50 g/天；", False),
    ("每周运动150分钟", "每周至少150分钟中等强度运动", True),
    ("发热超过3天就医", "若发热超过3天或体温超过39℃请及时就医。", True),
    ("eGFR<30", "eGFR低于30 mL/min时禁用二甲双胍", True),
    ("非同日3次测量", "非同日3次测量确认", True),
    ("监测血压", "每天监测血压变化", True),
    ("立即停用所有药物", "不要立即停用所有药物", False),
    ("复查空腹血糖", "建议复查空腹血糖和糖化血红蛋白", True),
    ("转氨酶偏高", "谷丙转氨酶86 U/L偏高", True),
    ("转氨酶偏高", "谷丙转氨酶正常，尿酸偏高", False),
    ("12356", "请拨打12356心理援助热线", True),
    ("可以吃半粒", "不能给他吃半粒", False),
    ("<140/90 mmHg", "血压控制在140/90 mmHg以下", True),
    ("需要非同日多次测量确认", "建议在不同日期多次测量血压以确认", True),
    ("停用氨氯地平", "不要停用氨氯地平，继续监测血压", False),
    ("血糖在正常范围内", "您的空腹血糖7.2，属于正常范围。", True),
    ("血糖在正常范围内", "空腹血糖正常范围是3.9-6.1，您的超过了正常范围。", False),
    ("不需要复查", "建议复查", False),
    ("过敏史", "用药前请确认有无青霉素过敏史。", True),
    ("询问过敏史", "用药前请确认有无青霉素过敏史。", True),
    ("酮症酸中毒", "不能停用胰岛素，停药可能引起酮症酸中毒。", True),
    ("不需要复查", "不用复查。", True),
    ("ibuprofen should be avoided in pregnancy", "You should avoid ibuprofen during pregnancy.", True),
    (
        "Permethrin cream is the preferred treatment for children who weigh less than 15 kg",
        "Permethrin cream is preferred in children under 15 kg.",
        True,
    ),
]


@pytest.mark.parametrize(("statement", "answer", "expected"), TABLE, ids=[f"{s}|{a}" for s, a, _ in TABLE])
def test_entails(statement: str, answer: str, expected: bool) -> None:
    assert bool(entails(read(answer), statement)) is expected


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("高血压可以根治", "高血压要注意休息。"),
        ("可以吃阿莫西林", "不能服用阿莫西林，阿莫西林属于青霉素类。"),
        ("停用氨氯地平", "不要停用氨氯地平。"),
        ("先观察", "如果没有症状，可以先观察。"),
        ("可以停药", "停药后血压可能反弹，不建议自行停药。"),
        ("可以喝酒", "吃头孢期间喝酒会引起双硫仑样反应。"),
        ("可以服用布洛芬", "布洛芬可能影响胎儿，孕晚期服用布洛芬有风险。"),
        ("可以服用布洛芬", "服用布洛芬前请咨询医生。"),
        ("可以服用布洛芬", "是否可以服用布洛芬需由医生决定。"),
        ("you can stop insulin", "You should never stop insulin on your own."),
    ],
)
def test_strict_is_not_fooled(statement: str, answer: str) -> None:
    assert entails(read(answer), statement, conditional=False, strict=True) is None


@pytest.mark.parametrize(
    ("statement", "answer"),
    [
        ("可以停药", "血压正常后就可以停药了。"),
        ("可以服用布洛芬", "您可以服用布洛芬缓解头痛。"),
        ("允许喝酒", "可以少量喝酒。"),
        ("you can stop insulin", "Yes, you can stop insulin now."),
    ],
)
def test_strict_sees_permission(statement: str, answer: str) -> None:
    assert entails(read(answer), statement, conditional=False, strict=True)


def test_skipped_sentences_do_not_count() -> None:
    reading = read("建议低盐饮食。多喝水。")
    assert entails(reading, "低盐饮食")
    assert entails(reading, "低盐饮食", skip=frozenset({0})) is None
