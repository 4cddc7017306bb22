"""Making a review, sitting in it, its history: through the services and a real store, with recorded answers."""

import json
import sqlite3
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from review_samples import VARIANTS, finished_run, mark, open_services

from medeval.adapters.variant import Adapter, Variant
from medeval.cases.schema import Title
from medeval.errors import StoreError, UsageError
from medeval.review.records import Review, marks_from, marks_plain, spec_from, spec_plain
from medeval.services import Services
from medeval.services.reviewing import Asked
from medeval.settings import Settings


@pytest.fixture
def services(home: Path, tmp_path: Path) -> Iterator[Services]:
    opened = open_services(home, tmp_path, 4)
    yield opened
    opened.close()


def make(services: Services, **asked: Any) -> Review:
    reviewing = services.reviewing
    return reviewing.create(reviewing.plan(Asked(finished_run(services), **asked)))


def marks(first: int = 1) -> list[dict[str, Any]]:
    """Marks as a page sends them; the column numbered `first` is placed first."""
    return marks_plain([mark(4, 1 if column + 1 == first else 2) for column in range(4)])


def judge_all(services: Services, token: str) -> None:
    for number in range(services.reviewing.sittings.stop(token).case.total):
        services.reviewing.sittings.rate(token, number, marks())


def test_a_stop_tells_nothing_of_who_answered(services: Services) -> None:
    review = make(services, reviewers=("王",), title="clinic")
    (seat,) = services.reviewing.store.seats(review.id)
    for number in range(4):
        stop = services.reviewing.sittings.stop(seat.token)
        assert stop.case.number == number and len(stop.case.answers) == 4
        assert not any(name in repr(stop) for name in VARIANTS)
        services.reviewing.sittings.rate(seat.token, number, marks())


def test_the_order_is_stored_before_anything_is_shown_and_is_what_is_shown(services: Services) -> None:
    review = make(services, reviewers=("王",))
    (seat,) = services.reviewing.store.seats(review.id)
    place = services.reviewing.store.places(seat.token)[0]
    shown = services.reviewing.sittings.stop(seat.token).case
    cells = [review.spec.item(place.case_id).cell(name).answer for name in place.order]
    assert [answer.text for answer in shown.answers] == [cell.text for cell in cells if cell]
    with sqlite3.connect(services.settings.home / "medeval.sqlite") as raw:
        slots = raw.execute("SELECT count(*) FROM review_slots").fetchone()[0]
    raw.close()
    assert slots == 4


def test_names_come_after_the_last_case_only_and_lock_the_ratings(services: Services) -> None:
    review = make(services, reviewers=("王",))
    (seat,) = services.reviewing.store.seats(review.id)
    sittings = services.reviewing.sittings
    for call in (sittings.finish, sittings.revealed):
        with pytest.raises(UsageError, match="last"):
            call(seat.token)
    judge_all(services, seat.token)
    with pytest.raises(UsageError, match="last"):
        sittings.revealed(seat.token)
    sittings.finish(seat.token)
    names = sittings.revealed(seat.token)
    assert {name for stop in names for name in stop.variants} == set(VARIANTS)
    for change in (lambda: sittings.rate(seat.token, 0, marks(2)), lambda: sittings.take_back(seat.token, 0, "")):
        with pytest.raises(StoreError, match="revealed"):
            change()
    assert [kind for _, kind, _, _ in services.reviewing.store.events(review.id)] == ["made", "finished"]


def test_cases_are_judged_in_order_and_whole(services: Services) -> None:
    review = make(services, reviewers=("王",))
    (seat,) = services.reviewing.store.seats(review.id)
    sittings = services.reviewing.sittings
    with pytest.raises(UsageError, match="earlier"):
        sittings.stop(seat.token, 2)
    with pytest.raises(UsageError, match="earlier"):
        sittings.rate(seat.token, 1, marks())
    bad: list[Any] = [marks()[:3], [{**marks()[0], "safety": 6}, *marks()[1:]], [{"safety": 3}] * 4, "no", None,
                      [{**marks()[0], "rank": 0}, *marks()[1:]]]  # fmt: skip
    for wrong in bad:
        with pytest.raises(UsageError):
            sittings.rate(seat.token, 0, wrong)
    assert services.reviewing.store.rated(seat.token) == {}


