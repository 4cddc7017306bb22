"""Preflight: what is looked at before a run is started, as rows that say what is wrong and what to do."""

from __future__ import annotations

import difflib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medeval.halves import NEXT, half
from medeval.training.config import TrainConfig
from medeval.training.disk import free_bytes, size_text
from medeval.training.targets import Skeleton, TargetError, Targets, find_targets

Verdict = Literal["ok", "warning", "failed"]
LARGEST_SCALE = 8.0
"""Of alpha / rank, without a warning."""
_KEPT = 1.2


@dataclass(frozen=True)
class Row:
    """One thing that was looked at. `name` is a stable word; `zh` and `en` say what was found and what to do."""

    name: str
    verdict: Verdict
    zh: str
    en: str

    @property
    def mark(self) -> str:
        """✓, ! or ✗."""
        return {"ok": "✓", "warning": "!", "failed": "✗"}[self.verdict]

    def text(self, lang: str) -> str:
        """In one language."""
        return self.zh if lang == "zh" else self.en


def failed(name: str, error: Exception) -> Row:
    """A row from an error whose text is `zh / en`."""
    text = NEXT.join(str(error).split("\n"))
    return Row(name, "failed", half(text, "zh"), half(text, "en"))


def base_hint(wanted: str, settings_base: str, places: Sequence[Path]) -> tuple[str, str]:
    """What to use instead of a base that is not there: folders of like name, and the base of the settings."""
    inside = [path for place in places if place.is_dir() for path in place.iterdir()]
    names = {path.name: str(path) for path in inside if (path / "config.json").is_file()}
    near = difflib.get_close_matches(Path(wanted).name, list(names), 3, 0.4)
    options = list(dict.fromkeys([*(names[name] for name in near), settings_base]))
    listed = ", ".join(options)
    return f"可用：{listed}", f"try: {listed}"


def target_row(skeleton: Skeleton, config: TrainConfig) -> tuple[Row, Targets | None]:
    """Whether every target names modules of the base."""
    if config.method == "full":
        return Row("targets", "ok", "全部参数", "all parameters"), None
    try:
        found = find_targets(skeleton, config.targets, config.modules_to_save)
    except TargetError as error:
        return failed("targets", error), None
    count = len(found.modules) + len(found.parameters)
    whole = f"，{len(found.whole)} 个整层" if found.whole else ""
    whole_en = f", {len(found.whole)} whole" if found.whole else ""
    return Row("targets", "ok", f"{count} 个模块{whole}", f"{count} modules{whole_en}"), found


def scale_row(config: TrainConfig) -> Row | None:
    """A warning where alpha / rank is far above what recipes use: gradients explode, and nothing else says so."""
    scale = config.alpha / config.rank
    if config.method == "full" or scale <= LARGEST_SCALE:
        return None
    told = f"alpha/rank = {config.alpha:g}/{config.rank} = {scale:.3g}"
    return Row(
        "scale", "warning",
        f"{told}：适配器的作用放大 {scale:.3g} 倍（通常 1–2 倍），容易发散；请降低 alpha 或提高 rank",
        f"{told}: the adapter counts {scale:.3g}-fold (1 to 2 is usual) and may diverge; lower alpha or raise rank",
    )  # fmt: skip


def trained_numbers(skeleton: Skeleton, config: TrainConfig, targets: Targets | None) -> int:
    """Numbers that LoRA on these targets trains (whole modules and experts left out)."""
    if targets is None:
        return sum(out * width for out, width in skeleton.linears.values())
    return sum(config.rank * sum(skeleton.linears[name]) for name in targets.modules)


def disk_row(folder: Path, config: TrainConfig, checkpoint_bytes: int, steps: int) -> Row:
    """Whether all checkpoints that are kept at once, one being written, and the output fit."""
    count = min(config.keep_best + config.keep_last, max(1, steps // (config.save_every or steps)))
    needed = int(_KEPT * checkpoint_bytes * (count + 1)) + checkpoint_bytes // 3
    free = free_bytes(folder)
    zh = f"需要约 {size_text(needed)}（{count} 个检查点），剩余 {size_text(free)}"
    en = f"about {size_text(needed)} for {count} checkpoints, {size_text(free)} free"
    if free < needed:
        return Row("disk", "failed", f"{zh}：请腾出空间或减少 keep_best", f"{en}: free some space or lower keep_best")
    return Row("disk", "ok", zh, en)


def memory_row(needed: int, free: int, chat: int, dtype: str) -> Row:
    """Whether the run fits into what is free, with or without the base that answers in Compare.

    Args:
        needed: bytes of the run.
        free: bytes free now.
        chat: bytes that the base in Compare holds and could give back; 0 where none is loaded.
        dtype: of the frozen base, for people.
    """
    zh = f"约需 {size_text(needed)}（{dtype}），可用 {size_text(free)}"
    en = f"about {size_text(needed)} ({dtype}), {size_text(free)} free"
    if needed <= free:
        return Row("memory", "ok", zh, en)
    if needed <= free + chat:
        return Row(
            "memory", "warning", f"{zh}；对话用的模型占 {size_text(chat)}，开始前请选择释放它",
            f"{en}; the model of Compare holds {size_text(chat)}: choose to release it before the start",
        )  # fmt: skip
    return Row(
        "memory", "failed", f"{zh}：减小 batch_size、max_length，或用 quantization=4bit、gradient_checkpointing=true",
        f"{en}: lower batch_size or max_length, or set quantization=4bit and gradient_checkpointing=true",
    )  # fmt: skip


def dry_rows(found: Mapping[str, Any]) -> list[Row]:
    """Pace and memory as a dry run measured them."""
    seconds = float(found["seconds_per_step"]) * int(found["steps"]) + float(found["load_seconds"])
    pace = f"{float(found['seconds_per_step']):.2g}"
    zh = f"{found['steps']} 步，每步 {pace} 秒，约 {time_text(seconds, 'zh')}（不含评测）"
    en = f"{found['steps']} steps of {pace} s, about {time_text(seconds, 'en')} (evaluations not counted)"
    memory = size_text(float(found["memory_bytes"]))
    return [
        Row("time", "ok", zh, en),
        Row("measured", "ok", f"试跑三步：内存 {memory}，{found['trained']:,} 个可训练参数",
            f"dry run of three steps: {memory}, {found['trained']:,} trained numbers"),
    ]  # fmt: skip


def time_text(seconds: float, lang: str) -> str:
    """Seconds for people."""
    minutes = seconds / 60
    if minutes < 1.5:
        return f"{seconds:.0f} 秒" if lang == "zh" else f"{seconds:.0f} s"
    if minutes < 90:
        return f"{minutes:.0f} 分钟" if lang == "zh" else f"{minutes:.0f} min"
    return f"{minutes / 60:.1f} 小时" if lang == "zh" else f"{minutes / 60:.1f} h"
