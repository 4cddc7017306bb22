"""Services: wires the parts for the two faces (command line and pages); holds no logic of its own.

One engine is opened at the first need and shared; opening and closing are thread-safe.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from threading import Event as Cancel
from typing import TYPE_CHECKING

from medeval.adapters.catalogue import find_variants
from medeval.adapters.variant import BASE_NAME, Variant, unknown_variant
from medeval.cases.images import Intake, intake
from medeval.cases.load import CaseBook, load_cases
from medeval.cases.schema import Case, Turn
from medeval.engines.contract import (
    Answer,
    Decoding,
    Done,
    Engine,
    Failed,
    Receipt,
    Request,
    Token,
)
from medeval.engines.prompts import messages_for
from medeval.services.resident import Resident
from medeval.settings import Settings

if TYPE_CHECKING:
    from medeval.engines.server.address import Address
    from medeval.evaluation.records import RunRecord
    from medeval.evaluation.run import Progress
    from medeval.metrics.composite import ScoreSheet
    from medeval.ocr.report import Report
    from medeval.services.images import ImageDesk
    from medeval.services.reviewing import Reviewing
    from medeval.store import Store
    from medeval.store.jobs import Jobs


@dataclass(frozen=True)
class Scored:
    """A finished answer of one column with its scores; `request_id` is the variant's name."""

    request_id: str
    variant: str
    answer: Answer
    sheet: "ScoreSheet"


AskEvent = Token | Scored | Failed


