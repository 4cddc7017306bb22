"""Replays prompts on one model in a process of its own: `python -m medeval.fusion.replay FOLDER`.

FOLDER holds `replay.json` (what to open and ask); `answers.json` and one `<n>.npz` of logits per prompt are written
beside it. A fresh process proves that the folder on disk answers, not something still in memory.
"""

from __future__ import annotations

import contextlib
import json
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING, Any

import numpy as np

from medeval.adapters.variant import BASE_NAME, Adapter, Variant
from medeval.engines.contract import BaseRef, Decoding, Done, Message, Request
from medeval.engines.rows import Job, Row
from medeval.errors import AdapterError, MedevalError

if TYPE_CHECKING:
    from medeval.fusion.forward import Forward

ROWS = 8
PLAN, ANSWERS, PROGRESS = "replay.json", "answers.json", "progress "


def run(folder: Path) -> None:
    """Opens what `replay.json` names, answers every prompt greedily, and saves logits along the wanted answers.

    Raises:
        EngineError: the model cannot be opened.
        AdapterError: the variant does not pass the gate.
    """
    plan: dict[str, Any] = json.loads((folder / PLAN).read_text("utf-8"))
    stack = tuple(Adapter(**{**a, "path": Path(a["path"])}) for a in plan["stack"])
    name = "variant" if stack else BASE_NAME
    variants = [Variant(BASE_NAME), *([Variant(name, stack)] if stack else [])]
    opened, forward = _open(plan["engine"], BaseRef(plan["base"], offline=True), variants)
    if name in opened.receipt.refused:
        raise AdapterError(opened.receipt.refused[name])
    questions = [
        tuple(Message(m["role"], m["text"], tuple(Path(p) for p in m["images"])) for m in q["messages"])
        for q in plan["questions"]
    ]
    answers = _answer(opened, name, questions, int(plan["tokens"]))
    paths = plan["paths"] or [ids for ids, _ in answers]
    for index, (messages, ids) in enumerate(zip(questions, paths, strict=True)):
        prompt = opened.encoder.encode(messages)
        logits = {"variant": forward(opened, name, prompt, ids)}
        if stack:
            logits["base"] = forward(opened, BASE_NAME, prompt, ids)
        np.savez(folder / f"{index}.npz", **logits)  # type: ignore[arg-type]
        _say(index + 1, len(questions))
    receipt = opened.receipt
    result = {
        "answers": [{"ids": ids, "text": text} for ids, text in answers],
        "engine": receipt.engine, "dtype": receipt.dtype, "device": receipt.device,
        "fingerprint": receipt.base_fingerprint, "packages": receipt.packages,
    }  # fmt: skip
    (folder / ANSWERS).write_text(json.dumps(result, ensure_ascii=False), "utf-8")


def _open(engine: str, base: BaseRef, variants: Sequence[Variant]) -> tuple[Any, Forward]:
    """The engine's own opening, so that gate, batched factors and switching are those that users compare with."""
    if engine == "mlx":
        from medeval.engines.mlx.opening import open_base as open_mlx
        from medeval.fusion.forward import forward_mlx

        return open_mlx(base, variants), forward_mlx
    from medeval.engines.torch.opening import open_base as open_torch
    from medeval.fusion.forward import forward_torch

    return open_torch(base, variants), forward_torch


def _answer(
    opened: Any, variant: str, questions: Sequence[tuple[Message, ...]], tokens: int
) -> list[tuple[list[int], str]]:
    """Greedy answers, end token included in the ids; a few rows at a time."""
    found: dict[int, tuple[list[int], str]] = {}
    opened.batch.switch(variant if variant in opened.switched else "")
    for start in range(0, len(questions), ROWS):
        numbered = dict(list(enumerate(questions))[start : start + ROWS])
        found |= _answer_some(opened, variant, numbered, tokens)
    opened.batch.switch("")
    return [found[index] for index in range(len(questions))]


def _answer_some(
    opened: Any, variant: str, questions: Mapping[int, tuple[Message, ...]], tokens: int
) -> dict[int, tuple[list[int], str]]:
    batch, encoder = opened.batch, opened.encoder
    requests = [Request(str(n), str(n), variant, m, Decoding(tokens)) for n, m in questions.items()]
    job = Job(requests, Event())
    rows: list[Row[Any]] = []
    for request in requests:
        prompt = encoder.encode(request.messages)
        limit = max(1, min(tokens, encoder.room(prompt)))
        rows.append(Row(job, request, prompt, encoder.stream(), limit))
    ids: dict[str, list[int]] = {r.id: [] for r in requests}
    guard: Any = contextlib.nullcontext()
    if opened.receipt.engine == "torch":
        import torch

        guard = torch.inference_mode()
    with guard:
        chosen = batch.prefill(rows, len(rows))
        while batch.rows:
            over = []
            for index, (row, token) in enumerate(zip(batch.rows, chosen, strict=True)):
                ids[row.request.id].append(int(token))
                reason = row.take(token, token in opened.stop_ids)
                if reason:
                    row.finish(reason)
                    over.append(index)
            batch.leave(over)
            chosen = batch.step() if batch.rows else []
    texts = {e.request_id: e.answer.text for e in job.pending if isinstance(e, Done)}
    return {int(name): (ids[name], texts[name]) for name in ids}


def _say(done: int, total: int) -> None:
    """A line for the parent process."""
    print(f"{PROGRESS}{done} {total}", flush=True)


if __name__ == "__main__":
    try:
        run(Path(sys.argv[1]))
    except MedevalError as problem:
        print(problem, file=sys.stderr)
        sys.exit(1)
