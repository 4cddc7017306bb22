"""What counts as the same question, and that nothing else is ever taken over."""

import threading
from dataclasses import replace
from pathlib import Path

import pytest
from run_samples import RECEIPT, ScriptedEngine, make_cases

from medeval.cases.schema import Case, Turn
from medeval.engines.contract import Answer, Decoding, Loaded, Receipt
from medeval.evaluation.records import Cell, CellKey, RunCase, RunRecord, RunSpec
from medeval.evaluation.reuse import answer_keys, earlier_answers
from medeval.evaluation.run import run_suite
from medeval.evaluation.tables import run_tables
from medeval.evaluation.wording import history
from medeval.services.evaluating import reuse_of
from medeval.store import Store

STACKS = (
    Loaded("base", "base", 0, 0),
    Loaded("v2", "batched", 4, 4, sha256="two", stack_sha256=("two",)),
    Loaded("v3", "batched", 4, 4, sha256="three", stack_sha256=("two", "three")),
)
HERE: Receipt = replace(RECEIPT, engine="torch", variants=STACKS, template_sha256="t")
CASE = Case(id="x", prompt="看图", images=[Path("/somewhere/a.png")])


def spec(
    case: Case = CASE, images: tuple[str, ...] = ("sha256:1",), receipt: Receipt = HERE, **more: object
) -> RunSpec:
    return RunSpec("s", (RunCase(case, images),), ("base", "v2", "v3"), receipt, **more)  # type: ignore[arg-type]


def changed(name: str, *stack: str) -> Receipt:
    return replace(HERE, variants=tuple(replace(v, stack_sha256=stack) if v.variant == name else v for v in STACKS))


def key(variant: str, repeat: int = 0) -> CellKey:
    return CellKey("x", variant, repeat)


@pytest.mark.parametrize(
    ("other", "same"),
    [
        pytest.param(spec(), {"base", "v2", "v3"}, id="nothing"),
        pytest.param(spec(CASE.model_copy(update={"title": {"zh": "x"}, "suite": ["y"], "source": "z"})),
                     {"base", "v2", "v3"}, id="names-only"),
        pytest.param(spec(CASE.model_copy(update={"images": [Path("/elsewhere/b.png")]})),
                     {"base", "v2", "v3"}, id="image-moved"),
        pytest.param(spec(CASE.model_copy(update={"facts": {"age": "45 year"}})), {"base", "v2", "v3"}, id="facts"),
        pytest.param(spec(CASE.model_copy(update={"prompt": "看图。"})), set(), id="prompt"),
        pytest.param(spec(CASE.model_copy(update={"history": [Turn(role="user", text="嗨")]})), set(), id="history"),
        pytest.param(spec(images=("sha256:2",)), set(), id="image-content"),
        pytest.param(spec(receipt=replace(HERE, base_fingerprint="sha256:other")), set(), id="base"),
        pytest.param(spec(receipt=replace(HERE, template_sha256="u")), set(), id="template"),
        pytest.param(spec(receipt=replace(HERE, dtype="bfloat16")), set(), id="precision"),
        pytest.param(spec(receipt=replace(HERE, device="cuda")), set(), id="device"),
        pytest.param(spec(decoding=Decoding(max_tokens=9)), set(), id="decoding"),
        pytest.param(spec(decoding=Decoding(seed=1)), set(), id="seed"),
        pytest.param(spec(receipt=changed("v3", "two", "other")), {"base", "v2"}, id="last-adapter"),
        pytest.param(spec(receipt=changed("v3", "other", "three")), {"base", "v2"}, id="adapter-below"),
        pytest.param(spec(receipt=changed("v2")), {"base", "v3"}, id="unknown-weights"),
    ],
)  # fmt: skip
def test_what_makes_an_answer_the_same(other: RunSpec, same: set[str]) -> None:
    mine, theirs = answer_keys(spec()), answer_keys(other)
    assert {k.variant for k in mine if mine[k] == theirs.get(k)} == same


def test_repeats_are_told_apart() -> None:
    found = answer_keys(spec(repeats=3))
    assert len(set(found.values())) == len(found) == 9


def test_answers_made_elsewhere_have_no_key() -> None:
    assert answer_keys(spec(receipt=replace(HERE, base_fingerprint=""))) == {}


def record(run_id: str, answered: int = 3, **more: object) -> RunRecord:
    return RunRecord(run_id, spec(**more), "2026-11-22T22:15:00+00:00", None, "done", answered)  # type: ignore[arg-type]


