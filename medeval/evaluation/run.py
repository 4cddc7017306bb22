"""The only loop over cases and variants: asks what is missing, scores, and saves each answer as it arrives.

It knows nothing of files or databases; `Sink` keeps the cells.
"""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from threading import Event as Cancel
from time import monotonic

from medeval.cases.schema import Case
from medeval.engines.contract import Answer, Decoding, Done, Engine, Failed, Request
from medeval.engines.prompts import messages_for
from medeval.errors import MedevalError, UsageError
from medeval.evaluation.records import Cell, CellKey, Sink
from medeval.metrics.composite import score_answer

__all__ = ["CHUNK_CASES", "Cell", "CellKey", "Progress", "Reuse", "Sink", "run_suite", "scored_cell"]

CHUNK_CASES = 64
"""Cases (times repeats) handed to the engine at once: more than its batch holds, so that the batch stays full."""


@dataclass(frozen=True)
class Progress:
    """How far a run is: `done` counts answers and failures, `eta` is in seconds (None until the first answer)."""

    done: int
    total: int
    failed: int
    eta: float | None
    last: Cell | None = None


OnProgress = Callable[[Progress], None]
Reuse = Callable[[CellKey], Answer | None]
"""The answer that exactly the same question got already, `origin` set; None where there is none."""


def run_suite(
    engine: Engine,
    cases: Sequence[Case],
    variants: Sequence[str],
    repeats: int,
    decoding: Decoding,
    sink: Sink,
    cancel: Cancel,
    on_progress: OnProgress = lambda progress: None,
    reuse: Reuse = lambda key: None,
) -> None:
    """Asks every (case, variant, repeat) that `sink` does not hold yet.

    Each answer is scored and saved before the next event is taken from the engine, so a kill loses at most the
    answers still being written. A failure is saved as an error and asked again on the next call; an answer cut
    off by `cancel` is not saved at all.

    Args:
        engine: already opened with these variants.
        cases: ids must be unique.
        variants: names as the engine knows them.
        repeats: at least 1; with temperature > 0 repeat k uses seed + k.
        decoding: the same for all variants of a case.
        sink: keeps the cells.
        cancel: set it to stop within a token; what is missing can be asked later.
        on_progress: called once at the start and after every saved cell.
        reuse: asked first for every missing cell, a greedy repeat once those before it are answered; what it gives is
            scored and saved without asking the engine.

    Raises:
        UsageError: nothing to ask for, or two cases with one id. EngineError: the engine broke as a whole.
    """
    _check(cases, variants, repeats)
    keys = [(case, CellKey(case.id, name, k)) for case in cases for k in range(repeats) for name in variants]
    held = sink.done()
    missing = [(case, key) for case, key in keys if key not in held]
    meter = _Meter(total=len(keys), held=len(keys) - len(missing), report=on_progress)
    size = CHUNK_CASES * len(variants)
    for turn in _turns(missing, decoding):
        wanted = list(_ask_rest(turn, reuse, sink, meter, cancel))
        for start in range(0, len(wanted), size):
            if cancel.is_set():
                return
            for cell in _answers(engine, wanted[start : start + size], decoding, cancel):
                sink.save(cell)
                meter.count(cell)


def _turns(missing: Sequence[tuple[Case, CellKey]], decoding: Decoding) -> list[list[tuple[Case, CellKey]]]:
    """What is asked one after the other: all at once, but greedy repeats singly, as `reuse` may know the one before."""
    if decoding.temperature > 0:
        return [list(missing)]
    return [[item for item in missing if item[1].repeat == k] for k in sorted({key.repeat for _, key in missing})]


def _ask_rest(
    missing: Sequence[tuple[Case, CellKey]], reuse: Reuse, sink: Sink, meter: "_Meter", cancel: Cancel
) -> Iterator[tuple[Case, CellKey]]:
    """Saves what can be taken over from earlier runs; yields what is left to ask."""
    for case, key in missing:
        answer = None if cancel.is_set() else reuse(key)
        if answer is None:
            yield case, key
            continue
        cell = scored_cell(case, key, answer)
        sink.save(cell)
        meter.count(cell)
    meter.restart()


