"""The chat-completions protocol: a Request as its JSON body, a streamed reply as text. No connection is made here."""

import base64
import io
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from medeval.engines.contract import Decoding, Message
from medeval.engines.pictures import read_picture
from medeval.engines.server.faults import NOT_UNDERSTOOD, said
from medeval.errors import EngineError

_LONGEST_LINE = 16_000_000
_BREAK = "\n\n"


@dataclass(frozen=True)
class Dialect:
    """Which optional fields this server takes; what it refused once is left out from then on."""

    length: str = "max_tokens"
    usage: bool = True
    seed: bool = True

    def without(self, words: str, decoding: Decoding) -> "Dialect | None":
        """The dialect after a refusal in these words; None where nothing may be left out.

        Only what cannot change the answer is left out: a seed counts where tokens are drawn at random.
        """
        if self.length == "max_tokens" and "max_completion_tokens" in words:
            return replace(self, length="max_completion_tokens")
        if self.usage and ("stream_options" in words or "include_usage" in words):
            return replace(self, usage=False)
        if self.seed and decoding.temperature == 0 and "seed" in words.lower():
            return replace(self, seed=False)
        return None


def body_of(model: str, messages: Sequence[dict[str, Any]], decoding: Decoding, dialect: Dialect) -> dict[str, Any]:
    """The body of POST /chat/completions."""
    body: dict[str, Any] = {
        "model": model, "messages": list(messages), "stream": True, dialect.length: decoding.max_tokens,
        "temperature": decoding.temperature, "top_p": decoding.top_p,
    }  # fmt: skip
    if dialect.seed:
        body["seed"] = decoding.seed
    if dialect.usage:
        body["stream_options"] = {"include_usage": True}
    return body


def plain_messages(messages: Sequence[Message], pictures: Mapping[Path, str]) -> list[dict[str, Any]]:
    """Turns as JSON, images first as in the local engines; `pictures` holds their data URLs."""
    found: list[dict[str, Any]] = []
    for message in messages:
        parts: list[dict[str, Any]] = [
            {"type": "image_url", "image_url": {"url": pictures[path]}} for path in message.images
        ]
        content: Any = [*parts, {"type": "text", "text": message.text}] if parts else message.text
        found.append({"role": message.role, "content": content})
    return found


def data_url(path: Path) -> str:
    """An image as the local engines see it, nothing but its pixels: upright RGB, PNG, no metadata.

    Raises:
        EngineError: it is not an image that can be read.
    """
    out = io.BytesIO()
    read_picture(path).save(out, "PNG", compress_level=3)
    return f"data:image/png;base64,{base64.b64encode(out.getvalue()).decode()}"


class Lines:
    """Cuts a byte stream at line feeds only: other separators (U+2028, U+0085) may stand inside an answer."""

    def __init__(self) -> None:
        self._rest = b""

    def push(self, data: bytes) -> list[bytes]:
        """The lines that `data` completes, without their ends."""
        *lines, self._rest = (self._rest + data).split(b"\n")
        if len(self._rest) > _LONGEST_LINE:
            raise EngineError(NOT_UNDERSTOOD)
        return [line.rstrip(b"\r") for line in lines]


@dataclass(frozen=True)
class Chunk:
    """One event of the stream; `tokens` is the count that the server tells, with the last events."""

    text: str = ""
    thought: str = ""
    finish: str = ""
    tokens: int | None = None
    model: str = ""
    over: bool = False


def read_line(line: bytes, key: str = "") -> Chunk | None:
    """One line of the event stream; None for comments, names of events and blank lines.

    Raises:
        EngineError: the server reports an error here, or the line is not what the protocol allows.
    """
    name, _, rest = line.partition(b":")
    if name == b"error":
        raise EngineError(_reported(rest.strip(), key))
    if name != b"data":
        return None
    data = rest.strip()
    if data == b"[DONE]":
        return Chunk(over=True)
    try:
        value = json.loads(data)
    except ValueError:
        raise EngineError(NOT_UNDERSTOOD) from None
    if not isinstance(value, dict):
        raise EngineError(NOT_UNDERSTOOD)
    if value.get("error"):
        raise EngineError(_reported(value, key))
    return _chunk(value)


def _reported(value: Any, key: str) -> str:
    words = said(value, key)
    return f"服务器中途报错：{words} / the server failed while answering: {words}"


def _chunk(value: dict[str, Any]) -> Chunk:
    choices, usage = value.get("choices"), value.get("usage")
    first = choices[0] if isinstance(choices, list) and choices and isinstance(choices[0], dict) else {}
    delta = first.get("delta")
    delta = delta if isinstance(delta, dict) else {}
    tokens = usage.get("completion_tokens") if isinstance(usage, dict) else None
    return Chunk(
        _text(delta.get("content")),
        # vLLM, Ollama and LM Studio call it reasoning; SGLang and llama.cpp reasoning_content
        _text(delta.get("reasoning_content")) or _text(delta.get("reasoning")),
        _text(first.get("finish_reason")),
        tokens if isinstance(tokens, int) and not isinstance(tokens, bool) and tokens >= 0 else None,
        _text(value.get("model")),
    )


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""


class Said:
    """The text of one reply as it grows; reasoning stands as `<think>…</think>` before it, as local models write it."""

    def __init__(self) -> None:
        self._thinking = self._thought = False
        self._half = ""

    def take(self, chunk: Chunk) -> str:
        """What a chunk adds, ready to show."""
        text = ""
        if chunk.thought and not self._thought:
            text += chunk.thought if self._thinking else f"<think>{chunk.thought}"
            self._thinking = True
        if chunk.text or (chunk.finish == "stop" and self._thinking):
            text += self._close() + chunk.text
        return self._whole(text)

    def _close(self) -> str:
        """The end of the reasoning, once; a thought that comes after the answer has begun is dropped."""
        open_thought, self._thinking, self._thought = self._thinking, False, True
        return f"</think>{_BREAK}" if open_thought else ""

    def _whole(self, text: str) -> str:
        """Holds back half of a surrogate pair that a server cut in two; a half that stays alone is U+FFFD."""
        text, self._half = self._half + text, ""
        if text and "\ud800" <= text[-1] <= "\udbff":
            text, self._half = text[:-1], text[-1]
        return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace") if _has_half(text) else text


def _has_half(text: str) -> bool:
    return any("\ud800" <= char <= "\udfff" for char in text)
