"""`medeval run` and `medeval report`: an evaluation of a suite, stored as it goes, and what came of it."""

import contextlib
import os
import shlex
import signal
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import (
    Adapters,
    Base,
    EngineOption,
    Lang,
    Profile,
    Recorded,
    ServerModels,
    clean_stdout,
    make_settings,
    note,
    opened,
    split_names,
    usable,
)
from medeval.errors import UsageError

if TYPE_CHECKING:
    from medeval.engines.contract import Decoding
    from medeval.evaluation.records import RunRecord
    from medeval.evaluation.run import Progress
    from medeval.services import Services


def register(app: typer.Typer) -> None:
    """Adds the commands."""
    app.command()(run)
    app.command()(report)


def run(
    suite: Annotated[str, typer.Option(help="测试集 / suite")] = "standard",
    variants: Annotated[str, typer.Option(help="版本，逗号分隔 / variants, comma-separated")] = "all",
    repeats: Annotated[int, typer.Option(min=1, help="每题重复次数 / times each case is asked")] = 1,
    resume: Annotated[str | None, typer.Option(metavar="RUN_ID", help="续跑 / go on with this run")] = None,
    out: Annotated[Path | None, typer.Option(metavar="DIR", help="把报告写到这里 / write the reports here")] = None,
    max_tokens: Annotated[int, typer.Option(min=1, help="最多词元 / most tokens per answer")] = 512,
    temperature: Annotated[float, typer.Option(min=0.0, help="0 为贪心 / 0 is greedy")] = 0.0,
    seed: Annotated[int, typer.Option(help="随机种子 / random seed")] = 0,
    fresh: Annotated[bool, typer.Option("--fresh", help="不沿用以前的回答 / take over no earlier answer")] = False,
    rescore: Annotated[
        str | None, typer.Option(metavar="RUN_ID", help="用当前规则重评已存回答 / score its stored answers anew")
    ] = None,
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    recorded: Recorded = None,
    server_models: ServerModels = None,
    lang: Lang = None,
) -> None:
    """评测一个测试集，随时可中断续跑 / evaluate a suite; can be stopped and resumed at any time."""
    from medeval.engines.contract import Decoding

    if out is not None and out.exists() and not out.is_dir():
        raise UsageError(f"{out} 不是文件夹 / --out must be a folder")
    given = {"base": base, "adapters": adapters, "engine": engine, "server_models": server_models, "lang": lang}
    if rescore is not None:
        if resume is not None:
            raise UsageError("--rescore 与 --resume 不能同时使用 / use --rescore or --resume, not both")
        _rescore(rescore, out, lang)
        return
    with opened(recorded, **given) as services, clean_stdout() as stdout:
        if resume is None:
            decoding = Decoding(max_tokens, temperature, seed=seed)
            run_id = _begin(services, suite, variants, repeats, decoding, not fresh)
        else:
            run_id = services.store.run(resume).id
        note(f"RUN_ID {run_id}")
        finished = _go_on(services, run_id)
        print(run_id, file=stdout, flush=True)
        if out is not None:
            _write_reports(services, run_id, out)
        _conclude(finished, {**given, "recorded": recorded})


def _rescore(run_id: str, out: Path | None, lang: str | None) -> None:
    from medeval.services import Services
    from medeval.services.evaluating import rescore

    services = Services(make_settings(lang=lang))
    try:
        new_id = rescore(services.store, run_id)
        note(f"回答未重新提问，{run_id} 的得分保留 / nothing was asked, the scores of {run_id} are kept")
        note(f"比较 / compare: medeval report {new_id} --against {run_id}")
        typer.echo(new_id)
        if out is not None:
            _write_reports(services, new_id, out)
    finally:
        services.close()


def _begin(
    services: "Services", suite: str, variants: str, repeats: int, decoding: "Decoding", reuse: bool
) -> str:
    names = [item.name for item in services.pick_variants(split_names(variants))]
    services.cases.suite(suite)  # a wrong name must not cost the loading of a model
    for problem in services.cases.problems:
        note(f"跳过有误的病例 / skipped: {problem}")
    if repeats > 1 and decoding.temperature == 0:
        note("贪心解码下重复的回答相同；加上 --temperature 0.7 才有差别 / greedy repeats are alike: add --temperature")
    return services.create_run(suite, usable(names, variants, services.receipt()), repeats, decoding, reuse=reuse)


def _go_on(services: "Services", run_id: str) -> "RunRecord":
    with _stoppable() as cancel, contextlib.closing(_Bar(run_id)) as bar:
        finished = services.continue_run(run_id, cancel, bar.show, note)
    if bar.taken_over:
        note(f"沿用相同问题的回答 {bar.taken_over} 个；--fresh 重新提问 / answers taken over; --fresh asks anew")
    return finished


