"""Phases of a run: step ranges with a sample mix and loss weights; the dimensions samples are tagged with."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Pool = Literal["image", "text", "accuracy", "alignment"]
POOLS: tuple[Pool, ...] = ("image", "text", "accuracy", "alignment")
FAMILIES: dict[str, tuple[str, ...]] = {
    "precision": (
        "term_accuracy", "numerical_precision", "data_interpretation", "diagnosis_confidence",
        "treatment_specificity", "completeness", "accuracy",
    ),
    "empathy": ("over_comfort", "professional_tone"),
    "image": ("image_alignment", "ocr_fields", "alignment"),
    "text": (),
    "safety": ("urgent_care", "risky_prescription"),
    "reasoning": (),
}  # fmt: skip
"""Dimensions a sample may be tagged with and the finer tags that count as each (design §8)."""
DIMENSIONS = frozenset(FAMILIES) | {fine for finer in FAMILIES.values() for fine in finer}

Share = Annotated[float, Field(ge=0, le=1)]
Weight = Annotated[float, Field(ge=0, le=100)]


class Strict(BaseModel):
    """Unknown keys, NaN and infinity are refused; values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


def known_dimensions(weights: Mapping[str, float]) -> None:
    """Raises ValueError where a key is no dimension."""
    unknown = sorted(set(weights) - DIMENSIONS)
    if unknown:
        known = ", ".join(sorted(DIMENSIONS))
        raise ValueError(
            f"没有维度 {', '.join(unknown)}；可用：{known}"
            f" / no such dimension {', '.join(unknown)}; choose from: {known}"
        )


class Phase(Strict):
    """Steps `start` <= step < `end` (0-based optimizer steps) with a sample mix and loss weights.

    The weight of a sample is Π over its dimensions of (config.weights × factors), plus the sum of `extra` over its
    dimensions and its modality (image or text). V3 guide: 2.0 × 1.5; V2 plan: base + 1.5·vision + 0.5·text.
    """

    title: dict[str, str] = {}
    """zh and en name, shown on the curve."""
    start: int = Field(ge=0)
    end: int = Field(ge=1)
    mix: dict[Pool, Share] = {}
    """Shares of the pools, together 1; empty: the data as it is."""
    factors: dict[str, Weight] = {}
    """Dimension -> factor on `TrainConfig.weights`; 1 where absent."""
    extra: dict[str, Weight] = {}
    """Dimension -> further multiple of the sample's loss that is added; 0 where absent."""
    focus: tuple[str, ...] = ()
    """Metric names the phase is meant to raise, for people; no effect."""

    @model_validator(mode="after")
    def _check(self) -> Self:
        if self.end <= self.start:
            raise ValueError(
                f"阶段 {self.start}–{self.end} 的结束应在开始之后"
                f" / phase {self.start}–{self.end} must end after it starts"
            )
        if self.mix and not math.isclose(sum(self.mix.values()), 1.0, abs_tol=1e-6):
            raise ValueError(
                f"mix 之和应为 1，现为 {sum(self.mix.values()):g}"
                f" / the shares of mix must add up to 1, not {sum(self.mix.values()):g}"
            )
        known_dimensions(self.factors)
        known_dimensions(self.extra)
        return self
