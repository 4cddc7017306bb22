"""Images on their way into a question: those of cases, and those that people drop, paste or upload."""

import hashlib
import logging
import re
from collections.abc import Sequence
from pathlib import Path
from threading import Thread

from medeval.cases.schema import Case
from medeval.errors import ImageError
from medeval.services import Services
from medeval.services.images import BLURRED
from medeval.ui.text import Lang, say
from medeval.ui.words import half

MAX_IMAGES = 4
_CLEAN_NAME = re.compile(r"[0-9a-f]{64}\.png")

_log = logging.getLogger(__name__)


class Uploads:
    """One per server."""

    def __init__(self, services: Services) -> None:
        self.services = services
        self._cleaned: dict[tuple[Path, int, int], Path] = {}

    def case_images(self, case: Case) -> list[Path]:
        """The images of a case, cleaned; an unreadable one is left out and logged."""
        clean = []
        for path in case.images:
            try:
                clean.append(self._clean(path))
            except (ImageError, OSError) as error:
                _log.warning("%s: %s", case.id, error)
        return clean

    def _clean(self, path: Path) -> Path:
        """A case image decoded once; again only where the file has changed."""
        stat = path.stat()
        key = (path, stat.st_mtime_ns, stat.st_size)
        if key not in self._cleaned or not self._cleaned[key].is_file():
            self._cleaned[key] = self.services.intake(path).path
        return self._cleaned[key]

    @property
    def folder(self) -> Path:
        """Where cleaned images lie."""
        return self.services.settings.home / "images"

    def prepare(self, files: Sequence[Path]) -> None:
        """Takes dropped files in while the question is still being written; what is wrong is said when it is asked."""
        for file in files[:MAX_IMAGES]:
            Thread(target=self._prepare, args=(file,), name="take-image", daemon=True).start()

    def _prepare(self, file: Path) -> None:
        try:
            self._known(file) or self.services.images.take(file)
        except ImageError:
            return

    def take_in(self, files: Sequence[Path], lang: Lang) -> tuple[list[Path], list[str], list[str]]:
        """Kept images of the files of a question, one sentence per file that could not be used, and notes."""
        problems = [say("m_too_many", lang, n=MAX_IMAGES)] if len(files) > MAX_IMAGES else []
        images: list[Path] = []
        notes: list[str] = []
        for file in files[:MAX_IMAGES]:
            try:
                images.append(self._known(file) or self._upload(file, notes))
            except ImageError as error:
                problems.append(f"{file.name}: {half(str(error), lang)}")
        return images, problems, notes

    def _upload(self, file: Path, notes: list[str]) -> Path:
        taken = self.services.images.take(file)
        notes.extend(note for note in taken.notes if note == BLURRED)
        return taken.path

    def _known(self, file: Path) -> Path | None:
        """An image we cleaned before and only showed in the box, recognised by its content."""
        if not _CLEAN_NAME.fullmatch(file.name):
            return None
        mine = self.folder / file.name
        same = mine.is_file() and _digest(mine) == _digest(file)
        return mine if same else None


def _digest(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()
