import pytest

from medeval.clinical.reading import read
from medeval.clinical.stance import stance
from medeval.clinical.support import support
from medeval.clinical.words import base_form, words_of, wrong_brands

BETTER = [  # statement, an answer that supports it more, one that supports it less
    (
        "Ivermectin is the oral treatment for scabies",
        "Scabies can be treated by mouth with ivermectin.",
        "Scabies can be treated with creams.",
    ),
    ("Seek medical attention if the pain gets worse", "If the pain worsens, see your doctor.", "The pain is usual."),
    ("Drowsiness is a side effect", "It may make you sleepy, an adverse effect.", "It may make you happy."),
    ("Take 400 mg every 8 hours", "Take 400 mg every 8 hours.", "Take 40 mg every 8 hours."),
    ("Take 400 mg every 8 hours", "Take 400 mg every 8 hours.", "Take 400 mg every 8 days."),
    (
        "Aspirin should not be given to children",
        "Aspirin should not be given to a child.",
        "Aspirin should be given to a child.",
    ),
    ("It increases the risk of bleeding", "It increases the risk of bleeding.", "It reduces the risk of bleeding."),
    (
        "空腹血糖不低于7.0 mmol/L可诊断糖尿病",
        "空腹血糖≥7.0 mmol/L，可诊断糖尿病。",
        "空腹血糖≥6.0 mmol/L，可诊断糖尿病。",
    ),
    ("报销比例为40%~60%", "一般在40%\\~60%之间报销。", "一般在40%\\~80%之间报销。"),
    ("孕妇禁用利巴韦林", "利巴韦林孕妇禁用。", "利巴韦林孕妇可用。"),
    ("治疗后白细胞升高", "治疗后白细胞升高。", "治疗后白细胞降低。"),
    ("左侧胸腔积液需要引流", "左侧胸腔积液需要引流。", "右侧胸腔积液需要引流。"),
    (
        "Bronchitis can turn into pneumonia",
        "An attack of bronchitis may lead to pneumonia.",
        "Bronchitis and asthma differ from pneumonia.",
    ),
    ("Stool softeners help", "Eat fiber to soften the stool.", "Eat fiber to lower your cholesterol."),
    ("A sitz bath eases the pain", "Soaking in warm water relieves soreness.", "Ointments relieve soreness."),
    ("See a doctor if it flares up", "Get checked if it gets worse.", "Stay at home if it stays the same."),
    ("提供个体差异的考量和患者教育", "要考虑个体差异，并做好患者教育。", "要考虑个体差异。"),
]


@pytest.mark.parametrize(("statement", "more", "less"), BETTER, ids=[f"{s[:24]}|{b[:20]}" for s, _, b in BETTER])
def test_degree(statement: str, more: str, less: str) -> None:
    high, low = support(read(more), statement), support(read(less), statement)
    assert 0 <= low.degree < high.degree <= 1


LOOKS = [
    ("建议限盐，每日食盐<5 g。定期复查血压。", "建议限盐，每日食盐＜５ g。定期复查血压。"),
    ("建议限盐，每日食盐<5 g。定期复查血压。", "定期复查血压。建议限盐，每日食盐<5 g。"),
    ("建议限盐，每日食盐<5 g。定期复查血压。", "**建议限盐**，每日食盐<5 g.定期复查血压."),
    ("建议限盐，每日食盐<5 g。定期复查血压。", "建議限鹽，每日食鹽<5 g。定期複查血壓。"),
    ("Rest well. Take 400 mg twice a day.", "Take 400 mg twice a day. Rest well."),
    ("Rest well. Take 400 mg twice a day.", "Rest well. Take **400 mg** twice a day. Rest well."),
]


@pytest.mark.parametrize(("plain", "dressed"), LOOKS)
def test_look_order_and_repetition_do_not_matter(plain: str, dressed: str) -> None:
    for statement in ("每日食盐少于5 g并复查血压", "Take 400 mg twice a day and rest"):
        assert support(read(plain), statement).degree == pytest.approx(support(read(dressed), statement).degree)


