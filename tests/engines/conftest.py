"""Tiny bases and adapters, built once a session."""

import json
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

import torch
from backends import BACKENDS, make_row_engine
from tiny_models import KINDS, Kind, build_adapter, build_base, to_mlx

from medeval.adapters.catalogue import find_variants
from medeval.engines.contract import BaseRef
from medeval.engines.worker import RowEngine

# On busy cores several threads wait for each other at every tiny matmul.
torch.set_num_threads(1)


@pytest.fixture(scope="session")
def tiny(tmp_path_factory: pytest.TempPathFactory) -> Callable[[Kind], Path]:
    """`tiny(kind)` is a folder with `base` and `adapters` (v1, v2, v3 on v2, v2mlx), built at the first call."""
    made: dict[str, Path] = {}

    def build(kind: Kind) -> Path:
        if kind not in made:
            root = tmp_path_factory.mktemp(kind)
            base = build_base(root / "base", kind)
            for name, rank in (("v1", 2), ("v2", 6), ("v3", 4)):
                build_adapter(base, root / "adapters" / name, seed=rank, rank=rank)
            (root / "adapters" / "v3" / "medeval.json").write_text(json.dumps({"trained_on": ["v2"]}))
            to_mlx(root / "adapters" / "v2", root / "adapters" / "v2mlx", 2.0, 6, kind != "text")
            made[kind] = root
        return made[kind]

    return build


@pytest.fixture(scope="module", params=KINDS)
def kind(request: pytest.FixtureRequest) -> Kind:
    return request.param


@pytest.fixture(scope="module", params=BACKENDS)
def backend(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def engine(tiny: Callable[[Kind], Path], kind: Kind, backend: str) -> Iterator[RowEngine[Any]]:
    root = tiny(kind)
    engine = make_row_engine(backend)
    engine.open(BaseRef(str(root / "base")), list(find_variants(root / "adapters").values()))
    yield engine
    engine.close()
