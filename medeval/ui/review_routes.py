"""The reviewers' own page and what it talks to: nothing here names a variant before the sitting is closed.

It is apart from the Gradio page on purpose: that one holds the names of all variants and answers of the standard
cases. A link's secret part is the reviewer's identity; the guard and, on other hosts, the password stand in front.
"""

import base64
import binascii
import json
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Any

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from medeval.errors import MedevalError, UsageError
from medeval.review.records import marks_plain
from medeval.services import Services
from medeval.services.sittings import Revealed, Stop
from medeval.ui.cards import hundred
from medeval.ui.reading import Readings
from medeval.ui.review_page import join_page, sitting_page
from medeval.ui.text import Lang

if TYPE_CHECKING:
    from fastapi import FastAPI

MAX_BODY = 64 * 1024
_NO_STORE = {"Cache-Control": "no-store"}


def add_review_routes(app: "FastAPI", services: Services) -> None:
    """Adds the pages `/review/join/…` and `/review/…`, and the calls under the latter."""
    routes = _Routes(services)
    app.add_api_route("/review/join/{token}", routes.join_form, methods=["GET"], response_model=None)
    app.add_api_route("/review/join/{token}", routes.join, methods=["POST"], response_model=None)
    app.add_api_route("/review/{token}", routes.page, methods=["GET"], response_model=None)
    app.add_api_route("/review/{token}/stop", routes.stop, methods=["GET"], response_model=None)
    app.add_api_route("/review/{token}/revealed", routes.revealed, methods=["GET"], response_model=None)
    app.add_api_route("/review/{token}/{action}", routes.act, methods=["POST"], response_model=None)


class _Routes:
    def __init__(self, services: Services) -> None:
        self._services = services
        self._readings = Readings()

    def _lang(self, wish: str) -> Lang:
        if wish in ("zh", "en"):
            return "en" if wish == "en" else "zh"
        return self._services.settings.lang

    async def join_form(self, token: str, lang: str = "") -> Response:
        """The page that asks for a name."""
        review = await run_in_threadpool(lambda: self._services.reviewing.store.by_join(token))
        found = review is not None and not review.spec.reviewers
        return HTMLResponse(join_page(found, self._lang(lang)), 200 if found else 404, _NO_STORE)

    async def join(self, token: str, request: Request) -> Response:
        """Takes the name and answers with the personal link."""
        try:
            given = json.loads(await _body(request))
            name = str(given["name"])
        except (ValueError, KeyError, TypeError):
            return _wrong()
        except MedevalError as error:
            return JSONResponse({"error": str(error)}, 413, _NO_STORE)
        return await _answered(lambda: {"to": self._services.reviewing.sittings.join(token, name).token})

    async def page(self, token: str, lang: str = "") -> Response:
        """The sitting."""
        try:
            await run_in_threadpool(lambda: self._services.reviewing.sittings.seat(token))
        except MedevalError as error:
            return HTMLResponse(join_page(False, self._lang(lang), str(error)), 404, _NO_STORE)
        return HTMLResponse(sitting_page(self._lang(lang)), 200, _NO_STORE)

    async def stop(self, token: str, n: int | None = None) -> Response:
        """One stop: the case, anonymous answers, and what is filled in."""

        def work() -> dict[str, Any]:
            stop = self._services.reviewing.sittings.stop(token, n)
            return {**_stop_plain(stop), "says": self._says(stop.case.images)}

        return await _answered(work)

    def _says(self, names: Sequence[str]) -> list[list[dict[str, Any]]]:
        """Rows that OCR read of each lab report; an image that was never read is read meanwhile."""
        images = self._services.images
        self._readings.pending(images, [name for name in names if (images.folder / name).is_file()])
        found = [images.says(name) for name in names]
        return [says["rows"] for says in found if says is not None and says["is_lab_report"]]

    async def revealed(self, token: str) -> Response:
        """Names, after the last case."""
        sittings = self._services.reviewing.sittings
        return await _answered(lambda: {"stops": [_revealed_plain(item) for item in sittings.revealed(token)]})

    async def act(self, token: str, action: str, request: Request) -> Response:
        """Draft, rate, take back, finish."""
        sittings, account = self._services.reviewing.sittings, _account(request)

        def work(given: dict[str, Any]) -> dict[str, Any]:
            number, reason = int(given.get("n", -1)), str(given.get("reason", ""))
            if action == "draft":
                sittings.keep_draft(token, number, json.dumps(given.get("marks")))
            elif action == "rate":
                sittings.rate(token, number, given.get("marks"), reason, account)
            elif action == "back":
                sittings.take_back(token, number, reason, account)
            elif action == "finish":
                sittings.finish(token)
            else:
                raise UsageError("没有这个操作 / no such action")
            return {"ok": True}

        try:
            given = json.loads(await _body(request))
            if not isinstance(given, dict) or not isinstance(given.get("n", -1), int):
                raise ValueError
        except ValueError:
            return _wrong()
        except MedevalError as error:
            return JSONResponse({"error": str(error)}, 413, _NO_STORE)
        return await _answered(lambda: work(given))


async def _answered(call: Callable[[], dict[str, Any]]) -> Response:
    try:
        return JSONResponse(await run_in_threadpool(call), headers=_NO_STORE)
    except MedevalError as error:
        return JSONResponse({"error": str(error)}, 400, _NO_STORE)


async def _body(request: Request) -> bytes:
    """The body, at most `MAX_BODY` bytes of it."""
    parts, size = [], 0
    async for part in request.stream():
        size += len(part)
        if size > MAX_BODY:
            raise UsageError("内容过长 / the text is too long")
        parts.append(part)
    return b"".join(parts)


def _wrong() -> Response:
    return JSONResponse({"error": "请求有误 / the request is wrong"}, 400, _NO_STORE)


def _account(request: Request) -> str:
    """The account of a server with a password, as the guard in front let it through; empty elsewhere."""
    kind, _, code = request.headers.get("authorization", "").partition(" ")
    if kind.lower() != "basic":
        return ""
    try:
        return base64.b64decode(code, validate=True).decode("utf-8", "replace").partition(":")[0]
    except (binascii.Error, ValueError):
        return ""


def _stop_plain(stop: Stop) -> dict[str, Any]:
    case = stop.case
    return {
        "n": case.number, "total": case.total, "prompt": case.prompt,
        "history": [turn.model_dump() for turn in case.history],
        "images": [f"../image/{name}" for name in case.images],
        "answers": [{"text": answer.text, "thought": answer.thought} for answer in case.answers],
        "rated": list(stop.rated), "marks": None if stop.marks is None else marks_plain(stop.marks),
        "draft": None if stop.draft is None else json.loads(stop.draft),
        "finished": stop.finished, "complete": stop.complete,
    }  # fmt: skip


def _revealed_plain(item: Revealed) -> dict[str, Any]:
    return {
        "n": item.number, "title": {"zh": item.title_zh, "en": item.title_en}, "variants": list(item.variants),
        "names": [{"zh": name.text("zh"), "en": name.text("en")} for name in item.names],
        "rules": [hundred(value) for value in item.rules], "marks": marks_plain(item.marks),
    }  # fmt: skip
