"""Fixtures of the browser tests."""

import shutil
from collections.abc import Iterator
from typing import Any

import pytest
from browsing import open_browser, running_app
from review_people import Site, open_site

from medeval.settings import ROOT


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    with open_browser() as started:
        yield started


@pytest.fixture(scope="session")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The app as `python app.py` starts it, with a copy of the cases; the Compare and Evaluate tests share it."""
    folder = tmp_path_factory.mktemp("browser")
    shutil.copytree(ROOT / "test_cases", folder / "cases")
    with running_app(folder, MEDEVAL_CASES=str(folder / "cases")) as address:
        yield address


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """The app with reviews made before it started, anew for each file of tests."""
    with open_site(tmp_path_factory.mktemp("review")) as opened:
        yield opened
