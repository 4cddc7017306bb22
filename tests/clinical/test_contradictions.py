import re

import pytest

from medeval.cases.schema import Case
from medeval.clinical.case_report import against_case
from medeval.clinical.contradictions import statements
from medeval.clinical.data_files import read_data
from medeval.clinical.reading import read
from medeval.clinical.sayings import sayings, things
from medeval.metrics.soundness import soundness

PAIRS = [
    # facts of a disease, a drug, a test
    ("肝硬化患者白蛋白降低。", "肝硬化患者白蛋白升高。"),
    ("甲亢患者促甲状腺激素降低。", "甲亢患者促甲状腺激素升高。"),
    ("脾功能亢进会导致全血细胞减少。", "脾功能亢进会导致全血细胞增加。"),
    ("实验室检查见CRP升高。", "实验室检查见CRP降低。"),
    ("他汀类药物可降低胆固醇。", "他汀类药物可升高胆固醇。"),
    ("类风湿关节炎患者抗CCP抗体阳性。", "类风湿关节炎患者抗CCP抗体阴性。"),
    ("慢阻肺患者语颤减弱。", "慢阻肺患者语颤增强。"),
    ("甲状腺功能减退症患者甘油三酯升高。", "甲状腺功能减退症患者甘油三酯降低。"),
    ("铁剂可提高血红蛋白。", "铁剂可降低血红蛋白。"),
    # what makes complaints worse or better, and what follows from a lack
    # negations before what is normally done, or missing before what is not
    ("不可以空腹服药，但可以适当散步。", "不可以空腹服药，但不可以适当散步。"),
    ("尽量避免这些诱因。", "尽量可以这些诱因。"),
    ("如出血较重，应立即手术。", "如出血较重，不需要立即手术。"),
    ("应当尊重患者，保护隐私。", "不应当尊重患者，泄露隐私。"),
    # English
    ("Omeprazole reduces stomach acid.", "Omeprazole increases stomach acid."),
    ("Consult your doctor before taking it.", "Consult your doctor after taking it."),
    ("It is used to reduce pain.", "It is used to increase pain."),
    # gains and harms
    ("术后冲洗伤口，以减少感染风险。", "术后冲洗伤口，以增加感染风险。"),
    ("长期熬夜会导致免疫力下降。", "长期熬夜会导致免疫力上升。"),
    ("注意休息，以免加重症状。", "注意休息，以免减轻症状。"),
    ("可以缓解症状、减少并发症的发生。", "可以缓解症状、增加并发症的发生。"),
    # fixed expressions
    ("手术是最有效的方法。", "手术是最无效的方法。"),
    ("可使用5型磷酸二酯酶抑制剂。", "可使用5型磷酸二酯酶促进剂。"),
    ("以上内容不能替代专业医生的意见。", "以上内容可以替代专业医生的意见。"),
    ("病情进行性加重。", "病情进行性减轻。"),
    # the answer itself
    ("泌乳素增加：该药可以增加泌乳素。", "泌乳素增加：该药可以减少泌乳素。"),
    ("避免盆浴。术后应避免盆浴。", "避免盆浴。另外建议盆浴。"),
    ("加重失眠：长期使用反而可能加重失眠症状。", "加重失眠：长期使用反而可能减轻失眠症状。"),
    ("卒中风险增加：它会增加使用者发生卒中的风险。", "卒中风险增加：它会减少使用者发生卒中的风险。"),
    ("无法显示血管：不能显示细小的血管。", "无法显示血管：能显示细小的血管。"),
    # two halves of a sentence that must fit
    ("如果出现严重的皮疹，需要去医院就诊。", "如果出现严重的皮疹，不需要去医院就诊。"),
    ("长期刺激会导致局部充血，容易形成结节。", "长期刺激不会导致局部充血，容易形成结节。"),
    ("可减少或消除夜间咳嗽。", "可增加或消除夜间咳嗽。"),
    ("平滑肌肉瘤属于恶性肿瘤。", "平滑肌肉瘤不属于恶性肿瘤。"),
    ("手术指征包括出血不止、保守治疗无效。", "手术指征包括出血不止、保守治疗有效。"),
    ("随着病情的进展，视力会逐渐下降，头痛加重。", "随着病情的进展，视力会逐渐下降，头痛减轻。"),
    ("尽管剂量较低，但仍需注意防护。", "尽管剂量较高，但仍需注意防护。"),
    ("虽然不能完全治愈，但康复训练可以改善功能。", "虽然训练能完全治愈，但康复训练可以改善功能。"),
    ("微创手术恢复快，但对术者的技术要求较高。", "微创手术恢复快，但对术者的技术要求较低。"),
    ("保持规律作息，也有助于缓解头痛。", "保持规律作息，也无助于缓解头痛。"),
    ("这会进一步降低患者的生活质量。", "这会进一步升高患者的生活质量。"),
    ("普通感冒不需要使用抗生素。", "普通感冒需要使用抗生素。"),
    ("一次测量还不能确诊。", "一次测量还能确诊。"),
    # cause and effect
    ("小动脉收缩，导致手指缺血。", "小动脉扩张，导致手指缺血。"),
    ("肝脏清除毒素的能力下降，导致血氨在体内蓄积。", "肝脏清除毒素的能力上升，导致血氨在体内蓄积。"),
    ("肾功能不全者排泄药物的能力降低。", "肾功能不全者排泄药物的能力升高。"),
    ("该药通过减轻局部炎症来间接缓解疼痛。", "该药通过加重局部炎症来间接缓解疼痛。"),
    ("缺血会导致指端麻木，严重时出现溃疡。", "缺血不会导致指端麻木，严重时出现溃疡。"),
    ("可选表层手术来矫正，而不是传统的方式。", "可选表层手术来矫正，而是传统的方式。"),
    ("ARB可导致羊水减少，孕期禁用。", "ARB可导致羊水减少，孕期可用。"),
]
LEFT_ALONE = [
    "保守治疗无效的病人可选择手术治疗。",
    "这种情况需不需要雾化？",
    "一般来说，术后是不需要物理治疗的。",
    "强直性脊柱炎的腰痛休息后不减轻，活动后减轻。",
    "通过显色反应可以区别两种成分。",
    "Smoking is known to increase the risk of cancer.",
    "Call us if your symptoms do not improve.",
    "治疗后血小板升高。",
    "如果症状加重，请及时就医。",
    "脾功能亢进者经治疗后全血细胞增加。",
    "该药可能增加出血风险，需要注意。",
    "尿常规红细胞升高可提示尿路感染。",
    "消化道出血时血压下降，可给予补液。",
    "抗生素无助于病毒感染的治疗。",
    "失眠加重：可通过规律作息减轻失眠。",
    "最大程度上减轻术后视力的下降。",
    "随着病程的进展，疼痛可自行缓解。",
    "这不是感冒。而是过敏性鼻炎。",
    "未见致畸增加，可用。",
    "血管扩张后血压下降。",
    "虽然不能完全治愈，但症状可以控制，风险较低。",
    "该手术创伤小、恢复快，风险较低。",
    "如果出现轻微的皮疹，不需要去医院就诊。",
    # drugs, other diseases and tables
    "恩格列净使入球小动脉收缩，肾小球内压降低，蛋白尿减少，血尿酸降低。",
    "左旋多巴在脑外转化后，外周多巴胺增加会引起恶心。",
    "舍曲林抑制神经元对5-羟色胺的再摄取。",
    "Graves病摄碘率升高。毒性结节性甲状腺肿TRAb阴性。",
    "乙肝两对半的含义：\n| 项目 | 结果 |\n|---|---|\n| HBsAg | 阴性 |",
    "误服可导致严重骨髓抑制甚至死亡。",
    "加重时出现意识模糊、抽搐。",
    "绷紧大腿可促进消肿、减少肌肉萎缩。",
    "低钾者应补钾，高钾血症时不宜补钾。",
    "结果阴性可以排除，阳性不能排除其他病。",
    "48小时后复查，肾功能无恶化再继续用药。",
    "怀疑时立即用药，不必等胃镜。",
    "不应为更换机器而延误抢救。",
    # longer names, two-sided values, courses of nature
    "新斯的明抑制乙酰胆碱酯酶，使乙酰胆碱浓度升高。",
    "乙酰唑胺减少碳酸氢根的生成，从而减少房水分泌。",
    "果糖会抑制肾脏排出尿酸。",
    "早产儿用塑料薄膜包裹，防止体温降低。",
    "疫苗添加铝佐剂以增强反应。",
    "禁忌有感染、严重低血容量、颅内压升高。",
    "老年人动脉硬化，使收缩压升高而舒张压降低。",
    "梅毒：“TPPA阳性+RPR阴性”有几种可能。",
    "梅毒抗体浓度过高导致RPR假阴性。",
    "造影剂可能加重甲状腺功能亢进。",
    "出现酮症、增加热量血糖又超标时，应加用胰岛素。",
    "这种病并非不可控制。",
    "关键在于改善坐姿、减少久坐和加强锻炼。",
    "失眠使焦虑的风险升高，焦虑又会反过来加重失眠，形成恶性循环。",
    "门诊特殊疾病一般指治疗费用较高的疾病。",
    "严重高脂血症：药物可升高转氨酶和甘油三酯，这类患者不宜使用。",
    "血管紧张素作用于中枢，提高交感缩血管中枢的紧张性。",
    "两药同服，否则疗效不会增加，副作用反而叠加。",
]
REPORT = Case(
    id="r",
    prompt="患者，女，58岁，因乏力3个月就诊。既往有高血压病史10年。查体：肝肋下3cm可触及，双肺呼吸音清。"
    "实验室检查：血红蛋白下降，乙肝表面抗原阳性，血小板减少。B超提示肝脏占位，腹部移动性浊音阴性。"
    "入院后完善相关检查，行肝脏增强CT，动脉期明显强化，静脉期消退，考虑肝脏恶性肿瘤可能性大，拟进一步明确诊断。"
    "患者自发病以来精神、睡眠一般，食欲减退，大小便正常，体重下降约5公斤，否认吸烟饮酒史，否认家族肿瘤病史，无手术外伤史。"
    "请问该患者的诊断和诊断依据是什么，还需要与哪些疾病相鉴别，下一步应当如何处理？",
)