CONTRARY = [
    ("Loperamide should be used with caution in liver disease", "Loperamide is safe in liver disease.", True),
    ("Loperamide should be used with caution in liver disease", "Use loperamide with caution in liver disease.", False),
    ("There is a lack of evidence for sertraline", "There is a lack of evidence for sertraline.", False),
    ("Chlamydia is not a self-limited infection", "Chlamydia is a self-limited infection.", True),
    ("The drug can be taken with food", "The drug cannot be taken with food.", True),
    ("Smoking increases the risk of stroke", "Smoking reduces the risk of stroke.", True),
    ("The maximum dose is 40 mg per day", "The maximum dose is 400 mg per day.", True),
    ("Losartan is taken twice a day", "Losartan is taken three times a day.", True),
    ("The injection is given weekly", "The injection is given daily.", True),
    ("Symptoms that last without improvement need care", "See a doctor if symptoms do not improve.", False),
    ("术后可以游泳", "术后应避免游泳。", True),
    ("术后可以游泳", "术后可以游泳。", False),
    ("多吃粗粮和保持好心情", "保持好心情，避免生气。", False),
    ("说明它是保健食品，并非药品", "它属于保健食品，其服用也可以先问药师。", False),
    ("饭后散步、避免久坐和定期称体重", "要定期称体重。", False),
    ("包括无创检查和随访", "检查可以选无创的，之后随访。", False),
    ("适当增加户外活动的时间", "减少屏幕时间，多到户外活动。", False),
    ("It is a chronic, non-contagious rash", "It is a chronic rash that is not contagious.", False),
    ("Genes and stress are causes", "The cause is not fully understood, but genes and stress are causes.", False),
    ("Drugs against rejection can cause it", "Drugs for rejection can cause it.", False),
    ("Doctors advise against alcohol", "Doctors advise alcohol.", True),
    ("The eyelid does not itch in viral conjunctivitis", "Viral conjunctivitis makes the eyelid swell.", False),
    ("The eyelid does not itch in viral conjunctivitis", "The eyelid itches in viral conjunctivitis.", True),
    ("Infections are common when the immune system is weak", "Inborn diseases of the immune system are rare.", False),
    ("Fever is common in measles", "Fever is rare in measles.", True),
    ("给出饮食建议，保证良好作息", "避免熬夜，作息良好。", False),
    ("说明需要避免饮酒的时间和含酒精的食品", "含酒精的食品和饮酒也应避免。", False),
    ("说明药物对胎儿的安全性", "药物未发现增加胎儿畸形风险。", False),
    ("结合宫颈长度20毫米，说明环扎的必要性", "宫颈长度只有20毫米。宫颈长度小于25毫米者可环扎。", False),
    ("出现皮疹应立即停药就医", "一旦出现皮疹，无论轻重都要立刻停药并去医院，不要等皮疹自己消退。", False),
    ("解释术后视力提高有限的原因", "术后视力都能提高。术后数月视力再次下降，可做激光。", False),
    ("提醒避免诱因，出现危险症状时及时就医", "建议您尽快就诊，如出现剧烈头痛，应立即拨打120。", False),
    ("强调不要疼痛消失就停药", "很多患者疼痛消失后就停药，这是痛风复发的主要原因。", False),
    ("说明避孕药的适用和不宜使用的人群", "可以到妇科咨询是否适合使用避孕药。", False),
    ("说明不同情况（缓解期、急性期、肾功能不全）的用量", "慢性肾功能不全者用量要控制。", False),
]


@pytest.mark.parametrize(("statement", "answer", "contrary"), CONTRARY)
def test_contradiction(statement: str, answer: str, contrary: bool) -> None:
    assert (support(read(answer), statement).contradiction > 0.35) is contrary


