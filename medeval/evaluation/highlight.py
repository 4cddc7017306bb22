"""Cuts an answer into pieces by the evidence of its scores, for pages and reports to colour; no markup here."""

from collections.abc import Mapping
from dataclasses import dataclass

from medeval.metrics.score import EvidenceKind, Score

_RANK: dict[EvidenceKind, int] = {"note": 0, "good": 1, "bad": 2}


@dataclass(frozen=True)
class Piece:
    """A stretch of the answer; `kind` is None where no metric points at it, `notes` are `metric: why`."""

    text: str
    kind: EvidenceKind | None = None
    notes: tuple[str, ...] = ()


def pieces(text: str, scores: Mapping[str, Score]) -> list[Piece]:
    """The answer as consecutive pieces that join to `text` again.

    Where evidence overlaps, the piece carries all notes and the gravest kind (bad over good over note). Spans
    outside the text are cut to it, empty ones dropped.
    """
    spans = [
        (max(0, item.start), min(len(text), item.end), item.kind, f"{name}: {item.note}" if item.note else name)
        for name, score in scores.items()
        for item in score.evidence
    ]
    spans = [span for span in spans if span[0] < span[1]]
    cuts = sorted({0, len(text), *(span[0] for span in spans), *(span[1] for span in spans)})
    found = []
    for start, end in zip(cuts, cuts[1:], strict=False):
        here = [span for span in spans if span[0] <= start and end <= span[1]]
        kind = max((span[2] for span in here), key=lambda item: _RANK[item], default=None)
        found.append(Piece(text[start:end], kind, tuple(dict.fromkeys(span[3] for span in here))))
    return found
