"""The Train and Data tabs without a browser: the form and its command, curves, tables, everything escaped."""

import base64
import re
from dataclasses import replace
from pathlib import Path
from typing import Any

import gradio as gr
import pytest

from medeval.services.datasets import CheckState
from medeval.services.training import Run
from medeval.store.jobs import Job, JobState
from medeval.training.config import ConfigError, set_values
from medeval.training.data import Problem
from medeval.training.data_check import DataReport
from medeval.training.data_overlap import Overlap
from medeval.training.history import read_history
from medeval.training.preflight import Row
from medeval.training.presets import load_preset, preset_names
from medeval.ui import train_plot as plot
from medeval.ui.data import DataEvents
from medeval.ui.data_view import problems_html, state_html
from medeval.ui.train_board import Opened
from medeval.ui.train_charts import curves_html, schedule_html
from medeval.ui.train_check import Looked, Preflights, checked_html
from medeval.ui.train_events import TrainEvents
from medeval.ui.train_form import FIELDS, config_of, further_lines, note_html, preview_html, texts_of
from medeval.ui.train_view import (
    checkpoints_html,
    curve_of,
    curves_link,
    duration,
    figures_html,
    runs_html,
    versus_html,
)


def events(steps: int, start: float = 2.0, every: int = 5) -> list[dict[str, Any]]:
    made: list[dict[str, Any]] = [{"kind": "begin", "total": steps * 2, "samples": 10}]
    for step in range(1, steps + 1):
        made.append({
            "kind": "step", "step": step, "total": steps * 2, "loss": start / step, "lr": 1e-3,
            "grad_norm": 1.0 + step % 2, "tokens_per_second": 300.0, "memory_bytes": 2e9, "phase": 0,
            "seconds_per_step": 1.5,
        })  # fmt: skip
        if step % every == 0:
            made.append({"kind": "eval", "step": step, "val_loss": start / step + 0.1})
            made.append({"kind": "clinical", "step": step, "score": 0.5, "interval": [0.4, 0.7], "profile": "v3"})
    return made


def run(name: str = "mine", state: JobState = "running", steps: int = 10, preset: str = "v3-demo", **job: Any) -> Run:
    changes = ["steps=20"] if load_preset(preset).config.phases else []
    config = set_values(load_preset(preset).config, [f"name={name}", *changes])
    made = Job(id=f"id-{name}", kind="train", title=name, state=state, folder=Path("/none"), created="x", **job)
    return Run(made, config, read_history(events(steps)))


def test_form_of_every_preset_gives_its_config_back() -> None:
    for name in preset_names():
        config = load_preset(name).config
        assert config_of(name, texts_of(config), "") == config


@pytest.mark.parametrize(
    ("field", "text", "changed"),
    [("steps", "26", 26), ("learning_rate", "2e-6", 2e-6), ("targets", "q_proj, v_proj", ("q_proj", "v_proj")),
     ("gradient_checkpointing", "true", True), ("suite", "", ""), ("trained_on", "", ())],
)  # fmt: skip
def test_form_changes_one_field(field: str, text: str, changed: object) -> None:
    texts = texts_of(load_preset("v3-demo").config)
    texts[FIELDS.index(field)] = text
    assert getattr(config_of("v3-demo", texts, ""), field) == changed


def test_further_lines_and_clone_are_inverse() -> None:
    start = load_preset("v3-demo").config
    lines = "weights.precision=3.0\n\n phases.1.factors.empathy=0.5 \nmax_grad_norm=2"
    config = config_of("v3-demo", texts_of(start), lines)
    assert config.weights["precision"] == 3.0 and config.max_grad_norm == 2.0
    assert config_of("v3-demo", texts_of(config), further_lines(config)) == config


@pytest.mark.parametrize("lang", ["zh", "en"])
def test_preview_names_every_fault_and_no_command(lang: Any) -> None:
    texts = texts_of(load_preset("v3-demo").config)
    texts[FIELDS.index("rank")], texts[FIELDS.index("name")] = "0", "<script>"
    drawn, command = preview_html("v3-demo", texts, "nonsense", None, lang)
    assert drawn.count("<li>") == 3 and command == ""
    assert "<script>" not in drawn
    with pytest.raises(ConfigError):
        config_of("v3-demo", texts, "")


