"""Evidence laid over an answer text: escaped HTML made of the flat pieces of `evaluation.highlight`."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from html import escape

from medeval.evaluation.highlight import Piece, pieces
from medeval.metrics.score import EvidenceKind, Score
from medeval.ui.text import Lang
from medeval.ui.words import half

_SIGN: dict[EvidenceKind, str] = {"good": "✓", "bad": "✗", "note": "·"}


def pieces_of(text: str, scores: Mapping[str, Score], labels: Mapping[str, str], lang: Lang) -> list[Piece]:
    """The answer cut at every border of evidence, the notes in the language of the page, rules by their label."""
    spoken = {
        labels.get(name, name): replace(
            score,
            evidence=tuple(replace(e, note=f"{_SIGN[e.kind]} {half(e.note, lang)}") for e in score.evidence),
        )
        for name, score in scores.items()
    }
    return pieces(text, spoken)


def part(found: Sequence[Piece], start: int, end: int | None = None) -> list[Piece]:
    """The pieces of characters `start:end`, cut where a border falls inside one."""
    kept, at = [], 0
    for piece in found:
        left = max(start - at, 0)
        right = len(piece.text) if end is None else min(end - at, len(piece.text))
        if left < right:
            kept.append(replace(piece, text=piece.text[left:right]))
        at += len(piece.text)
    return kept


def marked(found: Sequence[Piece]) -> str:
    """HTML: plain text escaped, evidence as `<mark>` elements that never nest, with the rules as tooltip."""
    return "".join(_piece(piece) for piece in found)


def _piece(piece: Piece) -> str:
    if piece.kind is None:
        return escape(piece.text)
    tip = escape("\n".join(piece.notes), quote=True)
    return f'<mark class="me-{piece.kind}" data-tip="{tip}" tabindex="0">{escape(piece.text)}</mark>'