def wrong(text: str) -> list[str]:
    return [one.about for one in statements(read(text)) if not one.right]


@pytest.mark.parametrize(("right", "turned"), PAIRS)
def test_a_statement_turned_round_is_seen(right: str, turned: str) -> None:
    assert not wrong(right)
    assert wrong(turned)


@pytest.mark.parametrize("text", LEFT_ALONE)
def test_what_may_be_true_is_left_alone(text: str) -> None:
    assert not wrong(text)


@pytest.mark.parametrize(
    ("right", "turned"),
    [
        ("诊断依据：血小板减少。", "诊断依据：血小板增加。"),
        ("乙肝表面抗原阳性。", "乙肝表面抗原阴性。"),
        ("有高血压病史。", "有低血压病史。"),
        ("查体可见肝脏增大。", "查体可见肝脏缩小。"),
    ],
)
def test_the_case_is_not_turned_round(right: str, turned: str) -> None:
    report = read(REPORT.prompt)
    assert all(one.right for one in against_case(read(right), report))
    assert any(not one.right for one in against_case(read(turned), report))
    assert (soundness(REPORT, turned).value or 0) < (soundness(REPORT, right).value or 0) == 1.0


def test_evidence_points_at_the_words_and_names_the_book() -> None:
    text = "**肝硬化**患者的白蛋白升高。"
    found = [e for e in soundness(Case(id="q", prompt="？"), text).evidence if e.kind == "bad"]
    assert [text[e.start : e.end] for e in found] == ["白蛋白升高"]
    assert "内科学" in found[0].note


