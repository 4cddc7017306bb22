"""The plain values of a run: cells, what was asked (RunSpec), and how a run stands (RunRecord).

Writing them to disk is `medeval.store`'s business; here they only become JSON-ready mappings and come back.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal, Protocol

from pydantic import TypeAdapter

from medeval.cases.schema import Case
from medeval.engines.contract import Answer, Decoding, Receipt
from medeval.metrics.composite import ProfileScore
from medeval.metrics.score import Score

RunStatus = Literal["running", "interrupted", "done"]


@dataclass(frozen=True, order=True)
class CellKey:
    """One answer of a run: a case, a variant, and which repeat (from 0)."""

    case_id: str
    variant: str
    repeat: int = 0


@dataclass(frozen=True)
class Cell:
    """What came of one CellKey. `answer` is None where the engine failed; `error` then says why.

    An answer whose scoring failed keeps its text, has no scores, and says so in `error`.
    """

    case_id: str
    variant: str
    repeat: int
    answer: Answer | None
    error: str | None = None
    scores: dict[str, Score] = field(default_factory=dict)
    profiles: dict[str, ProfileScore] = field(default_factory=dict)
    attempts: int = 1
    """How often it was asked until it was answered, failures included."""

    @property
    def origin(self) -> str:
        """The run that first got this answer, where it was taken over and not asked again; else empty."""
        return "" if self.answer is None else self.answer.origin

    @property
    def key(self) -> CellKey:
        """Its identity within the run."""
        return CellKey(self.case_id, self.variant, self.repeat)

    def profile(self, name: str) -> float | None:
        """The profile score in [0, 1], or None where it is unscored or the cell failed."""
        found = self.profiles.get(name)
        return None if found is None else found.value


class Sink(Protocol):
    """Where the loop keeps its answers. `save` returns only when the cell is safe."""

    def done(self) -> set[CellKey]:
        """Keys whose answer is already there; they are never asked again. Failed cells are not among them."""
        ...

    def save(self, cell: Cell) -> None:
        """Keeps the cell; a finished answer is never overwritten."""
        ...


@dataclass(frozen=True)
class RunCase:
    """A case as it was when the run began, with the hash of every image, so that the run can be repeated."""

    case: Case
    images_sha256: tuple[str, ...] = ()


@dataclass(frozen=True)
class RunSpec:
    """Everything a run was asked, and with what: enough to repeat it."""

    suite: str
    cases: tuple[RunCase, ...]
    variants: tuple[str, ...]
    receipt: Receipt
    decoding: Decoding = Decoding()
    repeats: int = 1
    base: str = ""
    profiles_sha256: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    demo: bool = False
    """Whether the base was the shipped demo model, which every report must say."""
    commit: str = ""
    """Git commit of the checkout, `+dirty` appended where files differed; empty outside a checkout."""
    reuse: bool = True
    """Whether answers that an earlier run got to exactly the same question may be taken over."""
    rescored_from: str = ""
    """The run whose stored answers were scored anew here; nothing was asked."""

    @property
    def total(self) -> int:
        """How many answers the run consists of."""
        return len(self.cases) * len(self.variants) * self.repeats

    def keys(self) -> list[CellKey]:
        """All cells of the run, case by case."""
        return [
            CellKey(item.case.id, variant, repeat)
            for item in self.cases
            for repeat in range(self.repeats)
            for variant in self.variants
        ]


@dataclass(frozen=True)
class RunRecord:
    """A stored run: what was asked and how far it got. Times are UTC, ISO 8601."""

    id: str
    spec: RunSpec
    created: str
    finished: str | None
    status: RunStatus
    answered: int = 0
    failed: int = 0

    @property
    def missing(self) -> int:
        """Answers still to be asked for, failed ones included."""
        return self.spec.total - self.answered


_ADAPTERS: dict[type[Any], TypeAdapter[Any]] = {}


def _adapter(kind: type[Any]) -> TypeAdapter[Any]:
    if kind not in _ADAPTERS:  # building one costs milliseconds, and a run saves a cell at a time
        _ADAPTERS[kind] = TypeAdapter(kind)
    return _ADAPTERS[kind]


def to_plain(value: Any) -> Any:
    """JSON-ready form of one of the dataclasses here (or of the engine contract)."""
    return _adapter(type(value)).dump_python(value, mode="json")


def spec_from(plain: Mapping[str, Any]) -> RunSpec:
    """A RunSpec from its plain form; unknown keys of newer versions are ignored."""
    spec: RunSpec = _adapter(RunSpec).validate_python(plain)
    return spec


def cell_from(plain: Mapping[str, Any]) -> Cell:
    """A Cell from its plain form."""
    cell: Cell = _adapter(Cell).validate_python(plain)
    return cell


def receipt_from(plain: Mapping[str, Any]) -> Receipt:
    """A Receipt from its plain form."""
    receipt: Receipt = _adapter(Receipt).validate_python(plain)
    return receipt