def test_places_come_newest_first_and_never_from_the_run_itself() -> None:
    runs = [record("me"), record("new"), record("empty", answered=0), record("old")]
    found = earlier_answers(spec(), runs, "me")
    assert found[key("v3")] == [("new", key("v3")), ("old", key("v3"))]


def test_a_renamed_variant_or_case_is_found_by_its_content() -> None:
    renamed = replace(HERE, variants=(*STACKS[:2], replace(STACKS[2], variant="ckpt-400")))
    other = RunSpec("s", (RunCase(CASE.model_copy(update={"id": "y"}), ("sha256:1",)),), ("ckpt-400",), renamed)
    run = RunRecord("r", other, "2026-11-22T22:15:00+00:00", None, "done", 1)
    assert earlier_answers(spec(), [run]) == {key("v3"): [("r", CellKey("y", "ckpt-400", 0))]}


class Kept:
    def __init__(self) -> None:
        self.cells: dict[CellKey, Cell] = {}

    def done(self) -> set[CellKey]:
        return set(self.cells)

    def save(self, cell: Cell) -> None:
        assert cell.key not in self.cells
        self.cells[cell.key] = cell


def test_the_loop_asks_only_what_cannot_be_taken_over() -> None:
    engine, kept = ScriptedEngine(), Kept()
    etas: list[float | None] = []

    def reuse(cell: CellKey) -> Answer | None:
        return Answer("old name", "旧回答", 3, 0.1, "stop", origin="r1") if cell.variant == "v1" else None

    run_suite(
        engine, make_cases(2), ["base", "v1"], 1, Decoding(), kept, threading.Event(),
        lambda progress: etas.append(progress.eta), reuse,
    )  # fmt: skip
    assert [request.variant for request in engine.asked] == ["base", "base"]
    assert {k.variant: c.origin for k, c in kept.cells.items()} == {"base": "", "v1": "r1"}
    taken = kept.cells[CellKey("c0", "v1")]
    assert taken.answer is not None and taken.answer.variant == "v1" and taken.scores, "scored by the rules of now"


@pytest.mark.parametrize(
    ("temperature", "reuse", "asked"),
    [(0.0, True, 1), (0.0, False, 3), (0.7, True, 3)],
)
def test_a_greedy_repeat_is_asked_once(home: Path, temperature: float, reuse: bool, asked: int) -> None:
    store, engine = Store(home), ScriptedEngine(lambda request: f"{request.variant} {request.id}")
    decoding = Decoding(temperature=temperature)
    mine = spec(Case(id="x", prompt="血压高吗？"), (), repeats=3, decoding=decoding, reuse=reuse)
    run_id = store.create_run(mine)
    with store.sink(run_id) as sink:
        run_suite(engine, [mine.cases[0].case], mine.variants, 3, mine.decoding, sink, threading.Event(),
                  reuse=reuse_of(store, store.run(run_id)))  # fmt: skip
    cells = store.cells(run_id)
    assert len(engine.asked) == 3 * asked and len(cells) == 9
    first = {cell.variant: cell.answer.text for cell in cells if cell.answer and cell.repeat == 0}
    for cell in cells:
        assert cell.answer is not None and cell.scores
        same = asked == 1 and cell.repeat > 0
        assert cell.origin == (run_id if same else "")
        assert (cell.answer.text == first[cell.variant]) == (same or cell.repeat == 0)
    told = [text for _, text in history(run_tables(store.run(run_id), cells, "v3"), "en")]
    once = "6 repeats are the first answer of this run (temperature 0, the very same question)"
    assert told == ([once] if asked == 1 else [])


def test_a_greedy_repeat_of_a_failure_is_asked(home: Path) -> None:
    store, failing = Store(home), iter([None, "答"])
    mine = spec(Case(id="x", prompt="血压高吗？"), (), repeats=3)
    run_id, engine = store.create_run(mine), ScriptedEngine(lambda request: next(failing))
    with store.sink(run_id) as sink:
        run_suite(engine, [mine.cases[0].case], ["v3"], 3, mine.decoding, sink, threading.Event(),
                  reuse=reuse_of(store, store.run(run_id)))  # fmt: skip
    assert [cell.origin for cell in store.cells(run_id)] == ["", "", run_id]


def test_a_stopped_run_takes_nothing_over() -> None:
    cancel, kept = threading.Event(), Kept()
    cancel.set()
    run_suite(
        ScriptedEngine(), make_cases(2), ["v1"], 1, Decoding(), kept, cancel,
        reuse=lambda cell: Answer("v1", "旧回答", 3, 0.1, "stop", origin="r1"),
    )  # fmt: skip
    assert kept.cells == {}
