"""`medeval train`: puts a run into the queue and, where asked, follows it."""

import time
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import Adapters, Base, Json, Lang, make_settings, note, print_json
from medeval.errors import UsageError

if TYPE_CHECKING:
    from medeval.services import Services
    from medeval.store.jobs import Job
    from medeval.training.config import TrainConfig

Changes = Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="改一个字段 / change a field")]


def register(app: typer.Typer) -> None:
    """Adds the command."""
    app.command()(train)


def train(
    preset: Annotated[str, typer.Option(help="预设 / preset: v1 v2 v3 v2-plan qwen3-1.7b-lora-v1 dpo …")] = "v3",
    data: Annotated[str | None, typer.Option(metavar="DIR|FILE|demo", help="训练数据 / training data")] = None,
    changes: Changes = None,
    name: Annotated[str | None, typer.Option(help="新适配器的名字 / name of the new adapter")] = None,
    base: Base = None,
    adapters: Adapters = None,
    follow: Annotated[bool, typer.Option("--follow", help="跟随到结束 / follow until the end")] = False,
    check: Annotated[bool, typer.Option("--check", help="只做训练前检查 / only look, do not start")] = False,
    as_json: Json = False,
    lang: Lang = None,
) -> None:
    """后台训练一个 LoRA 适配器 / train a LoRA adapter in the background."""
    from medeval.services import Services

    settings = make_settings(base=base, adapters=adapters, lang=lang)
    services = Services(settings)
    try:
        config = _config(services, preset, data, changes or [], name)
        if check:
            _check(services, config, as_json)
            return
        _start(services, config, follow, as_json)
    finally:
        services.close()


def _config(
    services: "Services", preset: str, data: str | None, changes: Sequence[str], name: str | None
) -> "TrainConfig":
    from medeval.services.training import choose_config

    given = [*changes, *([f"data={data}"] if data else []), *([f"name={name}"] if name else [])]
    chosen = choose_config(services.settings, preset, given)
    if chosen.preset != preset:
        note(f"演示模型用 {chosen.preset}，原预设见 --preset {preset} --base / on the demo model: {chosen.preset}")
    return chosen


def _check(services: "Services", config: "TrainConfig", as_json: bool) -> None:
    from dataclasses import asdict

    from medeval.services.preflight import preflight

    rows = []
    for row in preflight(services, config):
        rows.append(row)
        if not as_json:
            typer.echo(f"{row.mark} {row.name:10} {row.text(services.settings.lang)}")
    if as_json:
        print_json({"ok": all(row.verdict != "failed" for row in rows), "rows": [asdict(row) for row in rows]})
    if any(row.verdict == "failed" for row in rows):
        raise typer.Exit(1)


def _start(services: "Services", config: "TrainConfig", follow: bool, as_json: bool) -> None:
    from medeval.cli.jobs import as_plain
    from medeval.services.preflight import preflight
    from medeval.services.training import begin

    wrong = [row for row in preflight(services, config, dry=False) if row.verdict == "failed"]
    if wrong:
        raise UsageError("\n".join(f"✗ {row.name}: {row.zh} / {row.en}" for row in wrong))
    job = begin(services, config)
    services.jobs.supervise()
    note(f"任务 {job.id} / job {job.id}: medeval jobs show {job.id}")
    if follow:
        job = _follow(services, job)
    job = services.jobs.get(job.id)
    if as_json:
        print_json({"job": as_plain(job)})
    else:
        typer.echo(job.id)
    if job.state in ("failed", "interrupted"):
        note(f"{job.error}")
        raise typer.Exit(1)


def _follow(services: "Services", job: "Job") -> "Job":
    """Shows the run until it ends; Ctrl-C leaves it running."""
    view = _View(job.title)
    try:
        offset = 0
        while True:
            services.jobs.supervise()
            job = services.jobs.get(job.id)
            events, offset = services.jobs.folder(job.id).events(offset)
            for event in events:
                view.show(event)
            if not job.active:
                return job
            time.sleep(0.3)
    except KeyboardInterrupt:
        note(f"\n训练继续在后台进行；停止：medeval jobs stop {job.id} / it goes on in the background")
        return job
    finally:
        view.close()


class _View:
    """The progress bar of a run with the numbers of its curves."""

    def __init__(self, title: str) -> None:
        from tqdm import tqdm

        self._bar = tqdm(desc=title, total=0, unit="step", dynamic_ncols=True)
        self._last: dict[str, str] = {}

    def show(self, event: dict[str, Any]) -> None:
        kind = event["kind"]
        if kind == "begin":
            self._bar.reset(total=int(event["total"]))
        elif kind == "resumed":
            self._bar.n = int(event["step"])
        elif kind == "step":
            self._bar.n = int(event["step"])
            self._put(loss=event.get("loss"), lr=event.get("lr"), accuracy=event.get("accuracy"))
        elif kind == "eval":
            self._put(val=event.get("val_loss"), val_accuracy=event.get("accuracy"))
        elif kind == "clinical":
            self._put(score=event.get("score"))
        elif kind == "note":
            self._bar.write(f"{event.get('zh', '')} / {event.get('en', '')}")
        elif kind == "result" and event.get("adapter"):
            self._bar.write(f"新的一列 / new column: {event['adapter']}")

    def _put(self, **figures: float | None) -> None:
        self._last |= {name: f"{value:.4g}" for name, value in figures.items() if value is not None}
        self._bar.set_postfix(self._last, refresh=False)
        self._bar.refresh()

    def close(self) -> None:
        self._bar.close()
