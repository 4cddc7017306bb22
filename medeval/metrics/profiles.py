"""Profiles: weights that turn metric scores into one number; read from `profile_files/*.yaml`."""

from functools import lru_cache
from pathlib import Path

import yaml
from pydantic import BaseModel, ConfigDict, Field, model_validator

from medeval.errors import UsageError

FOLDER = Path(__file__).resolve().parent / "profile_files"
DEFAULT_PROFILE = "v3"


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class Part(_Strict):
    """One dimension or line: `metrics` with their weights, or another `profile`, or `needs` = what it lacks."""

    name: str
    zh: str
    en: str
    weight: float = Field(gt=0)
    metrics: dict[str, float] = {}
    profile: str = ""
    penalty: bool = False
    needs: str = ""
    figures: dict[str, float] = {}
    """Figures of the seed beside the weight; a reward and a penalty factor of one line leave its share unchanged."""

    @model_validator(mode="after")
    def _one_source(self) -> "Part":
        if sum(map(bool, (self.metrics, self.profile, self.needs))) != 1:
            raise ValueError(f"part {self.name}: exactly one of metrics, profile, needs")
        return self


class Profile(_Strict):
    """A named weighting; `requires_all` = no value while a part is missing."""

    name: str
    zh: str
    en: str
    seed: str
    parts: tuple[Part, ...]
    requires_all: bool = False
    figures: dict[str, float] = {}


@lru_cache(maxsize=4)
def load_profiles(folder: Path = FOLDER) -> dict[str, Profile]:
    """Every profile by name, the default one first; raises UsageError for a file that is no profile."""
    found: dict[str, Profile] = {}
    for path in sorted(folder.glob("*.yaml")):
        try:
            profile = Profile.model_validate(yaml.safe_load(path.read_text(encoding="utf-8")))
        except (ValueError, yaml.YAMLError) as fault:
            raise UsageError(f"{path.name}: 评分方案有误 / the profile file is wrong · {fault}") from fault
        found[profile.name] = profile
    first = [DEFAULT_PROFILE] if DEFAULT_PROFILE in found else []
    return {name: found[name] for name in (*first, *(n for n in found if n not in first))}
