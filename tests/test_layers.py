"""The package reads in the order in which data flows: an import goes only to something earlier in the list."""

import ast
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
ORDER = [
    "errors", "halves", "settings", "cases", "clinical", "adapters", "engines", "metrics", "ocr", "evaluation",
    "metaeval", "review", "training", "fusion", "store", "demo", "services", "cli", "ui",
]  # fmt: skip
FILES = sorted((ROOT / "medeval").rglob("*.py"))


def part_of(file: Path) -> str:
    return file.relative_to(ROOT / "medeval").parts[0].removesuffix(".py")


def imported_modules(tree: ast.AST) -> set[str]:
    names: set[str] = set()
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            names.update(alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom):
            assert node.level == 0, "absolute imports only"
            names.add(node.module or "")
            names.update(f"{node.module}.{alias.name}" for alias in node.names)
    return names


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_imports_go_upwards(file: Path) -> None:
    part = part_of(file)
    if part in ("__init__", "__main__"):
        return
    assert part in ORDER, f"{part} has no place in the order of the package"
    used = {m.split(".")[1] for m in imported_modules(ast.parse(file.read_text("utf-8"))) if m.startswith("medeval.")}
    later = {name for name in used if name in ORDER and ORDER.index(name) > ORDER.index(part)}
    assert not later, f"{file.name} ({part}) imports later parts: {sorted(later)}"


@pytest.mark.parametrize("file", FILES, ids=lambda f: str(f.relative_to(ROOT)))
def test_gradio_stays_in_the_ui(file: Path) -> None:
    modules = {m.split(".")[0] for m in imported_modules(ast.parse(file.read_text("utf-8")))}
    assert part_of(file) == "ui" or "gradio" not in modules


HEAVY = {"torch", "mlx", "transformers", "gradio", "peft", "pandas", "scipy"}


@pytest.mark.parametrize("statement", ["import medeval", "import medeval.metrics.composite", "import medeval.cli"])
def test_light_imports_load_no_heavy_library(statement: str) -> None:
    code = f"{statement}; import sys; print(*sorted({HEAVY!r} & set(sys.modules)))"
    loaded = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, check=True)
    assert loaded.stdout.split() == []
