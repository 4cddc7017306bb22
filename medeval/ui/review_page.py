"""The reviewers' page as HTML: a shell with its words; the script fills it. Nothing of a review is in it."""

import json
from html import escape
from importlib.resources import files

from medeval.review.records import DIMENSIONS, SLOTS
from medeval.ui.text import Lang, say
from medeval.ui.words import half

_WORDS = (
    "rv_title", "rv_correctness", "rv_safety", "rv_completeness", "rv_empathy", "rv_rank", "rv_rank_tip", "rv_danger",
    "rv_comment", "rv_save", "rv_next", "rv_back", "rv_undo", "rv_reason", "rv_confirm", "rv_cancel", "rv_saved",
    "rv_saving", "rv_unsaved", "rv_missing", "rv_locked", "rv_done_title", "rv_done_text", "rv_reveal", "rv_thought",
    "rv_reset", "rv_level", "rv_window", "rv_zoom", "rv_empty", "rv_revealed", "rv_column", "rv_name", "rv_rules",
    "rv_revealed_text", "rv_earlier_turns", "rv_user", "rv_assistant", "rv_image", "rv_offline", "rv_says",
    "rv_case",
)  # fmt: skip
_SCRIPTS = ("review_image.js", "review_names.js", "review_parts.js", "review.js")
_KEYS = ("rv_key_digits", "rv_key_arrows", "rv_key_danger", "rv_key_comment", "rv_key_enter", "rv_key_undo",
         "rv_key_zoom")  # fmt: skip


def _page(body: str, lang: Lang, script: str = "") -> str:
    folder = files("medeval.ui")
    style = "".join((folder / name).read_text("utf-8") for name in ("style.css", "review.css", "says.css"))
    return (
        f'<!doctype html><html lang="{lang}"><head><meta charset="utf-8"><title>{escape(say("rv_title", lang))}</title>'
        '<meta name="viewport" content="width=device-width, initial-scale=1"><meta name="robots" content="noindex">'
        f'<link rel="icon" href="data:,"><style>{style}</style></head><body class="me-review-page">{body}{script}'
        "</body></html>"
    )


def sitting_page(lang: Lang) -> str:
    """The shell of a sitting; the script asks for the rest."""
    words = {key.removeprefix("rv_"): say(key, lang) for key in _WORDS}
    data = {"lang": lang, "words": words, "scales": list(DIMENSIONS), "slots": list(SLOTS[lang])}
    # "<" is written as an escape, so that no text can end the script element
    plain = json.dumps(data, ensure_ascii=False).replace("<", "\\u003c")
    keys = "".join(f"<span>{escape(say(key, lang))}</span>" for key in _KEYS)
    other = "zh" if lang == "en" else "en"
    body = (
        '<header class="me-rv-top"><b>medeval</b><span id="me-rv-name">'
        f'{escape(say("rv_title", lang))}</span><span id="me-rv-count" aria-live="polite"></span>'
        '<i class="me-rv-bar"><i id="me-rv-fill"></i></i><span id="me-rv-state" role="status"></span>'
        f'<a href="?lang={other}">{"中文" if other == "zh" else "English"}</a></header>'
        f'<main id="me-review" tabindex="-1"><p class="me-quiet">{escape(say("rv_opening", lang))}</p></main>'
        f'<footer class="me-rv-keys">{keys}<small>{escape(say("not_a_device", lang))}</small></footer>'
    )
    folder = files("medeval.ui")
    code = "".join((folder / name).read_text("utf-8") for name in _SCRIPTS)
    script = f'<script type="application/json" id="me-rv-data">{plain}</script><script>{code}</script>'
    return _page(body, lang, script)


def join_page(found: bool, lang: Lang, problem: str = "") -> str:
    """The page of an open link: asks for a name, or says that the link is no good."""
    title = f"<h1>{escape(say('rv_title', lang))}</h1>"
    wrong = f'<div class="me-error" role="alert">{escape(half(problem, lang))}</div>' if problem else ""
    if not found:
        text = wrong or f'<div class="me-error">{escape(say("rv_no_link", lang))}</div>'
        return _page(f'<main class="me-rv-join">{title}{text}</main>', lang)
    form = (
        f'<form id="me-rv-join"><label for="name">{escape(say("rv_your_name", lang))}</label>'
        '<input id="name" name="name" maxlength="60" required autofocus autocomplete="off">'
        f'<button class="me-rv-main">{escape(say("rv_start", lang))}</button></form>'
    )
    text = f'<p class="me-quiet">{escape(say("rv_join_text", lang))}</p>'
    body = f'<main class="me-rv-join">{title}{text}{wrong}<div id="me-rv-wrong" role="alert"></div>{form}</main>'
    return _page(body, lang, f"<script>{(files('medeval.ui') / 'review_join.js').read_text('utf-8')}</script>")
