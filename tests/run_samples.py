"""Fixed runs for the tests of evaluation, store and command line: small, written by hand, no model."""

from collections.abc import Callable, Iterator, Sequence
from threading import Event as Cancel

from medeval.adapters.variant import Variant
from medeval.cases.schema import Case
from medeval.engines.contract import Answer, BaseRef, Done, Event, Failed, Loaded, Receipt, Request, Token
from medeval.evaluation.records import Cell, RunCase, RunRecord, RunSpec
from medeval.metrics.composite import ProfileScore
from medeval.metrics.score import Evidence, Score

VARIANTS = ("base", "v1", "v2")
LOADED = tuple(Loaded(name, "batched", 4, 4) for name in VARIANTS)
RECEIPT = Receipt("recorded", "answers.jsonl", "sha256:" + "ab" * 32, "float32", "cpu", LOADED)
NASTY = "=SUM(1) | <script>alert(1)</script>\n<img src=x onerror=alert(2)> 血压140/90偏高"


def make_cases(count: int) -> list[Case]:
    return [Case(id=f"c{i}", title={"zh": f"病例{i}", "en": f"Case {i}"}, prompt=f"问题{i}") for i in range(count)]


def make_spec(cases: Sequence[Case], variants: Sequence[str] = VARIANTS, **changes: object) -> RunSpec:
    spec = RunSpec("standard", tuple(RunCase(case) for case in cases), tuple(variants), RECEIPT, **changes)  # type: ignore[arg-type]
    return spec


def make_record(spec: RunSpec, run_id: str = "20261122-2215-k3f9", **changes: object) -> RunRecord:
    state = {"created": "2026-11-22T22:15:00+00:00", "finished": "2026-11-22T22:16:30+00:00", "status": "done"}
    return RunRecord(run_id, spec, **{**state, "answered": spec.total, **changes})  # type: ignore[arg-type]


def make_cell(
    case_id: str,
    variant: str,
    value: float | None,
    *,
    repeat: int = 0,
    text: str = "您的血压140/90偏高。",
    veto: bool = False,
) -> Cell:
    scores = {
        "sample_metric": Score(value, "依据", (Evidence(4, 10, "good", "读数"), Evidence(8, 12, "bad", "等级<1>"))),
        "silent_metric": Score.unscored("缺少所需"),
    }
    profile = ProfileScore(value=value, parts={}, missing=(), vetoed=veto, note="")
    return Cell(case_id, variant, repeat, Answer(variant, text, 20, 0.5, "stop"), None, scores, {"v3": profile})


def make_run() -> tuple[RunRecord, list[Cell]]:
    """Eight cases × three variants with one error, one missing, one unscored, one vetoed, one nasty answer."""
    cases = make_cases(8)
    spec = make_spec(cases, packages={"medeval": "0.1.0"}, base="answers.jsonl", commit="0123456789abcdef+dirty")
    cells = []
    for row, case in enumerate(cases):
        for column, variant in enumerate(VARIANTS):
            value = min(1.0, 0.2 + 0.3 * column + 0.02 * ((row * 7 + column * 3) % 5))
            cell = make_cell(case.id, variant, None if row == 5 else round(value, 2), veto=row == 6 and column == 0)
            if (row, variant) == (2, "v1"):
                cell = Cell(case.id, variant, 0, None, "引擎错误 | <b>out of memory</b>")
            if (row, variant) == (1, "v2"):
                cell = make_cell(case.id, variant, 0.9, text=NASTY)
            if (row, variant) != (3, "v1"):
                cells.append(cell)
    return make_record(spec, status="interrupted", finished=None, answered=22, failed=1), cells


class ScriptedEngine:
    """Answers by a function of the request; `None` is a failure. Counts what it is asked."""

    def __init__(self, answer: Callable[[Request], str | None] = lambda request: f"{request.variant}: 答") -> None:
        self.answer = answer
        self.asked: list[Request] = []
        self.batches: list[int] = []

    def open(self, base: BaseRef, variants: Sequence[Variant]) -> Receipt:
        return RECEIPT

    def generate(self, requests: Sequence[Request], cancel: Cancel) -> Iterator[Event]:
        self.batches.append(len(requests))
        for request in requests:
            if cancel.is_set():
                yield Done(request.id, Answer(request.variant, "半", 1, 0.1, "cancelled"))
                continue
            self.asked.append(request)
            text = self.answer(request)
            if text is None:
                yield Failed(request.id, "坏了 / broken")
                continue
            yield Token(request.id, text)
            yield Done(request.id, Answer(request.variant, text, len(text), 0.1, "stop"))

    def close(self) -> None:
        pass
