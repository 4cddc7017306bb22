"""Writes the fused model: shard by shard, tensor by tensor, with everything else of the base's folder beside it.

Memory stays at one tensor. Tensors that no adapter touches are copied byte for byte. The target is a hidden folder that
nobody takes for a model; moving it to its name is the caller's last step, after the proof.
"""

import json
import os
import shutil
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from medeval.adapters.dialects import Array
from medeval.adapters.gate import Checked
from medeval.adapters.sidecar import write_json
from medeval.adapters.tensorfile import Slot, TensorWriter, encode
from medeval.adapters.weights import read_tensor
from medeval.errors import EngineError, MissingPackageError
from medeval.fusion.folder import HEAD, INDEX, BaseFolder, Share, Stored, is_vision
from medeval.fusion.merge import Step, by_disk, head_steps, merged, patch_conv, plan_steps

Dtype = Literal["auto", "float16", "bfloat16", "float32"]
_KINDS: dict[Dtype, str] = {"float16": "F16", "bfloat16": "BF16", "float32": "F32"}
_LARGEST_F16 = 65504.0
_SKIPPED = (".safetensors", ".bin", ".pt", ".pth", ".gguf", ".npz", ".ckpt", ".pkl", ".msgpack", ".h5", ".onnx", ".py")
_CHUNK = 16 * 1024 * 1024


class Stopped(Exception):  # noqa: N818 (the user's wish, not an error)
    """The user stopped the work; nothing is left behind."""


@dataclass(frozen=True)
class Written:
    """What was counted while writing."""

    tensors_before: int
    tensors_after: int
    vision_before: int
    vision_after: int
    changed: int
    untied: bool
    bytes: int


@dataclass(frozen=True)
class _Out:
    """One tensor of the fused model: where it goes, and what is done to get it."""

    slot: Slot
    stored: Stored
    steps: Sequence[tuple[Share, Step]]


def write_fused(
    folder: BaseFolder,
    stack: Sequence[Checked],
    target: Path,
    dtype: Dtype = "auto",
    on_tensor: Callable[[int, int, str], None] = lambda done, total, name: None,
    stopped: Callable[[], bool] = lambda: False,
) -> Written:
    """Writes the base with the stack's changes into `target`, an empty folder.

    Args:
        folder: the base.
        stack: the adapters of the variant in order, passed by the gate against `folder.shapes`.
        target: where to write.
        dtype: of the weights; `auto` keeps each tensor's own.
        on_tensor: called after every tensor with (done, total, name).
        stopped: asked before every tensor.

    Raises:
        Stopped: `stopped` said so.
        EngineError: a value does not fit the dtype, or the count of tensors is not what it was.
        MissingPackageError: the base is quantised by MLX, which is not installed.
    """
    steps = plan_steps(stack)
    head = _separate_head(folder, steps, dtype)
    placed = by_disk(folder, steps)
    plan = {f: _outs(folder, f, placed, dtype, head) for f in folder.files}
    total, done = sum(len(outs) for outs in plan.values()), 0
    for file, outs in plan.items():
        metadata = folder.headers[file].metadata or {"format": "pt"}
        with TensorWriter(target / file, [o.slot for o in outs], metadata) as writer:
            for out in outs:
                if stopped():
                    raise Stopped
                for piece in _content(folder, out):
                    writer.write(out.slot.name, piece)
                done += 1
                on_tensor(done, total, out.slot.name)
    slots = [(file, out.slot) for file, outs in plan.items() for out in outs]
    _write_index(folder, target, slots)
    copy_rest(folder.path, target)
    write_json(target / "config.json", _config(folder, dtype, head is not None))
    sync(target)
    return _counted(folder, target, len(placed), head is not None)


def _separate_head(folder: BaseFolder, steps: Mapping[str, Sequence[Step]], dtype: Dtype) -> Sequence[Step] | None:
    """Changes of a head that no longer equals the embedding it shared its weight with; None where it still does."""
    embedding, head = steps.get(folder.embedding, ()), head_steps(folder, steps)
    if not folder.tied or not (embedding or head):
        return None
    stored = folder.tensors[folder.shares[folder.embedding][0].disk]
    share = Share(stored.disk)
    one, two = (_changed(folder, stored, [(share, s) for s in found]) for found in (embedding, head))
    kind = _kind(stored, dtype)
    return None if encode(one, kind) == encode(two, kind) else list(head)


def _outs(
    folder: BaseFolder, file: str, placed: Mapping[str, Sequence[tuple[Share, Step]]], dtype: Dtype,
    head: Sequence[Step] | None,
) -> list[_Out]:  # fmt: skip
    outs = []
    for stored in folder.tensors.values():
        if stored.file != file:
            continue
        steps = [(share, patch_conv(step, stored.shape)) for share, step in placed.get(stored.disk, ())]
        outs.append(_Out(Slot.of(stored.disk, _kind(stored, dtype), stored.shape), stored, steps))
        if head is not None and stored.name == folder.embedding:
            name = "language_model.lm_head.weight" if stored.disk.startswith("language_model.") else HEAD
            slot = Slot.of(name, _kind(stored, dtype), stored.shape)
            outs.append(_Out(slot, stored, [(Share(stored.disk), step) for step in head]))
    return outs


def _kind(stored: Stored, dtype: Dtype) -> str:
    return _KINDS.get(dtype, stored.dtype)


