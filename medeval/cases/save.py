"""Writes a case as YAML: a new file each time, its images copied beside it, nothing overwritten.

Whether the id is free is asked in `medeval.cases.load`.
"""

import hashlib
import os
import re
import shutil
from pathlib import Path
from typing import Any

import yaml

from medeval.cases.schema import Case
from medeval.errors import CaseError

_RESERVED = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_MAX_NAME = 80  # bytes, so that the name with a number and a suffix fits every file system


def safe_name(text: str) -> str:
    """`text` as a name that is safe as a file on every system and allowed as an id: no path, no hidden file."""
    name = re.sub(r"[^\w.\-]+", "-", text).strip(".-")
    if _RESERVED.fullmatch(name):
        name = f"case-{name}"
    if len(name.encode()) > _MAX_NAME:
        short = name.encode()[: _MAX_NAME - 9].decode(errors="ignore")
        name = f"{short}-{hashlib.sha256(text.encode()).hexdigest()[:8]}"
    return name or "case"


def write_case(case: Case, folder: Path) -> Path:
    """Writes `case` into a new file of `folder`, images into `folder/images`; returns the YAML file.

    Raises:
        CaseError: When an image is missing, or the disk refuses; what was written is taken back.
    """
    written: list[Path] = []
    try:
        folder.mkdir(parents=True, exist_ok=True)
        names = [_copy_image(image, folder, case.id, written) for image in case.images]
        fields = {**case.model_dump(mode="json", exclude_defaults=True), "images": names}
        if not names:
            del fields["images"]
        text = yaml.safe_dump(fields, allow_unicode=True, sort_keys=False, width=120)
        return _write_new(folder, safe_name(case.id), ".yaml", text.encode(), written)
    except OSError as error:
        for path in written:
            path.unlink(missing_ok=True)
        said = (
            f"无法保存病例：{error.filename or folder}：{error.strerror}"
            f" / the case cannot be saved: {error.filename or folder}: {error.strerror}"
        )
        raise CaseError([f"{case.id}: file: {said}"]) from error


def _copy_image(image: Path, folder: Path, case_id: str, written: list[Path]) -> str:
    images = folder / "images"
    images.mkdir(exist_ok=True)
    suffix = image.suffix.lower() if re.fullmatch(r"\.\w{1,5}", image.suffix) else ".png"
    with image.open("rb") as source:
        path = _write_new(images, safe_name(case_id), suffix, source, written)
    return path.relative_to(folder).as_posix()


def _write_new(folder: Path, stem: str, suffix: str, content: Any, written: list[Path]) -> Path:
    number = 1
    while True:
        path = folder / (f"{stem}{suffix}" if number == 1 else f"{stem}-{number}{suffix}")
        try:
            file = path.open("xb")
        except FileExistsError:
            number += 1
            continue
        written.append(path)
        with file:
            if isinstance(content, bytes):
                file.write(content)
            else:
                shutil.copyfileobj(content, file)
            file.flush()
            os.fsync(file.fileno())
        return path