def test_preview_draws_phases_and_command() -> None:
    texts = texts_of(load_preset("v3-demo").config)
    texts[FIELDS.index("steps")] = "26"
    drawn, command = preview_html("v3-demo", texts, "", None, "zh")
    assert drawn.count('class="me-band ') == 3 and "precision ×3" in drawn
    assert "medeval train --preset v3-demo --set steps=26" in command


def test_schedule_of_epochs_needs_the_data() -> None:
    config = load_preset("qwen3-1.7b-lora-v2").config
    assert "<svg" not in schedule_html(config, None, "en")
    assert "<svg" in schedule_html(config, 2100, "en")


def test_note_says_what_was_scaled_and_changed() -> None:
    assert "merger" in note_html("v2-plan", "en") and "learning_rate" in note_html("v3-demo", "zh")


def test_curves_share_the_axis_and_shade_phases() -> None:
    drawn = curves_html([curve_of(run(), 0), curve_of(run("other"), 7)], "zh")
    assert drawn.count("me-band-name") == 3
    assert "me-run-0" in drawn and "me-run-1" in drawn
    assert len(re.findall(r"<circle", drawn)) >= 8
    assert "临床得分 50.0 [40–70]" in drawn
    assert "nan" not in drawn.lower()


def test_no_curve_before_the_first_step() -> None:
    assert "<svg" not in curves_html([curve_of(run(steps=0), 0)], "en")


def test_preference_training_draws_how_often_and_by_how_much_the_better_answer_wins() -> None:
    told = [dict(event) for event in events(10)]
    for event in told:
        if event["kind"] in ("step", "eval"):
            event |= {"accuracy": 0.75 if event["kind"] == "step" else 0.625, "margin": 0.4}
    learned = replace(run(state="done"), history=read_history(told))
    drawn = curves_html([curve_of(learned, 0), curve_of(run("plain"), 1)], "en")
    assert "preference accuracy" in drawn and "reward margin" in drawn
    assert "preference accuracy 0.625 · step 10" in drawn  # held-out pairs are marks
    assert "preference accuracy" not in curves_html([curve_of(run(), 0)], "en")
    assert "62%" in figures_html(learned, "en") and "+0.400" in figures_html(learned, "en")
    table = base64.b64decode(curves_link([learned], "en").split("base64,")[1].split('"')[0]).decode()
    assert "mine,10,0.2," in table and table.splitlines()[-1].endswith("0.75,0.4,0.625,0.4")


@pytest.mark.parametrize(
    ("state", "offered", "absent"),
    [("running", ["stop", "clone"], ["resume", "delete"]), ("queued", ["stop"], ["resume", "delete"]),
     ("interrupted", ["resume", "delete", "clone"], ["stop"]), ("done", ["clone", "delete"], ["resume", "stop"]),
     ("stopping", ["clone"], ["stop", "delete", "resume"])],
)  # fmt: skip
def test_what_a_run_offers(state: JobState, offered: list[str], absent: list[str]) -> None:
    drawn = runs_html([run(state=state)], Opened("id-mine"), [0], "", "zh")
    assert all(f'data-do="{what}"' in drawn for what in offered)
    assert not any(f'data-do="{what}"' in drawn for what in absent)


def test_runs_are_escaped_and_say_what_went_wrong() -> None:
    drawn = runs_html([run(state="failed", error="<b>坏</b> / <i>bad</i>")], Opened(), [0], "<u>", "en")
    assert "&lt;i&gt;bad&lt;/i&gt;" in drawn and "<b>坏" not in drawn and "<u>" not in drawn
    assert "No runs yet" in runs_html([], Opened(), [], "", "en")


