"""Reads a folder of case files: every problem of it at once, each with file, line and field.

A file holds one case (a mapping), a list of cases, or `{cases: [...]}`; files are read in order of their path, and
that is the order of cases everywhere. The format is described in test_cases/README.md.
"""

import difflib
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path, PureWindowsPath

from medeval.cases.parse import FindImage, examine, parse_case
from medeval.cases.save import safe_name, write_case
from medeval.cases.schema import Case
from medeval.cases.yamlfile import Document, Place, YamlFault, read_yaml
from medeval.errors import CaseError, UsageError

__all__ = ["CaseBook", "free_id", "load_cases", "parse_case", "save_case"]

ALL = "all"
"""The name of the suite that every case belongs to."""


@dataclass(frozen=True)
class CaseBook:
    """The cases of a folder by id, and what is wrong with the files that hold others."""

    folder: Path
    cases: dict[str, Case]
    problems: tuple[str, ...] = ()
    places: dict[str, str] | None = None
    """Where each case is written, as "file:line"."""

    def suite(self, name: str) -> list[Case]:
        """The cases tagged `name`, in order of the files; `all` is every case.

        Raises:
            UsageError: When no case is tagged so; the text lists the suites.
        """
        found = [c for c in self.cases.values() if name == ALL or name in c.suite]
        if not found:
            known = ", ".join((*self.suites(), ALL))
            raise UsageError(f"没有测试集 {name}；可用：{known} / no suite {name!r}; known: {known}")
        return found

    def suites(self) -> dict[str, int]:
        """How many cases each suite holds, in order of first appearance."""
        counts: dict[str, int] = {}
        for case in self.cases.values():
            for name in dict.fromkeys(case.suite):
                counts[name] = counts.get(name, 0) + 1
        return counts

    def case(self, case_id: str) -> Case:
        """The case called `case_id`; raises UsageError with the nearest ids."""
        if case_id in self.cases:
            return self.cases[case_id]
        near = difflib.get_close_matches(case_id, self.cases, 3, 0.4) or list(self.cases)[:5]
        known = ", ".join(near)
        raise UsageError(f"没有病例 {case_id}；相近的有：{known} / no case {case_id!r}; near: {known}")

    def check(self) -> None:
        """Raises CaseError with every problem of the folder, if there is one."""
        if self.problems:
            raise CaseError(self.problems)


def load_cases(folder: Path) -> CaseBook:
    """Reads every `*.yaml` and `*.yml` under `folder` (or the one file given); never raises for a bad file.

    Cases without fault are there even where others have faults; `problems` holds each fault as
    "file:line: field: what is wrong", the file relative to `folder`.
    """
    root = folder.parent if folder.is_file() else folder
    files = _case_files(folder)
    if not files:
        what = "没有病例文件（*.yaml） / no case files (*.yaml) here"
        return CaseBook(root, {}, (f"{folder}:1: folder: {what}",), {})
    book = _Reading(root)
    for file in files:
        book.read(file)
    return CaseBook(root, book.cases, tuple(book.problems), book.places)


def save_case(case: Case, folder: Path) -> Path:
    """Writes `case` to a new file of `folder` and copies its images beside it; returns the file.

    Raises:
        CaseError: When its id is taken; nothing is ever overwritten. `free_id` finds one that is not.
    """
    book = load_cases(folder) if folder.is_dir() else CaseBook(folder, {}, (), {})
    if case.id in book.cases:
        place = (book.places or {})[case.id]
        raise CaseError([f"{place}: id: 编号 {case.id} 已被使用，请换一个 / the id {case.id} is taken; choose another"])
    return write_case(case, folder)


def free_id(wish: str, book: CaseBook) -> str:
    """`wish` made into an id that no case of `book` has: `my-case`, then `my-case-2` and so on."""
    stem = safe_name(wish)
    taken = {i.casefold() for i in book.cases} | {p.stem.casefold() for p in _case_files(book.folder)}
    number = 1
    while (wanted := stem if number == 1 else f"{stem}-{number}").casefold() in taken:
        number += 1
    return wanted


def _case_files(folder: Path) -> list[Path]:
    if folder.is_file():
        return [folder]
    found = (p for p in folder.rglob("*") if p.suffix in (".yaml", ".yml") and p.is_file())
    return sorted(p for p in found if not any(part.startswith(".") for part in p.relative_to(folder).parts))


class _Reading:
    """What has been read of a folder so far."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cases: dict[str, Case] = {}
        self.places: dict[str, str] = {}
        self.problems: list[str] = []

    def read(self, file: Path) -> None:
        name = file.relative_to(self.root).as_posix()
        try:
            document = read_yaml(file)
        except YamlFault as fault:
            self.problems.append(f"{name}:{fault.line}: file: {fault}")
            return
        except OSError as error:
            self.problems.append(f"{name}:1: file: 无法读取：{error.strerror} / cannot be read: {error.strerror}")
            return
        for place, fields in _split(document):
            self._take(name, document, place, fields, _image_finder(file, self.root))

    def _take(self, name: str, document: Document, place: Place, fields: object, find_image: FindImage) -> None:
        case, faults = examine(fields, find_image)
        for fault in faults:
            line = document.line((*place, *fault.place))
            self.problems.append(f"{name}:{line}: {fault.field}: {fault.text}")
        written = fields.get("id") if isinstance(fields, dict) else None
        if not isinstance(written, str):
            return
        here = f"{name}:{document.line((*place, 'id'))}"
        if written in self.places:
            there = self.places[written]
            text = f"编号 {written} 重复，已写在 {there} / the id {written} is already used at {there}"
            self.problems.append(f"{here}: id: {text}")
            return
        self.places[written] = here
        if case is not None:
            self.cases[case.id] = case


def _split(document: Document) -> Iterator[tuple[Place, object]]:
    """Each case of a file with its place; an empty file holds none."""
    match document.value:
        case None:
            return
        case {"cases": list() as items, **others} if not others:
            yield from ((("cases", i), item) for i, item in enumerate(items))
        case list() as items:
            yield from (((i,), item) for i, item in enumerate(items))
        case value:
            yield (), value


def _image_finder(file: Path, root: Path) -> FindImage:
    top = root.resolve()

    def find(text: str) -> Path | str:
        if Path(text).is_absolute() or PureWindowsPath(text).drive or text.startswith(("/", "\\", "~")):
            return f"{text} 应为相对于本文件的路径 / {text} should be a path relative to this file"
        try:
            found = (file.parent / text).resolve()
            inside, exists = found.is_relative_to(top), found.is_file()
        except (OSError, ValueError, RuntimeError):
            return f"{text!r} 不是有效的路径 / {text!r} is no usable path"
        if not inside:
            return f"{text} 在病例文件夹之外 / {text} lies outside the folder of cases"
        return found if exists else _missing(text, found)

    return find


def _missing(text: str, found: Path) -> str:
    names = [p.name for p in found.parent.iterdir()] if found.parent.is_dir() else []
    if near := difflib.get_close_matches(found.name, names, 1, 0.6):
        return f"没有文件 {text}，您是否想写 {near[0]}？ / no such file {text}; did you mean {near[0]}?"
    return f"没有文件 {text} / no such file {text}"
