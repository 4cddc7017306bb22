"""A folder of images with one prompt as a suite of its own, so that it can be run and reviewed like any other."""

import re
from collections.abc import Iterable
from pathlib import Path

from medeval.cases.images import Intake
from medeval.cases.schema import Case, Language, Title
from medeval.errors import UsageError

SUITE = "images"
"""The suite of every ad-hoc case: its answers may be trained on, they belong to no test suite."""
MOST_IMAGES = 500
_ENDINGS = {".png", ".jpg", ".jpeg", ".webp", ".tif", ".tiff", ".bmp", ".gif", ".dcm", ""}
_CHINESE = re.compile(r"[\u4e00-\u9fff]")


def image_files(folder: Path) -> list[Path]:
    """The files of a folder that may be images, in order of their names; hidden ones are left out.

    Raises:
        UsageError: there is no such folder, or nothing in it, or too much.
    """
    if not folder.is_dir():
        raise UsageError(f"没有文件夹 {folder} / no such folder {folder}")
    inside = (path for path in folder.rglob("*") if path.is_file() and path.suffix.lower() in _ENDINGS)
    found = sorted(path for path in inside if not any(p.startswith(".") for p in path.relative_to(folder).parts))
    if not found:
        raise UsageError(f"{folder} 里没有图像 / {folder} holds no images")
    if len(found) > MOST_IMAGES:
        raise UsageError(
            f"一次最多 {MOST_IMAGES} 张图像，{folder} 有 {len(found)} 张"
            f" / at most {MOST_IMAGES} images at once, {folder} holds {len(found)}"
        )
    return found


def require_prompt(prompt: str) -> str:
    """The question without blanks around it; raises UsageError where there is none."""
    text = prompt.strip()
    if not text:
        raise UsageError("请写下要问每张图像的问题 / write the question to ask about every image")
    return text


def image_cases(images: Iterable[Intake], prompt: str) -> list[Case]:
    """One case per image, all with the same prompt; the same picture counts once.

    A case is named by the content of its image, so no file name (which may hold a patient's) is kept.

    Raises:
        UsageError: no prompt, or no images.
    """
    text = require_prompt(prompt)
    language: Language = "zh" if _CHINESE.search(text) else "en"
    by_content = {image.sha256: image for image in images}
    if not by_content:
        raise UsageError("没有可用的图像 / no usable images")
    return [
        Case(
            id=f"image-{digest[:12]}", title=Title(zh=f"图像 {number}", en=f"Image {number}"), suite=[SUITE],
            language=language, prompt=text, images=[image.path], source="ad hoc",
        )
        for number, (digest, image) in enumerate(by_content.items(), 1)
    ]  # fmt: skip
