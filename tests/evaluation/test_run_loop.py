"""The loop: asks each missing cell once, saves at once, and never takes a cut-off answer for a finished one."""

import threading
from collections.abc import Iterator, Sequence
from pathlib import Path

import pytest
from run_samples import ScriptedEngine, make_cases

from medeval.cases.schema import Case
from medeval.engines.contract import Decoding, Done, Event, Request
from medeval.errors import EngineError, UsageError
from medeval.evaluation import run as run_module
from medeval.evaluation.run import Cell, CellKey, Progress, run_suite


class Kept:
    """A Sink in memory with the rules of the real one."""

    def __init__(self) -> None:
        self.cells: dict[CellKey, Cell] = {}
        self.saves: list[CellKey] = []

    def done(self) -> set[CellKey]:
        return {key for key, cell in self.cells.items() if cell.answer is not None}

    def save(self, cell: Cell) -> None:
        self.saves.append(cell.key)
        if cell.key not in self.done():
            self.cells[cell.key] = cell


def go(engine: ScriptedEngine, kept: Kept, cases: Sequence[Case] | None = None, **changes: object) -> list[Progress]:
    seen: list[Progress] = []
    given = {"variants": ["base", "v1"], "repeats": 1, "decoding": Decoding(), "cancel": threading.Event(), **changes}
    run_suite(engine, make_cases(3) if cases is None else cases, sink=kept, on_progress=seen.append, **given)  # type: ignore[arg-type]
    return seen


def test_every_cell_is_asked_once_and_scored() -> None:
    engine, kept = ScriptedEngine(), Kept()
    seen = go(engine, kept)
    assert sorted(kept.saves) == sorted(CellKey(f"c{i}", name, 0) for i in range(3) for name in ("base", "v1"))
    assert all(cell.scores and cell.profiles for cell in kept.cells.values())
    assert [(item.done, item.total) for item in seen] == [(i, 6) for i in range(7)]
    assert seen[0].eta is None and seen[-1].eta == 0


def test_the_whole_chunk_reaches_the_engine_at_once_and_chunks_are_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(run_module, "CHUNK_CASES", 2)
    engine = ScriptedEngine()
    go(engine, Kept(), make_cases(5))
    assert engine.batches == [4, 4, 2]


def test_a_second_call_asks_nothing() -> None:
    kept = Kept()
    go(ScriptedEngine(), kept)
    again = ScriptedEngine()
    go(again, kept)
    assert again.asked == [] and again.batches == []


def test_failures_are_errors_and_only_they_are_asked_again() -> None:
    kept = Kept()
    seen = go(ScriptedEngine(lambda r: None if r.case_id == "c1" else "好"), kept)
    assert seen[-1].failed == 2
    assert kept.cells[CellKey("c1", "v1", 0)].answer is None
    assert kept.cells[CellKey("c1", "v1", 0)].error == "坏了 / broken"
    again = ScriptedEngine()
    go(again, kept)
    assert [(r.case_id, r.variant) for r in again.asked] == [("c1", "base"), ("c1", "v1")]
    assert all(cell.answer for cell in kept.cells.values())


@pytest.mark.parametrize(("temperature", "seeds"), [(0.0, [7, 7, 7]), (0.8, [7, 8, 9])])
def test_repeats_change_the_seed_only_when_sampling(temperature: float, seeds: list[int]) -> None:
    engine = ScriptedEngine()
    go(engine, Kept(), make_cases(1), repeats=3, decoding=Decoding(temperature=temperature, seed=7), variants=["base"])
    assert [r.decoding.seed for r in engine.asked] == seeds


def test_cancel_saves_no_cut_off_answer_and_the_rest_can_be_asked_later() -> None:
    cancel, kept = threading.Event(), Kept()

    def stop_after_two(request: Request) -> str:
        if request.case_id == "c1":
            cancel.set()
        return "好"

    go(ScriptedEngine(stop_after_two), kept, cancel=cancel)
    assert sorted(kept.cells) == [CellKey("c0", "base"), CellKey("c0", "v1"), CellKey("c1", "base")]
    rest = ScriptedEngine()
    go(rest, kept)
    assert len(rest.asked) == 3


class Silent(ScriptedEngine):
    """An engine that forgets one request and answers one that nobody asked."""

    def generate(self, requests: Sequence[Request], cancel: threading.Event) -> Iterator[Event]:
        for event in super().generate(requests, cancel):
            if isinstance(event, Done) and event.request_id.startswith("c1/base"):
                yield Done("stranger", event.answer)
                continue
            yield event


def test_an_engine_that_forgets_a_request_leaves_an_error() -> None:
    kept = Kept()
    go(Silent(), kept)
    forgotten = kept.cells[CellKey("c1", "base", 0)]
    assert forgotten.answer is None and "without an answer" in (forgotten.error or "")
    assert len(kept.cells) == 6


def test_an_engine_that_breaks_keeps_what_was_finished() -> None:
    def break_down(request: Request) -> str:
        if request.case_id == "c2":
            raise EngineError("out of memory")
        return "好"

    kept = Kept()
    with pytest.raises(EngineError, match="out of memory"):
        go(ScriptedEngine(break_down), kept)
    assert len(kept.cells) == 4


def test_a_defect_in_a_metric_does_not_cost_the_answer(monkeypatch: pytest.MonkeyPatch) -> None:
    def crash(case: Case, text: str) -> None:
        raise ZeroDivisionError("defect")

    monkeypatch.setattr(run_module, "score_answer", crash)
    kept = Kept()
    go(ScriptedEngine(), kept)
    cell = kept.cells[CellKey("c0", "base", 0)]
    assert cell.answer and cell.scores == {} and "ZeroDivisionError" in (cell.error or "")
    assert len(kept.done()) == 6


def test_half_characters_are_replaced_one_for_one() -> None:
    kept = Kept()
    go(ScriptedEngine(lambda r: "血\ud800压"), kept, make_cases(1), variants=["base"])
    answer = kept.cells[CellKey("c0", "base", 0)].answer
    assert answer is not None and answer.text == "血\ufffd压"


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        pytest.param({"cases": []}, "no cases", id="no-cases"),
        pytest.param({"variants": []}, "no cases or no variants", id="no-variants"),
        pytest.param({"repeats": 0}, "at least 1", id="no-repeats"),
        pytest.param({"variants": ["base", "base"]}, "base", id="variant-twice"),
        pytest.param({"cases": [*make_cases(2), *make_cases(1)]}, "c0", id="case-twice"),
    ],
)
def test_wrong_use_is_refused_before_anything_is_asked(changes: dict[str, object], said: str, tmp_path: Path) -> None:
    engine = ScriptedEngine()
    with pytest.raises(UsageError, match=said):
        go(engine, Kept(), **changes)  # type: ignore[arg-type]
    assert engine.asked == []
