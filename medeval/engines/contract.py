"""The engine contract: a batch of requests in, a stream of events out, in any order of finishing.

Compare (1 case x V), Evaluate (N x V) and rewards (G samples) are the same call. An engine owns one thread;
callers get plain values. An engine error is a `Failed` event, never an answer.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from threading import Event as Cancel
from typing import Literal, Protocol

from medeval.adapters.variant import Variant

FinishReason = Literal["stop", "length", "cancelled", "recorded"]


@dataclass(frozen=True)
class BaseRef:
    """A base model: a folder or a Hugging Face repo id."""

    path: str
    dtype: Literal["auto", "float32", "float16", "bfloat16"] = "auto"
    device: Literal["auto", "cpu", "cuda", "mps"] = "auto"
    offline: bool = False


@dataclass(frozen=True)
class Decoding:
    """How tokens are chosen; temperature 0 is greedy. The same for all variants of a case."""

    max_tokens: int = 512
    temperature: float = 0.0
    top_p: float = 1.0
    seed: int = 0


@dataclass(frozen=True)
class Message:
    """One turn as sent to the model; images only on user turns."""

    role: Literal["system", "user", "assistant"]
    text: str
    images: tuple[Path, ...] = ()


@dataclass(frozen=True)
class Request:
    """One conversation for one variant. `id` is the caller's; `case_id` groups rows that share pixels."""

    id: str
    case_id: str
    variant: str
    messages: tuple[Message, ...]
    decoding: Decoding = Decoding()


@dataclass(frozen=True)
class Answer:
    """What came back: text without special tokens, token count, seconds, why it ended."""

    variant: str
    text: str
    tokens: int
    seconds: float
    finish_reason: FinishReason
    first_token_seconds: float = 0.0
    origin: str = ""
    """Run that got this answer, where it was taken over from there instead of being asked again."""
    tokens_estimated: bool = False
    """Whether `tokens` only counts the pieces that were streamed, as from a server that tells no count."""


@dataclass(frozen=True)
class Token:
    """A piece of text of one request, ready to append (never half a character)."""

    request_id: str
    text: str


@dataclass(frozen=True)
class Done:
    """A finished request."""

    request_id: str
    answer: Answer


@dataclass(frozen=True)
class Failed:
    """A request that could not be answered; `reason` is a sentence for people."""

    request_id: str
    reason: str


Event = Token | Done | Failed


@dataclass(frozen=True)
class Loaded:
    """What the gate found for one variant: the truth badge of its column."""

    variant: str
    mode: Literal["batched", "switched", "base", "served"]
    """`served`: a server answers by it, and what weights it holds there is not known here."""
    tensors_matched: int
    tensors_expected: int
    rank: int = 0
    scale: float = 0.0
    why_switched: str = ""
    logit_change: float | None = None
    """Largest |logit difference| from the base on a fixed probe; None for the base itself."""
    dialect: str = ""
    sha256: str = ""
    """Of the last adapter of the stack."""
    stack_sha256: tuple[str, ...] = ()
    """Of every adapter of the stack, in order."""
    model: str = ""
    """Id by which a server is asked for it."""


@dataclass(frozen=True)
class Receipt:
    """What was loaded and how: stored with every run, shown on every page."""

    engine: str
    base: str
    base_fingerprint: str
    dtype: str
    device: str
    variants: tuple[Loaded, ...]
    refused: dict[str, list[str]] = field(default_factory=dict)
    """Variants the gate refused, with every reason; they are not among `variants`."""
    template_sha256: str = ""
    packages: dict[str, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


class Engine(Protocol):
    """Three methods; differences between engines are data in the Receipt."""

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        """Loads the base once and every variant that passes the gate; raises EngineError where the base fails."""
        ...

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        """Yields Token … then exactly one Done or Failed per request; setting `cancel` ends it within a token."""
        ...

    def close(self) -> None:
        """Frees the model; may be called twice."""
        ...