def test_states_effects_and_prevention_are_told_apart() -> None:
    found = sayings(read("血小板、白细胞减少。以降低血氨。防止病情加重。升高的CRP。"))
    assert [(s.noun, s.up, s.state, s.turned) for s in found] == [
        ("白细胞", False, True, False), ("血小板", False, True, False), ("血氨", False, False, False),
        ("病情", True, True, True), ("c反应蛋白", True, True, False),
    ]  # fmt: skip


def test_every_fact_names_its_book_and_known_things() -> None:
    known = things()
    files = ("facts_zh.yaml", "facts_specialties_zh.yaml", "facts_drugs_zh.yaml")
    for block in (block for file in files for block in read_data(file)["blocks"]):
        assert re.search(r"《.+》第\d版", block["source"])
        for fact in block["facts"]:
            named = f"{fact.get('up', '')} {fact.get('down', '')}".split()
            assert all(read(word).text in known for word in named), fact
    files = ("expressions_zh.yaml", "expressions_advice_zh.yaml", "expressions_fit_zh.yaml", "expressions_en.yaml")
    for block in (block for file in files for block in read_data(file)["blocks"]):
        assert block["source"] and block["note"] and all(re.compile(pattern) for pattern in block["wrong"])


def test_no_scene_lets_one_thing_both_rise_and_fall() -> None:
    ways: dict[str, set[tuple[str, str]]] = {"up": set(), "down": set()}
    for file in ("facts_zh.yaml", "facts_specialties_zh.yaml", "facts_drugs_zh.yaml"):
        for fact in (fact for block in read_data(file)["blocks"] for fact in block["facts"]):
            scenes = (fact.get("of") or fact["drug"]).split()
            for way, found in ways.items():
                keys = {things()[read(word).text][0] for word in fact.get(way, "").split()}
                found.update((scene, key) for scene in scenes for key in keys)
    assert not ways["up"] & ways["down"]