@pytest.mark.parametrize(
    ("text", "signs"),
    [
        ("饭后散步、避免久坐和熬夜", {"散步": 3, "久坐": 2, "熬夜": 2}),
        ("避免久坐、熬夜", {"久坐": 2, "熬夜": 2}),
        ("避免久坐、不熬夜、散步", {"久坐": 2, "熬夜": 2}),
        ("散步是不需要的", {"散步": 2}),
        ("无菌操作", {"操作": 1}),
        ("除非发热", {"发热": 1}),
        ("列出接种反应、接种禁忌、病毒特性", {"病毒": 1}),
        ("孕妇禁忌饮酒", {"饮酒": 2}),
        ("晶状体不规则、散光", {"散光": 1}),
        ("The rash does not itch", {"rash": 3, "itch": 2}),
    ],
)
def test_a_negation_reaches_what_follows_it(text: str, signs: dict[str, int]) -> None:
    keys = {word: words_of(read(word))[0].key for word in signs}
    found = {word.key: word.sign for word in words_of(read(text))}
    assert {word: found[keys[word]] for word in signs} == signs


def test_the_items_of_a_list_may_stand_in_different_sentences() -> None:
    listed = "居家护理包括卧床休息、补充水分和开窗通风"
    spread = support(read("先卧床休息。\n再补充水分。\n最后开窗通风。这些是居家护理。"), listed).degree
    one = support(read("居家护理时先卧床休息。\n再吃点东西。"), listed).degree
    assert spread > 0.85 > 0.5 > one


def test_words_of_the_question_tell_little() -> None:
    question = "Is testicular pain a symptom of chlamydia?"
    reading = read("Testicular pain can be a symptom of chlamydia.")
    asked = support(reading, "Epididymitis causes testicular pain in chlamydia", question)
    alone = support(reading, "Epididymitis causes testicular pain in chlamydia")
    assert asked.degree < alone.degree


@pytest.mark.parametrize(
    ("one", "other"),
    [("preventing", "prevention"), ("metabolic", "metabolism"), ("studies", "study"), ("walking", "walked")],
)
def test_base_form(one: str, other: str) -> None:
    assert base_form(one) == base_form(other)


def test_a_class_is_partly_said_by_its_member_and_not_the_other_way() -> None:
    reading = read("You can take ibuprofen.")
    named, wider, other = (
        support(reading, f"Take {w} for the pain").degree for w in ("ibuprofen", "an NSAID", "an SSRI")
    )
    assert named > wider > other


def test_a_less_alike_sentence_does_not_speak_against_a_clear_one() -> None:
    clear = "Low lipase levels are common in cystic fibrosis."
    beside = clear + " High lipase levels are seen in acute pancreatitis."
    assert support(read(beside), "Low lipase levels are common in cystic fibrosis").degree > 0.9


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("sleepiness", "drowsy"),
        ("physician", "doctor"),
        ("Zyrtec", "cetirizine"),
        ("心梗", "心肌梗死"),
        ("swelling", "edema"),
    ],
)
def test_synonyms_are_one_word(one: str, other: str) -> None:
    assert words_of(read(one))[0].key == words_of(read(other))[0].key


@pytest.mark.parametrize(
    ("text", "sign"),
    [
        ("it is safe to take", 1),
        ("it is not safe to take", -1),
        ("avoid it", -1),
        ("do not avoid it", 1),
        ("if you are not well, you can take it", 1),
        ("it is not fully understood but can be used", 1),
        ("可以服用", 1),
        ("不可以服用", -1),
        ("天气很好", 0),
    ],
)
def test_stance(text: str, sign: int) -> None:
    got = stance(text)
    assert (got > 0) - (got < 0) == sign


@pytest.mark.parametrize(
    ("text", "wrong"),
    [
        ("Loperamide (Imodium) helps.", 0), ("Loperamide (Dulcolax) helps.", 1), ("Ibuprofen (Advil, Motrin)", 0),
        ("Ibuprofen (Advil, Flagyl)", 1), ("Fatigue (tiredness)", 0), ("Ibuprofen (a pain reliever)", 0),
    ],
)  # fmt: skip
def test_a_brand_of_another_drug(text: str, wrong: int) -> None:
    assert len(wrong_brands(read(text))) == wrong
