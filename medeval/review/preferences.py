"""Preferences as training data: DPO pairs and best answers (SFT), with the test suites held out.

Reviewers vote by their rankings; an answer that anybody called dangerous is never held up as an example.
"""

import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from typing import Any

from medeval.cases.schema import Case
from medeval.review.records import DIMENSIONS, Rating, ReviewItem, ReviewSpec

TEST_SUITES = ("standard", "redteam")
"""Suites on which variants are compared: training on them would make every later comparison worthless."""
GOOD = 4.0
"""Mean correctness and safety (of 5) that an answer needs to be an example."""
_THINKS = "你是一个医学专家，你需要根据用户的问题，给出带有思考的回答。"
_PLAIN = "你是一个医学专家，你需要根据用户的问题，给出专业、安全的回答。"
_ENGLISH = "You are a medical expert; answer the user's question professionally and safely."


@dataclass(frozen=True)
class Held:
    """A case kept out of training data, and why."""

    case_id: str
    why: str


def held_out(items: Iterable[ReviewItem], tests: Iterable[Case]) -> dict[str, Held]:
    """Cases of a review that belong to a test suite: by their tags, by their question, or by an image.

    Args:
        items: of the review.
        tests: the cases of the test folder.
    """
    tested = [case for case in tests if set(case.suite) & set(TEST_SUITES)]
    ids = {case.id for case in tested}
    prompts = {_plain(case.prompt): case.id for case in tested}
    found: dict[str, Held] = {}
    for item in items:
        tags = [tag for tag in item.case.suite if tag in TEST_SUITES]
        twin = prompts.get(_plain(item.case.prompt))
        if tags:
            found[item.case.id] = Held(item.case.id, f"属于测试集 {tags[0]} / belongs to the test suite {tags[0]}")
        elif item.case.id in ids:
            found[item.case.id] = Held(item.case.id, "编号与测试病例相同 / has the id of a test case")
        elif twin is not None and not item.images:
            found[item.case.id] = Held(item.case.id, f"问题与测试病例 {twin} 相同 / asks what test case {twin} asks")
    return found


def same_images(items: Iterable[ReviewItem], tested: Iterable[str]) -> dict[str, Held]:
    """Cases of a review with an image of a test case; `tested` are names of cleaned images (`<sha256>.png`)."""
    known = set(tested)
    why = "图像与测试病例相同 / shows an image of a test case"
    return {item.case.id: Held(item.case.id, why) for item in items if known & set(item.images)}


def _plain(text: str) -> str:
    return re.sub(r"[\W_]+", "", text).casefold()


def pairs(spec: ReviewSpec, ratings: Sequence[Rating], review_id: str, held: dict[str, Held]) -> list[dict[str, Any]]:
    """DPO pairs: one per two answers of a case of which more reviewers placed one before the other.

    Ties, even votes, equal texts, and a chosen answer that anybody called dangerous give no pair. `held` cases are
    marked in `meta`; leaving them out is the caller's business.
    """
    found = []
    for item in spec.items:
        here = [rating for rating in ratings if rating.case_id == item.case.id and rating.round == 0]
        for a, b in combinations(item.variants, 2):
            votes = [(rating.marks[a], rating.marks[b]) for rating in here if a in rating.marks and b in rating.marks]
            for_a = sum(x.rank < y.rank for x, y in votes)
            for_b = sum(y.rank < x.rank for x, y in votes)
            if for_a == for_b:
                continue
            chosen, rejected = (a, b) if for_a > for_b else (b, a)
            if _text(item, chosen) == _text(item, rejected) or _dangerous(here, chosen):
                continue
            meta = {
                **_meta(item, review_id, held), "chosen_variant": chosen, "rejected_variant": rejected,
                "votes_for": max(for_a, for_b), "votes_against": min(for_a, for_b),
                "votes_tied": len(votes) - for_a - for_b, "rejected_dangerous": _dangerous(here, rejected),
            }  # fmt: skip
            found.append({
                "prompt": item.case.prompt, **_history(item), "images": list(item.images),
                "chosen": _text(item, chosen), "rejected": _text(item, rejected), "meta": meta,
            })  # fmt: skip
    return found


def examples(
    spec: ReviewSpec, ratings: Sequence[Rating], review_id: str, held: dict[str, Held], good: float = GOOD
) -> list[dict[str, Any]]:
    """SFT examples: the best answer of each case, where clinicians found it correct and safe enough.

    Args:
        spec: the review.
        ratings: as they stand; repeated cases do not count.
        review_id: for `meta`.
        held: cases of test suites, marked in `meta`.
        good: mean correctness and mean safety needed, of 5.
    """
    found = []
    for item in spec.items:
        here = [rating for rating in ratings if rating.case_id == item.case.id and rating.round == 0]
        able = [name for name in item.variants if _good(here, name, good)]
        if not able:
            continue
        best = min(able, key=lambda name: (_mean(here, name, "rank"), -_level(here, name)))
        text = _text(item, best)
        marks = {name: round(_mean(here, best, name), 2) for name in (*DIMENSIONS, "rank")}
        meta = {**_meta(item, review_id, held), "variant": best, "reviewers": len(here), "marks": marks}
        found.append({
            "instruction": _instruction(item.case, text), "input": item.case.prompt, "output": text,
            **_history(item), "images": list(item.images), "meta": meta,
        })  # fmt: skip
    return found


def _instruction(case: Case, text: str) -> str:
    if case.language == "en":
        return _ENGLISH
    return _THINKS if "</think>" in text else _PLAIN


def _history(item: ReviewItem) -> dict[str, Any]:
    turns = [turn.model_dump() for turn in item.case.history]
    return {"history": turns} if turns else {}


def _meta(item: ReviewItem, review_id: str, held: dict[str, Held]) -> dict[str, Any]:
    marked = {"held_out": held[item.case.id].why} if item.case.id in held else {}
    return {"source": f"medeval-review:{review_id}", "case": item.case.id, "language": item.case.language, **marked}


def _text(item: ReviewItem, variant: str) -> str:
    answer = item.cell(variant).answer
    return "" if answer is None else answer.text


def _dangerous(ratings: Sequence[Rating], variant: str) -> bool:
    return any(rating.marks[variant].danger for rating in ratings if variant in rating.marks)


def _mean(ratings: Sequence[Rating], variant: str, what: str) -> float:
    given = [float(getattr(rating.marks[variant], what)) for rating in ratings if variant in rating.marks]
    return sum(given) / len(given)


def _level(ratings: Sequence[Rating], variant: str) -> float:
    return sum(_mean(ratings, variant, name) for name in DIMENSIONS)


def _good(ratings: Sequence[Rating], variant: str, good: float) -> bool:
    if not any(variant in rating.marks for rating in ratings) or _dangerous(ratings, variant):
        return False
    return _mean(ratings, variant, "correctness") >= good and _mean(ratings, variant, "safety") >= good
