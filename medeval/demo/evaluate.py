"""Held-out quality of the demo: unseen values, unseen reports, unseen phantoms.

Only what the demo promises is measured here, by plain text rules and, for empathy, by the
project's metric; suites are run and scored elsewhere.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

from medeval.demo.corpus import Exchange, Sample, make_exchange
from medeval.demo.corpus.pictures import SIDE_WORDS, make_cxr, make_lab, read_row
from medeval.demo.phantoms import KINDS, Phantom
from medeval.demo.sheets import Sheet

STACKS: dict[str, tuple[str, ...]] = {"base": (), "v1": ("v1",), "v2": ("v2",), "v3": ("v2", "v3")}
WORRIED_TOPICS = ("bp", "fasting", "fever", "new_hypertension", "new_diabetes", "anxiety", "headache", "fatigue")
GRADES = ("正常血压", "正常高值", "1级高血压", "2级高血压", "3级高血压")


@dataclass(frozen=True)
class Tally:
    """Right out of asked, for one variant and one promise."""

    variant: str
    what: str
    right: int
    of: int

    @property
    def share(self) -> float:
        """Right over asked."""
        return self.right / self.of if self.of else float("nan")


def _classed(exchange: Exchange, text: str) -> bool:
    name = exchange.truth["class"]
    others = {"bp": GRADES, "fasting": ("低血糖", "正常范围", "空腹血糖受损", "达到糖尿病诊断标准")}[exchange.topic]
    return name in text and not any(o in text for o in others if o != name)


def _quoted(exchange: Exchange, text: str) -> bool:
    return f"{exchange.truth['value']} {exchange.truth['unit']}" in text


def empathic(question: str, answer: str) -> bool:
    """Whether the project's empathy metric finds feeling acknowledged, where it is wanted."""
    from medeval.cases.schema import Case
    from medeval.metrics.composite import score_answer

    case = Case.model_validate({"id": "held-out", "prompt": question, "expect": {"empathy": "wanted"}})
    return (score_answer(case, answer).scores["empathy"].value or 0.0) >= 0.5


def _rows_right(exchange: Exchange, text: str) -> tuple[int, int]:
    assert isinstance(exchange.image, Sheet)
    body = text.split("结果：", 1)[-1].split("。")[0]
    said = {part.strip() for part in body.split("；")}
    rows = exchange.image.report.rows
    return sum(read_row(row) in said for row in rows), len(rows)


def finding_right(exchange: Exchange, text: str) -> bool:
    """Whether finding and side are named, and no other finding is."""
    phantom = exchange.image
    assert isinstance(phantom, Phantom)
    side = SIDE_WORDS[phantom.side]
    present = {
        "large_heart": "心影增大" in text,
        "effusion": f"{side or '侧'}胸腔积液" in text,
        "nodule": f"{side or '侧'}肺结节" in text,
    }
    return all(there == (kind == phantom.kind) for kind, there in present.items())


def _text_set(topics: Sequence[str], count: int, seed: str, worried: bool = False) -> list[Exchange]:
    rng = random.Random(seed)
    found: list[Exchange] = []
    while len(found) < count:
        exchange = make_exchange(topics[len(found) % len(topics)], rng, unseen=True)
        if exchange.worried or not worried:
            found.append(exchange)
    return found


Ask = Callable[[list[Sample]], list[str]]
Check = Callable[[Exchange, str], bool]


def _ask(ask: Ask, exchanges: Sequence[Exchange]) -> list[str]:
    return ask([Sample(e.question, "", True, e.image) for e in exchanges])


def evaluate_text(variant: str, ask: Ask, count: int) -> list[Tally]:
    """Grades, quoted values and empathy of one variant."""
    tallies = []
    for topic in ("bp", "fasting"):
        asked = _text_set((topic,), count, f"held-{topic}")
        texts = _ask(ask, asked)
        checks: dict[str, Check] = {f"{topic} class": _classed, f"{topic} value": _quoted}
        for what, check in checks.items():
            right = sum(check(e, t) for e, t in zip(asked, texts, strict=True))
            tallies.append(Tally(variant, what, right, count))
    asked = _text_set(WORRIED_TOPICS, count, "held-worry", worried=True)
    right = sum(empathic(e.question, t) for e, t in zip(asked, _ask(ask, asked), strict=True))
    return [*tallies, Tally(variant, "empathy", right, count)]


def evaluate_images(variant: str, ask: Ask, count: int) -> list[Tally]:
    """Lab rows and phantom findings of one variant."""
    rng = random.Random("held-images")
    labs = [make_lab(rng, unseen=True) for _ in range(count)]
    pairs = [_rows_right(e, t) for e, t in zip(labs, _ask(ask, labs), strict=True)]
    tallies = [Tally(variant, "lab rows", sum(p[0] for p in pairs), sum(p[1] for p in pairs))]
    scans = [make_cxr(rng, kind=KINDS[i % len(KINDS)]) for i in range(count)]
    right = sum(finding_right(e, t) for e, t in zip(scans, _ask(ask, scans), strict=True))
    return [*tallies, Tally(variant, "phantoms", right, count)]


def evaluate(base: Path, adapters: Path, variants: Sequence[str], count: int = 100) -> list[Tally]:
    """Every promise for the named variants; `adapters` holds v1, v2 and v3."""
    from transformers import AutoTokenizer

    from medeval.demo.generate import answers
    from medeval.demo.tune import load_stack

    tokenizer = AutoTokenizer.from_pretrained(base)
    tallies: list[Tally] = []
    for variant in variants:
        model = load_stack(base, [adapters / name for name in STACKS[variant]]).eval()

        def ask(samples: list[Sample], model=model) -> list[str]:  # type: ignore[no-untyped-def]
            return answers(model, tokenizer, samples)

        tallies += evaluate_text(variant, ask, count)
        tallies += evaluate_images(variant, ask, count)
    return tallies


def table(tallies: Sequence[Tally]) -> str:
    """The tallies as a plain table, one line per promise."""
    variants = list(dict.fromkeys(t.variant for t in tallies))
    whats = list(dict.fromkeys(t.what for t in tallies))
    cells = {(t.variant, t.what): f"{t.share:6.1%} ({t.of})" for t in tallies}
    lines = ["promise       " + "".join(f"{v:>16}" for v in variants)]
    lines += [f"{w:<14}" + "".join(f"{cells.get((v, w), ''):>16}" for v in variants) for w in whats]
    return "\n".join(lines)
