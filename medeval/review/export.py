"""Writes preferences as JSONL with their images beside it, whole or not at all."""

import json
import os
import shutil
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from medeval.cases.schema import Case
from medeval.errors import UsageError
from medeval.review.preferences import Held, examples, held_out, pairs, same_images
from medeval.review.records import Rating, Review

ExportFormat = Literal["dpo", "sft"]
FORMATS: tuple[ExportFormat, ...] = ("dpo", "sft")


@dataclass(frozen=True)
class Exported:
    """What was written: `held` cases of test suites were left out, or, with the override, `marked` lines carry them."""

    path: Path
    lines: int
    images: int
    held: tuple[Held, ...]
    marked: int


def write_export(
    review: Review, ratings: Sequence[Rating], fmt: ExportFormat, out: Path, image_folder: Path,
    tests: Sequence[Case], tested_images: Iterable[str], allow_test_cases: bool = False,
) -> Exported:
    """Writes DPO pairs or SFT examples to `out`, images to `<out's name>-images/`, paths in it relative to `out`.

    Args:
        review: whose preferences.
        ratings: as they stand.
        fmt: dpo = {prompt, images, chosen, rejected, meta}; sft = {instruction, input, output, images, meta}.
        out: the JSONL file.
        image_folder: where the cleaned images lie.
        tests: cases of the test suites.
        tested_images: names of their cleaned images.
        allow_test_cases: keep held-out cases, each line marked in `meta.held_out`.

    Raises:
        UsageError: an unknown format, nothing to write, or the place cannot be written.
    """
    if fmt not in FORMATS:
        raise UsageError(f"格式应为 {', '.join(FORMATS)} 之一 / the format is one of {', '.join(FORMATS)}")
    held = same_images(review.spec.items, tested_images) | held_out(review.spec.items, tests)
    make = pairs if fmt == "dpo" else examples
    lines = make(review.spec, ratings, review.id, held)
    kept = [line for line in lines if allow_test_cases or "held_out" not in line["meta"]]
    if not kept:
        raise UsageError(_nothing(len(lines), held))
    names = list(dict.fromkeys(name for line in kept for name in line["images"]))
    folder = out.with_name(f"{out.stem}-images")
    for line in kept:
        line["images"] = [f"{folder.name}/{name}" for name in line["images"]]
    try:
        _copy(names, image_folder, folder)
        _write(out, kept)
    except OSError as error:
        raise UsageError(f"无法写入 {out}：{error.strerror} / {out} cannot be written: {error.strerror}") from error
    marked = sum("held_out" in line["meta"] for line in kept)
    used = {line["meta"]["case"] for line in lines}
    left = () if allow_test_cases else tuple(item for case_id, item in held.items() if case_id in used)
    return Exported(out, len(kept), len(names), left, marked)


def _nothing(found: int, held: dict[str, Held]) -> str:
    if found:
        why = " · ".join(f"{item.case_id}: {item.why}" for item in list(held.values())[:4])
        return (
            f"全部 {found} 条都来自测试病例，用它们训练会让以后的比较失去意义；确要导出请用 --allow-test-cases"
            f" / all {found} lines come from test cases: training on them spoils later comparisons;"
            f" --allow-test-cases writes them, marked · {why}"
        )
    return "没有可导出的偏好：还没有评分，或都是并列 / no preferences to export: nothing judged, or all tied"


def _copy(names: Iterable[str], source: Path, folder: Path) -> None:
    for name in names:
        folder.mkdir(exist_ok=True)
        if not (folder / name).is_file():
            shutil.copyfile(source / name, folder / name)


def _write(out: Path, lines: Sequence[dict[str, Any]]) -> None:
    handle, temporary = tempfile.mkstemp(dir=out.parent, prefix=f".{out.name}.")
    try:
        with os.fdopen(handle, "w", encoding="utf-8", newline="\n") as file:
            for line in lines:
                file.write(json.dumps(line, ensure_ascii=False, allow_nan=False) + "\n")
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, out)
    except BaseException:
        Path(temporary).unlink(missing_ok=True)
        raise