class Services:
    """Everything a face may call. `engine` may be given (recorded answers); else it is made from the settings."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self.settings = settings
        if self.server is not None:
            self._served_names()  # what is wrong with the names is said now, as is what is wrong with the address
        self._resident = Resident(settings, engine)

    @cached_property
    def cases(self) -> CaseBook:
        """All readable cases of `settings.cases`; `cases.problems` names what could not be read."""
        return load_cases(self.settings.cases)

    def reload_cases(self) -> CaseBook:
        """Reads the case folder again, after a case was saved."""
        self.__dict__.pop("cases", None)
        return self.cases

    @cached_property
    def store(self) -> "Store":
        """The store under the private home, opened at first use."""
        from medeval.store import Store

        return Store(self.settings.home)

    @cached_property
    def jobs(self) -> "Jobs":
        """Background work: train, evaluate, fuse. The pages call `start()` on it, commands tick it themselves."""
        from medeval.store.jobs import Jobs

        return Jobs(self.store, self.settings)

    @cached_property
    def reviewing(self) -> "Reviewing":
        """Blind reviews."""
        from medeval.services.reviewing import Reviewing

        return Reviewing(self)

    def variants(self) -> dict[str, Variant]:
        """Every variant of the adapter folder, base first; of recorded answers those that the file names.

        Of a server those that the settings name, else what it offers once it has been asked; nothing is sent here.
        """
        if self.settings.engine == "recorded":
            return {item.variant: Variant(item.variant) for item in self.receipt().variants}
        if self.settings.served:
            found = self.opened()
            names = self._served_names() or ([item.variant for item in found.variants] if found else [BASE_NAME])
            return {name: Variant(name) for name in names}
        return find_variants(self.settings.adapters)

    @cached_property
    def server(self) -> "Address | None":
        """Where questions and images are sent; None where the model is on this machine and nothing is sent."""
        if not self.settings.served:
            return None
        from medeval.engines.server.address import parse_address

        return parse_address(self.settings.base)

    def _served_names(self) -> list[str]:
        from medeval.engines.server.address import parse_models

        return list(parse_models(self.settings.server_models))

    def pick_variants(self, names: Sequence[str]) -> list[Variant]:
        """The named variants in their usual order; `all` stands for every one.

        Raises:
            UsageError: an unknown name, with the known ones. EngineError: a server that should name them is not there.
        """
        if self.settings.served:
            self.receipt()
        known = self.variants()
        wanted = list(known) if list(names) in ([], ["all"]) else list(names)
        unknown = [name for name in wanted if name not in known]
        if unknown:
            raise unknown_variant(unknown, known)
        return [known[name] for name in known if name in wanted]

    def receipt(self) -> Receipt:
        """Opens the engine with all variants if it is not open yet, and says what was loaded."""
        return self._resident.receipt()

    def opened(self) -> Receipt | None:
        """What is loaded now; None where nothing is. Never waits for a load."""
        return self._resident.opened()

    @property
    def engine(self) -> Engine:
        """The opened engine."""
        return self._resident.engine()

    def ask(
        self,
        case: Case,
        variants: Sequence[str],
        decoding: Decoding | None = None,
        cancel: Cancel | None = None,
        histories: Mapping[str, Sequence[Turn]] | None = None,
    ) -> Iterator[AskEvent]:
        """Asks one case of several variants at once; answers come scored, in any order.

        Args:
            case: the question, its images and expectations.
            variants: names of columns.
            decoding: the same for all columns; where None each variant's own settings, greedy by default.
            cancel: set it to stop within a token.
            histories: earlier turns by variant, where columns have their own conversation.

        Raises:
            UsageError: an unknown variant. EngineError: the base could not be loaded.
        """
        picked = self.pick_variants(variants)
        asked = {variant.name: _with_history(case, variant.name, histories) for variant in picked}
        requests = [
            Request(variant.name, case.id, variant.name, messages_for(asked[variant.name]),
                    decoding or own_decoding(variant))
            for variant in picked
        ]
        with self._resident.using() as engine:
            for event in engine.generate(requests, cancel or Cancel()):
                if isinstance(event, Done):
                    answer = event.answer
                    sheet = self.score(asked[answer.variant], answer.text)
                    yield Scored(event.request_id, answer.variant, answer, sheet)
                else:
                    yield event

    def create_run(
        self, suite: str, variants: Sequence[str], repeats: int, decoding: Decoding, *, reuse: bool = True,
        run_id: str | None = None,
    ) -> str:
        """Stores what is to be asked, with hashes, versions and the receipt; `continue_run` then asks it.

        `reuse` lets answers of earlier runs to exactly the same question be taken over.

        Raises:
            UsageError: an unknown suite or variant, or an image that cannot be read.
        """
        from medeval.evaluation.spec import make_spec

        names = [variant.name for variant in self.pick_variants(variants)]
        cases = self.cases.suite(suite)
        demo = self.settings.is_demo and self.settings.engine != "recorded"
        spec = make_spec(suite, cases, self.receipt(), names, repeats, decoding, demo, reuse)
        return self.store.create_run(spec, run_id)

    def continue_run(
        self,
        run_id: str,
        cancel: Cancel,
        on_progress: "Callable[[Progress], None]" = lambda progress: None,
        on_note: Callable[[str], None] = lambda note: None,
    ) -> "RunRecord":
        """Asks what the run lacks, failed answers included; the cases are those stored with the run.

        Args:
            run_id: of a new or a stopped run.
            cancel: set it to stop within a token; the run can be continued later.
            on_progress: called after every saved answer.
            on_note: told what differs from the run's first session without spoiling it (device, versions).

        Raises:
            UsageError: the models or images are not those the run began with.
            StoreError: there is no such run, or another process works on it.
        """
        from medeval.evaluation.run import run_suite
        from medeval.evaluation.spec import check_same
        from medeval.services.evaluating import reuse_of

        record = self.store.run(run_id)
        spec = record.spec
        if record.missing:
            with self.store.sink(run_id) as sink:  # claimed before a model is loaded
                for note in check_same(spec, self.receipt()):
                    on_note(note)
                cases = [item.case for item in spec.cases]
                with self._resident.using() as engine:
                    run_suite(engine, cases, spec.variants, spec.repeats, spec.decoding, sink, cancel, on_progress,
                              reuse_of(self.store, record))
            record = self.store.run(run_id)
        if record.answered + record.failed == spec.total:
            self.store.finish_run(run_id)
        return self.store.run(run_id)

    def refresh(self) -> bool:
        """Opens the engine anew where adapters came or went and nobody is being answered; whether it did."""
        return self._resident.refresh()

    def resident_bytes(self) -> int:
        """Memory that the loaded model holds and `release` would give back; 0 where none is loaded."""
        return self._resident.size()

    def release(self) -> None:
        """Frees the model; it is loaded again when it is next needed."""
        self._resident.release()

    def score(self, case: Case, text: str) -> "ScoreSheet":
        """All metrics and profiles for one answer; no model is loaded."""
        from medeval.metrics.composite import score_answer

        return score_answer(case, text)

    @cached_property
    def images(self) -> "ImageDesk":
        """Uploaded images: taken in with identifiers blurred, and read by OCR."""
        from medeval.services.images import ImageDesk

        return ImageDesk(self.settings.prepare_home() / "images")

    def intake(self, source: Path) -> Intake:
        """Decodes an uploaded image safely into the private home.

        Raises:
            ImageError: with one sentence that says what is wrong.
        """
        return intake(source, self.settings.prepare_home() / "images")

    def read_report(self, source: Path, engine: str = "rapidocr") -> "Report":
        """Reads a lab-report photo; it is decoded like any upload.

        Raises:
            ImageError: not a usable image. UsageError, MissingPackageError: no such OCR engine here.
        """
        return self.images.report(source, engine)

    def close(self) -> None:
        """Frees the model and closes the store."""
        self._resident.release()
        jobs = self.__dict__.pop("jobs", None)
        if jobs is not None:
            jobs.close()
        self.__dict__.pop("reviewing", None)
        store = self.__dict__.pop("store", None)
        if store is not None:
            store.close()


def _with_history(case: Case, variant: str, histories: Mapping[str, Sequence[Turn]] | None) -> Case:
    if not histories or variant not in histories:
        return case
    return case.model_copy(update={"history": [*case.history, *histories[variant]]})


def own_decoding(variant: Variant) -> Decoding:
    """How a variant answers where nobody chose: the usual greedy settings with its sidecar's `generation` over them."""
    own = variant.generation
    usual = Decoding()
    return Decoding(
        int(own.get("max_tokens", usual.max_tokens)), float(own.get("temperature", usual.temperature)),
        float(own.get("top_p", usual.top_p)), int(own.get("seed", usual.seed)),
    )
