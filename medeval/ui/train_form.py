"""The form of the Train tab: which fields it holds, and from its texts to a validated config and back."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape

from medeval.training.config import ConfigError, TrainConfig, as_command, set_values
from medeval.training.config_text import changes_from, followed_alpha, value_text
from medeval.training.presets import DEMO_SUFFIX, load_preset
from medeval.ui.controls import FIELDS as LABELS
from medeval.ui.controls import with_controls
from medeval.ui.text import Lang, say
from medeval.ui.train_charts import schedule_html
from medeval.ui.words import fault_text

MAIN = ("name", "data", "steps", "learning_rate", "batch_size", "rank", "suite")
"""The few fields that people change; `controls.FIELDS` has the keys of their labels."""
REST = (
    "epochs", "alpha", "dropout", "accumulation", "warmup_steps", "warmup_ratio", "weight_decay", "max_length",
    "image_size", "log_every", "eval_every", "eval_samples", "save_every", "keep_best", "keep_last", "early_stop",
    "suite_cases", "suite_tokens", "seed", "targets", "modules_to_save", "trained_on", "base", "init_from", "system",
)  # fmt: skip
CHOICES: dict[str, tuple[str, ...]] = {
    "scheduler": ("constant", "linear", "cosine"),
    "quantization": ("none", "8bit", "4bit"),
    "dtype": ("auto", "float32", "bfloat16", "float16"),
    "gradient_checkpointing": ("false", "true"),
    "engine": ("auto", "torch", "mlx"),
}
FIELDS = (*MAIN, *REST, *CHOICES)
"""Every field with a widget of its own, in the order of the widgets; others go into the box of further lines."""


_IN_NOTES = ("steps", "epochs", "dropout")
"""Fields that the notes of presets speak of, with the recipe's figures."""


def texts_of(config: TrainConfig) -> list[str]:
    """What each widget shows for a config."""
    values = config.model_dump(mode="json")
    return [value_text(field, values[field]) for field in FIELDS]


def further_lines(config: TrainConfig) -> str:
    """The changes of a config that no widget holds, one a line."""
    start = load_preset(config.preset).config
    lines = changes_from(start, config)
    return "\n".join(line for line in lines if line.partition("=")[0].partition(".")[0] not in FIELDS)


def config_of(preset: str, texts: Sequence[str], further: str) -> TrainConfig:
    """The config that the form describes; raises ConfigError with every fault."""
    start = load_preset(preset).config
    shown = texts_of(start)
    changes = [
        f"{field}={text}" for field, text, before in zip(FIELDS, texts, shown, strict=True) if text.strip() != before
    ]
    if any(change.startswith("rank=") for change in changes):
        # alpha would follow a new rank, but the form shows one: that is what is meant
        changes.append(f"alpha={texts[FIELDS.index('alpha')]}")
    return set_values(start, [*changes, *(line.strip() for line in further.splitlines() if line.strip())])


def alpha_text(preset: str, rank: str) -> str | None:
    """The alpha that keeps the preset's scale at `rank`; None where that is no rank."""
    if not rank.strip().isdecimal() or int(rank) < 1:
        return None
    return value_text("alpha", followed_alpha(load_preset(preset).config, int(rank)))


def preview_html(preset: str, texts: Sequence[str], further: str, samples: int | None, lang: Lang) -> tuple[str, str]:
    """The schedule, or what is wrong; and the command line."""
    try:
        config = config_of(preset, texts, further)
    except ConfigError as error:
        items = "".join(f"<li>{escape(fault_text(problem, lang))}</li>" for problem in error.problems)
        return f'<div class="me-error me-tr-faults">{escape(say("tr_faults", lang))}<ul>{items}</ul></div>', ""
    command = (
        f'<div class="me-tr-command"><span>{escape(say("tr_command", lang))}</span>'
        f"<code>{escape(as_command(config))}</code></div>"
    )
    return f'<div class="me-tr-schedule">{schedule_html(config, samples, lang)}</div>', command


def note_html(preset: str, lang: Lang) -> str:
    """What a preset is, where it comes from and what was changed."""
    found = load_preset(preset)
    parts = [f"<p>{escape(with_controls(found.note.get(lang, ''), lang))}</p>"]
    parts.append(f'<p class="me-quiet">{escape(say("tr_source", lang, source=found.source))}</p>')
    if found.scaled:
        recipe, scaled = load_preset(preset.removesuffix(DEMO_SUFFIX)).config, found.config
        told = ("，" if lang == "zh" else ", ").join(
            f"{_label(field, lang)} {_plain(recipe, field)} → {_plain(scaled, field)}"
            for field in _IN_NOTES
            if field in found.scaled
        )
        parts.insert(1, f"<p>{escape(say('tr_note_scaled', lang, changes=told))}</p>")
        rows = "".join(
            f"<li><code>{escape(field)}</code> {_shown(recipe, field)} → {_shown(scaled, field)}</li>"
            for field in found.scaled
            if field != "phases"
        )
        parts.append(f"<details><summary>{escape(say('tr_scaled', lang))}</summary><ul>{rows}</ul></details>")
    if found.changed:
        items = "".join(f"<li><code>{escape(key)}</code> {escape(why)}</li>" for key, why in found.changed.items())
        parts.append(f"<details><summary>{escape(say('tr_changed', lang))}</summary><ul>{items}</ul></details>")
    return f'<div class="me-tr-note">{"".join(parts)}</div>'


def _shown(config: TrainConfig, field: str) -> str:
    return escape(_plain(config, field))


def _plain(config: TrainConfig, field: str) -> str:
    return value_text(field, config.model_dump(mode="json")[field]) or "–"


def _label(field: str, lang: Lang) -> str:
    return say(LABELS[field], lang) if field in LABELS else field