def test_undo_keeps_the_history_with_author_time_and_reason(services: Services) -> None:
    review = make(services, reviewers=("王",))
    (seat,) = services.reviewing.store.seats(review.id)
    sittings, store = services.reviewing.sittings, services.reviewing.store
    sittings.rate(seat.token, 0, marks(1), account="ward3")
    sittings.rate(seat.token, 0, marks(1))  # the page asked twice after a lost reply
    sittings.take_back(seat.token, 0, "看错了列")
    stop = sittings.stop(seat.token)
    assert stop.case.number == 0 and stop.marks is None and json.loads(stop.draft or "") == marks(1)
    sittings.rate(seat.token, 0, marks(3), "看错了列")
    history = store.history(seat.token)
    assert [(item.kind, item.reason) for item in history] == [
        ("rating", ""), ("withdrawn", "看错了列"), ("rating", "看错了列")
    ]  # fmt: skip
    assert history[0].author == "王 (ward3)" and all(item.saved for item in history)
    assert store.rated(seat.token)[0][2].rank == 1
    with pytest.raises(UsageError, match="nothing is saved"):
        sittings.take_back(seat.token, 1, "")


@pytest.mark.parametrize("table", ["review_ratings", "review_events", "review_slots"])
@pytest.mark.parametrize("change", ["DELETE FROM {}", "UPDATE {} SET rowid = rowid"])
def test_records_cannot_be_changed_even_by_hand(services: Services, table: str, change: str) -> None:
    review = make(services, reviewers=("王",))
    services.reviewing.sittings.rate(services.reviewing.store.seats(review.id)[0].token, 0, marks())
    raw = sqlite3.connect(services.settings.home / "medeval.sqlite")
    with pytest.raises(sqlite3.IntegrityError, match="append-only"):
        raw.execute(change.format(table))
    raw.close()


def test_drafts_survive_and_go_when_saved(services: Services) -> None:
    review = make(services, reviewers=("王",))
    (seat,) = services.reviewing.store.seats(review.id)
    sittings = services.reviewing.sittings
    for body in ('[{"safety": 3}]', '[{"safety": 4}]'):
        sittings.keep_draft(seat.token, 0, body)
    assert sittings.stop(seat.token).draft == '[{"safety": 4}]'
    sittings.rate(seat.token, 0, marks())
    assert sittings.stop(seat.token, 0).draft is None


def test_an_open_review_finds_the_same_seat_under_the_same_name(services: Services) -> None:
    review = make(services)
    sittings = services.reviewing.sittings
    mine, again = sittings.join(review.join, " 王  医生 "), sittings.join(review.join, "王 医生")
    other = sittings.join(review.join, "李医生")
    assert mine == again and other.token != mine.token and mine.reviewer == "王 医生"
    for name in ("", "  ", "\u200b", "x" * 61):
        with pytest.raises(UsageError):
            sittings.join(review.join, name)
    for token in ("", "nope", review.id, make(services, reviewers=("A",)).join):
        with pytest.raises(UsageError, match="link"):
            sittings.join(token, "王")
    with pytest.raises(UsageError, match="link"):
        sittings.seat("nope")


