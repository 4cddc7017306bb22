"""The README stays true: its commands exist, its tree matches the disk, its pictures are there."""

import re
from pathlib import Path

import pytest
from typer.main import get_command

from medeval.cli import app

ROOT = Path(__file__).resolve().parent.parent
README = (ROOT / "README.md").read_text("utf-8")


def code_lines() -> list[str]:
    blocks = re.findall(r"```bash\n(.*?)```", README, re.DOTALL)
    return [line.split(" #")[0].strip() for block in blocks for line in block.splitlines() if line.strip()]


def medeval_commands() -> list[str]:
    found = [re.search(r"(?:python -m medeval|medeval) ([a-z].*)", line) for line in code_lines()]
    return sorted({match.group(1) for match in found if match})


@pytest.mark.parametrize("line", medeval_commands())
def test_readme_commands_exist(line: str) -> None:
    command = get_command(app)
    words = line.split()
    while words and hasattr(command, "commands") and words[0] in command.commands:
        command = command.commands[words.pop(0)]
    assert command.name != get_command(app).name, f"unknown command in README: {line}"
    options = {name for parameter in command.params for name in (*parameter.opts, *parameter.secondary_opts)}
    used = {word.split("=")[0] for word in words if word.startswith("--")}
    assert used <= options | {"--help"}, f"{line}: unknown {sorted(used - options)}"


def test_readme_make_targets_exist() -> None:
    targets = set(re.findall(r"^([a-z]+):", (ROOT / "Makefile").read_text("utf-8"), re.MULTILINE))
    used = {line.split()[1] for line in code_lines() if line.startswith("make ")}
    assert {"run", "test"} <= used <= targets


def tree_paths() -> list[str]:
    block = re.search(r"```text\n(.*?)```", README, re.DOTALL)
    assert block, "README has no tree"
    return [line.split()[0] for line in block.group(1).splitlines() if line.strip()]


@pytest.mark.parametrize("path", tree_paths())
def test_readme_tree_is_on_disk(path: str) -> None:
    assert (ROOT / path).exists()


def test_readme_tree_is_whole() -> None:
    on_disk = {p.name for p in (ROOT / "medeval").iterdir() if p.is_dir() and p.name != "__pycache__"}
    named = {path.rstrip("/").split("/")[1] for path in tree_paths() if path.startswith("medeval/")}
    assert on_disk <= {name.removesuffix(".py") for name in named}


@pytest.mark.parametrize("target", sorted(set(re.findall(r"\]\(([^)#:]+)\)", README))))
def test_readme_links_lead_somewhere(target: str) -> None:
    assert (ROOT / target).exists()
