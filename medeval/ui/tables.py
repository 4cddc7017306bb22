"""The tables under the cards as HTML: metric × variant, and the receipt. Pure functions; everything is escaped."""

from collections.abc import Iterable
from html import escape

from medeval.engines.contract import Decoding, Loaded, Receipt
from medeval.ui.cards import Look, hundred, value_of
from medeval.ui.exchange import Column, Round
from medeval.ui.text import Lang, say
from medeval.ui.train_csv import csv_link
from medeval.ui.words import half


def scores_table(shown: Round, look: Look) -> str:
    """Metric × variant with the total first; `–` where unscored, with the reason on hovering."""
    columns = [c for c in shown.columns if c.sheet is not None]
    if not columns:
        return ""
    names = list(dict.fromkeys(name for c in columns if c.sheet for name in c.sheet.scores))
    head = "".join(f'<th scope="col">{escape(c.title.get(look.lang) or c.variant)}</th>' for c in columns)
    total = escape(say("total", look.lang, profile=look.profile))
    rows = [_row(total, [(value_of(c, look.profile), _vetoes(c, look)) for c in columns], "me-sum")]
    unscored = []
    for name in names:
        label, cells = escape(look.labels.get(name, name)), [_cell(c, name, look) for c in columns]
        if all(value is None for value, _ in cells):
            unscored.append(f'<span data-tip="{escape(cells[0][1], quote=True)}" tabindex="0">{label}</span>')
        else:
            rows.append(_row(label, cells, falling=name in look.falling))
    if unscored:
        rows.append(_unscored(unscored, len(columns), look))
    caption = escape(say("table", look.lang))
    metric = escape(say("metric", look.lang))
    return (
        f'<div class="me-scroll"><table class="me-table"><caption>{caption}</caption>'
        f'<thead><tr><th scope="col">{metric}</th>{head}</tr></thead><tbody>{"".join(rows)}</tbody></table></div>'
        + _export(columns, names, look)
    )


def _unscored(labels: list[str], columns: int, look: Look) -> str:
    """Metrics that this question gives nothing to judge, in one row, so that the scored ones stay readable."""
    title = escape(say("table_unscored", look.lang))
    return f'<tr class="me-rest"><th scope="row">{title}</th><td colspan="{columns}">{"".join(labels)}</td></tr>'


def _export(columns: list[Column], names: list[str], look: Look) -> str:
    sheets = [c.sheet.scores for c in columns if c.sheet]
    rows: list[list[object]] = [["total", *(value_of(c, look.profile) for c in columns)]]
    rows += [[name, *(s[name].value if name in s else None for s in sheets)] for name in names]
    head = ["metric", *(c.variant for c in columns)]
    return csv_link("scores.csv", head, rows, say("table_export", look.lang))


def _vetoes(column: Column, look: Look) -> str:
    found = column.sheet.profiles.get(look.profile) if column.sheet else None
    return half(found.note, look.lang) if found and found.vetoed else ""


def _cell(column: Column, name: str, look: Look) -> tuple[float | None, str]:
    score = column.sheet.scores.get(name) if column.sheet else None
    return (None, "") if score is None else (score.value, half(score.reason, look.lang))


def _row(label: str, cells: list[tuple[float | None, str]], kind: str = "", falling: bool = False) -> str:
    known = [value for value, _ in cells if value is not None]
    best = (min if falling else max)(known) if len(set(known)) > 1 else None
    parts = []
    for value, reason in cells:
        tip = f' data-tip="{escape(reason, quote=True)}"' if reason else ""
        mark = ' class="me-best"' if value is not None and value == best else ""
        mark = ' class="me-none"' if value is None else mark
        parts.append(f"<td{mark}{tip}>{hundred(value)}</td>")
    opening = f'<tr class="{kind}">' if kind else "<tr>"
    return f'{opening}<th scope="row">{label}</th>{"".join(parts)}</tr>'


def receipt_html(receipt: Receipt | None, decoding: Decoding | None, look: Look) -> str:
    """What is loaded and how answers were made: the proof behind the badges."""
    if receipt is None:
        return f'<p class="me-quiet">{escape(say("receipt_none", look.lang))}</p>'
    unknown = say("r_unknown", look.lang) if receipt.engine == "server" else ""
    facts = [
        ("r_engine", receipt.engine),
        ("r_base", receipt.base),
        ("r_print", receipt.base_fingerprint or unknown),
        ("r_device", unknown or f"{receipt.device} · {receipt.dtype}"),
        ("r_template", receipt.template_sha256),
        ("r_packages", ", ".join(f"{k} {v}" for k, v in receipt.packages.items())),
    ]
    if decoding is not None:
        how = say("r_decoding_value", look.lang, max_tokens=decoding.max_tokens, temperature=decoding.temperature,
                  top_p=decoding.top_p, seed=decoding.seed)
        facts.append(("r_decoding", how))
    items = "".join(
        f"<dt>{escape(say(key, look.lang))}</dt><dd>{escape(value)}</dd>" for key, value in facts if value
    )
    notes = "".join(f"<li>{escape(half(note, look.lang))}</li>" for note in receipt.notes)
    listed = f'<ul class="me-quiet">{notes}</ul>' if notes else ""
    return f'<dl class="me-facts">{items}</dl>{_loaded(receipt.variants, look)}{_refused(receipt, look)}{listed}'


def _loaded(variants: Iterable[Loaded], look: Look) -> str:
    keys = ("r_variant", "r_mode", "r_tensors", "r_rank", "r_scale", "r_change", "r_dialect")
    head = "".join(f'<th scope="col">{escape(say(key, look.lang))}</th>' for key in keys)
    rows = "".join(f"<tr>{_loaded_cells(item, look)}</tr>" for item in variants)
    return (
        '<div class="me-scroll"><table class="me-table"><thead><tr>'
        f"{head}</tr></thead><tbody>{rows}</tbody></table></div>"
    )


def _loaded_cells(item: Loaded, look: Look) -> str:
    base = item.mode in ("base", "served")
    change = "–" if item.logit_change is None else f"{item.logit_change:.3g}"
    why = f' data-tip="{escape(half(item.why_switched, look.lang), quote=True)}"' if item.why_switched else ""
    cells = [
        "–" if base else f"{item.tensors_matched}/{item.tensors_expected}",
        "–" if base else str(item.rank),
        "–" if base else f"{item.scale:g}",
        change,
        item.dialect or "–",
    ]
    mode = escape(" · ".join(filter(None, (say(f"mode_{item.mode}", look.lang), item.model))))
    tail = "".join(f"<td>{escape(cell)}</td>" for cell in cells)
    return f'<th scope="row">{escape(item.variant)}</th><td{why}>{mode}</td>{tail}'


def _refused(receipt: Receipt, look: Look) -> str:
    parts = []
    for name, reasons in receipt.refused.items():
        listed = "".join(f"<li>{escape(half(reason, look.lang))}</li>" for reason in reasons)
        title = escape(say("refused", look.lang, name=name))
        parts.append(f'<div class="me-error"><b>{title}</b><ul>{listed}</ul></div>')
    return "".join(parts)


def badge(item: Loaded, lang: Lang = "zh") -> str:
    """The truth badge of a column in one short line: tensors matched/expected and rank, or nothing for the base.

    Of a served column no truth is known: the badge names the model that is asked.
    """
    if item.mode == "served":
        return f"{say('mode_served', lang)} · {item.model}"
    if item.mode == "base" or not item.tensors_expected:
        return ""
    tick = "✓" if item.tensors_matched == item.tensors_expected else "!"
    return f"{tick} {item.tensors_matched}/{item.tensors_expected} · r{item.rank}"
