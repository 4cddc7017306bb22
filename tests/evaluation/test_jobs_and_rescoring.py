"""An evaluation as a job folder: it begins, stops, goes on, reports; stored answers can be scored anew."""

import json
import threading
from pathlib import Path

import pytest
from run_samples import ScriptedEngine

from medeval.engines.contract import Decoding
from medeval.engines.recorded import RecordedEngine
from medeval.errors import EngineError, UsageError
from medeval.evaluation.records import Cell, CellKey
from medeval.metrics import composite
from medeval.services import Services
from medeval.services.evaluating import Order, begin, make_room, rescore, work
from medeval.settings import Settings
from medeval.store import Store
from medeval.training.progress import JobFolder

VARIANTS = ("base", "v1")


@pytest.fixture
def settings(tmp_path: Path, home: Path) -> Settings:
    cases = tmp_path / "cases"
    cases.mkdir()
    lines = [f"- {{id: c{i}, suite: [standard], prompt: 我的血压14{i}/90，需要担心吗？}}" for i in range(4)]
    (cases / "a.yaml").write_text("\n".join(lines), "utf-8")
    return Settings(home=home, cases=cases, adapters=tmp_path / "none", engine="recorded")


@pytest.fixture
def answers(tmp_path: Path) -> Path:
    return write(tmp_path / "answers.jsonl", 4)


def write(file: Path, cases: int) -> Path:
    rows = [{"case": f"c{i}", "variant": v, "answer": f"{v}：血压14{i}/90偏高"} for i in range(cases) for v in VARIANTS]
    file.write_text("\n".join(json.dumps(row) for row in rows), "utf-8")
    return file


def job(settings: Settings, answers: Path, **order: object) -> tuple[JobFolder, str]:
    services = Services(settings, RecordedEngine(answers))
    made, run_id = begin(services, Order("standard", VARIANTS, **order), answers)  # type: ignore[arg-type]
    services.close()
    return JobFolder(made.folder), run_id


def kinds(folder: JobFolder) -> list[str]:
    return [event["kind"] for event in folder.events()[0]]


def test_a_job_makes_its_run_and_says_how_far_it_is(settings: Settings, answers: Path) -> None:
    folder, run_id = job(settings, answers, repeats=2, decoding=Decoding(max_tokens=9, temperature=0.5, seed=3))
    work(folder, settings)
    run = Store(settings.home).run(run_id)
    assert (run.status, run.answered, run.spec.decoding.seed, run.spec.repeats) == ("done", 16, 3, 2)
    last = [event for event in folder.events()[0] if event["kind"] == "progress"][-1]
    assert (last["done"], last["total"], last["unit"]) == (16, 16, "answer")
    assert kinds(folder)[-1] == "result"


def test_a_job_that_is_told_to_stop_has_no_result_and_goes_on_later(settings: Settings, answers: Path) -> None:
    folder, run_id = job(settings, answers)
    services = Services(settings, RecordedEngine(answers))
    services.create_run("standard", list(VARIANTS), 1, Decoding(), run_id=run_id)
    cancel = threading.Event()
    services.continue_run(run_id, cancel, lambda progress: cancel.set() if progress.done == 3 else None)
    services.close()
    before = {cell.key for cell in Store(settings.home).cells(run_id)}
    assert len(before) == 3
    work(folder, settings)
    assert before < {cell.key for cell in Store(settings.home).cells(run_id)}
    assert Store(settings.home).run(run_id).answered == 8 and kinds(folder)[-1] == "result"


def test_failed_answers_fail_the_job_and_are_asked_again(settings: Settings, answers: Path) -> None:
    folder, run_id = job(settings, write(answers, 3))
    with pytest.raises(EngineError, match="2 answers failed"):
        work(folder, settings)
    write(answers, 4)
    work(folder, settings)
    cells = {cell.key: cell for cell in Store(settings.home).cells(run_id)}
    assert len(cells) == 8 and cells[CellKey("c3", "v1")].attempts == 2 and cells[CellKey("c0", "v1")].attempts == 1


@pytest.mark.parametrize(
    ("order", "said"),
    [(Order("gone", VARIANTS), "gone"), (Order("standard", ()), "at least one"), (Order("standard", ("v9",)), "v9")],
)
def test_a_wrong_order_is_refused_before_it_is_queued(
    settings: Settings, answers: Path, order: Order, said: str
) -> None:
    services = Services(settings, RecordedEngine(answers))
    with pytest.raises(UsageError, match=said):
        begin(services, order)
    assert services.jobs.list() == []
    services.close()


def test_rescoring_makes_a_new_run_and_leaves_the_old_one(
    settings: Settings, answers: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder, run_id = job(settings, write(answers, 3))
    with pytest.raises(EngineError):
        work(folder, settings)
    store = Store(settings.home)
    old = store.cells(run_id)
    monkeypatch.setattr(composite, "VETO_CAP", 0.1)
    new_id = rescore(store, run_id)
    run, cells = store.run(new_id), store.cells(new_id)
    assert run.spec.rescored_from == run_id and run.answered == 6 and run.failed == 2
    assert [cell.answer.text for cell in cells if cell.answer] == [cell.answer.text for cell in old if cell.answer]
    assert {cell.origin for cell in cells if cell.answer} == {run_id}
    assert store.cells(run_id) == old
    assert rescore(store, new_id) != new_id and {c.origin for c in store.cells(new_id) if c.answer} == {run_id}


def test_an_answer_whose_scoring_failed_is_scored_when_rescored(settings: Settings, answers: Path) -> None:
    folder, run_id = job(settings, answers)
    work(folder, settings)
    store = Store(settings.home)
    broken = store.create_run(store.run(run_id).spec)
    for cell in store.cells(run_id):
        store.sink(broken).save(Cell(cell.case_id, cell.variant, cell.repeat, cell.answer, "评分失败 / scoring failed"))
    assert all(cell.scores and cell.error is None for cell in store.cells(rescore(store, broken)))


@pytest.mark.parametrize(("free", "closed"), [(10**15, False), (0, True)])
def test_the_page_gives_its_model_up_only_where_memory_is_short(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, free: int, closed: bool
) -> None:
    ended: list[bool] = []

    class Counted(ScriptedEngine):
        def close(self) -> None:
            ended.append(True)

    services = Services(settings, Counted())
    services.receipt()
    monkeypatch.setattr("medeval.services.evaluating._free_bytes", lambda: free)
    assert make_room(services) == closed == bool(ended)
    assert services.receipt().engine == "recorded", "it is opened again when needed"
