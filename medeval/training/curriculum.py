"""Which samples a step sees and what each counts: pure functions of config, seed and step.

A run that resumes at step n therefore sees exactly what it would have seen. Order: within a phase, blocks of pool
labels in the shares of its mix, each block shuffled; within a pool, one permutation per pass over it.
"""

from __future__ import annotations

import math
import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache

from medeval.training.config import TrainConfig
from medeval.training.data import DataError, Sample
from medeval.training.phases import POOLS, Phase, Pool

BLOCK = 20
"""Draws over which the shares of a mix are kept exactly (to 1/20)."""
_EVERYTHING = "all"


def phase_weight(config: TrainConfig, phase: Phase | None, tags: Sequence[str], modality: str) -> float:
    """The loss weight of a sample with these tags in a phase.

    Π over tags of weights × factors, plus the sum of `extra` over tags and modality. A finer dimension without a
    weight of its own takes its family's.

    Returns:
        A non-negative factor on the sample's mean token loss.
    """
    product = 1.0
    for tag in tags:
        product *= _of(config.weights, tag, 1.0)
        if phase is not None:
            product *= _of(phase.factors, tag, 1.0)
    extra = 0.0
    if phase is not None:
        extra = sum(_of(phase.extra, tag, 0.0) for tag in dict.fromkeys((*tags, modality)))
    return product + extra


def _of(table: Mapping[str, float], tag: str, otherwise: float) -> float:
    return table.get(tag, table.get(_family(tag), otherwise))


@lru_cache(maxsize=256)
def _family(tag: str) -> str:
    from medeval.training.phases import FAMILIES

    return next((name for name, finer in FAMILIES.items() if tag in finer), tag)


def shares_of(mix: Mapping[Pool, float], block: int = BLOCK) -> dict[str, int]:
    """Draws per block of each pool, by largest remainder; every pool with a share gets at least one."""
    if not mix:
        return {_EVERYTHING: block}
    wanted = {pool: mix[pool] * block for pool in POOLS if mix.get(pool, 0) > 0}
    counts = {pool: max(1, int(value)) for pool, value in wanted.items()}
    by_rest = sorted(wanted, key=lambda pool: counts[pool] - wanted[pool])
    for pool in by_rest[: max(0, block - sum(counts.values()))]:
        counts[pool] += 1
    while sum(counts.values()) > block:
        counts[max(counts, key=lambda pool: counts[pool])] -= 1
    return {str(pool): count for pool, count in counts.items()}


@dataclass(frozen=True)
class Drawn:
    """One sample of a step with its loss weight."""

    index: int
    weight: float


class Curriculum:
    """The sample order and weights of one run on `samples` (the training split, in file order)."""

    def __init__(self, config: TrainConfig, samples: Sequence[Sample]) -> None:
        """Raises DataError where a phase wants a pool that holds no sample."""
        self.config = config
        self.samples = samples
        self.steps = config.total_steps(len(samples))
        self._pools: dict[str, list[int]] = {_EVERYTHING: list(range(len(samples)))}
        for pool in POOLS:
            self._pools[pool] = [i for i, sample in enumerate(samples) if pool in sample.pools]
        self._shares = [shares_of(phase.mix) for phase in config.phases] or [shares_of({})]
        self._check()
        self._permuted = lru_cache(maxsize=16)(self._permute)
        self._labels = lru_cache(maxsize=64)(self._label_block)

    def _check(self) -> None:
        if not self.samples:
            raise DataError(["训练集没有样本 / the training split holds no samples"])
        for number, shares in enumerate(self._shares, 1):
            empty = [pool for pool in shares if not self._pools[pool]]
            if empty:
                names = ", ".join(empty)
                raise DataError(
                    [f"第 {number} 阶段要的 {names} 类样本数据里没有 / the data holds no {names} for phase {number}"]
                )

    def phase_at(self, step: int) -> int | None:
        """Index of the phase of `step` (0-based), None without phases."""
        return self.config.phase_at(step)

    def batch(self, step: int) -> list[Drawn]:
        """The `batch_size × accumulation` samples of optimizer step `step` (0-based), micro-batches in order."""
        total = self.config.batch_total
        number = self.phase_at(step) or 0
        phase = self.config.phases[number] if self.config.phases else None
        first = (step - (phase.start if phase else 0)) * total
        drawn = [self._draw(number, first + offset) for offset in range(total)]
        return [Drawn(index, self.weight(index, phase)) for index in drawn]

    def weight(self, index: int, phase: Phase | None) -> float:
        """The loss weight of sample `index` in `phase`."""
        sample = self.samples[index]
        return phase_weight(self.config, phase, sample.tags, sample.modality)

    def _draw(self, number: int, position: int) -> int:
        block, place = divmod(position, BLOCK)
        labels = self._labels(number, block)
        pool = labels[place]
        shares = self._shares[number]
        count = self._before(number, pool) + block * shares[pool] + labels[:place].count(pool)
        members = self._pools[pool]
        turn, rank = divmod(count, len(members))
        return self._permuted(pool, turn)[rank]

    def _before(self, number: int, pool: str) -> int:
        """Draws from `pool` in earlier phases (whole blocks), so that a phase goes on where the last one ended."""
        drawn = 0
        for phase, shares in zip(self.config.phases[:number], self._shares, strict=False):
            blocks = -(-(phase.end - phase.start) * self.config.batch_total // BLOCK)
            drawn += blocks * shares.get(pool, 0)
        return drawn

    def _label_block(self, number: int, block: int) -> tuple[str, ...]:
        labels = [pool for pool, count in self._shares[number].items() for _ in range(count)]
        random.Random(f"{self.config.seed}/{number}/{block}").shuffle(labels)
        return tuple(labels)

    def _permute(self, pool: str, turn: int) -> tuple[int, ...]:
        members = list(self._pools[pool])
        random.Random(f"{self.config.seed}/{pool}/{turn}").shuffle(members)
        return tuple(members)


def learning_rate(config: TrainConfig, step: int, total: int) -> float:
    """The rate of optimizer step `step` (0-based): linear warm-up from 0, then down to 0 at `total`."""
    warm = config.warmup(total)
    if step < warm:
        return config.learning_rate * step / warm
    if config.scheduler == "constant":
        return config.learning_rate
    done = min(1.0, (step - warm) / max(1, total - warm))
    share = 1.0 - done if config.scheduler == "linear" else 0.5 * (1.0 + math.cos(math.pi * done))
    return config.learning_rate * share
