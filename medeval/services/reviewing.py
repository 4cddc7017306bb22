"""Blind review for the two faces: making a review from a run, its results, its export.

Wires `medeval.review` to the store and the image intake; what a reviewer may see is in `medeval.services.sittings`.
"""

import hashlib
import secrets
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from medeval.cases.schema import Expect, Title
from medeval.errors import StoreError, UsageError
from medeval.evaluation.records import Cell, RunCase, RunRecord
from medeval.review.naming import Named, find_named
from medeval.review.records import Review, ReviewItem, ReviewSpec
from medeval.review.results import Progress, Summary, summarise
from medeval.review.sitting import without
from medeval.review.slots import check_plan
from medeval.services.sittings import Sittings, clean_name
from medeval.store.reviews import Reviews

if TYPE_CHECKING:
    from medeval.engines.contract import Decoding
    from medeval.review.export import Exported, ExportFormat
    from medeval.services.core import Services

Flagged = Literal["refuse", "leave_out", "keep"]
ONLY_HERE = (
    "这样的链接只能在这台机器上打开；要让别人打开，请用 MEDEVAL_HOST=0.0.0.0（或 medeval ui --host 0.0.0.0）启动，"
    "并设置 MEDEVAL_USER、MEDEVAL_PASSWORD 和 MEDEVAL_HOSTS"
    " / Such a link opens on this machine only; for others start with MEDEVAL_HOST=0.0.0.0 (or medeval ui"
    " --host 0.0.0.0) and set MEDEVAL_USER, MEDEVAL_PASSWORD and MEDEVAL_HOSTS"
)
"""Said beside the links of a review where the pages are open to this machine alone."""


@dataclass(frozen=True)
class Asked:
    """What an owner wants of a review."""

    run_id: str
    variants: tuple[str, ...] = ()
    """Empty stands for all of the run."""
    reviewers: tuple[str, ...] = ()
    overlap: int = 0
    repeated: int = 0
    title: str = ""


@dataclass(frozen=True)
class Plan:
    """A review about to be made: what it would hold, which answers tell their model, which cases cannot be judged."""

    spec: ReviewSpec
    named: tuple[Named, ...]
    left_out: tuple[str, ...]


