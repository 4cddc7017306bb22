"""Preflight on the page: rows appear as they are known, looked for on a thread of its own that a page may leave."""

from __future__ import annotations

from collections import OrderedDict
from dataclasses import dataclass, replace
from html import escape
from threading import Event, Lock, Thread
from uuid import uuid4

from medeval.errors import MedevalError
from medeval.services import Services
from medeval.training.config import TrainConfig
from medeval.training.preflight import Row
from medeval.ui.controls import with_labels
from medeval.ui.text import Lang, say
from medeval.ui.words import fault_text

_KEPT = 50


@dataclass(frozen=True)
class Looked:
    """A preflight of `config` as it stands; `stale` once the form says something else."""

    config: TrainConfig
    rows: tuple[Row, ...] = ()
    running: bool = True
    error: str = ""
    stale: bool = False


class Preflights:
    """One per server. A page that asks again ends its earlier preflight."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self._found: OrderedDict[str, Looked] = OrderedDict()
        self._stops: dict[str, Event] = {}
        self._lock = Lock()

    def start(self, before: str, config: TrainConfig) -> str:
        """Begins a preflight in place of an earlier one; returns its id at once."""
        name, stop = uuid4().hex[:12], Event()
        with self._lock:
            if before in self._stops:
                self._stops.pop(before).set()
                self._found.pop(before, None)
            self._stops[name] = stop
            self._found[name] = Looked(config)
            while len(self._found) > _KEPT:
                gone, _ = self._found.popitem(last=False)
                self._stops.pop(gone).set()
        Thread(target=self._run, args=(name, config, stop), name="preflight", daemon=True).start()
        return name

    def look(self, name: str) -> Looked | None:
        """How far a preflight is."""
        return self._found.get(name)

    def compare(self, name: str, config: TrainConfig | None) -> Looked | None:
        """How far a preflight is, marked where it looked at something else than `config`, what the form says now."""
        with self._lock:
            found = self._found.get(name)
            if found is not None:
                found = self._found[name] = replace(found, stale=found.config != config)
            return found

    def _run(self, name: str, config: TrainConfig, stop: Event) -> None:
        from medeval.services.preflight import preflight

        error = ""
        try:
            for row in preflight(self._services, config, stop=stop.is_set):
                self._put(name, row)
        except MedevalError as problem:
            error = str(problem)
        except Exception as problem:  # a page shows it; a thread would only print it
            error = f"{type(problem).__name__}: {problem}"
        self._put(name, error=error)

    def _put(self, name: str, row: Row | None = None, error: str = "") -> None:
        """Adds a row, or ends the preflight where there is none."""
        with self._lock:
            found = self._found.get(name)
            if found is not None:
                more = replace(found, rows=(*found.rows, row)) if row else replace(found, running=False, error=error)
                self._found[name] = more


def checked_html(looked: Looked, lang: Lang) -> str:
    """The table of ✓ and ✗ with what to do."""
    rows = "".join(_row(row, lang) for row in looked.rows)
    if looked.error:
        rows += f'<li class="me-tr-bad"><span>✗</span><div>{escape(fault_text(looked.error, lang))}</div></li>'
    words = escape(say("tr_checking", lang))
    wait = f'<p class="me-tr-wait"><i class="me-dot"></i>{words}</p>' if looked.running else ""
    if looked.stale:
        old = f'<p class="me-ev-note">{escape(say("tr_pf_stale", lang))}</p>'
        return f'<div class="me-tr-checked me-tr-old">{old}<ul>{rows}</ul>{wait}</div>'
    return f'<div class="me-tr-checked"><ul>{rows}</ul>{wait}{_verdict(looked, lang)}</div>'


def _row(row: Row, lang: Lang) -> str:
    look = {"ok": "me-tr-good", "warning": "me-tr-warn", "failed": "me-tr-bad"}[row.verdict]
    name = _names(lang).get(row.name, row.name)
    text = escape(with_labels(row.text(lang), lang))
    return f'<li class="{look}"><span>{row.mark}</span><div><b>{escape(name)}</b> {text}</div></li>'


def _names(lang: Lang) -> dict[str, str]:
    return {
        "base": say("tr_pf_base", lang), "engine": say("tr_pf_engine", lang), "stack": say("tr_pf_stack", lang),
        "data": say("tr_pf_data", lang), "validation": say("tr_pf_validation", lang),
        "targets": say("tr_pf_targets", lang), "suite": say("tr_pf_suite", lang), "output": say("tr_pf_output", lang),
        "memory": say("tr_memory", lang), "disk": say("tr_pf_disk", lang), "time": say("tr_pf_time", lang),
        "scale": say("tr_pf_scale", lang), "held_out": say("tr_pf_data", lang),
        "measured": say("tr_pf_measured", lang),
    }  # fmt: skip


def _verdict(looked: Looked, lang: Lang) -> str:
    if looked.running:
        return ""
    bad = bool(looked.error) or any(row.verdict == "failed" for row in looked.rows)
    words = say("tr_pf_stop", lang) if bad else say("tr_pf_go", lang)
    return f'<p class="{"me-tr-bad" if bad else "me-tr-good"}">{escape(words)}</p>'
