"""A base model's folder as fusing sees it: every logical tensor with its place on disk, under transformers' names.

Reads headers only. Knows the three ways in which experts lie on disk (fused as transformers holds them, fused and
transposed as published, one tensor per expert or per projection) and MLX's packed weights with scales and biases.
"""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from medeval.adapters.forms import to_peft_name
from medeval.adapters.weights import Header, read_header
from medeval.errors import EngineError

INDEX = "model.safetensors.index.json"
EMBEDDING, HEAD = "embed_tokens.weight", "lm_head.weight"
_EXPERT = re.compile(r"^(?P<stem>.*\.mlp)\.experts\.(?P<index>\d+)\.(?P<leaf>gate_proj|up_proj|down_proj)\.weight$")
_SWITCH = re.compile(r"^(?P<stem>.*\.mlp)\.switch_mlp\.(?P<leaf>gate_proj|up_proj|down_proj)\.weight$")
_FLOATS = ("F64", "F32", "F16", "BF16")


@dataclass(frozen=True)
class Packed:
    """How MLX packed a weight: the two tensors beside it, bits and group size."""

    scales: str
    biases: str | None
    bits: int
    group: int
    mode: str


@dataclass(frozen=True)
class Stored:
    """One tensor of the base: name on disk and in transformers, file, dtype and shape of its values."""

    disk: str
    name: str
    file: str
    dtype: str
    shape: tuple[int, ...]
    packed: Packed | None = None


@dataclass(frozen=True)
class Share:
    """The part of a parameter that one stored tensor holds: rows of its output, one expert or all, maybe transposed."""

    disk: str
    start: int = 0
    stop: int | None = None
    expert: int | None = None
    transposed: bool = False


@dataclass(frozen=True)
class BaseFolder:
    """A base's tensors in the order they are stored; `shares` maps each parameter of transformers to its places."""

    path: Path
    config: Mapping[str, Any]
    tensors: Mapping[str, Stored]
    shapes: Mapping[str, tuple[int, ...]]
    shares: Mapping[str, tuple[Share, ...]]
    files: tuple[str, ...]
    tied: bool
    headers: Mapping[str, Header] = field(default_factory=dict, repr=False)

    @property
    def quantised(self) -> bool:
        """Whether MLX packed its weights."""
        return any(t.packed for t in self.tensors.values())

    @property
    def sees(self) -> bool:
        """Whether the model has a vision tower."""
        return bool(self.config.get("vision_config"))

    @property
    def vision_tensors(self) -> int:
        """How many of the tensors belong to the vision tower."""
        return sum(is_vision(t.name) for t in self.tensors.values())

    @property
    def embedding(self) -> str:
        """Name of the input embedding in transformers."""
        return next((n for n in self.shapes if n.endswith(EMBEDDING)), EMBEDDING)


def is_vision(name: str) -> bool:
    """Whether a tensor belongs to the vision tower, its merger included."""
    return "visual" in name or "vision" in name


def read_folder(path: Path) -> BaseFolder:
    """Reads config and headers of a model folder.

    Raises:
        EngineError: no config, no safetensors, shards missing, or an unknown kind of tensor.
        AdapterError: a damaged safetensors file.
    """
    config = _config(path)
    files = _files(path)
    headers = {name: read_header(path / name) for name in files}
    tensors: dict[str, Stored] = {}
    for file, header in headers.items():
        tensors |= _stored(file, header, config)
    shapes: dict[str, tuple[int, ...]] = {}
    shares: dict[str, tuple[Share, ...]] = {}
    _plain(tensors, config, shapes, shares)
    _apart(tensors, shapes, shares)
    text = config.get("text_config") or {}
    tied = bool(text.get("tie_word_embeddings", config.get("tie_word_embeddings", False))) and HEAD not in shapes
    folder = BaseFolder(path, config, tensors, shapes, shares, files, tied, headers)
    if tied and folder.embedding in shapes:
        shapes[HEAD] = shapes[folder.embedding]
    return folder


