"""`medeval review`: make a blind review, see its results, export preferences. Judging itself is on the page."""

import contextlib
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import (
    Adapters,
    Base,
    EngineOption,
    Json,
    Lang,
    Recorded,
    clean_stdout,
    make_settings,
    note,
    opened,
    print_json,
    split_names,
    write_text,
)
from medeval.errors import MedevalError, UsageError

if TYPE_CHECKING:
    from medeval.review.records import Review
    from medeval.services import Services

review_app = typer.Typer(no_args_is_help=True, help="盲评 / blind review")
AUTHOR = "cli"
Name = Annotated[str, typer.Argument(metavar="RUN|REVIEW", help="评测或盲评的编号 / id of a run or a review")]


@contextlib.contextmanager
def _stored(**given: Any) -> Iterator["Services"]:
    """Services for what needs the store alone; no model is loaded or spoken of."""
    from medeval.services import Services

    services = Services(make_settings(**given))
    try:
        yield services
    finally:
        services.close()


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(review_app, name="review")


@review_app.command("create")
def create(
    run_id: Annotated[str, typer.Argument(metavar="RUN", help="做完的评测 / a finished run")],
    variants: Annotated[str, typer.Option(help="2–5 个版本，逗号分隔 / 2 to 5 variants")] = "all",
    reviewers: Annotated[str, typer.Option(help="评审者，逗号分隔；空为共用链接 / names; empty: one open link")] = "",
    overlap: Annotated[int, typer.Option(min=0, help="每例几位评，0 为全部 / reviewers per case, 0 is all")] = 0,
    repeated: Annotated[int, typer.Option(min=0, help="每位重复几例 / repeated cases each")] = 0,
    flagged: Annotated[
        str, typer.Option(metavar="refuse|leave_out|keep", help="回答透露身份时 / answers that tell who they are")
    ] = "refuse",
    title: Annotated[str, typer.Option(help="名称 / title")] = "",
    as_json: Json = False,
) -> None:
    """从一次做完的评测建立盲评，打印编号 / make a review from a finished run and print its id."""
    from medeval.services.reviewing import ONLY_HERE, Asked, Flagged

    choices: dict[str, Flagged] = {"refuse": "refuse", "leave_out": "leave_out", "keep": "keep"}
    if flagged not in choices:
        raise UsageError(f"--flagged 应为 {'、'.join(choices)} / --flagged is one of {', '.join(choices)}")
    with _stored() as services:
        names = split_names(variants)
        asked = Asked(run_id, () if names == ["all"] else tuple(names), tuple(split_names(reviewers)), overlap,
                      repeated, title)  # fmt: skip
        plan = services.reviewing.plan(asked)
        for case_id in plan.left_out:
            note(f"{case_id}: 有版本没有作答，不进入盲评 / a variant did not answer, left out")
        made = services.reviewing.create(plan, choices[flagged], AUTHOR)
        if as_json:
            print_json(_listed(services, made))
            return
        typer.echo(made.id)
        for link in _links(services, made):
            note(link)
        if services.settings.only_here:
            note(ONLY_HERE)


def _links(services: "Services", review: "Review") -> list[str]:
    pages = f"{services.settings.address}/review"
    if not review.spec.reviewers:
        return [f"{pages}/join/{review.join}"]
    return [f"{pages}/{seat.token}  {seat.reviewer}" for seat in services.reviewing.store.seats(review.id)]


def _listed(services: "Services", review: "Review") -> dict[str, Any]:
    spec = review.spec
    return {
        "id": review.id, "run": spec.run_id, "title": spec.title, "created": review.created,
        "variants": list(spec.variants), "cases": len(spec.items), "links": _links(services, review),
        "reviewers": [asdict(item) for item in services.reviewing.progress(review)],
    }  # fmt: skip


