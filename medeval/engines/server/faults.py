"""What went wrong at a server, as sentences for people; the key is taken out of everything the server says."""

import json
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

NOT_A_SERVER = (
    "这个地址没有给出模型列表：是 OpenAI 兼容的服务器吗？地址通常以 /v1 结尾"
    " / no list of models there: is it an OpenAI-compatible server? the address usually ends in /v1"
)
CUT_OFF = "回答中途断开，没有收完 / the stream was cut off in the middle of the answer"
NOT_STREAMED = "服务器没有逐字返回（text/event-stream） / the server did not stream the answer (text/event-stream)"
NOT_UNDERSTOOD = "服务器返回的内容看不懂 / what the server sent cannot be read"
KEY_SETTING = "MEDEVAL_SERVER_KEY"
_LONGEST = 300
_IMAGE = re.compile(r"image|vision|multi-?modal|mmproj|content type|图", re.IGNORECASE)
_TAG = re.compile(r"<[^<>]*>")


def said(body: str | bytes | Any, key: str = "") -> str:
    """The server's own words in at most 300 characters, from any of the usual shapes of an error; the key never."""
    if isinstance(body, bytes):
        body = body.decode("utf-8", "replace")
    if isinstance(body, str):
        try:
            body = json.loads(body)
        except ValueError:
            body = _TAG.sub(" ", body)
    text = " ".join(" ".join(_words(body)).split()).replace(" / ", "/")  # " / " parts the two languages of a sentence
    if key:
        text = text.replace(key, "***")
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}…"


def _words(body: Any) -> Iterator[str]:
    """The texts under error, message, detail or msg, wherever a server puts them."""
    if isinstance(body, str):
        yield body
    elif isinstance(body, list):
        for item in body:
            yield from _words(item)
    elif isinstance(body, dict):
        for name in ("error", "message", "detail", "msg", "loc"):
            yield from _words(body.get(name))


def of_status(status: int, words: str, model: str = "", images: bool = False) -> str:
    """The sentence about an answer with this HTTP status.

    Args:
        status: of HTTP, not 200.
        words: what `said` made of the body.
        model: what was asked; empty for the list of models.
        images: whether images were sent along.
    """
    told = f" · {words or _phrase(status)}"
    if status in (401, 403):
        return (
            f"服务器不接受密钥（{status}），请设置环境变量 {KEY_SETTING}"
            f" / the server refuses the key ({status}): set {KEY_SETTING}"
        )
    # mlx_lm.server answers 404 to an image; the name of a model may itself hold one of the words
    if images and status in (400, 404, 415, 422, 500, 501) and _IMAGE.search(_without(model, words)):
        return f"模型 {model} 或它的服务器不能看图（{status}） / {model} or its server sees no images ({status})" + told
    if status == 404 and model:
        return f"服务器没有模型 {model}，或地址有误（404） / no model {model} there, or a wrong address (404)" + told
    if status == 404:
        return NOT_A_SERVER
    if status == 413:
        return "影像或问题太大，服务器不收（413） / image or question too large for the server (413)" + told
    if status in (429, 503):
        return f"服务器忙（{status}） / the server is busy ({status})" + told
    return f"服务器报错 {status} / the server fails with {status}" + told


def of_redirect(target: str) -> str:
    """The sentence about a redirect, which is never followed: the answer would come from elsewhere."""
    place = target.split("?")[0].split("#")[0].rpartition("@")[2][:200]
    return (
        f"服务器转到了别处（{place}），不跟随；确认可信后直接填写那个地址"
        f" / the server redirects to {place}, which is not followed: give that address itself if you trust it"
    )


def of_transport(error: Exception, host: str, key: str = "") -> str:
    """The sentence about a connection that could not be made or held."""
    why = said(str(error) or type(error).__name__, key)
    return f"连不上服务器 {host}，它在运行吗？（{why}） / cannot reach the server {host}: is it running? ({why})"


def of_finish(reason: str) -> str:
    """The sentence about an answer that ended for a reason other than its end or its length."""
    if reason == "content_filter":
        return "服务器的内容过滤截断了回答 / the server's content filter cut the answer off"
    return f"服务器没有给出完整的回答（{reason[:40]}） / the server gave no whole answer ({reason[:40]})"


def _without(name: str, words: str) -> str:
    return re.sub(rf"(?<!\w){re.escape(name)}(?!\w)", "", words)


def _phrase(status: int) -> str:
    try:
        return HTTPStatus(status).phrase
    except ValueError:
        return str(status)
