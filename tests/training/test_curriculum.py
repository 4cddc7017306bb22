"""Order and weights are pure functions of step: shares kept, nothing lost on resume; the weighted gradient by hand."""

import math
from collections import Counter
from pathlib import Path

import pytest

from medeval.engines.contract import Message
from medeval.training.config import TrainConfig, make_config, set_values
from medeval.training.curriculum import BLOCK, Curriculum, learning_rate, phase_weight, shares_of
from medeval.training.data import DataError, Sample
from medeval.training.losses import IGNORE, sample_losses, weighted_loss
from medeval.training.presets import load_preset


def sample(number: int, dimension: str = "", image: bool = False) -> Sample:
    images = (Path(f"{number}.png"),) if image else ()
    turns = (Message("user", f"问{number}", images), Message("assistant", "答"))
    return Sample(f"a.jsonl:{number}", turns, (dimension,) if dimension else ())


def samples() -> list[Sample]:
    made = [sample(i, "precision") for i in range(30)] + [sample(i, "empathy") for i in range(30, 50)]
    made += [sample(i, "precision", True) for i in range(50, 90)]
    return made + [sample(i, "alignment", True) for i in range(90, 100)]


def plan_config(**changes: object) -> TrainConfig:
    values = [f"{key}={value}" for key, value in changes.items()]
    return set_values(load_preset("v2-plan").config, ["steps=50", "warmup_steps=5", *values])


@pytest.mark.parametrize("seed", [0, 7])
def test_order_depends_on_seed_and_step_alone(seed: int) -> None:
    config = plan_config(seed=seed)
    whole = Curriculum(config, samples())
    once = [whole.batch(step) for step in range(50)]
    resumed = Curriculum(config, samples())
    assert [resumed.batch(step) for step in (49, 3, 20, 21)] == [once[step] for step in (49, 3, 20, 21)]
    assert all(len(batch) == 16 for batch in once)


def test_another_seed_is_another_order() -> None:
    first, second = (Curriculum(plan_config(seed=seed), samples()).batch(0) for seed in (0, 1))
    assert first != second


@pytest.mark.parametrize(
    ("steps", "pool", "share"),
    [(range(0, 20), "image", 0.8), (range(20, 40), "image", 0.5), (range(20, 40), "accuracy", 0.5)],
)
def test_phase_keeps_its_mix(steps: range, pool: str, share: float) -> None:
    data = samples()
    curriculum = Curriculum(plan_config(), data)
    drawn = [data[item.index] for step in steps for item in curriculum.batch(step)]
    have = sum(pool in found.pools for found in drawn) / len(drawn)
    # a picture that is precision work belongs to both pools
    assert have >= share - 0.02
    if pool == "image" and share == 0.8:
        assert have == pytest.approx(share, abs=0.02)


def test_without_a_mix_each_pass_shows_every_sample_once() -> None:
    config = make_config({"name": "x", "steps": 40, "batch_size": 5, "accumulation": 2})
    curriculum = Curriculum(config, samples())
    drawn = [item.index for step in range(40) for item in curriculum.batch(step)]
    for epoch in range(4):
        assert sorted(drawn[epoch * 100 : (epoch + 1) * 100]) == list(range(100))
    assert drawn[:100] != drawn[100:200]


def test_pools_are_used_evenly() -> None:
    data = samples()
    curriculum = Curriculum(plan_config(), data)
    counts = Counter(item.index for step in range(20) for item in curriculum.batch(step))
    pictures = [counts[i] for i, found in enumerate(data) if "image" in found.pools]
    assert max(pictures) - min(pictures) <= 1


@pytest.mark.parametrize(
    ("mix", "counts"),
    [
        ({}, {"all": BLOCK}),
        ({"image": 0.8, "text": 0.2}, {"image": 16, "text": 4}),
        ({"image": 0.6, "accuracy": 0.3, "alignment": 0.1}, {"image": 12, "accuracy": 6, "alignment": 2}),
        ({"image": 0.99, "text": 0.01}, {"image": 19, "text": 1}),
        ({"image": 1 / 3, "text": 1 / 3, "accuracy": 1 / 3}, None),
    ],
)
def test_shares_fill_a_block(mix: dict[str, float], counts: dict[str, int] | None) -> None:
    found = shares_of(mix)  # type: ignore[arg-type]
    assert sum(found.values()) == BLOCK
    if counts is not None:
        assert found == counts
    else:
        assert sorted(found.values()) == [6, 7, 7]