def _config(path: Path) -> dict[str, Any]:
    try:
        config = json.loads((path / "config.json").read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise EngineError(
            f"{path} 里没有可读的 config.json，不是模型文件夹"
            f" / {path} holds no readable config.json"
        ) from error
    if not isinstance(config, dict):
        raise EngineError(f"{path}/config.json 不是 JSON 对象 / {path}/config.json is not a JSON object")
    return config


def _files(path: Path) -> tuple[str, ...]:
    if (path / INDEX).is_file():
        listed = json.loads((path / INDEX).read_text("utf-8"))["weight_map"].values()
        files = tuple(sorted(set(listed)))
        missing = [f for f in files if not (path / f).is_file() or Path(f).name != f]
        if missing:
            raise EngineError(
                f"{path.name} 缺少权重分片：{', '.join(missing)}"
                f" / {path.name} lacks weight shards: {', '.join(missing)}"
            )
        return files
    found = tuple(sorted(p.name for p in path.glob("*.safetensors")))
    if not found:
        raise EngineError(f"{path} 里没有 *.safetensors / {path} holds no safetensors weights")
    return found


def _stored(file: str, header: Header, config: Mapping[str, Any]) -> dict[str, Stored]:
    out: dict[str, Stored] = {}
    for disk, info in header.tensors.items():
        stem, _, leaf = disk.rpartition(".")
        packs = f"{stem}.scales" in header.tensors
        if packs and leaf in ("scales", "biases"):
            continue
        if leaf == "weight" and packs and info.dtype == "U32":
            packed, shape = _packed(stem, info.shape, header, config)
            kind = header.tensors[packed.scales].dtype
            # scales of the mx formats are bytes: their layers compute in the dtype of the rest
            out[disk] = Stored(disk, to_peft_name(disk), file, kind if kind in _FLOATS else "BF16", shape, packed)
        elif info.dtype not in _FLOATS:
            raise EngineError(
                f"{file}: {disk} 是 {info.dtype}，不支持这种量化"
                f" / {disk} is {info.dtype}, quantised in a way not supported"
            )
        else:
            out[disk] = Stored(disk, to_peft_name(disk), file, info.dtype, info.shape)
    return out


def _packed(
    stem: str, shape: tuple[int, ...], header: Header, config: Mapping[str, Any]
) -> tuple[Packed, tuple[int, ...]]:
    common = config.get("quantization") or {}
    own = common.get(stem)
    settings = {**common, **(own if isinstance(own, dict) else {})}
    bits, group = int(settings.get("bits", 4)), int(settings.get("group_size", 64))
    biases = f"{stem}.biases" if f"{stem}.biases" in header.tensors else None
    packed = Packed(f"{stem}.scales", biases, bits, group, str(settings.get("mode", "affine")))
    return packed, (*shape[:-1], header.tensors[packed.scales].shape[-1] * group)


def _plain(
    tensors: Mapping[str, Stored], config: Mapping[str, Any],
    shapes: dict[str, tuple[int, ...]], shares: dict[str, tuple[Share, ...]],
) -> None:  # fmt: skip
    text = config.get("text_config") or config
    hidden, inner = text.get("hidden_size"), text.get("moe_intermediate_size")
    published = {".experts.gate_up_proj": (hidden, 2 * (inner or 0)), ".experts.down_proj": (inner, hidden)}
    for stored in tensors.values():
        shape = stored.shape
        wanted = next((s for end, s in published.items() if stored.name.endswith(end)), None)
        # A square one is read as transformers reads it: in its own order.
        turned = wanted is not None and shape[1:] == wanted and shape[1] != shape[2]
        shapes[stored.name] = (shape[0], shape[2], shape[1]) if turned else shape
        if channels_last(stored, config):
            shapes[stored.name] = (shape[0], shape[4], *shape[1:4])
        shares[stored.name] = (Share(stored.disk, transposed=turned),)


def channels_last(stored: Stored, config: Mapping[str, Any]) -> bool:
    """Whether a patch embedding lies as MLX keeps it, [out, time, height, width, channels]."""
    vision = config.get("vision_config") or {}
    channels = vision.get("in_channels", vision.get("in_chans", 3))
    return len(stored.shape) == 5 and stored.shape[-1] == channels != stored.shape[1]


def _apart(
    tensors: Mapping[str, Stored], shapes: dict[str, tuple[int, ...]], shares: dict[str, tuple[Share, ...]]
) -> None:
    """Adds the fused expert parameters that transformers makes of experts stored apart."""
    found: dict[str, dict[tuple[str, int], Stored]] = {}
    for stored in tensors.values():
        match = _EXPERT.match(stored.name) or _SWITCH.match(stored.name)
        if match:
            index = int(match.groupdict().get("index") or -1)
            found.setdefault(match["stem"], {})[match["leaf"], index] = stored
    for stem, parts in found.items():
        for name, leaves in (("gate_up_proj", ("gate_proj", "up_proj")), ("down_proj", ("down_proj",))):
            held = {key: parts[key] for key in parts if key[0] in leaves}
            if {leaf for leaf, _ in held} != set(leaves):
                continue
            rows, columns = next(iter(held.values())).shape[-2:]
            experts = {i for _, i in held}
            count = len(experts) if -1 not in experts else next(iter(held.values())).shape[0]
            for part in held.values():
                shapes.pop(part.name, None)  # transformers knows only the fused parameter
            shapes[f"{stem}.experts.{name}"] = (count, rows * len(leaves), columns)
            shares[f"{stem}.experts.{name}"] = tuple(
                Share(s.disk, leaves.index(leaf) * rows, (leaves.index(leaf) + 1) * rows, None if i < 0 else i)
                for (leaf, i), s in held.items()
            )
