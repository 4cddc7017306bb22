"""Uploaded images: cleaned, read by OCR, kept only with the patient's identifiers blurred; readings beside them."""

from __future__ import annotations

import hashlib
import io
import json
import os
import tempfile
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image

from medeval.cases.images import Intake, intake
from medeval.cases.schema import LabRow

if TYPE_CHECKING:
    from medeval.ocr.report import Report
    from medeval.ocr.words import Reader

BLURRED = "已遮住姓名、编号等身份信息 / name, numbers and other identifiers were blurred"
TAKEN = 200
FROM_OCR = "化验单行由 OCR 读取，请对照原图 / report rows read by OCR: compare with the image"
Says = dict[str, Any]
"""The document of `medeval ocr --json`: orientation, is_lab_report, rows, warnings."""


class ImageDesk:
    """The images of one home. One OCR engine is made at the first need and used by one thread at a time."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock, self._taking = Lock(), Lock()
        self._taken: OrderedDict[str, Intake] = OrderedDict()
        self._readers: dict[str, Reader] = {}

    def take(self, source: Path) -> Intake:
        """An upload: decoded apart, then stored with identifiers blurred; what it says is stored beside it.

        Raises:
            ImageError: with one sentence that says what is wrong.
        """
        digest = _digest(source)
        with self._taking:
            if digest not in self._taken:
                self._taken[digest] = self._take(source)
                while len(self._taken) > TAKEN:
                    self._taken.popitem(last=False)
            return self._taken[digest]

    def _take(self, source: Path) -> Intake:
        with tempfile.TemporaryDirectory(dir=_made(self.folder), prefix=".upload-") as private:
            clean = intake(source, Path(private))
            pixels = _pixels(clean.path)
            report = self._read(pixels)
            hidden = report.hide(pixels)
            data = clean.path.read_bytes() if hidden is pixels else _png(hidden)
            path = self._keep(data, report)
        notes = clean.notes if hidden is pixels else (*clean.notes, BLURRED)
        return Intake(path, clean.width, clean.height, path.stem, notes)

    def says(self, name: str) -> Says | None:
        """What a kept image says, where it has been read."""
        file = self.folder / f"{Path(name).stem}.json"
        return dict(json.loads(file.read_text("utf-8"))) if file.is_file() else None

    def lab_rows(self, names: Sequence[str]) -> list[LabRow]:
        """Rows of kept lab reports that were read surely: what an answer about them may be held to."""
        found = [says for name in names if (says := self.says(name)) is not None]
        rows = [row for says in found for row in says["rows"] if not row["low_confidence"]]
        return [made for row in rows if (made := _lab_row(row)) is not None]

    def read(self, name: str) -> Says:
        """Reads a kept image and stores what it says; at once where that is known."""
        known = self.says(name)
        if known is not None:
            return known
        return self._note(Path(name).stem, self._read(_pixels(self.folder / name)))

    def report(self, source: Path, engine: str) -> Report:
        """Reads any image file without keeping it; what was changed on the way in is among the warnings.

        Raises:
            ImageError: not a usable image. UsageError, MissingPackageError: no such OCR engine here.
        """
        with tempfile.TemporaryDirectory(dir=_made(self.folder), prefix=".read-") as private:
            clean = intake(source, Path(private))
            report = self._read(_pixels(clean.path), engine)
        return replace(report, warnings=(*clean.notes, *report.warnings))

    def _read(self, pixels: Any, engine: str = "rapidocr") -> Report:
        from medeval.ocr.report import read_report
        from medeval.ocr.words import make_reader

        with self._lock:
            if engine not in self._readers:
                self._readers[engine] = make_reader(engine)
            return read_report(pixels, self._readers[engine])

    def _keep(self, data: bytes, report: Report) -> Path:
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / f"{digest}.png"
        _write(path, data)
        self._note(digest, report)
        return path

    def _note(self, digest: str, report: Report) -> Says:
        from medeval.ocr.report import as_json

        says = as_json(report)
        _write(self.folder / f"{digest}.json", json.dumps(says, ensure_ascii=False).encode())
        return says


def _lab_row(row: Says) -> LabRow | None:
    """A read row as a case holds it; None where its result is a word."""
    try:
        low, high = (float(row[key]) if row[key] else None for key in ("low", "high"))
        value = float(row["value"].lstrip("<>"))
    except ValueError:
        return None
    return LabRow(
        name=row["name"], abbr=row["abbr"], value=value, unit=row["unit"], low=low, high=high, flag=row["flag"]
    )


def _digest(source: Path) -> str:
    """Names an upload by its bytes; what cannot be read is left to the intake to refuse."""
    try:
        with source.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError:
        return str(source)


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True, mode=0o700)
    return folder


def _pixels(path: Path) -> Any:
    with Image.open(path) as picture:
        return np.asarray(picture.convert("RGB"))


def _png(pixels: Any) -> bytes:
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "PNG")
    return out.getvalue()


def _write(path: Path, data: bytes) -> None:
    """Whole or not at all."""
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=".", delete=False) as file:
        file.write(data)
    os.replace(file.name, path)
