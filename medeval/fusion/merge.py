"""The arithmetic of fusing: what an adapter makes of a weight, in float32, one tensor at a time, without an ML library.

Formulas as PEFT merges: W + scale BA; DoRA m (W + scale BA) / |W + scale BA|; experts by einsum over each expert's
factors (peft/tuners/lora/layer.py `get_delta_weight`). A stack is applied in order, each on the result of the last.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np

from medeval.adapters.dialects import Array, Factor
from medeval.adapters.gate import Checked
from medeval.fusion.folder import HEAD, BaseFolder, Share


@dataclass(frozen=True)
class Step:
    """One change of one parameter by one adapter: a factor, or a whole new value."""

    factor: Factor | None = None
    value: Array | None = None


Steps = Mapping[str, Sequence[Step]]
"""Parameter of transformers -> its changes in the order of the stack."""


def plan_steps(stack: Sequence[Checked]) -> dict[str, list[Step]]:
    """All changes of a stack by parameter."""
    steps: dict[str, list[Step]] = {}
    for checked in stack:
        # Whole values come first: a layer may be saved whole and carry a factor on top.
        for name, value in checked.whole.items():
            steps.setdefault(name, []).append(Step(value=value))
        for factor in checked.factors:
            name = factor.module if factor.kind == "experts" else f"{factor.module}.weight"
            steps.setdefault(name, []).append(Step(factor=factor))
    return steps


def by_disk(folder: BaseFolder, steps: Steps) -> dict[str, list[tuple[Share, Step]]]:
    """The changes by stored tensor; those of a tied head, which is stored nowhere, are left out."""
    out: dict[str, list[tuple[Share, Step]]] = {}
    for name, changes in steps.items():
        for share in folder.shares.get(name, ()):
            out.setdefault(share.disk, []).extend((share, step) for step in changes)
    return out


def head_steps(folder: BaseFolder, steps: Steps) -> Sequence[Step]:
    """Changes of a head that shares the embedding's weight."""
    return steps.get(HEAD, ()) if folder.tied else ()


def merged(weight: Array, share: Share, step: Step) -> Array:
    """`weight` (float32, as stored) after one change; a new array, which may hold infinities."""
    with np.errstate(over="ignore", invalid="ignore", divide="ignore"):
        return _merged(weight, share, step)


def _merged(weight: Array, share: Share, step: Step) -> Array:
    if step.value is not None:
        return _stored_form(_part(step.value, share), share)
    assert step.factor is not None
    factor = step.factor
    if factor.kind == "experts":
        return weight + _stored_form(_experts(factor, share), share)
    delta = (factor.a @ factor.b) * np.float32(factor.scale)
    changed: Array = weight + (delta if factor.kind == "embedding" else delta.T)
    if factor.magnitude is None:
        return changed
    norm = np.linalg.norm(changed, axis=1)
    scaled: Array = changed * (factor.magnitude.reshape(-1) / norm)[:, None]
    return scaled


def _part(value: Array, share: Share) -> Array:
    if value.ndim < 3:
        return value
    part = value[:, share.start : share.stop]
    return part if share.expert is None else part[share.expert]


def _stored_form(value: Array, share: Share) -> Array:
    return np.ascontiguousarray(value.swapaxes(-1, -2)) if share.transposed else value


def _experts(factor: Factor, share: Share) -> Array:
    """Change of the experts' rows that `share` holds: [experts, rows, in], or [rows, in] of one expert."""
    count = factor.experts
    inward = factor.a.T.reshape(count, -1, factor.a.shape[0])
    outward = factor.b.T.reshape(factor.b.shape[1], -1, count)
    if factor.half:
        zero = np.zeros_like(outward)
        outward = np.concatenate([outward, zero] if factor.half == "first" else [zero, outward])
    outward = outward[share.start : share.stop] * np.float32(factor.scale)
    if share.expert is not None:
        return np.ascontiguousarray(outward[:, :, share.expert] @ inward[share.expert])
    return np.stack([outward[:, :, e] @ inward[e] for e in range(count)])


def patch_conv(step: Step, shape: tuple[int, ...]) -> Step:
    """A whole value of the patch embedding as the stored tensor lays it out; MLX keeps channels last."""
    if step.value is None or step.value.ndim != 5 or step.value.shape == shape:
        return step
    return replace(step, value=np.ascontiguousarray(step.value.transpose(0, 2, 3, 4, 1)))
