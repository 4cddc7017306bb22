"""Answers while torch trains: greedy generation, in batches, by the model as it is now."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

import torch
from torch import Tensor
from transformers import StoppingCriteria, StoppingCriteriaList

from medeval.cases.schema import Case
from medeval.engines.prompts import messages_for
from medeval.engines.torch.encoding import Encoder, Prompt
from medeval.errors import EngineError
from medeval.training.clinical import Answers
from medeval.training.torch_data import pixels_of

_ROWS = 8


def ask(encoder: Encoder, cases: Sequence[Case], tokens: int, stop: Callable[[], bool]) -> Answers:
    """Asks every case greedily of the model as it is now.

    Args:
        encoder: of the base that is trained, with its own image size: the prompts are those of Compare.
        cases: the cases.
        tokens: at most, per answer.
        stop: asked between tokens.
    """
    base = encoder.base
    prompts: dict[str, Prompt] = {}
    failed: list[str] = []
    for case in cases:
        try:
            prompts[case.id] = encoder.encode(messages_for(case))
        except EngineError as error:
            failed.append(f"{case.id}: {error}")
    answers: dict[str, str] = {}
    # text and images apart: a batch holds pictures for every row or for none
    groups = [[n for n, p in prompts.items() if (p.pixels is None) == plain] for plain in (True, False)]
    training, cached = base.model.training, base.model.config.use_cache
    base.model.eval()
    base.model.config.use_cache = True
    try:
        for names in (group[i : i + _ROWS] for group in groups for i in range(0, len(group), _ROWS)):
            if not stop():
                texts = _generate(encoder, [prompts[name] for name in names], tokens, stop)
                answers |= dict(zip(names, texts, strict=True))
    finally:
        base.model.train(training)
        base.model.config.use_cache = cached
    return answers, failed


@torch.no_grad()
def _generate(encoder: Encoder, prompts: Sequence[Prompt], tokens: int, stop: Callable[[], bool]) -> list[str]:
    base = encoder.base
    width = max(len(prompt) for prompt in prompts)
    pad = int(getattr(base.tokenizer, "pad_token_id", None) or 0)
    ids = torch.full((len(prompts), width), pad, dtype=torch.long)
    mask = torch.zeros((len(prompts), width), dtype=torch.long)
    for index, prompt in enumerate(prompts):
        ids[index, width - len(prompt) :] = prompt.ids
        mask[index, width - len(prompt) :] = 1
    inputs: dict[str, Tensor] = {"input_ids": ids, "attention_mask": mask, **pixels_of(prompts)}
    if "pixel_values" in inputs:
        inputs["mm_token_type_ids"] = (ids == encoder.image_id).int()
    made: Tensor = base.model.generate(
        **{name: value.to(base.device) for name, value in inputs.items()},
        max_new_tokens=tokens, do_sample=False, temperature=None, top_p=None, top_k=None, pad_token_id=pad,
        eos_token_id=sorted(base.stop_ids), use_cache=True, stopping_criteria=StoppingCriteriaList([_Stop(stop)]),
    )  # fmt: skip
    hidden = encoder.hidden_ids | base.stop_ids
    rows = [[token for token in row if token not in hidden] for row in made[:, width:].tolist()]
    return [
        str(base.tokenizer.decode(row, skip_special_tokens=False, clean_up_tokenization_spaces=False)) for row in rows
    ]


class _Stop(StoppingCriteria):  # type: ignore[misc]
    """Ends every row once somebody wants the job to end."""

    def __init__(self, wanted: Callable[[], bool]) -> None:
        self._wanted = wanted

    def __call__(self, input_ids: Tensor, scores: Tensor, **options: Any) -> Tensor:
        return torch.full((input_ids.shape[0],), self._wanted(), device=input_ids.device, dtype=torch.bool)
