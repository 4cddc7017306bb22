"""Serving the pages: a FastAPI app with the guard around it and the Gradio page mounted inside (design/ui.md)."""

import atexit
import contextlib
import logging
import os
import re
import shutil
import socket
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from importlib.resources import files
from pathlib import Path
from threading import Thread
from typing import TYPE_CHECKING

from medeval.errors import MedevalError, UsageError
from medeval.services import Services
from medeval.settings import ROOT, Settings
from medeval.ui.guard import Guard, Password, trusted_hosts

if TYPE_CHECKING:
    from fastapi import FastAPI

    from medeval.ui.desk import Desk

LOCAL = ("127.0.0.1", "localhost")
MAX_FILE = "50mb"
_IMAGE = re.compile(r"[0-9a-f]{64}\.png")
_LEFT_SECONDS = 2 * 24 * 3600
_SERVER_SECONDS = 2.0
_FORBIDDEN = ("GRADIO_SHARE", "GRADIO_VIBE_MODE")


def serve(settings: Settings) -> None:
    """Serves the pages until interrupted; the model loads behind a page that is up first.

    Raises:
        UsageError: settings that would open the page to others without a password.
    """
    import uvicorn

    refuse_unsafe(settings)
    prepare_process(settings)
    listener = listen(settings.host, settings.port)
    services = Services(settings)
    try:
        config = uvicorn.Config(
            make_app(services), log_level="warning", server_header=False, access_log=False,
            ssl_certfile=settings.tls_cert, ssl_keyfile=settings.tls_key, timeout_graceful_shutdown=2,
        )
        _announce(settings)
        if services.server is not None and services.server.warning:
            print(services.server.warning, file=sys.stderr)
        services.jobs.start()  # what trained on while no app ran is known again
        uvicorn.Server(config).run(sockets=[listener])
    finally:
        listener.close()
        services.close()