def _content(folder: BaseFolder, out: _Out) -> Iterator[bytes]:
    if not out.steps and out.stored.packed is None and out.slot.dtype == out.stored.dtype:
        header = folder.headers[out.stored.file]
        info = header.tensors[out.stored.disk]
        with (folder.path / out.stored.file).open("rb") as handle:
            handle.seek(header.data_start + info.begin)
            left = info.end - info.begin
            if left == 0:
                yield b""
            while left:
                piece = handle.read(min(left, _CHUNK))
                if not piece:
                    raise EngineError(f"{out.stored.file} 被截断 / {out.stored.file} is truncated")
                left -= len(piece)
                yield piece
        return
    value = _changed(folder, out.stored, out.steps)
    if not np.isfinite(value).all():
        raise EngineError(f"{out.slot.name}: 融合后含 NaN 或无穷 / holds NaN or infinity after fusing")
    if out.slot.dtype == "F16" and value.size and float(np.abs(value).max()) > _LARGEST_F16:
        raise EngineError(f"{out.slot.name}: 超出 float16 范围，请用 bfloat16 / too large for float16, use bfloat16")
    yield encode(value, out.slot.dtype)


def _changed(folder: BaseFolder, stored: Stored, steps: Sequence[tuple[Share, Step]]) -> Array:
    value = read_stored(folder, stored)
    for share, step in steps:
        value = merged(value, share, step)
    return value


def read_stored(folder: BaseFolder, stored: Stored) -> NDArray[np.float32]:
    """A stored tensor's values as they lie on disk, unpacked where MLX packed them, in float32."""
    return _unpacked(folder, stored) if stored.packed else read_tensor(folder.path / stored.file, stored.disk)


def _unpacked(folder: BaseFolder, stored: Stored) -> NDArray[np.float32]:
    try:
        import mlx.core as mx
    except ImportError as error:
        raise MissingPackageError(
            "基础模型由 MLX 量化，融合需要 mlx / the base is quantised by MLX: pip install mlx-vlm"
        ) from error
    assert stored.packed is not None
    held: Any = mx.load(str(folder.path / stored.file))
    packed = stored.packed
    value = mx.dequantize(
        held[stored.disk], held[packed.scales], held[packed.biases] if packed.biases else None,
        group_size=packed.group, bits=packed.bits, mode=packed.mode,
    )  # fmt: skip
    return np.array(value.astype(mx.float32))


def _write_index(folder: BaseFolder, target: Path, slots: Sequence[tuple[str, Slot]]) -> None:
    if len(folder.files) == 1 and not (folder.path / INDEX).is_file():
        return
    size = sum(slot.nbytes for _, slot in slots)
    content = {"metadata": {"total_size": size}, "weight_map": {slot.name: file for file, slot in slots}}
    write_json(target / INDEX, content)


def copy_rest(source: Path, target: Path) -> None:
    """Copies processor, tokenizer, template, generation config, licence: all but weights, code and hidden files."""
    taken = {"config.json", INDEX, "fuse_report.json", "fuse_report.html"}
    for file in sorted(source.iterdir()):
        if file.is_file() and file.name not in taken and not file.name.startswith("."):
            if file.suffix not in _SKIPPED:
                shutil.copyfile(file, target / file.name)
        elif file.is_dir() and not file.name.startswith(".") and any(file.glob("*.jinja")):
            shutil.copytree(file, target / file.name)  # transformers keeps further chat templates in a folder


def _config(folder: BaseFolder, dtype: Dtype, untied: bool) -> dict[str, Any]:
    config: dict[str, Any] = json.loads(json.dumps(folder.config))
    parts = [config, *(config[k] for k in ("text_config", "vision_config") if isinstance(config.get(k), dict))]
    for part in parts:
        for key in ("quantization", "quantization_config"):
            part.pop(key, None)
        for key in ("dtype", "torch_dtype"):
            if dtype != "auto" and key in part:
                part[key] = dtype
    if untied:
        for part in parts[:2]:
            part["tie_word_embeddings"] = False
    return config


def _counted(folder: BaseFolder, target: Path, changed: int, untied: bool) -> Written:
    from medeval.fusion.folder import read_folder

    made = read_folder(target)
    result = Written(
        len(folder.tensors), len(made.tensors), folder.vision_tensors, made.vision_tensors, changed + untied, untied,
        sum(p.stat().st_size for p in target.iterdir() if p.is_file()),
    )  # fmt: skip
    missing = sorted(set(folder.tensors) - set(made.tensors))
    if missing or result.tensors_after != result.tensors_before + untied:
        raise EngineError(
            f"融合后张量数不对，缺少：{', '.join(missing[:5])}"
            f" / tensors are missing after fusing: {', '.join(missing[:5])}"
        )
    if sum(is_vision(n) for n in made.tensors) != result.vision_before:
        raise EngineError("融合后视觉部分不完整 / the vision tower is not whole after fusing")
    return result


def sync(folder: Path) -> None:
    """Makes every file of a folder and the folder itself durable, where the system can."""
    for path in [*folder.rglob("*"), folder]:
        if path.is_file() or (path.is_dir() and os.name == "posix"):
            handle = os.open(path, os.O_RDONLY)
            try:
                os.fsync(handle)
            finally:
                os.close(handle)
