"""What a run leaves behind: the adapter, its config, its history, and a card that says how it came about."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from medeval import __version__
from medeval.adapters.dialects import MLX_FILE, PEFT_FILE
from medeval.adapters.sidecar import SIDECAR, file_sha256
from medeval.adapters.tensorfile import write_tensors
from medeval.adapters.weights import read_header, read_tensors
from medeval.training.config import TrainConfig
from medeval.training.config_text import command
from medeval.training.curves import curve_svg
from medeval.training.disk import require_space
from medeval.training.history import History, summarise
from medeval.training.progress import write_json

_WEIGHTS = (PEFT_FILE, MLX_FILE)
_DTYPES = {"float16": "F16", "bfloat16": "BF16"}


@dataclass(frozen=True)
class Origin:
    """Where an adapter comes from, for its card and its sidecar."""

    config: TrainConfig
    base: str
    base_fingerprint: str
    data_source: str
    data_fingerprint: str
    samples: int
    step: int
    job: str
    marked: int = 0
    """Preference pairs that come from test cases, by somebody's decision."""


def write_outputs(checkpoint: Path, out: Path, origin: Origin, history: History) -> Path:
    """Fills `out` anew from a checkpoint; returns it.

    Files: weights and adapter_config.json, medeval.json (lineage, fingerprints), training_config.json,
    metrics_history.json, README.md.

    Raises:
        DiskFullError: it does not fit.
    """
    weights = [checkpoint / name for name in _WEIGHTS if (checkpoint / name).is_file()]
    adapted = bool(weights)
    files = [*weights, checkpoint / "adapter_config.json"] if adapted else _model_files(checkpoint)
    require_space(out.parent, int(1.1 * sum(file.stat().st_size for file in files)))
    part = out.with_name(f".{out.name}.partial")
    shutil.rmtree(part, ignore_errors=True)
    part.mkdir(parents=True, mode=0o700)
    for file in files:
        shutil.copyfile(file, part / file.name)
    if adapted:
        _finish_adapter(part, origin)
    write_json(part / "training_config.json", origin.config.model_dump(mode="json"))
    write_json(part / "metrics_history.json", _plain_history(history))
    (part / "README.md").write_text(card(origin, history, adapted), "utf-8")
    shutil.rmtree(out, ignore_errors=True)
    part.rename(out)
    return out


def _model_files(checkpoint: Path) -> list[Path]:
    wanted = (".safetensors", ".json")
    private = {"complete.json", "run_state.json", "trainer_state.json"}
    return [f for f in sorted(checkpoint.iterdir()) if f.suffix in wanted and f.name not in private]


def _finish_adapter(folder: Path, origin: Origin) -> None:
    settings = json.loads((folder / "adapter_config.json").read_text("utf-8"))
    if "peft_type" in settings:
        # PEFT writes sets in any order, and the path of this machine
        settings["base_model_name_or_path"] = origin.base
        for key in ("target_modules", "modules_to_save", "target_parameters"):
            if isinstance(settings.get(key), list):
                settings[key] = sorted(settings[key])
        settings["inference_mode"] = True
        write_json(folder / "adapter_config.json", settings)
    weights = next(folder / name for name in _WEIGHTS if (folder / name).is_file())
    _store_as(weights, origin.config.adapter_dtype)
    config = origin.config
    write_json(
        folder / SIDECAR,
        {
            "title": {"zh": config.name, "en": config.name},
            "note": {
                "zh": f"预设 {config.preset or '自定'}，第 {origin.step} 步，数据 {origin.data_source}",
                "en": f"preset {config.preset or 'custom'}, step {origin.step}, data {origin.data_source}",
            },
            "trained_on": list(config.trained_on),
            "base_fingerprint": origin.base_fingerprint,
            "producer": f"medeval {__version__} (train, job {origin.job}, step {origin.step})",
            "data_fingerprint": origin.data_fingerprint,
            "sha256": file_sha256(weights).removeprefix("sha256:"),
        },
    )


def _store_as(file: Path, dtype: str) -> None:
    if dtype not in _DTYPES:
        return
    values = {name: (_DTYPES[dtype], value) for name, value in read_tensors(file).items()}
    metadata = read_header(file).metadata
    file.unlink()
    write_tensors(file, values, metadata)


