"""The shelf: finished exchanges as the page shows them, one JSON file each, so that a reload or restart finds them.

The store's `exchanges` keep every answered question as a record; the shelf keeps what the page needs to show it again.
"""

import logging
import os
import re
import tempfile
from dataclasses import replace
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from medeval.engines.contract import Receipt
from medeval.errors import StoreError
from medeval.evaluation.records import Cell
from medeval.store import Store
from medeval.ui.exchange import Column, Round, View
from medeval.ui.text import say

_ID = re.compile(r"[A-Za-z0-9_-]{10,64}")
_VIEW = TypeAdapter(View)
_log = logging.getLogger(__name__)


class Shelf:
    """A private folder of exchanges."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def keep(self, view: View) -> None:
        """Writes an exchange whole or not at all; a full disk is logged, the page still shows the answers."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True, mode=0o700)
            handle, name = tempfile.mkstemp(dir=self.folder, suffix=".part")
            with os.fdopen(handle, "wb") as file:
                file.write(_VIEW.dump_json(view))
                file.flush()
                os.fsync(file.fileno())
            Path(name).replace(self._path(view.id))
        except OSError as error:
            _log.warning("exchange %s is not kept: %s", view.id, error)

    def find(self, exchange_id: str) -> View | None:
        """The exchange of that id, or None; one that was cut off by the end of the program says so in its columns."""
        if not _ID.fullmatch(exchange_id):
            return None
        try:
            view = _VIEW.validate_json(self._path(exchange_id).read_bytes())
        except (OSError, ValidationError):
            return None
        return _settled(view) if view.running else view

    def _path(self, exchange_id: str) -> Path:
        return self.folder / f"{exchange_id}.json"


def record(store: Store, last: Round, receipt: Receipt | None) -> None:
    """Adds an answered round to the store's exchanges; trouble with the store never costs the page its answers."""
    try:
        store.save_exchange(last.case, [cell_of(last.case.id, column) for column in last.columns], receipt)
    except StoreError as error:
        _log.warning("the exchange is not in the store: %s", error)


def cell_of(case_id: str, column: Column) -> Cell:
    """A column as a cell of the store and of reports."""
    scores = dict(column.sheet.scores) if column.sheet else {}
    profiles = dict(column.sheet.profiles) if column.sheet else {}
    return Cell(case_id, column.variant, 0, column.answer, column.error or None, scores, profiles)


def _settled(view: View) -> View:
    reason = f"{say('lost', 'zh')} / {say('lost', 'en')}"
    last = view.rounds[-1]
    columns = tuple(c if c.over else replace(c, status="failed", error=reason) for c in last.columns)
    return replace(view, running=False, rounds=(*view.rounds[:-1], replace(last, columns=columns)))
