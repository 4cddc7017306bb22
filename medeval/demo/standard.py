"""The images of the standard suite, with their truth beside them as JSON."""

from __future__ import annotations

import json
import random
from dataclasses import asdict
from pathlib import Path
from typing import Any

from PIL import Image

from medeval.demo.labs import PANELS, LabReport, print_row
from medeval.demo.phantoms import Kind, Phantom, draw_phantom
from medeval.demo.sheets import CLEAN, Sheet, draw_sheet

# Values chosen by hand; `corpus.held_out` keeps them out of training.
STANDARD_LABS: dict[str, tuple[str, dict[str, float]]] = {
    "lab-cbc": (
        "血常规",
        {"白细胞": 12.8, "红细胞": 4.62, "血红蛋白": 138, "血小板": 236, "中性粒细胞": 9.7, "淋巴细胞": 1.9},
    ),
    "lab-chem": (
        "生化",
        {"谷丙转氨酶": 86, "谷草转氨酶": 53, "白蛋白": 43.5, "肌酐": 72, "尿酸": 487, "空腹血糖": 7.2},
    ),
}
STANDARD_PHANTOMS: dict[str, tuple[Kind, int]] = {
    "cxr-large-heart": ("large_heart", 20260101),
    "cxr-normal": ("normal", 20260102),
}
FINDINGS: dict[Kind, str] = {"large_heart": "心影增大", "effusion": "胸腔积液", "nodule": "肺结节", "normal": ""}
SIDES = {"": "", "left": "左侧", "right": "右侧"}


def standard_report(name: str) -> LabReport:
    """The report of one standard lab image."""
    panel, values = STANDARD_LABS[name]
    items = {item.name: item for item in PANELS[panel]}
    rows = tuple(print_row(items[k], v, items[k].ranges[0]) for k, v in values.items())
    return LabReport(panel, f"{panel}检验报告", rows)


def phantom_truth(phantom: Phantom) -> dict[str, list[str]]:
    """Findings present and absent, in words."""
    words = {kind: word for kind, word in FINDINGS.items() if word}
    present = [SIDES[phantom.side] + words[phantom.kind]] if phantom.kind in words else []
    absent = [word for kind, word in words.items() if kind != phantom.kind]
    return {"present": present, "absent": absent}


def sheet_truth(sheet: Sheet) -> dict[str, Any]:
    """The printed rows, every field as printed, and the flag in words."""
    rows = [asdict(row) | {"reading": row.word} for row in sheet.report.rows]
    return {"panel": sheet.report.panel, "title": sheet.report.title, "rows": rows}


def write_standard_images(folder: Path) -> list[Path]:
    """Writes the images and truth files of the standard suite; returns the images."""
    folder.mkdir(parents=True, exist_ok=True)
    written: list[Path] = []
    for name in STANDARD_LABS:
        sheet = draw_sheet(standard_report(name), random.Random(7), CLEAN)
        written.append(_write(folder / f"{name}.png", sheet.pixels, sheet_truth(sheet)))
    for name, (kind, seed) in STANDARD_PHANTOMS.items():
        phantom = draw_phantom(random.Random(seed), kind, 320)
        truth = {"drawing": "示意图, not a radiograph"} | phantom_truth(phantom)
        written.append(_write(folder / f"{name}.png", phantom.pixels, truth))
    return written


def _write(path: Path, pixels: Any, truth: dict[str, Any]) -> Path:
    Image.fromarray(pixels).save(path, optimize=True)
    text = json.dumps(truth, ensure_ascii=False, indent=1)
    path.with_suffix(".truth.json").write_text(text + "\n", encoding="utf-8")
    return path