class Reviewing:
    """Everything a face may do with reviews."""

    def __init__(self, services: "Services") -> None:
        self._services = services
        self.store = Reviews(services.store)
        self.sittings = Sittings(self.store)

    # making one

    def plan(self, asked: Asked) -> Plan:
        """What a review of that run would be; nothing is stored.

        Raises:
            StoreError: no such run. UsageError: the run is not finished, or the plan cannot be held.
        """
        record = self._services.store.run(asked.run_id)
        if record.missing > record.failed:
            raise UsageError(
                f"评测 {record.id} 还没有做完，请先续跑 / the run is not finished: medeval run --resume {record.id}"
            )
        variants = _columns(record, asked.variants)
        items, left_out = self._items(record, variants)
        titles = {name: self._title(name) for name in variants}
        spec = ReviewSpec(
            title=asked.title.strip() or f"{record.spec.suite} · {record.created[:10]}", run_id=record.id,
            variants=variants, items=items, seed=secrets.randbits(53),
            reviewers=tuple(clean_name(name) for name in asked.reviewers), overlap=asked.overlap,
            repeated=asked.repeated, titles=titles,
        )  # fmt: skip
        check_plan(spec)
        named = find_named(items, [*variants, *(text for item in titles.values() for text in (item.zh, item.en))])
        return Plan(spec, tuple(named), left_out)

    def create(self, plan: Plan, flagged: Flagged = "refuse", author: str = "owner") -> Review:
        """Stores a review.

        Args:
            plan: from `plan`.
            flagged: what becomes of cases with an answer that tells its model: nothing is made, they are left out,
                or they are kept because the owner looked at them.
            author: who made it.

        Raises:
            UsageError: answers tell their model and nobody said what to do, or no case is left.
        """
        cases = sorted({item.case_id for item in plan.named})
        listed = ", ".join(f"{item.case_id}「{item.words}」" for item in plan.named[:6])
        if cases and flagged == "refuse":
            raise UsageError(
                f"{len(cases)} 个病例的回答透露了自己的身份：{listed}；请选择去掉或保留（--flagged leave_out|keep）"
                f" / answers of {len(cases)} cases tell their model: {listed};"
                " leave them out or keep them (--flagged leave_out|keep)"
            )
        spec = plan.spec
        if cases:
            spec = without(spec, set(cases) if flagged == "leave_out" else set(), (f"{flagged}: {listed}",))
        check_plan(spec)
        return self.store.add(spec, author)

    def images_run(
        self, files: Sequence[Path], prompt: str, variants: Sequence[str], decoding: "Decoding",
        on_checked: Callable[[int], None] = lambda done: None,
    ) -> tuple[str, list[str]]:
        """Stores a run of one prompt over many images, to be continued like any other.

        Args:
            files: untrusted images.
            prompt: asked about each of them.
            variants: names of columns; empty is all.
            decoding: the same for all.
            on_checked: called with the number of the image that is being decoded.

        Returns:
            Its id, and one sentence per file that is no usable image; the rest goes on.

        Raises:
            UsageError: no prompt, or no usable image.
        """
        from medeval.errors import ImageError
        from medeval.evaluation.spec import make_spec
        from medeval.review.adhoc import SUITE, image_cases, require_prompt

        require_prompt(prompt)  # before the images: reading them takes minutes
        clean, problems = [], []
        for number, file in enumerate(files, 1):
            on_checked(number)
            try:
                clean.append(self._services.images.take(file))
            except ImageError as error:
                problems.append(str(error))
        rows = self._services.images.lab_rows
        cases = [
            case.model_copy(update={"expect": Expect(lab_rows=rows([path.name for path in case.images]))})
            for case in image_cases(clean, prompt)
        ]
        services = self._services
        names = [item.name for item in services.pick_variants(variants)]
        names = [name for name in names if name not in services.receipt().refused]
        demo = services.settings.is_demo and services.settings.engine != "recorded"
        spec = make_spec(SUITE, cases, services.receipt(), names, 1, decoding, demo)
        return services.store.create_run(spec), problems

    def _items(self, record: RunRecord, variants: Sequence[str]) -> tuple[tuple[ReviewItem, ...], tuple[str, ...]]:
        cells = {
            (cell.case_id, cell.variant): cell for cell in self._services.store.cells(record.id) if cell.repeat == 0
        }
        items: list[ReviewItem] = []
        left_out: list[str] = []
        for asked in record.spec.cases:
            found = [cells.get((asked.case.id, name)) for name in variants]
            answered = tuple(cell for cell in found if cell is not None and _says_something(cell))
            # an engine error is no answer, and a column missing here and there would tell who it is
            if len(answered) == len(variants):
                items.append(ReviewItem(asked.case, answered, self._images(asked)))
            else:
                left_out.append(asked.case.id)
        return tuple(items), tuple(left_out)

    def _images(self, asked: RunCase) -> tuple[str, ...]:
        names = []
        for path, digest in zip(asked.case.images, asked.images_sha256, strict=True):
            if not path.is_file() or digest != "sha256:" + hashlib.sha256(path.read_bytes()).hexdigest():
                raise UsageError(
                    f"病例 {asked.case.id} 的图像自评测后已变或已移走：{path}"
                    f" / the image of case {asked.case.id} changed or went away since the run: {path}"
                )
            names.append(self._services.intake(path).path.name)
        return tuple(names)

    def _title(self, name: str) -> Title:
        # answers made elsewhere have a name only, and an adapter may have been removed since the run
        known = {} if self._services.settings.engine == "recorded" else self._services.variants()
        found = known.get(name)
        return Title(zh=name, en=name) if found is None else Title(zh=found.title("zh"), en=found.title("en"))

    # what came of it

    def find(self, name: str) -> Review:
        """A review by its id, or the newest one of a run.

        Raises:
            StoreError: there is none.
        """
        try:
            return self.store.get(name)
        except StoreError:
            if made := self.store.of_run(name):
                return made[0]
            raise

    def progress(self, review: Review) -> list[Progress]:
        """How far each reviewer is."""
        return [
            Progress(seat.reviewer, len(self.store.rated(seat.token)), len(self.store.places(seat.token)),
                     seat.finished is not None)
            for seat in self.store.seats(review.id)
        ]  # fmt: skip

    def summary(self, review: Review, author: str) -> Summary:
        """Results with names; looking at them is recorded, because it unblinds whoever looks.

        Raises:
            UsageError: nothing has been judged yet.
        """
        ratings = self.store.ratings(review.id)
        if not ratings:
            raise UsageError(f"{review.id} 还没有评分 / nothing has been judged in {review.id} yet")
        self.store.note(review.id, "unblinded", author, f"{len(ratings)} ratings")
        return summarise(review.id, review.spec, ratings, self.progress(review))

    def export(
        self, review: Review, fmt: "ExportFormat", out: Path, author: str, allow_test_cases: bool = False
    ) -> "Exported":
        """Writes preferences as training data; cases of the test suites are held out unless told otherwise.

        Raises:
            UsageError: nothing is left to write, the file cannot be written, or the test cases cannot be read.
        """
        from medeval.review.export import write_export
        from medeval.review.preferences import TEST_SUITES

        book = self._services.cases
        if book.problems and not allow_test_cases:
            raise UsageError(
                "有读不出的病例文件，无法核对测试病例是否混入；请先 medeval cases check"
                f" / a case file cannot be read, so test cases cannot be held out: run medeval cases check"
                f" · {book.problems[0]}"
            )
        tests = [case for case in book.cases.values() if set(case.suite) & set(TEST_SUITES)]
        tested = [self._services.intake(image).path.name for case in tests for image in case.images]
        images = self._services.settings.home / "images"
        done = write_export(review, self.store.ratings(review.id), fmt, out, images, tests, tested, allow_test_cases)
        self.store.note(review.id, "exported", author, f"{fmt}: {done.lines} lines, test cases: {done.marked}")
        return done


def _columns(record: RunRecord, wanted: Sequence[str]) -> tuple[str, ...]:
    unknown = [name for name in wanted if name not in record.spec.variants]
    if unknown:
        known = ", ".join(record.spec.variants)
        raise UsageError(
            f"评测里没有版本 {', '.join(unknown)}；有：{known}"
            f" / the run holds no variant {', '.join(unknown)}; it has: {known}"
        )
    return tuple(name for name in record.spec.variants if not wanted or name in wanted)


def _says_something(cell: Cell) -> bool:
    return cell.answer is not None and bool(cell.answer.text.strip())
