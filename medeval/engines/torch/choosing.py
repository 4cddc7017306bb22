"""How the next token of a row is chosen; one generator per row, so that neighbours cannot change an answer."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from medeval.engines.contract import Decoding
from medeval.engines.rows import Row
from medeval.engines.torch.encoding import Prompt


def make_generator(decoding: Decoding) -> torch.Generator | None:
    """A row's own random numbers, so that its answer does not depend on its neighbours; None for greedy."""
    if decoding.temperature <= 0:
        return None
    return torch.Generator().manual_seed(decoding.seed)


def choose(logits: Tensor, rows: Sequence[Row[Prompt]]) -> list[int]:
    """The next token of each row; logits [rows, vocabulary]."""
    tokens: list[int] = logits.argmax(dim=-1).tolist()
    for index, row in enumerate(rows):
        if isinstance(row.generator, torch.Generator):
            tokens[index] = _sample(logits[index], row.request.decoding, row.generator)
    return tokens


def _sample(logits: Tensor, decoding: Decoding, generator: torch.Generator) -> int:
    probabilities = torch.softmax(logits.float().cpu() / decoding.temperature, dim=-1)
    ordered, order = probabilities.sort(descending=True)
    total = ordered.cumsum(dim=-1)
    # The first token that reaches top_p still belongs to the kept ones.
    kept = int((total < decoding.top_p).sum()) + 1
    draw = torch.rand(1, generator=generator) * total[min(kept, len(total)) - 1]
    return int(order[min(int(torch.searchsorted(total, draw)), kept - 1, len(total) - 1)])