def _check(cases: Sequence[Case], variants: Sequence[str], repeats: int) -> None:
    if not cases or not variants:
        raise UsageError("没有病例或版本可评测 / no cases or no variants to run: check --suite and --variants")
    if repeats < 1:
        raise UsageError(f"重复次数须至少为 1，给出的是 {repeats} / repeats must be at least 1, not {repeats}")
    for zh, en, names in (("病例", "case", [case.id for case in cases]), ("版本", "variant", list(variants))):
        twice = sorted({name for name in names if names.count(name) > 1})
        if twice:
            said = ", ".join(twice)
            raise UsageError(f"重复的{zh}：{said}；每个只能出现一次 / {en} listed twice: {said}; name each once")


class _Meter:
    """Counts cells and estimates the time left from this call's own pace."""

    def __init__(self, total: int, held: int, report: OnProgress) -> None:
        self._total, self._done, self._held, self._failed = total, held, held, 0
        self._report = report
        self._began = monotonic()
        report(Progress(held, total, 0, None))

    def restart(self) -> None:
        """Answers taken over cost nothing and say nothing of the pace to come."""
        self._held, self._began = self._done, monotonic()

    def count(self, cell: Cell) -> None:
        self._done += 1
        self._failed += cell.answer is None
        pace = (monotonic() - self._began) / max(1, self._done - self._held)
        self._report(Progress(self._done, self._total, self._failed, pace * (self._total - self._done), cell))


def _answers(
    engine: Engine, wanted: Sequence[tuple[Case, CellKey]], decoding: Decoding, cancel: Cancel
) -> Iterator[Cell]:
    """One cell per request of this chunk, as the engine finishes them; those cut off by `cancel` are left out."""
    open_requests: dict[str, tuple[Case, CellKey]] = {}
    requests: list[Request] = []
    for case, key in wanted:
        try:
            messages = messages_for(case)
        except (OSError, MedevalError) as error:
            yield _failure(key, f"病例无法提问 / the case cannot be asked · {error}")
            continue
        request_id = f"{key.case_id}/{key.variant}/{key.repeat}"
        open_requests[request_id] = (case, key)
        requests.append(Request(request_id, case.id, key.variant, messages, _decoding(decoding, key.repeat)))
    for event in engine.generate(requests, cancel):
        if isinstance(event, Done) and event.request_id in open_requests:
            case, key = open_requests.pop(event.request_id)
            if event.answer.finish_reason != "cancelled":
                yield scored_cell(case, key, event.answer)
        elif isinstance(event, Failed) and event.request_id in open_requests:
            _, key = open_requests.pop(event.request_id)
            if not cancel.is_set():
                yield _failure(key, event.reason)
    if not cancel.is_set():
        for _, key in open_requests.values():
            yield _failure(key, "引擎没有给出回答 / the engine ended without an answer")


def _decoding(decoding: Decoding, repeat: int) -> Decoding:
    return replace(decoding, seed=decoding.seed + repeat) if decoding.temperature > 0 else decoding


def _failure(key: CellKey, reason: str) -> Cell:
    return Cell(key.case_id, key.variant, key.repeat, None, reason)


def scored_cell(case: Case, key: CellKey, answer: Answer) -> Cell:
    """The answer with its scores; where scoring itself fails the answer is kept and the error says so."""
    # half a surrogate pair cannot be written as UTF-8; one character for one keeps the evidence positions right
    text = "".join("\ufffd" if "\ud800" <= char <= "\udfff" else char for char in answer.text)
    answer = replace(answer, text=text, variant=key.variant)
    try:
        sheet = score_answer(case, text)
    except Exception as error:  # an answer costs minutes and must outlive a defect in a metric
        note = f"评分失败，回答已保存 / scoring failed, the answer is kept · {type(error).__name__}: {error}"
        return Cell(key.case_id, key.variant, key.repeat, answer, note)
    return Cell(key.case_id, key.variant, key.repeat, answer, None, sheet.scores, sheet.profiles)