def listen(host: str, port: int) -> socket.socket:
    """Binds the port at once, so that a browser that comes early waits for the page instead of being refused.

    Raises:
        UsageError: the address cannot be used.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listener = socket.socket(family, socket.SOCK_STREAM)
    try:
        if os.name == "posix":
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.listen(128)
    except OSError as error:
        listener.close()
        raise UsageError(
            f"无法使用 {host}:{port}（{error.strerror}）：请换一个 --port"
            f" / {host}:{port} cannot be used ({error.strerror}): choose another --port"
        ) from error
    return listener


def refuse_unsafe(settings: Settings) -> None:
    """Stops before anything is bound when the page would be open to strangers.

    Raises:
        UsageError: a host other than this machine without user name and password, a wildcard address without the
            names under which it is reached, or Gradio's share or code-editing modes.
    """
    for name in _FORBIDDEN:
        if os.environ.get(name, "").lower() in ("1", "true"):
            raise UsageError(f"请取消环境变量 {name}：它会把页面开放给外人 / unset {name}: it opens the page to others")
    if settings.host in LOCAL:
        return
    if not settings.user or settings.password is None or not settings.password.get_secret_value():
        raise UsageError(
            f"{settings.host} 会让其他机器访问本页：请设置 MEDEVAL_USER 和 MEDEVAL_PASSWORD，或改用 127.0.0.1"
            f" / with {settings.host} other machines could reach the page:"
            " set MEDEVAL_USER and MEDEVAL_PASSWORD, or use 127.0.0.1"
        )
    if settings.host in ("0.0.0.0", "::") and not settings.hosts:
        raise UsageError(
            f"{settings.host} 需要 MEDEVAL_HOSTS（浏览器地址栏里的主机名，逗号分隔）"
            f" / {settings.host} needs MEDEVAL_HOSTS: the names typed in the browser, comma-separated"
        )


def prepare_process(settings: Settings) -> None:
    """Sets what Gradio reads from the environment; must run before gradio is imported."""
    os.umask(0o077)
    folder = settings.prepare_home().resolve() / "gradio"
    folder.mkdir(exist_ok=True, mode=0o700)
    for left in folder.iterdir():  # uploads of a process that was killed
        if left.stat().st_mtime < time.time() - _LEFT_SECONDS:
            shutil.rmtree(left, ignore_errors=True)
    temporary = tempfile.mkdtemp(dir=folder)
    atexit.register(shutil.rmtree, temporary, ignore_errors=True)
    os.environ["GRADIO_TEMP_DIR"] = temporary
    os.environ["GRADIO_ANALYTICS_ENABLED"] = "False"
    os.environ["GRADIO_RUN_HISTORY"] = "False"
    os.environ["HF_HUB_DISABLE_TELEMETRY"] = "1"
    logging.getLogger("httpx").setLevel(logging.WARNING)


def make_app(services: Services) -> "FastAPI":
    """The whole application: guard, own routes, and the page; the model begins to load once the server is up."""
    from fastapi import FastAPI
    from starlette.middleware.cors import CORSMiddleware
    from starlette.middleware.trustedhost import TrustedHostMiddleware

    from medeval.ui.desk import Desk
    from medeval.ui.review_routes import add_review_routes

    settings = services.settings
    if services.server is not None:
        _ask_columns(services)
    desk = Desk(services)

    @contextlib.asynccontextmanager
    async def life(_: FastAPI) -> AsyncIterator[None]:
        desk.start()
        yield

    app = FastAPI(docs_url=None, redoc_url=None, openapi_url=None, lifespan=life)
    hosts = trusted_hosts(settings.host, [name.strip() for name in settings.hosts.split(",") if name.strip()])
    scheme = "https" if settings.tls_cert else "http"
    app.add_middleware(CORSMiddleware, allow_origins=[f"{scheme}://{host}:{settings.port}" for host in hosts])
    app.add_middleware(Guard)
    if settings.user and settings.password is not None:
        app.add_middleware(Password, user=settings.user, password=settings.password.get_secret_value())
    app.add_middleware(TrustedHostMiddleware, allowed_hosts=hosts)
    _add_routes(app, desk)
    add_review_routes(app, services)
    return _mount(app, desk)


def _ask_columns(services: Services) -> None:
    """The page is built with the columns that a server names; one that is slow or not there is not waited for."""

    def ask() -> None:
        with contextlib.suppress(MedevalError):  # the page says so, and can try again
            services.receipt()

    asking = Thread(target=ask, daemon=True)
    asking.start()
    asking.join(_SERVER_SECONDS)


def _add_routes(app: "FastAPI", desk: "Desk") -> None:
    from fastapi import HTTPException, Response
    from fastapi.responses import FileResponse

    from medeval.ui.adapters_export import add_fused_route
    from medeval.ui.evaluate_export import add_report_route
    from medeval.ui.export import MEDIA, exported
    from medeval.ui.looks import look_for

    add_report_route(app, desk.services)
    add_fused_route(app, desk.services)

    @app.get("/image/{name}")
    def image(name: str) -> Response:
        path = desk.uploads.folder / name
        if not _IMAGE.fullmatch(name) or not path.is_file():
            raise HTTPException(404)
        return FileResponse(path, media_type="image/png")

    @app.get("/export/{name}")
    def export(name: str, lang: str = "zh", profile: str = "v3") -> Response:
        exchange_id, _, suffix = name.rpartition(".")
        exchange = desk.find(exchange_id)
        fmt = next((known for known in MEDIA if known == suffix), None)
        if exchange is None or fmt is None:
            raise HTTPException(404)
        look = look_for(desk, "en" if lang == "en" else "zh", profile)
        text = exported(exchange.view(), desk.loading().receipt, fmt, look)
        attachment = f'attachment; filename="medeval-{exchange_id[:8]}.{fmt}"'
        return Response(text, media_type=MEDIA[fmt], headers={"Content-Disposition": attachment})


def _mount(app: "FastAPI", desk: "Desk") -> "FastAPI":
    import gradio as gr

    from medeval.ui.page import build_page
    from medeval.ui.theme import make_theme
    from medeval.ui.toasts import headings_css

    blocks = build_page(desk)
    blocks.queue(max_size=200, default_concurrency_limit=16)
    mounted: FastAPI = gr.mount_gradio_app(
        app, blocks, path="/", allowed_paths=[], blocked_paths=_blocked(desk.services.settings),
        max_file_size=MAX_FILE, run_history=False, footer_links=[], ssr_mode=False, show_error=False,
        mcp_server=False, enable_monitoring=False, pwa=False, theme=make_theme(),
        css=_joined(".css"), head=f"<script>{_joined('.js')}</script><style>{headings_css()}</style>",
        app_kwargs={"docs_url": None, "redoc_url": None, "openapi_url": None},
    )
    return mounted


def _joined(suffix: str) -> str:
    """All style sheets or scripts of the pages, each tab with its own file beside it."""
    found = [item for item in files("medeval.ui").iterdir() if item.name.endswith(suffix)]
    return "\n".join(item.read_text("utf-8") for item in sorted(found, key=lambda item: item.name))


def _blocked(settings: Settings) -> list[str]:
    """Gradio would serve a non-dot file of the working folder that a handler names; never of ours."""
    home = settings.home.resolve()
    places = dict.fromkeys([Path.cwd().resolve(), ROOT])
    return [str(place) for place in places if not home.is_relative_to(place)]


def _announce(settings: Settings) -> None:
    print(f"medeval  {settings.address}", file=sys.stderr)
    if settings.is_demo:
        print("演示模型：展示流程的小模型，不代表真实医学能力 / demo model: small, shows the workflow", file=sys.stderr)
    if settings.host not in LOCAL and not settings.tls_cert:
        print("没有 TLS：密码会明文传输 / no TLS: the password travels in clear", file=sys.stderr)
