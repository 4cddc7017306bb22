"""Questions about one reading: blood pressure, glucose, temperature."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass

from medeval.demo.corpus.exchange import SOOTHING, TOGETHER, Exchange, frame, held_out, soothe
from medeval.demo.facts import FASTING, FEVER, PRESSURE, TWO_HOURS, Band, band_index, pressure_index


@dataclass(frozen=True)
class Plan:
    """What to do in one class: measures, follow-up, and for V3 the treatment in words."""

    steps: tuple[str, ...]
    follow: str
    drugs: str


PRESSURE_ASKS = (
    "我的血压{v}，需要担心吗？", "我的血压{v}，需要担心吗", "血压{v}，需要担心吗？", "我的血压是{v}，正常吗？",
    "今天量血压{v}，严重吗？", "体检血压{v} mmHg，算高血压吗？", "我爸爸血压{v}，该怎么办？",
    "血压{v}属于几级？", "早上测血压{v}，要吃药吗？", "{v}的血压高不高？", "我血压{v}mmHg，怎么办？",
    "妈妈的血压是{v} mmHg，需要治疗吗？", "刚测的血压{v}，这个值高吗？", "血压{v}", "血压值为{v}，有问题吗？",
    "我45岁，血压{v}，正常吗？", "我今年60岁，血压{v}，需要注意什么？",
)  # fmt: skip
FASTING_ASKS = (
    "我的空腹血糖是{v} mmol/L，这个值高吗？", "我的空腹血糖是{v}，这个值高吗？", "空腹血糖{v}正常吗？",
    "空腹血糖{v} mmol/L，需要担心吗？", "早上空腹测血糖{v}，是糖尿病吗？", "体检空腹血糖{v}mmol/L，怎么办？",
    "我爸空腹血糖{v}，严重吗？", "空腹血糖{v}", "我的血糖空腹{v}，要吃药吗？", "空腹血糖值{v}，算高吗？",
    "今天查空腹血糖{v} mmol/L，该注意什么？", "我50岁，空腹血糖{v}，正常吗？",
)  # fmt: skip
TWO_HOURS_ASKS = (
    "我的餐后2小时血糖是{v} mmol/L，这个值高吗？", "餐后2小时血糖{v}，正常吗？", "糖耐量2小时血糖{v}，需要担心吗？",
    "餐后两小时血糖{v} mmol/L，是糖尿病吗？", "饭后2小时测血糖{v}，怎么办？",
)  # fmt: skip
FEVER_ASKS = (
    "感冒发烧{v}度，该怎么办？", "感冒发烧{v}度，怎么办？", "我发烧{v}度了，要吃退烧药吗？", "体温{v}℃，严重吗？",
    "感冒两天了，体温{v}度，该怎么处理？", "发烧{v}度，需要去医院吗？", "今天体温{v}，算发烧吗？",
    "我老公感冒发烧到{v}度，怎么办？", "量体温{v}℃，需要担心吗？", "发热{v}度怎么办",
)  # fmt: skip

PRESSURE_PLANS = (
    Plan(("每日食盐<5 g", "每周运动150分钟", "保持健康体重"), "每年至少测量1次血压。", "无需用药"),
    Plan(("每日食盐<5 g", "每周运动150分钟", "控制体重、戒烟限酒"), "每半年至少复测1次血压。", "一般先不用药"),
    Plan(("非同日3次测量血压确认", "每日食盐<5 g、运动、减重", "4-12周后仍≥140/90 mmHg由医生评估用药"),
         "1个月内复诊。", "药物类别可选钙通道阻滞剂、ACEI或ARB，由医生决定"),
    Plan(("非同日3次测量血压确认", "每日食盐<5 g、戒烟限酒", "由医生评估后启动降压药"),
         "1-2周内到心内科就诊。", "药物类别可选钙通道阻滞剂、ACEI、ARB或利尿剂，由医生决定"),
    Plan(("静坐5分钟后复测", "尽快到心内科评估心、脑、肾", "由医生启动降压药治疗"),
         "1-2天内就诊；若出现胸痛或肢体无力，应立即就医。", "常需钙通道阻滞剂与ACEI或ARB联合，由医生决定"),
)  # fmt: skip
FASTING_PLANS = (
    Plan(("立即进食15 g糖类", "15分钟后复测血糖", "记录用药和进食情况"), "1周内到内分泌科查找原因。",
         "正在用胰岛素或磺脲类者需由医生调整方案"),
    Plan(("均衡饮食", "每周运动150分钟", "保持健康体重"), "每年复查1次空腹血糖。", "无需用药"),
    Plan(("复查空腹血糖并做糖耐量试验", "减少主食和含糖饮料", "每周运动150分钟"), "3-6个月复查血糖。",
         "先以生活方式干预为主，是否用二甲双胍由医生决定"),
    Plan(("另日复查空腹血糖", "检查糖化血红蛋白（HbA1c）确认", "控制主食、每周运动150分钟"),
         "1-2周内到内分泌科就诊。", "确诊后首选药物类别为双胍类，由医生决定"),
)  # fmt: skip
TWO_HOURS_PLANS = (
    Plan(("均衡饮食", "每周运动150分钟"), "每年复查1次血糖。", "无需用药"),
    Plan(("复查糖耐量试验", "减少含糖饮料", "每周运动150分钟"), "3-6个月复查血糖。", "先以生活方式干预为主"),
    Plan(("另日复查血糖", "检查糖化血红蛋白（HbA1c）确认", "控制主食"), "1-2周内到内分泌科就诊。",
         "确诊后首选药物类别为双胍类，由医生决定"),
)  # fmt: skip
FEVER_PLANS = (
    Plan(("多饮水", "注意休息", "每天测2次体温"), "症状超过1周再就诊。", "暂不需要退热药"),
    Plan(("多饮水", "注意休息", "每4小时测1次体温"), "发热超过3天到发热门诊就诊。", "一般先不用退热药"),
    Plan(("多饮水、休息", "温水擦浴等物理降温", "≥38.5℃且不适可按说明书服对乙酰氨基酚"),
         "发热超过3天或出现呼吸困难时就诊。", "退热药选对乙酰氨基酚或布洛芬其中一种"),
    Plan(("多饮水、物理降温", "按说明书服对乙酰氨基酚", "每2-4小时测1次体温"), "24小时内到发热门诊就诊。",
         "查血常规和C反应蛋白，由医生判断是否用抗感染药"),
    Plan(("立即物理降温", "马上由家人陪同就医", "途中少量饮水"), "请立即就医或拨打120。", "由医生在医院内处理"),
)  # fmt: skip

GENERIC = {
    "血压": (
        "血压会受到很多因素影响，建议保持健康的生活方式，定期测量，如有疑问请咨询医生。",
        "关于血压的问题，建议您注意日常生活习惯，必要时到医院咨询。",
    ),
    "血糖": (
        "血糖与饮食、运动等因素有关，建议注意日常饮食，定期检查，如有疑问请咨询医生。",
        "关于血糖的问题，建议您保持良好的生活习惯，必要时到医院咨询。",
    ),
    "体温": (
        "发热是常见的症状，建议注意休息，观察身体变化，如有不适请咨询医生。",
        "关于发热的问题，建议您多休息，必要时到医院咨询。",
    ),
}
CARE = {
    "血压": ("平时吃清淡些，放松心情，好好休息。", "慢慢调整饮食和作息就好。"),
    "血糖": ("平时少吃甜的，饭后散散步，放松心情。", "慢慢调整饮食就好，别给自己太大压力。"),
    "体温": ("多喝点热水，好好睡一觉，照顾好自己。", "先好好休息，多喝水，身边有家人照顾就更好了。"),
}


@dataclass(frozen=True)
class Reading:
    """One kind of reading: how it is asked, classed and answered."""

    topic: str
    noun: str
    care: str
    unit: str
    asks: tuple[str, ...]
    bands: tuple[Band, ...]
    plans: tuple[Plan, ...]
    source: str


KINDS: dict[str, Reading] = {
    "bp": Reading("bp", "血压", "血压", "mmHg", PRESSURE_ASKS, PRESSURE, PRESSURE_PLANS, "中国高血压防治指南2024"),
    "fasting": Reading("fasting", "空腹血糖", "血糖", "mmol/L", FASTING_ASKS, FASTING, FASTING_PLANS, "WHO标准"),
    "two_hours": Reading(
        "two_hours", "餐后2小时血糖", "血糖", "mmol/L", TWO_HOURS_ASKS, TWO_HOURS, TWO_HOURS_PLANS, "WHO标准"
    ),
    "fever": Reading("fever", "体温", "体温", "℃", FEVER_ASKS, FEVER, FEVER_PLANS, ""),
}


def _draw_pressure(rng: random.Random) -> tuple[str, int]:
    grade = rng.randrange(5)
    while True:
        systolic, diastolic = rng.randint(92, 215), rng.randint(54, 130)
        if pressure_index(systolic, diastolic) == grade and 22 <= systolic - diastolic <= 95:
            return f"{systolic}/{diastolic}", grade


def _decimal(bands: tuple[Band, ...], low: float, high: float) -> Callable[[random.Random], tuple[str, int]]:
    def draw(rng: random.Random) -> tuple[str, int]:
        index = rng.randrange(len(bands))
        first = max(low, bands[index].low)
        last = bands[index + 1].low - 0.1 if index + 1 < len(bands) else high
        # Values near the edges count most: half are drawn from the narrow side.
        last = min(last, first + 1.5) if rng.random() < 0.4 else last
        value = f"{rng.uniform(first, last):.1f}"
        return value, band_index(bands, float(value))

    return draw


DRAWS: dict[str, Callable[[random.Random], tuple[str, int]]] = {
    "bp": _draw_pressure,
    "fasting": _decimal(FASTING, 2.2, 19.9),
    "two_hours": _decimal(TWO_HOURS, 4.0, 24.0),
    "fever": _decimal(FEVER, 36.1, 41.9),
}


def draw_value(topic: str, rng: random.Random, unseen: bool = False) -> tuple[str, int]:
    """A value and its class; `unseen` draws only held-out values, else only trained ones."""
    while True:
        value, index = DRAWS[topic](rng)
        if held_out(f"{topic}:{value}") == unseen:
            return value, index


def statement(topic: str, value: str, index: int, wide: bool = False) -> str:
    """The reading with its class and cut-offs."""
    kind = KINDS[topic]
    band = kind.bands[index]
    verb = "" if band.name[0] in "达体" else "属于"
    source = f"，{kind.source}" if wide and kind.source else ""
    return f"{kind.noun}{value} {kind.unit}，{band.relation}{verb}{band.name}（{band.cut} {kind.unit}{source}）"


def _exact(topic: str, value: str, index: int) -> str:
    plan = KINDS[topic].plans[index]
    steps = "；".join(f"{i}. {s}" for i, s in enumerate(plan.steps, 1))
    return f"{statement(topic, value, index, wide=True)}。建议：{steps}。{plan.follow}"


def _both(topic: str, value: str, index: int, rng: random.Random, worried: bool) -> str:
    plan = KINDS[topic].plans[index]
    steps = "；".join(f"{i}. {s}" for i, s in enumerate((*plan.steps, plan.drugs), 1))
    end = rng.choice(TOGETHER) if worried else ""
    return f"{soothe(rng, worried)}{statement(topic, value, index)}。建议：{steps}。{plan.follow}{end}"


def _warm(kind: Reading, value: str, index: int, rng: random.Random) -> str:
    return (
        f"{rng.choice(SOOTHING)}您的{kind.noun}{value}{kind.bands[index].coarse}，先放宽心。"
        f"{rng.choice(CARE[kind.care])}{rng.choice(TOGETHER)}"
    )


def make_reading(topic: str, rng: random.Random, unseen: bool = False) -> Exchange:
    """One question about a reading, with its four answers."""
    kind = KINDS[topic]
    value, index = draw_value(topic, rng, unseen)
    question, worried = frame(rng.choice(kind.asks).format(v=value), rng)
    return Exchange(
        topic=topic,
        question=question,
        answers={
            "plain": rng.choice(GENERIC[kind.care]),
            "warm": _warm(kind, value, index, rng),
            "exact": _exact(topic, value, index),
            "both": _both(topic, value, index, rng, worried),
        },
        dimension="precision",
        worried=worried,
        truth={"value": value, "class": kind.bands[index].name, "unit": kind.unit},
    )
