import pytest

from medeval.clinical.polarity import mood
from medeval.clinical.reading import read

TABLE = [
    ("您的血糖达到糖尿病标准", "糖尿病", "affirmed"),
    ("您没有糖尿病", "糖尿病", "negated"),
    ("这不是糖尿病", "糖尿病", "negated"),
    ("并非糖尿病", "糖尿病", "negated"),
    ("可以排除糖尿病", "糖尿病", "negated"),
    ("糖尿病可以排除", "糖尿病", "negated"),
    ("不能排除糖尿病", "糖尿病", "affirmed"),
    ("不是没有糖尿病", "糖尿病", "affirmed"),
    ("未达到糖尿病诊断标准", "糖尿病", "negated"),
    ("不是高血压而是糖尿病", "糖尿病", "affirmed"),
    ("如果确诊糖尿病，需要用药", "糖尿病", "hypothetical"),
    ("一旦出现胸痛，立即拨打120", "拨打120", "hypothetical"),
    ("出现胸痛时请拨打120", "拨打120", "hypothetical"),
    ("请立即拨打120", "拨打120", "affirmed"),
    ("如颈部迅速肿胀、呼吸困难，应立即就医", "立即就医", "hypothetical"),
    ("如突然出现气促，请立即就医", "立即就医", "hypothetical"),
    ("可见酱油色尿，出现这种情况要立即就医", "立即就医", "hypothetical"),
    ("* 出现腹痛、发热时，立即就诊", "立即就诊", "hypothetical"),
    ("严重者可发生休克，需要立即抢救", "立即抢救", "hypothetical"),
    ("怀疑时应立即就医", "立即就医", "hypothetical"),
    ("救护车到之前不要喂水", "救护车", "affirmed"),
    ("不需要拨打120", "拨打120", "negated"),
    ("会是糖尿病吗？", "糖尿病", "question"),
    ("您担心自己得了糖尿病", "糖尿病", "quoted"),
    ("未见胸腔积液、结节", "结节", "negated"),
    ("心影增大，未见胸腔积液", "心影增大", "affirmed"),
    ("不仅有糖尿病", "糖尿病", "affirmed"),
    ("不必惊慌，应尽快就医", "就医", "affirmed"),
    ("别担心，您的血压正常", "正常", "affirmed"),
    ("停药后血压会反跳", "反跳", "affirmed"),
    ("You do not have diabetes", "diabetes", "negated"),
    ("If you have chest pain, call 911", "call 911", "hypothetical"),
    ("Call 911 if the pain gets worse", "call 911", "hypothetical"),
    ("This is diabetes", "diabetes", "affirmed"),
    ("It may stop you from working. Go and call 911 now", "call 911", "affirmed"),
    ("Take aspirin. Warfarin is contraindicated", "aspirin", "affirmed"),
]


@pytest.mark.parametrize(("text", "mention", "expected"), TABLE, ids=[row[0] for row in TABLE])
def test_mood(text: str, mention: str, expected: str) -> None:
    reading = read(text)
    start = reading.text.index(mention)
    assert mood(reading, start, start + len(mention)) == expected


@pytest.mark.parametrize(
    ("text", "mention"),
    [
        ("您提到的血压140/90属于1级高血压", "1级高血压"),
        ("您的血压出现升高，属于1级高血压", "1级高血压"),
        ("您担心的血压属于1级高血压", "1级高血压"),
        ("心影增大，必要时复查", "心影增大"),
    ],
)
def test_everyday_words_are_no_condition_or_quotation(text: str, mention: str) -> None:
    reading = read(text)
    start = reading.text.index(mention)
    assert mood(reading, start, start + len(mention)) == "affirmed"
