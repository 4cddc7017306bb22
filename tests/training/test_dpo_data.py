"""Preference pairs as data: the guard of the test suites, earlier turns, the preset, and what preflight says."""

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from medeval.cases.schema import Case
from medeval.errors import MedevalError
from medeval.services.datasets import training_data
from medeval.services.training import choose_config, engine_of
from medeval.settings import Settings
from medeval.training.config import TrainConfig, make_config
from medeval.training.data import DataError, read_data
from medeval.training.data_guard import marked, require_held_out
from medeval.training.presets import load_preset, preset_for


def write(folder: Path, *rows: dict[str, Any]) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    file = folder / "train.jsonl"
    answers = {"chosen": "请多测几次血压。", "rejected": "不用管。"}
    file.write_text("\n".join(json.dumps(row | answers, ensure_ascii=False) for row in rows), "utf-8")
    return folder


TEST = Case(id="bp-140-90", prompt="我的血压140/90，需要担心吗？", suite=["standard"])
PRACTICE = Case(id="own", prompt="我的血压150/95，需要担心吗？", suite=["practice"])

GUARDED = {
    "the same question": ({"prompt": "我的血压 140/90 需要担心吗"}, True),
    "in an earlier turn": ({"prompt": "那怎么办？", "history": [["我的血压140/90，需要担心吗？", "偏高。"]]}, True),
    "other figures": ({"prompt": "我的血压152/96，需要担心吗？"}, False),
    "a case of no test suite": ({"prompt": "我的血压150/95，需要担心吗？"}, False),
    "marked by the export": ({"prompt": "我的血压140/90，需要担心吗？", "meta": {"held_out": "属于测试集"}}, False),
}


@pytest.mark.parametrize("name", GUARDED)
def test_pairs_of_test_cases_are_refused_unless_marked(tmp_path: Path, name: str) -> None:
    row, refused = GUARDED[name]
    data = read_data(write(tmp_path, row))
    assert data.problems == ()
    if refused:
        with pytest.raises(DataError, match=r"train\.jsonl:1 = bp-140-90"):
            require_held_out(data, [TEST, PRACTICE])
    else:
        require_held_out(data, [TEST, PRACTICE])
    assert marked(data) == ("meta" in row)


def test_an_image_of_a_test_case_is_known_in_another_file_format(tmp_path: Path) -> None:
    picture = Image.linear_gradient("L").resize((120, 90)).convert("RGB")
    picture.save(tmp_path / "case.png")
    case = TEST.model_copy(update={"images": [tmp_path / "case.png"]})
    (tmp_path / "data").mkdir()
    picture.save(tmp_path / "data" / "copy.tiff")
    picture.rotate(180).save(tmp_path / "data" / "other.png")
    other = read_data(write(tmp_path / "data", {"prompt": "看图", "images": ["other.png"]}))
    require_held_out(other, [case])
    same = read_data(write(tmp_path / "data", {"prompt": "看图", "images": ["copy.tiff"]}))
    with pytest.raises(DataError, match="bp-140-90"):
        require_held_out(same, [case])


HISTORIES = {
    "of the export": [{"role": "user", "text": "头痛"}, {"role": "assistant", "text": "多久了？"}],
    "of lists": [["头痛", "多久了？"]],
    "none": [],
}


@pytest.mark.parametrize("name", HISTORIES)
def test_earlier_turns_of_a_pair_are_read(tmp_path: Path, name: str) -> None:
    (sample,) = read_data(write(tmp_path, {"prompt": "两天", "history": HISTORIES[name]})).train
    earlier = [] if name == "none" else [("user", "头痛"), ("assistant", "多久了？")]
    assert [(m.role, m.text) for m in sample.messages] == [*earlier, ("user", "两天")]
    assert sample.is_pair and sample.question == "两天"


def test_turns_that_do_not_alternate_are_a_fault(tmp_path: Path) -> None:
    data = read_data(write(tmp_path, {"prompt": "两天", "history": [{"role": "assistant", "text": "您好"}]}))
    assert [problem.kind for problem in data.problems] == ["history"]


def test_what_review_exports_is_what_training_reads(home: Path, tmp_path: Path) -> None:
    from review_samples import VARIANTS, finished_run, mark, open_services

    from medeval.review.records import marks_plain
    from medeval.services.reviewing import Asked

    services = open_services(home, tmp_path, 3)
    review = services.reviewing.create(services.reviewing.plan(Asked(finished_run(services), reviewers=("甲",))))
    (seat,) = services.reviewing.store.seats(review.id)
    for place in services.reviewing.store.places(seat.token):
        given = [mark(5 - VARIANTS.index(name), VARIANTS.index(name) + 1) for name in place.order]
        services.reviewing.sittings.rate(seat.token, place.number, marks_plain(given))
    done = services.reviewing.export(review, "dpo", tmp_path / "pairs.jsonl", "test")
    settings = services.settings
    services.close()
    config = make_config({"name": "x", "method": "dpo", "steps": 1, "data": str(done.path)})
    data = training_data(settings, config)
    samples = [sample for part in data.splits.values() for sample in part]
    assert len(samples) == done.lines == 18 and all(sample.is_pair for sample in samples)
    seen = [sample for sample in samples if sample.images]
    assert len(seen) == 6 and all(path.is_file() for sample in seen for path in sample.images)
    assert {sample.meta["chosen_variant"] for sample in samples} == set(VARIANTS[:3])


