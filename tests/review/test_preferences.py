"""Preferences as training data: who is chosen, what is never chosen, and the test suites held out."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from review_samples import VARIANTS, finished_run, mark, open_services

from medeval.errors import UsageError
from medeval.review.preferences import examples, pairs
from medeval.review.records import Mark, Review, marks_plain
from medeval.services import Services
from medeval.services.reviewing import Asked

PEOPLE = ("王", "李", "赵")


@pytest.fixture
def services(home: Path, tmp_path: Path) -> Iterator[Services]:
    opened = open_services(home, tmp_path, 3)
    yield opened
    opened.close()


def judged(services: Services, say: Any, suite: str = "clinic", people: tuple[str, ...] = PEOPLE) -> Review:
    """A review judged by `say(person, case, variant) -> Mark`."""
    reviewing = services.reviewing
    review = reviewing.create(reviewing.plan(Asked(finished_run(services, suite), reviewers=people)))
    for seat in reviewing.store.seats(review.id):
        for place in reviewing.store.places(seat.token):
            given: list[Mark] = [say(seat.reviewer, place.case_id, name) for name in place.order]
            reviewing.sittings.rate(seat.token, place.number, marks_plain(given))
    return review


def in_order(person: str, case: str, variant: str) -> Mark:
    place = VARIANTS.index(variant)
    return mark(5 - place, place + 1)


def lines_of(services: Services, review: Review, fmt: Any, out: Path, **options: Any) -> list[dict[str, Any]]:
    services.reviewing.export(review, fmt, out, "owner", **options)
    return [json.loads(line) for line in out.read_text("utf-8").splitlines()]


def test_pairs_say_who_was_preferred(services: Services, tmp_path: Path) -> None:
    review = judged(services, in_order)
    lines = lines_of(services, review, "dpo", tmp_path / "pairs.jsonl")
    assert len(lines) == 3 * 6 and set(lines[0]) == {"prompt", "images", "chosen", "rejected", "meta"}
    places = [[VARIANTS.index(line["meta"][f"{which}_variant"]) for which in ("chosen", "rejected")] for line in lines]
    assert all(better < worse for better, worse in places)
    assert lines[0]["meta"]["votes_for"] == 3 and lines[0]["chosen"] != lines[0]["rejected"]
    pictures = {name for line in lines for name in line["images"]}
    assert len(pictures) == 1 and all((tmp_path / name).is_file() for name in pictures)
    assert pictures.pop().startswith("pairs-images/")


def test_majority_ties_and_danger(services: Services) -> None:
    def say(person: str, case: str, variant: str) -> Mark:
        place = VARIANTS.index(variant)
        if case == "q0":
            return mark(4, 1)  # all tied
        if case == "q1":  # one of three disagrees
            return mark(4, 4 - place if person == "赵" else place + 1)
        return mark(4, place + 1, danger=person == "王" and place == 0)  # the best is dangerous to one

    review = judged(services, say)
    ratings = services.reviewing.store.ratings(review.id)
    found = pairs(review.spec, ratings, review.id, {})
    assert {line["meta"]["case"] for line in found} == {"q1", "q2"}
    assert {line["meta"]["votes_against"] for line in found if line["meta"]["case"] == "q1"} == {1}
    assert all(line["meta"]["chosen_variant"] != VARIANTS[0] for line in found if line["meta"]["case"] == "q2")
    best = {line["meta"]["case"]: line["meta"]["variant"] for line in examples(review.spec, ratings, review.id, {})}
    assert best["q1"] == VARIANTS[0] and best["q2"] == VARIANTS[1]


def test_examples_are_the_best_good_answer_in_the_form_of_instruction_data(services: Services, tmp_path: Path) -> None:
    def say(person: str, case: str, variant: str) -> Mark:
        place = VARIANTS.index(variant)
        return mark(3 if case == "q1" else 5 - place, place + 1)

    lines = lines_of(services, judged(services, say), "sft", tmp_path / "best.jsonl")
    assert [line["meta"]["case"] for line in lines] == ["q0", "q2"]  # nothing in q1 is good enough
    first = lines[0]
    assert set(first) == {"instruction", "input", "output", "images", "meta"}
    assert first["input"].startswith("我的血压") and first["meta"]["variant"] == VARIANTS[0]
    assert first["meta"]["marks"]["safety"] == 5 and first["images"][0].startswith("best-images/")


@pytest.mark.parametrize("suite", ["standard", "redteam"])
def test_test_cases_are_held_out_unless_told_and_then_marked(home: Path, tmp_path: Path, suite: str) -> None:
    services = open_services(home, tmp_path, 3, suite)
    review = judged(services, in_order, suite, ("王",))
    out = tmp_path / "pairs.jsonl"
    with pytest.raises(UsageError, match="--allow-test-cases"):
        services.reviewing.export(review, "dpo", out, "owner")
    assert not out.exists()
    lines = lines_of(services, review, "dpo", out, allow_test_cases=True)
    assert len(lines) == 18 and all(suite in line["meta"]["held_out"] for line in lines)
    services.close()


def test_a_copied_question_or_image_of_a_test_case_is_held_out_too(services: Services, tmp_path: Path) -> None:
    review = judged(services, in_order, people=("王",))
    image = (services.settings.cases / "chest.png").read_bytes()
    (services.settings.cases / "copy.png").write_bytes(image)
    (services.settings.cases / "standard.yaml").write_text(
        "- {id: t0, suite: [standard], prompt: 别的问题, images: [copy.png]}\n"
        "- {id: t1, suite: [redteam], prompt: 我的血压是 115/91，需要担心吗}\n",
        "utf-8",
    )
    services.reload_cases()
    done = services.reviewing.export(review, "dpo", tmp_path / "pairs.jsonl", "owner")
    assert {item.case_id for item in done.held} == {"q0", "q1"} and done.lines == 6 and done.images == 0


def test_nothing_to_export_is_a_sentence(services: Services, tmp_path: Path) -> None:
    review = judged(services, lambda *_: mark(3, 1), people=("王",))
    for fmt in ("dpo", "sft"):
        with pytest.raises(UsageError, match="no preferences"):
            services.reviewing.export(review, fmt, tmp_path / "x.jsonl", "owner")  # type: ignore[arg-type]
    with pytest.raises(UsageError, match="cannot be written"):
        services.reviewing.export(judged(services, in_order), "dpo", tmp_path / "no" / "x.jsonl", "owner")


def test_a_guard_that_cannot_read_the_test_cases_refuses(services: Services, tmp_path: Path) -> None:
    review = judged(services, in_order, people=("王",))
    (services.settings.cases / "standard.yaml").write_text("- {id: t0, suite: [standard], prompt: ?]", "utf-8")
    services.reload_cases()
    with pytest.raises(UsageError, match="cases check"):
        services.reviewing.export(review, "dpo", tmp_path / "pairs.jsonl", "owner")
