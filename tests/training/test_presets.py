"""Each preset against the document it comes from, figure by figure; the figures here are copied from the documents."""

from typing import Any

import pytest

from medeval.errors import UsageError
from medeval.training.config import TrainConfig
from medeval.training.curriculum import learning_rate, phase_weight
from medeval.training.presets import load_preset, preset_for, preset_names

RECIPES = ("v1", "v2-plan", "v2", "v3", "qwen3-1.7b-lora-v1", "qwen3-1.7b-lora-v2", "qwen3-1.7b-full")
PROJECTIONS = {"q_proj", "k_proj", "v_proj", "o_proj", "gate_proj", "up_proj", "down_proj"}
SYSTEM = "你是一个医学专家，你需要根据用户的问题，给出带有思考的回答。"

SEEDS: dict[str, dict[str, Any]] = {
    "v1": {"rank": 128 // 8},
    "v2-plan": {
        "rank": 128, "alpha": 256, "dropout": 0.05, "steps": 2000, "batch_size": 2, "accumulation": 8,
        "learning_rate": 5e-6, "weight_decay": 0.02, "warmup_steps": 100, "max_length": 2048, "image_size": 448,
        "save_every": 200, "keep_best": 3, "keep_last": 2, "eval_every": 100, "early_stop": 500,
        "quantization": "4bit", "adapter_dtype": "float16", "gradient_checkpointing": True,
    },
    "v2": {
        "rank": 128, "alpha": 256, "learning_rate": 5e-6, "batch_size": 2, "steps": 2000, "optimizer": "adamw",
        "save_every": 200, "weights": {"precision": 2.0, "empathy": 1.0, "image": 0.6},
        "dropout": 0.05, "accumulation": 8, "weight_decay": 0.02, "warmup_steps": 100, "max_length": 2048,
        "image_size": 448, "eval_every": 100, "keep_best": 3, "keep_last": 2, "early_stop": 500,
    },
    "v3": {
        "steps": 5200, "batch_size": 2, "learning_rate": 3e-6, "rank": 128, "save_every": 200, "trained_on": ("v2",),
        "weights": {"precision": 2.0, "empathy": 1.0}, "suite_cases": 5,
    },
    "qwen3-1.7b-lora-v1": {
        "base": "Qwen/Qwen3-1.7B", "rank": 64, "alpha": 128, "dropout": 0.1, "learning_rate": 2e-4, "epochs": 3,
        "scheduler": "linear", "system": SYSTEM,
    },
    "qwen3-1.7b-lora-v2": {
        "base": "Qwen/Qwen3-1.7B", "rank": 64, "alpha": 128, "dropout": 0.2, "learning_rate": 2e-4, "epochs": 3,
        "scheduler": "cosine", "warmup_ratio": 0.1, "modules_to_save": ("embed_tokens", "lm_head"), "system": SYSTEM,
    },
    "qwen3-1.7b-full": {
        "base": "Qwen/Qwen3-1.7B", "method": "full", "learning_rate": 5e-6, "epochs": 1, "accumulation": 8,
        "system": SYSTEM,
    },
}  # fmt: skip


@pytest.mark.parametrize(
    ("name", "field", "figure"),
    [(name, field, figure) for name, table in SEEDS.items() for field, figure in table.items()],
)
def test_figure_of_the_seed(name: str, field: str, figure: object) -> None:
    # as training_config.json holds it: through JSON and back
    config = TrainConfig.model_validate_json(load_preset(name).config.model_dump_json())
    assert getattr(config, field) == figure


COEFFICIENTS: dict[str, dict[str, float]] = {
    "v2-plan": {
        "accuracy_reward": 1.5, "vision_reward": 1.2, "empathy_reward": 0.02, "error_penalty": 2.0,
        "vague_penalty": 1.5, "excessive_empathy_penalty": 0.3, "objective_precision": 0.6, "objective_image": 0.3,
        "objective_empathy": 0.1, "data_image": 0.6, "data_accuracy": 0.3, "data_alignment": 0.1,
    },
    "v2": {
        "share_precision": 0.5, "share_empathy": 0.35, "share_image": 0.15, "reward_precision": 2.0,
        "reward_empathy": 1.0, "reward_image": 0.6, "penalty_precision": 3.0, "penalty_empathy": 1.5,
        "penalty_image": 1.0,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", COEFFICIENTS)
def test_reward_and_penalty_figures(name: str) -> None:
    assert load_preset(name).config.coefficients == COEFFICIENTS[name]


@pytest.mark.parametrize(
    ("name", "phases"),
    [
        ("v2-plan", [(0, 800), (800, 1600), (1600, 2000)]),
        ("v3", [(0, 2000), (2000, 4000), (4000, 5200)]),
    ],
)
def test_phase_ranges(name: str, phases: list[tuple[int, int]]) -> None:
    assert [(p.start, p.end) for p in load_preset(name).config.phases] == phases


@pytest.mark.parametrize(
    ("name", "phase", "tag", "modality", "weight"),
    [
        ("v3", 0, "precision", "text", 3.0),
        ("v3", 0, "empathy", "text", 0.8),
        ("v3", 1, "precision", "text", 2.6),
        ("v3", 1, "empathy", "text", 0.9),
        ("v3", 2, "precision", "text", 2.0),
        ("v3", 2, "empathy", "text", 1.0),
        ("v3", 0, "numerical_precision", "image", 3.0),
        ("v3", 0, "reasoning", "text", 1.0),
        # base_loss + 1.5 vision_loss + 0.5 text_loss
        ("v2-plan", 0, "precision", "image", 2.5),
        ("v2-plan", 0, "precision", "text", 1.5),
        # base_loss - accuracy_reward, the reward being 1.5 times the log-likelihood of a right answer
        ("v2-plan", 1, "precision", "text", 2.5),
        ("v2-plan", 1, "empathy", "text", 1.0),
        ("v2-plan", 2, "empathy", "text", 1.02),
        ("v2-plan", 2, "empathy", "image", 2.22),
    ],
)
def test_loss_weight_of_a_phase(name: str, phase: int, tag: str, modality: str, weight: float) -> None:
    config = load_preset(name).config
    assert phase_weight(config, config.phases[phase], (tag,), modality) == pytest.approx(weight)


@pytest.mark.parametrize(
    ("phase", "mix"),
    [
        (0, {"image": 0.8, "text": 0.2}),
        (1, {"image": 0.5, "accuracy": 0.5}),
        (2, {"image": 0.6, "accuracy": 0.3, "alignment": 0.1}),
    ],
)
def test_mix_of_the_v2_plan(phase: int, mix: dict[str, float]) -> None:
    assert load_preset("v2-plan").config.phases[phase].mix == mix


def test_merger_stands_for_the_projections_qwen3_vl_does_not_have() -> None:
    plan = load_preset("v2-plan")
    assert set(plan.config.targets) == PROJECTIONS | {"merger.linear_fc1", "merger.linear_fc2"}
    assert "vision_proj" in plan.changed["targets"]
    assert set(load_preset("v3").config.targets) == PROJECTIONS


REPORTED = {
    "v2": {
        "first_val_loss": 0.842, "final_val_loss": 0.311, "final_train_loss": 0.379, "minutes": 35,
        "val_loss_100": 0.678, "val_loss_1800": 0.319, "tokens_per_second": 240, "adapter_mb": 136,
    },
    "qwen3-1.7b-lora-v1": {"final_train_loss": 1.1073, "final_val_loss": 1.2144},
    "qwen3-1.7b-lora-v2": {
        "final_train_loss": 0.8717, "final_val_loss": 1.1771, "gradient_norm_variation": 0.18, "minutes": 94,
        "memory_gb": 14.2,
    },
}  # fmt: skip


@pytest.mark.parametrize("name", REPORTED)
def test_reported_outcomes(name: str) -> None:
    assert REPORTED[name].items() <= load_preset(name).reported.items()


def test_needs_of_the_documents() -> None:
    assert load_preset("v2-plan").needs == {"memory_gb": 64, "least_memory_gb": 32, "disk_gb": 150, "images": 18809}
    assert load_preset("v3").needs == {"disk_gb": 20, "train_samples": 4000, "valid_samples": 500}


@pytest.mark.parametrize(("step", "rate"), [(0, 0.0), (40, 2e-4), (195, 1.22e-4), (390, 3e-7)])
def test_cosine_of_the_qwen3_report(step: int, rate: float) -> None:
    # the report logs every few steps: its figures for 200 and 400 are those of the log lines just before
    config = load_preset("qwen3-1.7b-lora-v2").config
    assert learning_rate(config, step, 400) == pytest.approx(rate, rel=0.03, abs=1e-7)


@pytest.mark.parametrize("name", RECIPES)
def test_every_field_is_explained_or_from_the_seed(name: str) -> None:
    preset = load_preset(name)
    fields = set(TrainConfig.model_fields)
    assert set(preset.from_seed) <= fields
    assert {key.split(".")[0] for key in preset.ours} <= fields
    assert preset.text("zh") and preset.text("en") and preset.note["zh"] and preset.source


@pytest.mark.parametrize("name", RECIPES)
def test_demo_form_keeps_what_makes_the_recipe(name: str) -> None:
    recipe, demo = load_preset(name).config, load_preset(f"{name}-demo")
    kept = ("rank", "alpha", "targets", "modules_to_save", "weights", "scheduler", "method", "trained_on", "profile")
    assert all(getattr(demo.config, field) == getattr(recipe, field) for field in kept)
    assert set(demo.scaled) == {
        f for f in TrainConfig.model_fields
        if f != "preset" and getattr(demo.config, f) != getattr(recipe, f)
    }  # fmt: skip
    assert [p.factors for p in demo.config.phases] == [p.factors for p in recipe.phases]


def test_names() -> None:
    assert preset_names()[: len(RECIPES)] == RECIPES
    assert preset_for("v3", True) == preset_for("v3-demo", True) == "v3-demo"
    assert preset_for("v3", False) == "v3"
    with pytest.raises(UsageError, match="v2-plan"):
        load_preset("v4")
