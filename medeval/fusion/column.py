"""A fused model as a column beside base + adapters: its changed weights, whole, as an adapter on the resident base.

Two models need not be in memory at once: what differs from the base is written as a folder of full weights
(`fine_tune_type: full`), which every engine puts in the base's place while that column is asked.
"""

import shutil
import uuid
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from medeval.adapters.adding import safe_name
from medeval.adapters.catalogue import describe
from medeval.adapters.dialects import MLX_FILE
from medeval.adapters.fingerprint import base_fingerprint
from medeval.adapters.sidecar import SIDECAR, file_sha256, write_json
from medeval.adapters.tensorfile import write_tensors
from medeval.adapters.variant import Adapter
from medeval.errors import EngineError, UsageError
from medeval.fusion.folder import HEAD, BaseFolder, channels_last, read_folder
from medeval.fusion.write import read_stored


def make_column(base: Path, fused: Path, adapters: Path, name: str) -> Adapter:
    """Writes the fused model's difference from the base into the folder of adapters, as the variant `name`.

    Raises:
        UsageError: the name is taken or cannot be used.
        EngineError: the two models differ in more than their weights, or not at all.
    """
    chosen = safe_name(name)
    target = adapters / chosen
    if target.exists():
        raise UsageError(f"{chosen} 已存在，请换一个名字 / {chosen} exists already, choose another name")
    one, two = read_folder(base), read_folder(fused)
    if {**one.shapes, HEAD: ()} != {**two.shapes, HEAD: ()}:
        raise EngineError(f"{fused.name} 与基础模型结构不同 / {fused.name} is built otherwise than the base")
    changed = {n: ("F32", value) for n in two.shapes if (value := _changed(one, two, n)) is not None}
    if not changed:
        raise EngineError(f"{fused.name} 与基础模型的权重完全相同 / {fused.name} has the very weights of the base")
    partial = adapters / f".{chosen}.{uuid.uuid4().hex[:8]}.partial"
    partial.mkdir(parents=True)
    try:
        write_tensors(partial / MLX_FILE, changed, {"format": "mlx"})
        write_json(partial / "adapter_config.json", {"fine_tune_type": "full", "model": base.name})
        write_json(partial / SIDECAR, {
            "title": {"zh": f"{fused.name}（融合模型）", "en": f"{fused.name} (fused)"}, "labels": ["fused"],
            "base_fingerprint": base_fingerprint(base), "sha256": file_sha256(partial / MLX_FILE),
            "producer": "medeval fuse",
        })  # fmt: skip
        partial.rename(target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
    return describe(target)


def _changed(base: BaseFolder, fused: BaseFolder, name: str) -> NDArray[np.float32] | None:
    """The fused model's value of a parameter, in transformers' layout; None where it is the base's own."""
    if name == HEAD and fused.tied:
        return None
    value = parameter(fused, name)
    own = parameter(base, base.embedding if name == HEAD and base.tied else name)
    return None if np.array_equal(value, own) else value


def parameter(folder: BaseFolder, name: str) -> NDArray[np.float32]:
    """One parameter of transformers, put together from where it is stored, in float32.

    Raises:
        EngineError: the folder holds no such parameter.
    """
    shares = folder.shares.get(name)
    if not shares:
        raise EngineError(f"{folder.path.name}: 没有参数 {name} / holds no parameter {name}")
    whole = np.zeros(folder.shapes[name], np.float32)
    for share in shares:
        value = read_stored(folder, folder.tensors[share.disk])
        value = value.swapaxes(-1, -2) if share.transposed else value
        if share.stop is None:
            whole = value
        elif share.expert is None:
            whole[:, share.start : share.stop] = value
        else:
            whole[share.expert, share.start : share.stop] = value
    if channels_last(folder.tensors[shares[0].disk], folder.config):
        whole = whole.transpose(0, 4, 1, 2, 3)
    return np.ascontiguousarray(whole)
