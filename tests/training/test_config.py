"""TrainConfig: every fault is one sentence, all at once; changes and the command line are two faces of one config."""

import shlex

import pytest

from medeval.training.config import ConfigError, TrainConfig, as_command, make_config, set_values
from medeval.training.preflight import scale_row
from medeval.training.presets import load_preset, preset_names

GOOD = {"name": "x", "steps": 100}


def problems_of(changes: list[str], start: str = "v3") -> list[str]:
    with pytest.raises(ConfigError) as caught:
        set_values(load_preset(start).config, changes)
    return caught.value.problems


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ("rank=0", "rank: 应不小于 1，现为 0 / must be at least 1, not 0"),
        ("alpha=0", "alpha: 应大于 0"),
        ("dropout=1", "dropout: 应小于 1"),
        ("learning_rate=fast", "learning_rate: 应是有限的数，现为 fast"),
        ("learning_rate=inf", "learning_rate: 应是有限的数"),
        ("weight_decay=-0.1", "weight_decay: 应不小于 0"),
        ("batch_size=1.5", "batch_size: 应是整数"),
        ("scheduler=step", "choose from: 'constant', 'linear' or 'cosine'"),
        ("quantization=2bit", "quantization: 没有 2bit"),
        ("lora_rank=8", "did you mean rank?"),
        ("lr=1", "did you mean learning_rate?"),
        ("acumulation=2", "did you mean accumulation?"),
        ("rank", "应写成 key=value"),
        ("name=base", "名字留给基础模型"),
        ("name=../x", "有不允许的字符"),
        ("name=v2", "cannot be trained on itself"),
        ("weights.warmth=1", "没有维度 warmth"),
        ("weights.precision=-1", "weights.precision: 应不小于 0"),
        ("targets=", "targets is empty"),
        ("targets=q proj", "有不允许的字符"),
        ("warmup_ratio=0.1,x", "warmup_ratio"),
        ("warmup_steps=9999", "must be less than steps"),
        ("phases.0.end=10", "phases must join"),
        ("phases.0.factors.precision=nan", "有限的数"),
        ("phases.7.end=10", "没有这个位置"),
        ("phases.0.mix.image=0.5", "mix 之和应为 1"),
        ("epochs=2", "give steps instead of epochs"),
        ("trackers=tensorboard", "trackers.0"),
        ("method=ppo", "method: 没有 ppo"),
        ("method=full", "full fine-tuning takes no stack"),
    ],
)
def test_each_fault_is_one_sentence(change: str, said: str) -> None:
    assert any(said in problem for problem in problems_of([change])), problems_of([change])
    assert all(" / " in problem or "did you" in problem for problem in problems_of([change]))


def test_all_faults_come_at_once() -> None:
    found = problems_of(["lr=3", "rank=0", "dropout=2", "name=base", "weights.warmth=1"])
    assert len(found) == 5


@pytest.mark.parametrize(
    "values",
    [{"name": "x"}, GOOD | {"epochs": 1}, GOOD | {"warmup_steps": 5, "warmup_ratio": 0.1}, GOOD | {"surprise": 1}],
)
def test_what_excludes_each_other_is_refused(values: dict[str, object]) -> None:
    with pytest.raises(ConfigError):
        make_config(values)


def test_config_is_frozen_and_survives_json() -> None:
    config = load_preset("v3").config
    with pytest.raises(ValueError, match="frozen"):
        config.rank = 3  # type: ignore[misc]
    assert TrainConfig.model_validate_json(config.model_dump_json()) == config


@pytest.mark.parametrize(
    ("changes", "edges"),
    [(["steps=6000"], [2308, 4615, 6000]), (["steps=3"], [1, 2, 3]), (["steps=26"], [10, 20, 26])],
)
def test_phases_stretch_with_the_steps(changes: list[str], edges: list[int]) -> None:
    config = set_values(load_preset("v3").config, [*changes, "warmup_steps=0"])
    assert [phase.end for phase in config.phases] == edges
    assert [phase.start for phase in config.phases] == [0, *edges[:-1]]


CHANGES = [
    [],
    ["steps=6000", "weights.precision=3.0", "weights.empathy=0.8"],
    ["learning_rate=1e-7", "targets=q_proj,v_proj", "gradient_checkpointing=false"],
    ["data=/a b/数据", "system=你是医生，'好'", "trained_on="],
    ["phases.1.factors.precision=9", "early_stop=0"],
    ["trackers=swanlab,wandb", "name=mine"],
    ["rank=4"],
    ["rank=4", "alpha=256"],
    ["rank=16", "alpha=32"],
    ["alpha=512"],
]


@pytest.mark.parametrize("name", preset_names())
@pytest.mark.parametrize("changes", CHANGES)
def test_command_line_makes_the_same_config(name: str, changes: list[str]) -> None:
    start = load_preset(name).config
    fitting = [c for c in changes if not c.startswith("phases") or start.phases]
    if start.epochs is not None:
        fitting = [c for c in fitting if not c.startswith("steps")]
    config = set_values(start, fitting)
    words = shlex.split(as_command(config))
    assert words[:4] == ["medeval", "train", "--preset", name]
    given = [words[i + 1] for i, word in enumerate(words) if word == "--set"]
    given += [f"data={words[i + 1]}" for i, word in enumerate(words) if word == "--data"]
    assert set_values(start, given) == config


@pytest.mark.parametrize(
    ("preset", "changes", "alpha", "scale"),
    [
        ("v3", ["rank=4"], 8, None),
        ("v3-demo", ["rank=4"], 8, None),
        ("v3", ["rank=4", "alpha=256"], 256, "64"),
        ("v3", ["alpha=256", "rank=4"], 256, "64"),
        ("v3", ["rank=4", "alpha=32"], 32, None),
        ("v3", ["alpha=1100"], 1100, "8.59"),
        ("v1", ["rank=3"], 6, None),
        ("qwen3-1.7b-full", ["rank=1", "alpha=90"], 90, None),
    ],
)
def test_alpha_follows_the_rank_and_a_large_scale_is_told(
    preset: str, changes: list[str], alpha: float, scale: str | None
) -> None:
    config = set_values(load_preset(preset).config, changes)
    assert config.alpha == alpha
    row = scale_row(config)
    assert (row is None) == (scale is None)
    if row is not None:
        assert row.verdict == "warning" and f"= {scale}" in row.zh and f"= {scale}" in row.en


def test_command_line_without_preset() -> None:
    config = make_config(GOOD | {"rank": 4, "dropout": 0.1})
    words = shlex.split(as_command(config))
    assert "--preset" not in words
    assert {"name=x", "steps=100", "rank=4", "dropout=0.1"} <= set(words)


def test_total_steps_and_warmup() -> None:
    by_epochs = make_config({"name": "x", "epochs": 3, "batch_size": 4, "accumulation": 4, "warmup_ratio": 0.1})
    assert by_epochs.total_steps(2128) == 399
    assert by_epochs.warmup(400) == 40
    assert make_config(GOOD).total_steps(5) == 100
