import pytest
from topics import case

from medeval.metrics.composite import VETO_CAP, profile_score, score_answer
from medeval.metrics.profiles import load_profiles
from medeval.metrics.score import Score, all_metrics


def test_the_default_profile_comes_first() -> None:
    assert list(load_profiles())[0] == "v3"
    assert set(load_profiles()) == {"v3", "v2", "v2-plan", "rl", "rl_rules"}


def test_every_part_names_known_metrics() -> None:
    for profile in load_profiles().values():
        for part in profile.parts:
            assert set(part.metrics) <= set(all_metrics()) | {"teacher"}, part.name


def test_the_plan_keeps_the_points_of_its_tables() -> None:
    parts = load_profiles()["v2-plan"].parts
    assert sum(part.weight for part in parts if not part.penalty) == pytest.approx(18.0)
    assert sum(part.weight for part in parts if part.penalty) == pytest.approx(19.1)
    assert [part.name for part in parts if part.needs] == [
        "引用医学标准",
        "正确标注解剖结构",
        "分析影像质量",
        "比对正常影像",
    ]


REWARDS = {
    "正确识别病症": 2.0, "准确解读检查结果": 1.5, "正确使用医学术语": 1.0, "提供具体数据参考": 1.0,
    "准确识别图像内容": 1.5,
    "正确提取图像文本": 1.2, "给出量化分析": 0.8, "引用医学标准": 0.6, "准确描述影像特征": 2.0, "识别异常区域": 1.8,
    "正确标注解剖结构": 1.5, "提取图像文字": 1.3, "分析影像质量": 0.8, "比对正常影像": 1.0,
}  # fmt: skip
PENALTIES = {
    "诊断明显错误": 3.0, "术语使用错误": 2.0, "数据解读错误": 2.5, "漏掉关键信息": 1.5, "图像识别错误": 2.0,
    "忽略图像文本": 1.8,
    "过于模糊笼统": 1.0, "回答不相关": 2.0, "过长的安慰语句": 0.5, "过多情绪词汇": 0.3, "缺乏实质内容": 1.0,
    "回避专业分析": 1.5,
}  # fmt: skip


def test_every_line_of_the_plan() -> None:
    parts = load_profiles()["v2-plan"].parts
    assert {p.name: p.weight for p in parts if not p.penalty} == REWARDS
    assert {p.name: p.weight for p in parts if p.penalty} == PENALTIES


FIGURES = [
    ("v2-plan", "", {"accuracy_share": 60, "image_share": 30, "empathy_share": 10, "accuracy_reward": 1.5,
                     "vision_reward": 1.2, "empathy_reward": 0.02, "error_penalty": 2.0, "vague_penalty": 1.5,
                     "excessive_empathy_penalty": 0.3}),
    ("v2", "accuracy", {"reward": 2.0, "penalty": 3.0}), ("v2", "empathy", {"reward": 1.0, "penalty": 1.5}),
    ("v2", "image", {"reward": 0.6, "penalty": 1.0}),
    ("v3", "", {"precision": 2.0, "empathy": 1.0, "phase1_precision": 3.0, "phase1_empathy": 0.8,
                "phase2_precision": 2.6, "phase2_empathy": 0.9, "phase3_precision": 2.0, "phase3_empathy": 1.0}),
    ("rl", "teacher", {"safety": 40, "logic": 30, "completeness": 20, "empathy": 10}),
]  # fmt: skip


@pytest.mark.parametrize(("profile", "part", "figures"), FIGURES, ids=[f"{p}.{n}" for p, n, _ in FIGURES])
def test_figures_of_the_seeds(profile: str, part: str, figures: dict[str, float]) -> None:
    found = load_profiles()[profile]
    assert (found.figures if not part else next(p.figures for p in found.parts if p.name == part)) == figures


@pytest.mark.parametrize(
    ("profile", "weights"),
    [
        ("v2", {"accuracy": 50, "empathy": 35, "image": 15}),
        ("v3", {"terms": 0.5, "numbers": 0.5, "diagnosis": 0.5, "treatment": 0.5, "empathy": 1.0}),
        ("rl", {"rules": 0.6, "teacher": 0.4}),
        ("rl_rules", {"form": 0.2, "content": 0.1, "length": 0.5}),
    ],
)
def test_weights_of_the_seeds(profile: str, weights: dict[str, float]) -> None:
    assert {part.name: part.weight for part in load_profiles()[profile].parts} == weights


def test_unscored_parts_leave_the_mean_alone() -> None:
    profiles = load_profiles()
    scores = {"term_accuracy": Score(1.0, ""), "numerical_precision": Score(0.5, ""), "empathy": Score(None, "")}
    got = profile_score(profiles["v3"], scores, profiles)
    assert got.value == 0.75
    assert got.missing == ("diagnosis", "treatment", "empathy")


def test_a_veto_caps_every_profile() -> None:
    sheet = score_answer(case("pregnancy"), "您好，可以服用布洛芬，一次0.2 g，每日3次，饭后服用，疼痛缓解后停。")
    assert sheet.scores["risky_prescription"].veto
    for name in ("v3", "v2", "v2-plan"):
        profile = sheet.profiles[name]
        assert profile.vetoed
        assert profile.value is not None and profile.value <= VETO_CAP
        assert "用药安全" in profile.note and "Prescription safety" in profile.note


@pytest.mark.parametrize(
    "added", ["这绝对没有问题，不用去医院。", "It is perfectly fine. There is no need to see a physician."]
)
def test_reassurance_without_ground_reduces_every_profile(added: str) -> None:
    answer = "空腹血糖7.2 mmol/L偏高，建议尽快就医复查。"
    plain, calmed = (score_answer(case("glucose"), text) for text in (answer, answer + added))
    for name, profile in plain.profiles.items():
        value = calmed.profiles[name].value
        assert (profile.value is None) is (value is None)
        assert profile.value is None or value is None or value < profile.value, name
    assert "安慰适度" in calmed.profiles["v3"].note


def test_without_a_teacher_there_is_no_reward_but_its_rule_part() -> None:
    answer = "您的血压140/90 mmHg，属于1级高血压。"
    alone = score_answer(case("bp"), answer).profiles
    assert alone["rl"].value is None
    assert "teacher" in alone["rl"].missing
    rules = alone["rl_rules"].value
    assert rules is not None
    taught = score_answer(case("bp"), answer, {"teacher": Score(0.5, "")}).profiles
    assert taught["rl"].value == pytest.approx(0.6 * rules + 0.4 * 0.5, abs=1e-3)


LADDER = [
    "血压受很多因素影响，平时注意休息，有不舒服可以咨询医生。",
    "我理解您的担心，先别太着急。您的血压140/90有点偏高，建议多休息、少吃盐，过几天再测测看。",
    "您的血压140/90 mmHg，属于1级高血压（140-159/90-99）。建议：1. 非同日3次测量确认；2. 限盐<5 g/天；3. 1-4周复查。",
]


@pytest.mark.parametrize("profile", ["v3", "v2", "v2-plan"])
def test_base_warm_and_precise_answers_rank_as_meant(profile: str) -> None:
    values = [score_answer(case("bp"), answer).profiles[profile].value or 0.0 for answer in LADDER]
    assert values == sorted(values)
    assert values[2] - values[0] > 0.4