def settings_of(tmp_path: Path) -> Settings:
    return Settings(home=tmp_path / "home")


def test_the_shipped_test_cases_are_guarded_and_the_practice_cases_are_not(tmp_path: Path) -> None:
    from medeval.cases.load import load_cases

    settings, config = settings_of(tmp_path), make_config({"name": "x", "method": "dpo", "steps": 1, "data": "."})
    examples = Path(__file__).resolve().parents[2] / "docs" / "examples"
    practice = load_cases(examples)
    assert practice.problems == () and set(practice.suites()) == {"practice", "practice-check"}
    for place, cases, refused in (("own", practice, False), ("test", load_cases(settings.cases), True)):
        text = [{"prompt": case.prompt} for case in cases.cases.values() if not case.images]
        given = config.model_copy(update={"data": str(write(tmp_path / place, *text))})
        if refused:
            with pytest.raises(DataError, match=f"^{len(text)} "):
                training_data(settings, given)
        else:
            assert len(training_data(settings, given).train) == 32


def test_data_without_pairs_says_where_pairs_come_from(tmp_path: Path) -> None:
    row = json.dumps({"instruction": "问", "output": "答"}, ensure_ascii=False)
    (tmp_path / "train.jsonl").write_text(row, "utf-8")
    config = make_config({"name": "x", "method": "dpo", "steps": 1, "data": str(tmp_path)})
    with pytest.raises(MedevalError, match="medeval review export"):
        training_data(settings_of(tmp_path), config)


def test_the_preset(tmp_path: Path) -> None:
    recipe, demo = load_preset("dpo"), load_preset("dpo-demo")
    assert recipe.config.method == demo.config.method == "dpo" and recipe.config.dpo_beta == demo.config.dpo_beta == 0.1
    assert recipe.config.trained_on == demo.config.trained_on == ("v3",)
    assert preset_for("dpo", True) == "dpo-demo" and demo.scaled and not recipe.scaled
    fields = set(TrainConfig.model_fields)
    assert {*recipe.from_seed, *recipe.ours} <= fields
    changes = ["data=pairs.jsonl", "trained_on=v2", "name=mine", "dpo_smoothing=0.1"]
    chosen = choose_config(settings_of(tmp_path), "dpo", changes)
    assert (chosen.preset, chosen.trained_on, chosen.name) == ("dpo-demo", ("v2",), "mine")
    assert engine_of(chosen) == "torch"


def test_preflight_sees_pairs(tmp_path: Path) -> None:
    from medeval.services.core import Services
    from medeval.services.preflight import preflight

    adapters = tmp_path / "adapters"
    settings = Settings(home=tmp_path / "home", adapters=adapters)
    shutil.copytree(Settings().adapters, adapters)
    data = write(
        tmp_path / "data", {"prompt": "血压152/96怎么办"}, {"prompt": "我的血压140/90？", "meta": {"held_out": "x"}}
    )
    services = Services(settings)
    try:
        config = choose_config(settings, "dpo", [f"data={data}"])
        rows = {row.name: row for row in preflight(services, config, dry=False)}
    finally:
        services.close()
    assert "2 pairs to train on" in rows["data"].en and rows["stack"].en == "trained on base + v2 + v3"
    assert rows["held_out"].verdict == "warning" and "1 lines" in rows["held_out"].en
    assert {"targets", "memory", "disk"} <= set(rows) and rows["targets"].verdict == "ok"


def test_the_simulated_reviewers_of_the_walk_through(
    home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    import runpy

    from review_samples import finished_run, open_services

    from medeval.services.reviewing import Asked

    def says(case: int, place: int) -> str:
        named = "血压15/9 mmHg，1级（≥140/90 mmHg，中国高血压防治指南2024）"
        return (named, "理解您，别着急", "血压15/9 mmHg，1级", "多休息")[place]

    services = open_services(home, tmp_path, 3, says=says)
    plan = services.reviewing.plan(Asked(finished_run(services), reviewers=("模拟甲", "模拟乙")))
    review = services.reviewing.create(plan)
    script = Path(__file__).resolve().parents[2] / "docs" / "examples" / "simulate_ratings.py"
    monkeypatch.setenv("MEDEVAL_HOME", str(home))
    runpy.run_path(str(script))["main"](review.id)
    assert all(item.finished for item in services.reviewing.progress(review))
    ranking = services.reviewing.summary(review, "test").ranking
    assert [row.variant for row in ranking][:2] == ["zeta-origin", "omega-lora-22"]
    services.close()


def test_earlier_turns_of_an_exported_example_are_read(tmp_path: Path) -> None:
    row = {"instruction": "你是医生", "input": "两天", "output": "请就诊。", "history": HISTORIES["of the export"]}
    (tmp_path / "train.jsonl").write_text(json.dumps(row, ensure_ascii=False), "utf-8")
    data = read_data(tmp_path)
    assert data.problems == ()
    assert [m.text for m in data.train[0].messages] == ["你是医生", "头痛", "多久了？", "两天", "请就诊。"]