def test_names_are_kept_in_both_languages(services: Services, monkeypatch: pytest.MonkeyPatch) -> None:
    run_id, where = finished_run(services), services.settings
    titled = Adapter(VARIANTS[1], where.adapters, {"zh": "V3 精准且温暖", "en": "V3 precise and warm"})
    known = {VARIANTS[1]: Variant(VARIANTS[1], (titled,)), "base": Variant("base")}
    monkeypatch.setattr(Services, "variants", lambda self: known)
    other = Services(Settings(home=where.home, cases=where.cases, adapters=where.adapters, engine="torch"))
    review = other.reviewing.create(other.reviewing.plan(Asked(run_id, reviewers=("王",))))
    (seat,) = other.reviewing.store.seats(review.id)
    judge_all(other, seat.token)
    other.reviewing.sittings.finish(seat.token)
    stop = other.reviewing.sittings.revealed(seat.token)[0]
    names = dict(zip(stop.variants, stop.names, strict=True))
    assert names[VARIANTS[1]] == Title(zh="V3 精准且温暖", en="V3 precise and warm")
    assert names[VARIANTS[0]].text("en") == VARIANTS[0]  # removed since the run
    other.close()
    # a review of an earlier release has one text for both
    old = spec_from({**spec_plain(review.spec), "titles": {VARIANTS[1]: "V3 精准且温暖"}})
    assert old.titles[VARIANTS[1]].text("en") == old.titles[VARIANTS[1]].text("zh") == "V3 精准且温暖"


@pytest.mark.parametrize(("lang", "said"), [("zh", "丙 safety 还没有评"), ("en", "C safety: the mark")])
def test_a_missing_mark_names_its_column_in_both_languages(lang: str, said: str) -> None:
    wrong = [marks()[0], marks()[1], {**marks()[2], "safety": 9}, marks()[3]]
    with pytest.raises(UsageError) as refused:
        marks_from(wrong, 4)
    assert said in str(refused.value).split(" / ")[0 if lang == "zh" else 1]


def test_self_naming_answers_stop_the_making(home: Path, tmp_path: Path) -> None:
    services = open_services(
        home, tmp_path, 4, says=lambda i, place: "我是通义千问。" if (i, place) == (2, 1) else f"多测几次{i}{place}。"
    )
    reviewing = services.reviewing
    plan = reviewing.plan(Asked(finished_run(services)))
    assert [(item.case_id, item.variant) for item in plan.named][:1] == [("q2", VARIANTS[1])]
    with pytest.raises(UsageError, match="q2"):
        reviewing.create(plan)
    left = reviewing.create(plan, "leave_out")
    assert [item.case.id for item in left.spec.items] == ["q0", "q1", "q3"] and "q2" in left.spec.notes[0]
    assert len(reviewing.create(plan, "keep").spec.items) == 4
    assert "q2" in reviewing.store.events(left.id)[0][3]
    services.close()


def test_a_case_that_a_variant_did_not_answer_is_left_out(home: Path, tmp_path: Path) -> None:
    services = open_services(home, tmp_path, 4, says=lambda i, place: "" if (i, place) == (1, 3) else f"答{i}{place}")
    run_id = finished_run(services)
    plan = services.reviewing.plan(Asked(run_id))
    assert plan.left_out == ("q1",) and len(plan.spec.items) == 3
    assert len(services.reviewing.plan(Asked(run_id, variants=VARIANTS[:2])).spec.items) == 4
    with pytest.raises(UsageError, match="nobody"):
        services.reviewing.plan(Asked(run_id, variants=("nobody",)))
    services.close()


def test_an_unfinished_run_and_a_changed_image_are_refused(services: Services) -> None:
    from medeval.engines.contract import Decoding

    begun = services.create_run("clinic", ["all"], 1, Decoding())
    with pytest.raises(UsageError, match="not finished"):
        services.reviewing.plan(Asked(begun))
    run_id = finished_run(services)
    (services.settings.cases / "chest.png").write_bytes(b"other")
    with pytest.raises(UsageError, match="changed"):
        services.reviewing.plan(Asked(run_id))


def test_a_review_outlives_its_run(services: Services) -> None:
    review = make(services, reviewers=("王",))
    services.store.delete_run(review.spec.run_id)
    again = open_services(services.settings.home, services.settings.cases.parent)
    (seat,) = again.reviewing.store.seats(review.id)
    assert again.reviewing.sittings.stop(seat.token).case.total == 4
    assert again.reviewing.store.get(review.id).spec == review.spec
    again.close()


