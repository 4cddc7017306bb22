"""How far each metric can be trusted: what `medeval metaeval` measured, as data (`status.yaml`)."""

from functools import lru_cache
from importlib.resources import files
from typing import Literal

import yaml
from pydantic import BaseModel, ConfigDict


class Status(BaseModel):
    """One metric's standing; a descriptive one is shown and labelled, but no profile counts it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    status: Literal["rated", "descriptive", "unmeasured"] = "unmeasured"
    zh: str = ""
    en: str = ""


@lru_cache(maxsize=1)
def all_status() -> dict[str, Status]:
    """Measured metrics by name."""
    found = yaml.safe_load((files("medeval.metrics") / "status.yaml").read_text("utf-8"))
    return {name: Status.model_validate(entry) for name, entry in found.items()}


def status_of(metric: str) -> Status:
    """A metric's standing; unmeasured where metaeval has no row for it."""
    return all_status().get(metric, Status())


@lru_cache(maxsize=1)
def descriptive() -> frozenset[str]:
    """Metrics that missed a bar."""
    return frozenset(name for name, entry in all_status().items() if entry.status == "descriptive")
