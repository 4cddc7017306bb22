"""What pydantic found wrong with a TrainConfig, as sentences: which field, what it was, what it may be."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from pydantic import ValidationError
    from pydantic_core import ErrorDetails

# Names other tools use for our fields.
ELSEWHERE = {
    "lr": "learning_rate", "lora_rank": "rank", "r": "rank", "lora_alpha": "alpha", "lora_dropout": "dropout",
    "target_modules": "targets", "num_train_steps": "steps", "max_steps": "steps", "num_train_epochs": "epochs",
    "iters": "steps", "gradient_accumulation": "accumulation", "gradient_accumulation_steps": "accumulation",
    "max_seq_length": "max_length", "warmup": "warmup_steps", "base_model": "base", "adapter_path": "init_from",
    "precision_weight": "weights.precision", "empathy_weight": "weights.empathy", "lr_scheduler_type": "scheduler",
    "batch": "batch_size",
}  # fmt: skip
_BOUNDS = {
    "greater_than": ("应大于", "must be greater than", "gt"),
    "greater_than_equal": ("应不小于", "must be at least", "ge"),
    "less_than": ("应小于", "must be less than", "lt"),
    "less_than_equal": ("应不大于", "must be at most", "le"),
}


_SPANNING = frozenset({"steps", "epochs", "phases", "warmup_steps", "warmup_ratio", "method"})


def all_sentences(error: ValidationError, values: Mapping[str, Any]) -> list[str]:
    """As `sentences`, and the faults between fields too, which pydantic only looks for when each field is right."""
    from pydantic import ValidationError as Invalid

    from medeval.training.config import TrainConfig

    found = sentences(error)
    wrong = {str(fault["loc"][0]) for fault in error.errors() if fault["loc"]}
    if wrong and not wrong & _SPANNING:
        rest = {key: value for key, value in values.items() if key not in wrong}
        try:
            TrainConfig.model_validate({"name": "placeholder"} | rest)
        except Invalid as second:
            found += sentences(second)
    return found


def sentences(error: ValidationError) -> list[str]:
    """One sentence "中文 / English" per fault, in the order found."""
    found = [line for fault in error.errors(include_url=False) for line in _lines(fault)]
    return list(dict.fromkeys(found))


def _lines(fault: ErrorDetails) -> list[str]:
    where = ".".join(str(part) for part in fault["loc"] if part != "[key]")
    kind = fault["type"]
    if kind == "value_error":
        text = str(fault["ctx"]["error"])
        return [f"{where}: {line}" if where else line for line in text.split("\n")]
    if kind == "extra_forbidden":
        return [unknown_field(where)]
    return [f"{where}: {_reason(kind, fault.get('ctx', {}), fault['input'])}"]


def _reason(kind: str, context: dict[str, Any], given: object) -> str:
    shown = str(given)[:60]
    if kind in _BOUNDS:
        zh, en, key = _BOUNDS[kind]
        limit = context[key]
        return f"{zh} {limit}，现为 {shown} / {en} {limit}, not {shown}"
    if kind == "literal_error":
        return (
            f"没有 {shown} 这个选项，可选：{context['expected']}"
            f" / no such choice {shown}, choose from: {context['expected']}"
        )
    if kind == "missing":
        return "缺少此项 / is required"
    if kind.startswith(("int_", "float_", "finite_")):
        zh, en = ("整数", "whole number") if kind.startswith("int_") else ("有限的数", "finite number")
        return f"应是{zh}，现为 {shown} / must be a {en}, not {shown}"
    if kind.startswith("bool_"):
        return f"应是 true 或 false，现为 {shown} / must be true or false, not {shown}"
    if kind == "string_pattern_mismatch":
        return f"{shown} 里有不允许的字符（用字母、数字、. _ -） / {shown} holds characters that are not allowed"
    if kind == "string_too_short":
        return "不能为空 / must not be empty"
    return f"{shown} 的形式不对（{kind}） / {shown} has the wrong form ({kind})"


def unknown_field(name: str) -> str:
    """The sentence for a field that is not there, with the one probably meant."""
    from medeval.training.config import TrainConfig

    near = ELSEWHERE.get(name) or next(iter(difflib.get_close_matches(name, TrainConfig.model_fields, 1, 0.6)), "")
    hint = f" · 是不是 {near}？ / did you mean {near}?" if near else ""
    return f"{name}: 没有这一项 / no such field" + hint
