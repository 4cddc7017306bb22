"""Which answers of earlier runs answer exactly the question that is about to be asked.

An answer is found again by its content, not by a name: the key is a hash of everything that makes the answer. It is
computed from what each run stored of itself, so there is no second index that could disagree with the answers.
"""

import hashlib
import json
from collections.abc import Iterable, Mapping
from dataclasses import asdict, replace

from medeval.engines.contract import Receipt
from medeval.evaluation.records import CellKey, RunCase, RunRecord, RunSpec

Place = tuple[str, CellKey]
"""A run and a cell of it."""

_ASKED = {"prompt", "history"}


def answer_keys(spec: RunSpec) -> dict[CellKey, str]:
    """The content key of every cell of a run that has one.

    Of the base its fingerprint, of a variant the hashes of its whole stack, of a case the conversation and the
    hashes of the images; then template, engine, precision, device, decoding with this repeat's seed, and which
    repeat. Cells of an engine that does not know what it runs (recorded answers, a server) have no key and are
    always asked.
    """
    receipt = spec.receipt
    if not receipt.base_fingerprint:
        return {}
    stacks = _stacks(receipt)
    common = [receipt.base_fingerprint, receipt.template_sha256, receipt.engine, receipt.dtype, receipt.device]
    asked = {item.case.id: _asked(item) for item in spec.cases}
    found: dict[CellKey, str] = {}
    for key in spec.keys():
        stack = stacks.get(key.variant)
        if stack is not None:
            seed = spec.decoding.seed + (key.repeat if spec.decoding.temperature > 0 else 0)
            decoding = asdict(replace(spec.decoding, seed=seed))
            found[key] = _digest([*common, stack, asked[key.case_id], decoding, key.repeat])
    return found


def earlier_answers(spec: RunSpec, runs: Iterable[RunRecord], own_id: str = "") -> dict[CellKey, list[Place]]:
    """Where the answers of `spec` may lie already: cell → places in other runs, in the order of `runs`.

    Args:
        spec: what is to be asked.
        runs: earlier runs, the preferred ones first; whether a place holds an answer or a failure the caller sees.
        own_id: this run, which is no source for itself.
    """
    wanted = answer_keys(spec)
    places: dict[str, list[Place]] = {digest: [] for digest in wanted.values()}
    for run in runs:
        if run.id == own_id or not run.answered or run.spec.receipt.base_fingerprint != spec.receipt.base_fingerprint:
            continue
        for key, digest in answer_keys(run.spec).items():
            if digest in places:
                places[digest].append((run.id, key))
    return {key: places[digest] for key, digest in wanted.items() if places[digest]}


def _stacks(receipt: Receipt) -> Mapping[str, list[str]]:
    """Variant → hashes of its adapters; a variant whose weights are not known is left out."""
    found: dict[str, list[str]] = {}
    for item in receipt.variants:
        if item.mode == "base":
            found[item.variant] = []
        elif item.stack_sha256 and all(item.stack_sha256):
            found[item.variant] = list(item.stack_sha256)
    return found


def _asked(item: RunCase) -> list[object]:
    plain = item.case.model_dump(mode="json", include=_ASKED)
    return [plain, list(item.images_sha256)]


def _digest(parts: list[object]) -> str:
    return hashlib.sha256(json.dumps(parts, sort_keys=True, ensure_ascii=True).encode()).hexdigest()
