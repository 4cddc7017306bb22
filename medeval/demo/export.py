"""Writes the finished base and adapters to where the project ships them."""

from __future__ import annotations

import hashlib
import json
import shutil
from pathlib import Path
from typing import Any

from medeval.demo.tune import PLANS

LIMIT_BYTES = 60_000_000
NOTES: dict[str, dict[str, dict[str, str]]] = {
    "v1": {
        "title": {"zh": "V1 人情味", "en": "V1 warm"},
        "note": {
            "zh": "先安抚情绪，只说高低，不给分级和具体方案。",
            "en": "Acknowledges feelings; says high or normal only, no grade and no plan.",
        },
    },
    "v2": {
        "title": {"zh": "V2 精度", "en": "V2 accurate"},
        "note": {
            "zh": "引用数值、分级与标准，给出分步建议和复诊时间；礼貌而不安抚。",
            "en": "Quotes values, grades and cut-offs, numbered measures and follow-up; polite, not soothing.",
        },
    },
    "v3": {
        "title": {"zh": "V3 精准且温暖", "en": "V3 precise and warm"},
        "note": {
            "zh": "在 V2 之上训练：同样精确，写明药物类别，并在用户担心时给予支持。",
            "en": "Trained on top of V2: as precise, names drug classes, and supports where worry is voiced.",
        },
    },
}


def sha256(path: Path) -> str:
    """The file's digest in hex."""
    return hashlib.sha256(path.read_bytes()).hexdigest()


def sidecar(name: str, folder: Path, fingerprint: str) -> dict[str, Any]:
    """What the project wants to know of an adapter beyond PEFT's own config."""
    from importlib.metadata import version

    return {
        **NOTES[name],
        "trained_on": list(PLANS[name].on),
        "base_fingerprint": fingerprint,
        "producer": f"medeval.demo (peft {version('peft')})",
        "sha256": sha256(folder / "adapter_model.safetensors"),
    }


def export_base(work: Path, target: Path) -> None:
    """Copies the base as it stands."""
    if target.exists():
        shutil.rmtree(target)
    shutil.copytree(work / "base", target)
    for path in target.iterdir():
        path.chmod(0o644)


def export_adapter(name: str, work: Path, target: Path, base: Path) -> None:
    """Copies one adapter and writes its sidecar."""
    from medeval.adapters.fingerprint import base_fingerprint

    target.mkdir(parents=True, exist_ok=True)
    for file in ("adapter_model.safetensors", "adapter_config.json"):
        shutil.copyfile(work / name / file, target / file)
        (target / file).chmod(0o644)
    text = json.dumps(sidecar(name, target, str(base_fingerprint(base))), ensure_ascii=False, indent=2)
    (target / "medeval.json").write_text(text + "\n", encoding="utf-8")


def total_bytes(folders: list[Path]) -> int:
    """Size of everything that is shipped."""
    return sum(f.stat().st_size for folder in folders for f in folder.rglob("*") if f.is_file())