def test_the_summary_has_everything_and_looking_is_recorded(services: Services) -> None:
    review = make(services, reviewers=("王", "李"), repeated=2)
    with pytest.raises(UsageError, match="nothing has been judged"):
        services.reviewing.summary(review, "owner")
    for seat in services.reviewing.store.seats(review.id):
        for place in services.reviewing.store.places(seat.token):
            given = [mark(5 - VARIANTS.index(name), VARIANTS.index(name) + 1, danger=name == VARIANTS[3])
                     for name in place.order]  # fmt: skip
            services.reviewing.sittings.rate(seat.token, place.number, marks_plain(given))
    before = {cell.key: cell.scores for cell in services.store.cells(review.spec.run_id)}
    found = services.reviewing.summary(services.reviewing.find(review.spec.run_id), "owner")
    assert [row.variant for row in found.ranking] == list(VARIANTS)
    assert (found.cases, found.ratings) == (4, 12) and set(found.within) == {"王", "李"}
    assert [item.dangers for item in found.variants] == [0, 0, 0, 8]
    first = found.variants[0].means["safety"]
    assert first is not None and (first.mean, first.n) == (5.0, 4)
    assert {item.alpha for item in found.between if item.scale in ("safety", "danger", "rank")} == {1.0}
    assert {item.kind for item in found.disagreements} >= {"danger_missed"}
    assert {item.against for item in found.rules} == {"correctness", "safety", "completeness", "empathy", "preference"}
    assert services.reviewing.store.events(review.id)[-1][1] == "unblinded"
    assert {cell.key: cell.scores for cell in services.store.cells(review.spec.run_id)} == before


def test_a_batch_of_images_becomes_a_run(services: Services, tmp_path: Path) -> None:
    from PIL import Image

    from medeval.engines.contract import Decoding
    from medeval.review.adhoc import image_files

    folder = tmp_path / "scans"
    folder.mkdir()
    for i in range(2):
        Image.new("L", (40, 40), 80 * i).save(folder / f"张三-{i}.png")
    Image.new("L", (40, 40), 80).save(folder / "again.png")
    (folder / "notes.png").write_text("no image")
    files = image_files(folder)
    run_id, problems = services.reviewing.images_run(files, "请看这张胸片。", [], Decoding())
    spec = services.store.run(run_id).spec
    assert len(spec.cases) == 2 and spec.suite == "images" and spec.variants == VARIANTS
    assert len(problems) == 1 and "notes.png" in problems[0]
    assert "张三" not in repr(spec)
    for wrong, said in ((tmp_path / "none", "no such folder"), (tmp_path / "adapters2", "no images")):
        if said == "no images":
            wrong.mkdir()
        with pytest.raises(UsageError, match=said):
            image_files(wrong)
    with pytest.raises(UsageError, match="question"):
        services.reviewing.images_run(files, " ", [], Decoding())


def test_two_people_at_once_lose_nothing(services: Services) -> None:
    from concurrent.futures import ThreadPoolExecutor

    review = make(services, reviewers=tuple(f"r{i}" for i in range(6)))
    seats = services.reviewing.store.seats(review.id)
    with ThreadPoolExecutor(6) as pool:
        list(pool.map(lambda seat: judge_all(services, seat.token), seats))
    assert [item.done for item in services.reviewing.progress(review)] == [4] * 6
    assert len(services.reviewing.store.ratings(review.id)) == 24


def test_a_spec_survives_the_store(services: Services) -> None:
    review = make(services, reviewers=("王",))
    fresh = type(services.reviewing.store)(services.store)
    assert replace(fresh.get(review.id), join="") == replace(review, join="")
    with pytest.raises(StoreError, match=review.id):
        fresh.get("nope")
