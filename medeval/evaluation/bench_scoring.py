"""The bench of rule scoring: answers scored per second of one core."""

import statistics
import time

from medeval.cases.schema import Case
from medeval.metrics.composite import score_answer

_ANSWER = (
    "您的血压{high}/{low} mmHg，已达到高血压诊断标准（≥140/90 mmHg），建议非同日三次复测，先不必过于紧张。",
    "请每天早晚各测{times}次并记下来，{days}天后带着记录到心内科复诊，平时也可以电话咨询。",
    "饮食以清淡为主，每天食盐不超过5克，{days}天内先戒掉腌制食品，多吃新鲜蔬菜和水果。",
    "每周快走{times}次，每次{minutes}分钟，以微微出汗为宜，避免突然用力和熬夜。",
    "是否用药由医生根据心血管风险决定，{days}天内不要自行购药，也不要自行停药。",
    "若收缩压超过{limit} mmHg，或出现胸痛、气促、剧烈头痛、一侧肢体无力，请立即拨打120。",
    "理解您第{days}天还在担心，及早控制血压可以明显降低脑卒中的风险，大多数人都能控制好。",
)


def score_speed(answers: int = 120, turns: int = 3) -> float:
    """Answers of 300 characters scored by all metrics per second of processor time.

    Median of `turns` turns. As in an evaluation the case is one, and every answer is new.
    """
    case = Case(
        id="bench", prompt="我的血压140/90，需要担心吗？",
        facts={"systolic": "140 mmHg", "diastolic": "90 mmHg", "age": "45 year"},
    )  # fmt: skip
    for number in range(20):  # the tables are read before the clock starts
        score_answer(case, _answer(number))
    rates = []
    for turn in range(1, turns + 1):
        start = time.process_time()
        for number in range(turn * answers, (turn + 1) * answers):
            score_answer(case, _answer(number))
        rates.append(answers / (time.process_time() - start))
    return round(statistics.median(rates), 1)


def _answer(number: int) -> str:
    """300 characters; no sentence comes in another answer, so that nothing a metric remembers is of use."""
    told = {
        "high": 141 + number, "low": 91 + number % 60, "times": 2 + number, "days": 3 + number, "minutes": 20 + number,
        "limit": 180 + number,
    }  # fmt: skip
    return "".join(sentence.format(**told) for sentence in _ANSWER)[:300]