@review_app.command("list")
def list_reviews(as_json: Json = False) -> None:
    """列出盲评与进度 / list reviews and how far they are."""
    with _stored() as services:
        rows = [_listed(services, item) for item in services.reviewing.store.latest()]
    if as_json:
        print_json({"reviews": rows})
        return
    for row in rows:
        progress = ", ".join(f"{item['reviewer']} {item['done']}/{item['total']}" for item in row["reviewers"])
        typer.echo(f"{row['id']}\t{row['title']}\t{row['cases']} × {','.join(row['variants'])}\t{progress}")
    if not rows:
        note("还没有盲评：medeval review create RUN / no reviews yet")


@review_app.command("summary")
def summary(
    name: Name,
    out: Annotated[Path | None, typer.Option(metavar="FILE", help="写入文件 / write to a file")] = None,
    lang: Lang = None,
    as_json: Json = False,
) -> None:
    """结果：排名、各项均值、一致性、分歧；查看会记录 / results with names; looking is recorded."""
    from medeval.review.wording import summary_markdown

    settings = make_settings(lang=lang)
    with _stored(lang=lang) as services:
        found = services.reviewing.summary(services.reviewing.find(name), AUTHOR)
    if as_json:
        print_json(asdict(found))
        return
    text = summary_markdown(found, settings.lang)
    if out is None:
        typer.echo(text, nl=False)
    else:
        write_text(out, text)
        note(f"{out}")


@review_app.command("export")
def export(
    name: Name,
    out: Annotated[Path, typer.Option(metavar="FILE", help="JSONL 文件，图像放在旁边 / JSONL, images beside it")],
    fmt: Annotated[str, typer.Option("--format", metavar="dpo|sft", help="格式 / format")] = "dpo",
    allow_test_cases: Annotated[
        bool, typer.Option("--allow-test-cases", help="也写出测试病例，逐条标记 / test cases too, each line marked")
    ] = False,
) -> None:
    """把盲评偏好写成训练数据；测试病例默认不写出 / preferences as training data; test cases are held out."""
    with _stored() as services:
        review = services.reviewing.find(name)
        done = services.reviewing.export(review, _format(fmt), out, AUTHOR, allow_test_cases)
    for item in done.held:
        note(f"未导出 {item.case_id}：{item.why} / held out; --allow-test-cases writes it, marked")
    if done.marked:
        note(f"{done.marked} 行来自测试病例，已标记 meta.held_out / lines come from test cases and are marked")
    note(f"{done.path}: {done.lines} 行，{done.images} 张图像 / lines, images")


def _format(text: str) -> Any:
    from medeval.review.export import FORMATS

    if text not in FORMATS:
        raise UsageError(f"--format 应为 {'、'.join(FORMATS)} / --format is one of {', '.join(FORMATS)}")
    return text


@review_app.command("images")
def images(
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="图像文件夹 / folder of images")],
    prompt: Annotated[str, typer.Option(help="要问每张图像的问题 / asked about every image")],
    variants: Annotated[str, typer.Option(help="版本，逗号分隔 / variants, comma-separated")] = "all",
    max_tokens: Annotated[int, typer.Option(min=1, help="最多词元 / most tokens per answer")] = 512,
    base: Base = None,
    adapters: Adapters = None,
    engine: EngineOption = None,
    recorded: Recorded = None,
) -> None:
    """一批图像、同一个问题、所有版本，作为临时测试集运行，打印 RUN_ID / run a folder of images as an ad-hoc suite."""
    import threading

    from medeval.engines.contract import Decoding
    from medeval.review.adhoc import image_files

    files = image_files(folder)
    with opened(recorded, base=base, adapters=adapters, engine=engine) as services, clean_stdout() as stdout:
        names = split_names(variants)
        run_id, problems = services.reviewing.images_run(files, prompt, names, Decoding(max_tokens))
        for problem in problems:
            note(f"跳过 / skipped: {problem}")
        record = services.continue_run(run_id, threading.Event())
        print(run_id, file=stdout, flush=True)
    if record.missing:
        raise MedevalError(f"{record.missing} 个回答失败；续跑 / failed; go on with: medeval run --resume {run_id}")
    note(f"建立盲评 / review them: medeval review create {run_id}")