class _Bar:
    """The progress bar on stderr; appears once the first figures are known."""

    def __init__(self, title: str) -> None:
        self._title = title
        self._bar: Any = None
        self.taken_over = 0

    def show(self, progress: "Progress") -> None:
        """Moves the bar to where the run is."""
        if self._bar is None:
            from tqdm import tqdm

            self._bar = tqdm(
                desc=self._title,
                total=progress.total,
                initial=progress.done,
                unit="answer",
                dynamic_ncols=True,
                mininterval=0.2,
            )
        self.taken_over += progress.last is not None and bool(progress.last.origin)
        if progress.failed:
            self._bar.set_postfix(failed=progress.failed, refresh=False)
        self._bar.update(progress.done - self._bar.n)

    def close(self) -> None:
        if self._bar is not None:
            self._bar.close()


@contextlib.contextmanager
def _stoppable() -> Iterator[threading.Event]:
    """Ctrl-C (or SIGTERM) asks the loop to stop; a second one ends the process."""
    cancel = threading.Event()

    def stop(number: int, frame: object) -> None:
        cancel.set()
        os.write(2, "\n正在停止，再按一次立即退出 / stopping; once more to quit at once\n".encode())
        signal.signal(number, signal.default_int_handler if number == signal.SIGINT else signal.SIG_DFL)

    before = {number: signal.signal(number, stop) for number in (signal.SIGINT, signal.SIGTERM)}
    try:
        yield cancel
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _conclude(finished: "RunRecord", given: dict[str, Any]) -> None:
    options = [f"--{name.replace('_', '-')}={value}" for name, value in given.items() if value is not None]
    again = shlex.join(["medeval", "run", "--resume", finished.id, *options])
    if finished.missing > finished.failed:
        left = finished.missing
        note(f"已停止，还有 {left} 个回答未得；续跑 / stopped with {left} answers missing; go on with: {again}")
        raise typer.Exit(1)
    if finished.failed:
        note(f"{finished.failed} 个回答失败，原因见报告；重试 / failed, the report says why; try again with: {again}")
        raise typer.Exit(1)
    note(f"查看结果 / results: medeval report {finished.id}")


def _write_reports(services: "Services", run_id: str, folder: Path) -> None:
    from medeval.evaluation.report import FORMATS, report_file

    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise UsageError(f"无法建立 {folder}：{error.strerror} / cannot be made") from error
    record, cells = services.store.run(run_id), services.store.cells(run_id)
    for fmt in FORMATS:
        path = folder / f"{run_id}.{fmt}"
        _write_file(path, report_file(record, cells, fmt, services.settings.lang))
        note(f"{path}")


def _write_file(path: Path, content: bytes) -> None:
    """Writes a file whole or not at all.

    Raises:
        UsageError: the place cannot be written.
    """
    import tempfile

    try:
        handle, temporary = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
        with os.fdopen(handle, "wb") as out:
            out.write(content)
        os.replace(temporary, path)
    except OSError as error:
        raise UsageError(f"无法写入 {path}：{error.strerror} / cannot be written: check the folder") from error


def report(
    run_id: Annotated[str, typer.Argument(metavar="RUN_ID", help="medeval run 给出的编号 / as printed by run")],
    against: Annotated[str | None, typer.Option(metavar="RUN_ID", help="与之比较 / compare with this run")] = None,
    fmt: Annotated[str, typer.Option("--format", metavar="md|csv|json|html|xlsx", help="格式 / format")] = "md",
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="写入文件 / write to a file")] = None,
    profile: Profile = None,
    lang: Lang = None,
) -> None:
    """评测报告 / the report of a run."""
    from medeval.evaluation.report import report_file
    from medeval.metrics.profiles import DEFAULT_PROFILE
    from medeval.store import Store

    if fmt == "xlsx" and out is None and sys.stdout.isatty():
        raise UsageError("xlsx 请写入文件：加上 --out 报告.xlsx / xlsx is no text: add --out report.xlsx")
    settings = make_settings(lang=lang)
    store = Store(settings.home)
    try:
        other = None if against is None else (store.run(against), store.cells(against))
        mine, cells = store.run(run_id), store.cells(run_id)
        content = report_file(mine, cells, fmt, settings.lang, profile=profile or DEFAULT_PROFILE, against=other)
    finally:
        store.close()
    if out is None:
        typer.echo(content, nl=False)
    else:
        _write_file(out, content)
        note(f"{out}")
