"""Which engine a name stands for, and what is said where its packages are missing."""

from typing import Any

import pytest
from backends import needs_mlx

from medeval.engines import open as opening
from medeval.errors import MissingPackageError, UsageError
from medeval.settings import EngineName


def pretend(monkeypatch: pytest.MonkeyPatch, system: str, machine: str, missing: tuple[str, ...] = ()) -> None:
    real = opening.find_spec
    monkeypatch.setattr(opening.platform, "system", lambda: system)
    monkeypatch.setattr(opening.platform, "machine", lambda: machine)
    monkeypatch.setattr(opening, "find_spec", lambda name: None if name in missing else real(name))


@pytest.mark.parametrize(
    ("name", "system", "machine", "missing", "expected"),
    [
        ("auto", "Linux", "x86_64", (), "TorchEngine"),
        ("auto", "Darwin", "arm64", (), "MLXEngine"),
        ("auto", "Darwin", "arm64", ("mlx_vlm",), "TorchEngine"),
        ("auto", "Darwin", "x86_64", (), "TorchEngine"),
        ("mlx", "Linux", "x86_64", (), "MLXEngine"),
        ("torch", "Darwin", "arm64", (), "TorchEngine"),
    ],
)
def test_the_engine_of_a_name(
    monkeypatch: pytest.MonkeyPatch, name: EngineName, system: str, machine: str, missing: Any, expected: str
) -> None:
    needs_mlx()
    pretend(monkeypatch, system, machine, missing)
    assert type(opening.make_engine(name)).__name__ == expected


@pytest.mark.parametrize(("name", "missing"), [("mlx", "mlx_vlm"), ("mlx", "mlx_lm"), ("torch", "transformers")])
def test_a_missing_package_is_named_with_the_line_that_installs_it(
    monkeypatch: pytest.MonkeyPatch, name: EngineName, missing: str
) -> None:
    pretend(monkeypatch, "Linux", "x86_64", (missing,))
    with pytest.raises(MissingPackageError, match="pip install"):
        opening.make_engine(name)


@pytest.mark.parametrize("name", ["recorded", "server"])
def test_names_that_need_more_than_a_name(name: EngineName) -> None:
    with pytest.raises(UsageError):
        opening.make_engine(name)
