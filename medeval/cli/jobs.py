"""`medeval jobs`: what runs in the background, its log, stopping it and going on with it."""

import json
import time
from typing import TYPE_CHECKING, Annotated, Any

import typer

from medeval.cli.options import Json, make_settings, note, print_json

if TYPE_CHECKING:
    from medeval.services import Services
    from medeval.store.jobs import Job

jobs_app = typer.Typer(no_args_is_help=True, help="后台任务 / background jobs")
JobId = Annotated[str, typer.Argument(metavar="JOB_ID", help="任务编号 / as printed by jobs list")]


def register(app: typer.Typer) -> None:
    """Adds the group."""
    app.add_typer(jobs_app, name="jobs")


def as_plain(job: "Job") -> dict[str, Any]:
    """JSON form of a job."""
    from dataclasses import asdict

    return {**asdict(job), "folder": str(job.folder)}


def make_services() -> "Services":
    """Services that know which processes have ended since somebody last looked."""
    from medeval.services import Services

    services = Services(make_settings())
    services.jobs.supervise(start=False)
    return services


@jobs_app.command("list")
def list_jobs(as_json: Annotated[bool, typer.Option("--json", help="JSON")] = False) -> None:
    """列出任务 / list jobs: running, waiting in order, then the rest."""
    services = make_services()
    found = services.jobs.list()
    services.close()
    if as_json:
        print_json({"jobs": [as_plain(job) for job in found]})
        return
    for job in found:
        place = f" #{job.place}" if job.place else ""
        typer.echo(f"{job.id}  {job.kind:8} {job.state + place:12} {job.started or job.created}  {job.title}")
        if job.error:
            typer.echo(f"    {job.error}")
    if not found:
        note("还没有任务；例如 medeval train --preset v3 / no jobs yet")


@jobs_app.command("show")
def show(job_id: JobId, as_json: Json = False) -> None:
    """一个任务的状态与最近事件 / one job with its latest events."""
    services = make_services()
    job = services.jobs.get(job_id)
    events, _ = services.jobs.folder(job_id).events()
    services.close()
    if as_json:
        print_json({"job": as_plain(job), "events": events})
        return
    for name, value in as_plain(job).items():
        if value not in (None, ""):
            typer.echo(f"{name}: {value}")
    for event in events[-10:]:
        typer.echo(json.dumps(event, ensure_ascii=False))


@jobs_app.command("logs")
def logs(
    job_id: JobId,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="持续显示 / go on until the job ends")] = False,
) -> None:
    """任务日志 / what the job printed."""
    services = make_services()
    path = services.jobs.folder(job_id).log
    try:
        with path.open(encoding="utf-8", errors="replace") as file:
            while True:
                typer.echo(file.read(), nl=False)
                if not follow or not services.jobs.get(job_id).active:
                    break
                time.sleep(0.5)
                services.jobs.supervise(start=False)
    except KeyboardInterrupt:
        note("")
    finally:
        services.close()


@jobs_app.command("stop")
def stop(
    job_id: JobId,
    wait: Annotated[float, typer.Option(min=0, help="最多等几秒 / seconds to wait for its end")] = 60.0,
    as_json: Json = False,
) -> None:
    """停止任务：先保存再退出 / save, then end."""
    services = make_services()
    job = services.jobs.stop(job_id)
    limit = time.monotonic() + wait
    while job.state == "stopping" and time.monotonic() < limit:
        time.sleep(0.2)
        services.jobs.supervise(start=False)
        job = services.jobs.get(job_id)
    services.close()
    _say(job, as_json)


@jobs_app.command("resume")
def resume(job_id: JobId, as_json: Json = False) -> None:
    """续跑停止、失败或中断的任务 / go on from the last checkpoint."""
    services = make_services()
    services.jobs.resume(job_id)
    services.jobs.supervise()
    job = services.jobs.get(job_id)
    services.close()
    _say(job, as_json)


def _say(job: "Job", as_json: bool) -> None:
    if as_json:
        print_json({"job": as_plain(job)})
    else:
        typer.echo(f"{job.id} {job.state}")