def test_versus_table_of_two() -> None:
    drawn = versus_html([run(), run("other")], "en")
    assert drawn.count("<tr>") == 10 and "+0.1000" in drawn and "50.0" in drawn
    assert versus_html([run()], "en") == ""
    # the recipe itself is set beside what its document reports
    assert "0.3790 / 0.3110" in versus_html([run("a", preset="v2"), run("b")], "en")


def test_figures_and_checkpoints_say_when_nothing_was_measured() -> None:
    empty = run(steps=0)
    assert figures_html(empty, "en").count("–") >= 6
    assert "No checkpoint yet" in checkpoints_html(empty, [], "en")


@pytest.mark.parametrize(("seconds", "said"), [(3, "3 s"), (89, "89 s"), (600, "10 min"), (9000, "2.5 h")])
def test_duration(seconds: float, said: str) -> None:
    assert duration(seconds, "en") == said


@pytest.mark.parametrize(("low", "high"), [(0, 1), (0, 0.00001), (3, 5200), (0.31, 0.33), (-2, 2), (5, 5)])
def test_ticks_are_inside_and_few(low: float, high: float) -> None:
    found = plot.ticks(low, high)
    assert 1 <= len(found) <= 6
    assert all(low - 1e-9 <= tick <= high + 1e-9 for tick in found)


@pytest.mark.parametrize(
    ("value", "said"), [(0, "0"), (0.25, "0.25"), (1200, "1200"), (0.00025, "2.5e-4"), (3e-6, "3e-6"), (2e5, "2e5")]
)
def test_ticks_are_short(value: float, said: str) -> None:
    assert plot.short(value) == said


def test_thinning_keeps_the_mean_and_the_end() -> None:
    points = [(float(i), float(i % 7)) for i in range(1, 5201)]
    found = plot.thinned(points, 400)
    assert len(found) <= 400 and found[-1][0] == 5200
    assert sum(y for _, y in found) / len(found) == pytest.approx(3.0, abs=0.02)


def report(problems: list[Problem]) -> DataReport:
    overlaps = [Overlap("a.jsonl:1", "<bp>", ("standard",), 0.91, "question")]
    return DataReport("/data/a.jsonl", {"train": 8, "valid": 1, "test": 1}, 0, 2, {"modality": {"text": 8, "image": 2}},
                      [(0, 100, 7), (100, 200, 3)], 180, 100, problems, overlaps, "f")  # fmt: skip


def test_data_report() -> None:
    problems = [
        Problem("a.jsonl", 3, "not_json", "<坏> / <bad>"),
        Problem("a.jsonl", 4, "duplicate", "重复 / again", "warning"),
    ]
    drawn = state_html(CheckState("1", "<a>", "p", "done", report=report(problems)), "en")
    assert "&lt;bad&gt;" in drawn and "<a>" not in drawn and "<bp>" not in drawn
    assert "1 errors" in drawn and "1 warnings" in drawn and "a.jsonl:3" in drawn and "0.91" in drawn
    assert drawn.count("me-da-hist") == 2 and "me-da-over" in drawn
    fine = state_html(CheckState("1", "a", "p", "done", report=report([])), "zh")
    assert "可以用来训练" in fine and "没有发现问题" in fine


def test_long_problem_lists_are_cut_on_the_page_but_not_in_the_export() -> None:
    import base64

    problems = [Problem("a.jsonl", i, "not_json", f"=坏{i} / bad{i}") for i in range(1, 502)]
    drawn = problems_html(problems, "zh")
    assert drawn.count("<tr class") == 200
    coded = re.search(r"base64,([^\"]+)", drawn)
    assert coded is not None
    lines = base64.b64decode(coded[1]).decode("utf-8-sig").splitlines()
    assert len(lines) == 502 and "'=坏1" in lines[1]


@pytest.mark.parametrize("state", ["running", "failed"])
def test_check_under_way_or_failed(state: Any) -> None:
    drawn = state_html(CheckState("1", "<n>", "p", state, 3, 9, error="没有 / <none>"), "en")
    assert "&lt;n&gt;" in drawn and ("3/9" in drawn) == (state == "running")
    assert "Drop training data" in state_html(None, "en")


