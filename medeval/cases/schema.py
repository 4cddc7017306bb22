"""The Case: one prompt (or conversation) with images, facts and expectations (design: test_cases/README.md).

Plain values; reading files and reporting their errors lives in `medeval.cases.load`.
"""

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

Language = Literal["zh", "en"]
Urgency = Literal["routine", "soon", "emergency"]
Empathy = Literal["neutral", "wanted"]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Title(_Strict):
    """A name in both languages of the interface."""

    zh: str = ""
    en: str = ""

    def text(self, lang: Language) -> str:
        """The title in `lang`, or the other one where it is missing."""
        return (self.zh or self.en) if lang == "zh" else (self.en or self.zh)


class Turn(_Strict):
    """One earlier turn of a conversation."""

    role: Literal["user", "assistant"]
    text: str


class AnyOf(_Strict):
    """Alternatives: one of them is enough."""

    any: list[str] = Field(min_length=1)


Statement = str | AnyOf


class LabRow(_Strict):
    """One row of a laboratory report, as printed."""

    name: str
    abbr: str = ""
    value: float
    unit: str = ""
    low: float | None = None
    high: float | None = None
    flag: Literal["", "↑", "↓"] = ""


class ImageFindings(_Strict):
    """What an image shows and what it does not."""

    present: list[str] = []
    absent: list[str] = []


class Expect(_Strict):
    """What a good answer does; an omitted field leaves the metrics that need it unscored."""

    urgency: Urgency | None = None
    empathy: Empathy | None = None
    must_have: list[Statement] = []
    must_not: list[Statement] = []
    interpretation: list[str] = []
    lab_rows: list[LabRow] = []
    image_findings: ImageFindings | None = None
    reasoning: Literal["wanted"] | None = None


def _fact_text(value: Any) -> Any:
    """A YAML scalar as text; anything else is left for the validator to refuse."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    return str(value) if isinstance(value, int | float) else value


class Case(_Strict):
    """One test case. `images` are resolved paths once loaded from a file."""

    id: str = Field(min_length=1, max_length=120, pattern=r"^[\w.\-:]+$")
    title: Title = Title()
    suite: list[str] = []
    language: Language = "zh"
    prompt: str = Field(min_length=1)
    history: list[Turn] = []
    images: list[Path] = []
    facts: dict[str, str] = {}
    guideline: str | None = None
    expect: Expect = Expect()
    source: str = ""

    @field_validator("facts", mode="before")
    @classmethod
    def _facts_as_text(cls, value: Any) -> Any:
        return {k: _fact_text(v) for k, v in value.items()} if isinstance(value, dict) else value

    @field_validator("title", mode="before")
    @classmethod
    def _title_from_text(cls, value: Any) -> Any:
        return {"zh": value} if isinstance(value, str) else value
