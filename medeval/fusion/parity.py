"""The proof: does the fused model answer as base + adapters did? Logits, tokens, answers and scores, per bit width.

Both are replayed in fresh processes. base + adapters answers greedily; along those answers the fused model's logits are
compared with it position by position. `effect_lost` is the distance to base + adapters as a share of the distance
between base + adapters and the bare base: 0 keeps all that the adapters did, 1 loses as much as leaving them out.
"""

import json
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from medeval.adapters.sidecar import write_json
from medeval.adapters.variant import Variant
from medeval.cases.schema import Case
from medeval.engines.prompts import messages_for
from medeval.fusion.process import run_fresh
from medeval.fusion.replay import ANSWERS, PLAN
from medeval.metrics.composite import score_answer

Floats = NDArray[np.float64]
PROFILE = "v3"


@dataclass(frozen=True)
class Tolerance:
    """What a fused model may differ by at most before it counts as failed."""

    effect_lost: float
    token_agreement: float
    kl_mean: float


TOLERANCES: Mapping[int, Tolerance] = {
    16: Tolerance(effect_lost=0.05, token_agreement=0.98, kl_mean=0.005),
    8: Tolerance(effect_lost=0.20, token_agreement=0.96, kl_mean=0.02),
    4: Tolerance(effect_lost=0.60, token_agreement=0.85, kl_mean=0.30),
}


@dataclass(frozen=True)
class Parity:
    """One line of the table: a bit width against base + adapters."""

    bits: int
    engine: str
    dtype: str
    megabytes: float
    max_logit_change: float
    kl_mean: float
    kl_max: float
    token_agreement: float
    tokens: int
    same_answers: int
    answers: int
    effect_lost: float
    score_change: float | None
    """Mean change of the profile's score over `scored` cases; None where no case can be scored."""
    scored: int
    ok: bool
    why: tuple[str, ...] = ()


@dataclass(frozen=True)
class Replayed:
    """What one process found: answers and where its logits lie."""

    folder: Path
    result: Mapping[str, Any]

    def logits(self, index: int, which: str = "variant") -> Floats:
        """Logits of one prompt, [answer, vocabulary]."""
        with np.load(self.folder / f"{index}.npz", allow_pickle=False) as held:
            return np.asarray(held[which], dtype=np.float64)


def replay(
    work: Path,
    engine: str,
    model: Path,
    variant: Variant,
    cases: Sequence[Case],
    tokens: int,
    paths: Sequence[Sequence[int]] | None = None,
    on_progress: Callable[[int, int], None] = lambda done, total: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Replayed:
    """Answers the cases' prompts with one model in a fresh process.

    Args:
        work: an empty folder for plan, answers and logits.
        engine: `torch` or `mlx`.
        model: folder of the base, or of a fused model.
        variant: adapters on it; an empty stack for a fused model.
        cases: whose prompts and images are asked.
        tokens: longest answer.
        paths: token ids along which logits are taken; the model's own answers where None.
        on_progress: (prompts done, prompts).
        stopped: asked while waiting.

    Raises:
        EngineError: the model cannot be opened or fails.
        Stopped: `stopped` said so.
    """
    work.mkdir(parents=True)
    plan = {
        "engine": engine, "base": str(model.resolve()), "tokens": tokens,
        "stack": [_adapter(a) for a in variant.stack],
        "questions": [{"messages": [_message(m) for m in messages_for(case)]} for case in cases],
        "paths": None if paths is None else [list(p) for p in paths],
    }  # fmt: skip
    write_json(work / PLAN, plan)
    run_fresh("medeval.fusion.replay", [str(work)], on_progress, stopped)
    return Replayed(work, json.loads((work / ANSWERS).read_text("utf-8")))


def _adapter(adapter: Any) -> dict[str, Any]:
    return {"name": adapter.name, "path": str(adapter.path.resolve()),
            "base_fingerprint": adapter.base_fingerprint, "sha256": adapter.sha256}  # fmt: skip


def _message(message: Any) -> dict[str, Any]:
    return {"role": message.role, "text": message.text, "images": [str(p.resolve()) for p in message.images]}


def compare(bits: int, megabytes: float, reference: Replayed, fused: Replayed, cases: Sequence[Case]) -> Parity:
    """The figures of one bit width, and whether they are within its tolerance."""
    wanted, got = reference.result["answers"], fused.result["answers"]
    largest = lost = effect = 0.0
    kl: list[float] = []
    agree = total = 0
    for index, answer in enumerate(wanted):
        target, found = reference.logits(index), fused.logits(index)
        bare = reference.logits(index, "base")
        largest = max(largest, float(np.abs(target - found).max()))
        p, q, r = _log_softmax(target), _log_softmax(found), _log_softmax(bare)
        kl.extend((np.exp(p) * (p - q)).sum(axis=1).tolist())
        lost += float(np.square(p - q).sum())
        effect += float(np.square(p - r).sum())
        agree += int((target.argmax(axis=1) == found.argmax(axis=1)).sum())
        total += len(answer["ids"])
    changes = _score_changes([a["text"] for a in wanted], [a["text"] for a in got], cases)
    row = Parity(
        bits=bits, engine=fused.result["engine"], dtype=fused.result["dtype"], megabytes=megabytes,
        max_logit_change=largest, kl_mean=float(np.mean(kl)), kl_max=float(np.max(kl)),
        token_agreement=agree / total, tokens=total,
        same_answers=sum(a["ids"] == b["ids"] for a, b in zip(wanted, got, strict=True)), answers=len(wanted),
        effect_lost=math.sqrt(lost / effect) if effect else math.inf,
        score_change=float(np.mean(changes)) if changes else None, scored=len(changes), ok=True,
    )  # fmt: skip
    why = tuple(_faults(row))
    return Parity(**{**asdict(row), "ok": not why, "why": why})


def _faults(row: Parity) -> list[str]:
    limit = TOLERANCES[row.bits]
    checks = (
        ("effect_lost", row.effect_lost, limit.effect_lost, row.effect_lost <= limit.effect_lost),
        ("token_agreement", row.token_agreement, limit.token_agreement, row.token_agreement >= limit.token_agreement),
        ("kl_mean", row.kl_mean, limit.kl_mean, row.kl_mean <= limit.kl_mean),
    )
    # a NaN compares false, so it fails
    return [
        f"{name} {value:.4g}，允许 {allowed:g} / {name} {value:.4g}, allowed {allowed:g}"
        for name, value, allowed, good in checks if not good
    ]  # fmt: skip


def _log_softmax(logits: Floats) -> Floats:
    shifted = logits - logits.max(axis=1, keepdims=True)
    made: Floats = shifted - np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return made


def _score_changes(wanted: Sequence[str], got: Sequence[str], cases: Sequence[Case]) -> list[float]:
    changes = []
    for case, before, after in zip(cases, wanted, got, strict=True):
        one, two = (score_answer(case, text).profiles[PROFILE].value for text in (before, after))
        if one is not None and two is not None:
            changes.append(two - one)
    return changes