def test_set_values_is_what_the_form_uses() -> None:
    start = load_preset("v3-demo").config
    texts = texts_of(start)
    texts[FIELDS.index("rank")], texts[FIELDS.index("alpha")] = "8", "16"
    assert config_of("v3-demo", texts, "dropout=0.3") == set_values(start, ["rank=8", "dropout=0.3"])


@pytest.mark.parametrize(
    ("rank", "alpha", "followed", "now"),
    [
        ("4", "256", "256", "8"),  # nobody touched alpha
        ("64", "8", "8", "128"),
        ("128", "256", "256", None),  # the field is only left: what is being written beside it stays
        ("4", "300", "256", None),  # the person's own
        ("4", "256", "8", None),
        ("0", "256", "256", None),
        ("", "256", "256", None),
        ("x", "256", "256", None),
    ],
)
def test_alpha_follows_the_rank_until_a_person_sets_it(rank: str, alpha: str, followed: str, now: str | None) -> None:
    handlers = object.__new__(TrainEvents)
    new, kept = handlers.follow_rank("v3-demo", rank, alpha, followed)
    assert (new, kept) == ((now, now) if now else (gr.skip(), gr.skip()))


@pytest.mark.parametrize(("alpha", "scale"), [("256", 64.0), ("8", 2.0), ("32", 8.0)])
def test_the_form_means_the_alpha_that_it_shows(alpha: str, scale: float) -> None:
    texts = texts_of(load_preset("v3-demo").config)
    texts[FIELDS.index("rank")], texts[FIELDS.index("alpha")] = "4", alpha
    config = config_of("v3-demo", texts, "")
    assert config.alpha / config.rank == scale
    _, command = preview_html("v3-demo", texts, "", None, "zh")
    assert ("alpha=" in command) == (alpha != "8")


@pytest.mark.parametrize("preset", [name for name in preset_names() if name.endswith("-demo")])
@pytest.mark.parametrize("lang", ["zh", "en"])
def test_the_note_of_a_preset_names_the_figures_of_its_fields(preset: str, lang: Any) -> None:
    config, recipe = load_preset(preset).config, load_preset(preset.removesuffix("-demo")).config
    told = note_html(preset, lang).split("<details")[0]
    named = [f"→ {config.steps}" if config.steps else f"→ {config.epochs:g}"]
    named += [f"→ {config.dropout:g}"] if config.dropout != recipe.dropout else []
    assert all(figure in told for figure in named), told


@pytest.mark.parametrize(("lang", "go", "old"), [("zh", "可以开始", "已改动"), ("en", "Ready to start", "changed")])
def test_a_preflight_is_out_of_date_once_the_form_says_something_else(lang: Any, go: str, old: str) -> None:
    config = load_preset("v3-demo").config
    preflights = Preflights(None)  # type: ignore[arg-type]
    preflights._found["one"] = Looked(config, (Row("time", "ok", "60 步", "60 steps"),), running=False)
    for told, stale in ((config, False), (set_values(config, ["steps=400"]), True), (None, True), (config, False)):
        looked = preflights.compare("one", told)
        assert looked is not None and looked.stale == stale
        drawn = checked_html(looked, lang)
        assert (go in drawn) == (not stale) and (old in drawn) == stale
    assert preflights.compare("gone", config) is None


@pytest.mark.parametrize("path", ["", "  ", None])
@pytest.mark.parametrize(("lang", "said"), [("zh", "demo:both（自带语料）"), ("en", "the path of a file or folder")])
def test_checking_or_preparing_nothing_says_what_to_enter(
    path: Any, lang: Any, said: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    told: list[str] = []
    monkeypatch.setattr(gr, "Warning", lambda message, **more: told.append(message))
    handlers = object.__new__(DataEvents)
    assert handlers.check(path, "v3-demo", lang) == handlers.prepare(path, "", 0, lang) == gr.skip()
    assert len(told) == 2 and all(said in message for message in told)