def _plain_history(history: History) -> dict[str, Any]:
    keep = {
        "steps": history.steps, "evals": history.evals, "clinical": history.clinical,
        "checkpoints": history.checkpoints,
    }  # fmt: skip
    plain = {name: [_without(event, ("kind", "path")) for event in events] for name, events in keep.items()}
    return {**plain, "resumed_at": list(history.resumed), "summary": asdict(summarise(history))}


def _without(event: Mapping[str, Any], keys: Sequence[str]) -> dict[str, Any]:
    return {key: value for key, value in event.items() if key not in keys}


def card(origin: Origin, history: History, adapted: bool = True) -> str:
    """The model card: what it is, how it was trained, what was measured, and what it is not."""
    config, facts = origin.config, summarise(history)
    below = " + ".join([origin.base, *config.trained_on])
    lines = [
        f"# {config.name}", "",
        "> 研究用途，不是医疗器械 / research software, not a medical device.", "",
        f"{'LoRA 适配器' if adapted else '全参数微调'}，训练在 {below} 之上 / trained on {below}"
        f"（medeval {__version__}，任务 {origin.job}，第 {origin.step} 步）", "",
        "| | |", "|---|---|",
        f"| 数据 / data | {origin.data_source}，{origin.samples} 条，sha256 `{origin.data_fingerprint}` |",
        f"| 基础指纹 / base | `{origin.base_fingerprint}` |",
        f"| 秩 / rank · alpha · dropout | {config.rank} · {config.alpha:g} · {config.dropout:g} |",
        f"| 学习率 / learning rate | {config.learning_rate:g}，{config.scheduler} |",
        f"| 批次 / batch | {config.batch_size} × {config.accumulation} |",
        f"| 步数 / steps | {origin.step} / {history.total or facts.steps} |",
        f"| 训练损失 / loss | {_number(facts.final_loss)}（最低 / best {_number(facts.best_loss)}） |",
        f"| 验证损失 / validation | {_number(facts.final_val_loss)}（最低 / best {_number(facts.best_val_loss)}"
        f"，第 {facts.best_val_step or '–'} 步） |",
        *_preference_rows(config, history, origin.marked),
        f"| 临床得分 / clinical score | {_clinical(history)} |",
        f"| 梯度范数 / gradient norm | {_number(facts.grad_norm_mean)} ± {_number(facts.grad_norm_deviation)} |", "",
        *([curve_svg(history, config), ""] if history.steps else []),
        "重做 / again:", "", "```bash", command(config), "```", "",
    ]  # fmt: skip
    return "\n".join(lines)


def _preference_rows(config: TrainConfig, history: History, marked: int) -> list[str]:
    if config.method != "dpo":
        return []
    last: Mapping[str, Any] = history.evals[-1] if history.evals else {}
    smoothing = f"，平滑 / smoothing {config.dpo_smoothing:g}" if config.dpo_smoothing else ""
    rows = [
        f"| 偏好 / preferences | DPO，beta {config.dpo_beta:g}{smoothing}，参考 / reference:"
        f" {' + '.join(['base', *config.trained_on])} |"
    ]
    if "accuracy" in last:
        counted = f"{last['accuracy']:.0%}（{last['samples']} 对 / pairs）"
        rows.append(f"| 验证准确率 / validation accuracy | {counted}，奖励差 / margin {_number(last['margin'])} |")
    if marked:
        rows.append(f"| **测试病例 / test cases** | {marked} 条偏好来自测试病例 / pairs come from test cases |")
    return rows


def _number(value: float | None) -> str:
    return "–" if value is None else f"{value:.4g}"


def _clinical(history: History) -> str:
    if not history.clinical:
        return "未测 / not measured"
    last = history.clinical[-1]
    if last.get("score") is None:
        return "未能评分 / unscored"
    low, high = last.get("interval") or (None, None)
    spread = "" if low is None or high is None else f"，95 % {low:.3f}–{high:.3f}"
    return f"{last['score']:.3f}（{last['suite']}，{last['scored']} 例{spread}，{last['profile']}）"