@pytest.mark.parametrize(
    ("data", "said"),
    [([], "没有样本"), ([sample(1, "precision")], "image"), ([sample(1, "image", True)], "text")],
)
def test_data_that_cannot_fill_a_phase_is_refused(data: list[Sample], said: str) -> None:
    with pytest.raises(DataError, match=said):
        Curriculum(plan_config(), data)


@pytest.mark.parametrize(("step", "weights"), [(0, (3.0, 0.8)), (2500, (2.6, 0.9)), (5199, (2.0, 1.0))])
def test_weights_of_v3_at_a_step(step: int, weights: tuple[float, float]) -> None:
    data = [sample(0, "precision"), sample(1, "empathy")]
    curriculum = Curriculum(load_preset("v3").config, data)
    drawn = {item.index: item.weight for item in curriculum.batch(step)}
    assert (drawn[0], drawn[1]) == pytest.approx(weights)


@pytest.mark.parametrize(
    ("scheduler", "step", "rate"),
    [
        ("constant", 0, 0.0), ("constant", 5, 0.5), ("constant", 10, 1.0), ("constant", 100, 1.0),
        ("linear", 10, 1.0), ("linear", 60, 0.5), ("linear", 110, 0.0), ("cosine", 60, 0.5), ("cosine", 110, 0.0),
        ("cosine", 35, 0.5 * (1 + math.cos(math.pi / 4))), ("cosine", 200, 0.0),
    ],
)  # fmt: skip
def test_learning_rate(scheduler: str, step: int, rate: float) -> None:
    config = make_config({"name": "x", "steps": 110, "learning_rate": 1.0, "scheduler": scheduler, "warmup_steps": 10})
    assert learning_rate(config, step, 110) == pytest.approx(rate, abs=1e-9)


@pytest.mark.parametrize(
    ("tags", "modality", "weight"),
    [
        (("precision",), "text", 3.0), (("term_accuracy",), "text", 3.0), (("empathy",), "text", 0.8),
        (("precision", "empathy"), "text", 2.4), (("image",), "image", 1.0), (("text",), "text", 1.0),
    ],
)  # fmt: skip
def test_weight_multiplies_over_tags(tags: tuple[str, ...], modality: str, weight: float) -> None:
    config = load_preset("v3").config
    assert phase_weight(config, config.phases[0], tags, modality) == pytest.approx(weight)


def test_finer_dimension_may_have_its_own_weight() -> None:
    config = set_values(load_preset("v3").config, ["weights.term_accuracy=4"])
    assert phase_weight(config, None, ("term_accuracy",), "text") == 4
    assert phase_weight(config, None, ("numerical_precision",), "text") == 2


def test_gradient_by_hand() -> None:
    """Two samples, weights 3.0 (precision) and 0.8 (empathy): d loss / d logits = w/2 · (softmax − one-hot)/tokens."""
    import torch

    config = set_values(load_preset("v3").config, ["weights.precision=3.0", "weights.empathy=0.8"])
    weights = [phase_weight(config, None, (tag,), "text") for tag in ("precision", "empathy")]
    assert weights == [3.0, 0.8]
    torch.manual_seed(0)
    logits = torch.randn(2, 4, 5, dtype=torch.float64, requires_grad=True)
    # the first sample learns two tokens, the second one; position 0 is never predicted
    labels = torch.tensor([[IGNORE, IGNORE, 1, 3], [IGNORE, IGNORE, IGNORE, 2]])
    weighted_loss(logits, labels, torch.tensor(weights)).backward()
    expected = torch.zeros_like(logits)
    for row, position, token, tokens in ((0, 1, 1, 2), (0, 2, 3, 2), (1, 2, 2, 1)):
        probabilities = torch.softmax(logits[row, position].detach(), 0)
        probabilities[token] -= 1.0
        expected[row, position] = weights[row] / 2 * probabilities / tokens
    assert logits.grad is not None
    torch.testing.assert_close(logits.grad, expected, atol=1e-7, rtol=1e-6)


def test_accumulation_adds_up_to_one_batch() -> None:
    import torch

    torch.manual_seed(1)
    logits, labels = torch.randn(4, 6, 7), torch.randint(0, 7, (4, 6))
    labels[:, :2] = IGNORE
    weights = torch.tensor([3.0, 0.8, 1.0, 2.6])
    whole = weighted_loss(logits, labels, weights)
    parts = [weighted_loss(logits[i : i + 2], labels[i : i + 2], weights[i : i + 2], samples=4) for i in (0, 2)]
    torch.testing.assert_close(sum(parts), whole)


def test_row_without_answer_counts_nothing() -> None:
    import torch

    losses = sample_losses(torch.randn(1, 3, 4), torch.full((1, 3), IGNORE))
    assert losses.tolist() == [0.0]
