"""The YAML data of the clinical layer: read once, never changed."""

from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

FOLDER = Path(__file__).resolve().parent / "data"


@lru_cache(maxsize=32)
def read_data(name: str) -> dict[str, Any]:
    """The mapping in `data/<name>`; callers must not change it."""
    loaded = yaml.load(
        (FOLDER / name).read_text(encoding="utf-8"), Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader)
    )
    if not isinstance(loaded, dict):
        raise TypeError(f"{name} holds no mapping")
    return loaded
