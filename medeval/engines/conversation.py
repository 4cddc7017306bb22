"""From messages to token ids and back to text, piece by piece; the same for every engine that holds a tokenizer."""

from __future__ import annotations

import re
from collections.abc import Iterable, Sequence
from typing import Any

from medeval.engines.contract import Message

_VISIBLE = ("<think>", "</think>")


class Chat:
    """Tokenises conversations by the model's own template; text that looks like a special token stays text.

    Args:
        tokenizer: a transformers tokenizer.
    """

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        added = {str(t): i for i, t in tokenizer.added_tokens_decoder.items()}
        special = {t for t in added if t not in _VISIBLE}
        longest_first = sorted(special, key=len, reverse=True)
        self._special = re.compile("|".join(map(re.escape, longest_first))) if special else None
        self.hidden_ids = frozenset(added[t] for t in special)

    def token_ids(self, messages: Sequence[Message]) -> list[int]:
        """Ids of the conversation with the generation prompt; one image token per image."""
        texts = [m.text for m in messages]
        if self._special is None or not any(self._special.search(t) for t in texts):
            return self._encode(self._render(messages, texts))
        # Rare: the template is rendered around markers, and each text is tokenised on its own, broken inside
        # whatever would be read as a special token.
        markers = [f"\ue000{i}\ue001" for i in range(len(texts))]
        rendered = self._render(messages, markers)
        ids: list[int] = []
        for part in re.split("(\ue000\\d+\ue001)", rendered):
            index = markers.index(part) if part in markers else -1
            for piece in [part] if index < 0 else self._broken(texts[index]):
                ids.extend(self._encode(piece))
        return ids

    def text_ids(self, text: str) -> list[int]:
        """Ids of plain text on its own, such as an answer to learn."""
        if self._special is None or not self._special.search(text):
            return self._encode(text)
        return [token for piece in self._broken(text) for token in self._encode(piece)]

    def stream(self) -> TextStream:
        """A fresh stream from ids to text that hides special tokens."""
        return TextStream(self.tokenizer, self.hidden_ids)

    def _broken(self, text: str) -> list[str]:
        assert self._special is not None
        cuts = [m.start() + 1 for m in self._special.finditer(text)]
        pieces = [text[a:b] for a, b in zip([0, *cuts], [*cuts, len(text)], strict=True)]
        return [p for p in pieces if p]

    def _encode(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _render(self, messages: Sequence[Message], texts: Sequence[str]) -> str:
        turns = []
        for message, text in zip(messages, texts, strict=True):
            parts: list[dict[str, str]] = [{"type": "image"} for _ in message.images]
            content: Any = [*parts, {"type": "text", "text": text}] if parts else text
            turns.append({"role": message.role, "content": content})
        if not getattr(self.tokenizer, "chat_template", None):
            return "\n\n".join(texts) + "\n"
        return str(self.tokenizer.apply_chat_template(turns, tokenize=False, add_generation_prompt=True))


def expand_images(ids: Sequence[int], image_id: int, counts: Iterable[int]) -> list[int]:
    """Repeats each image token once per merged patch; `counts` in the order of the images."""
    remaining = iter(counts)
    out: list[int] = []
    for token in ids:
        out.extend([token] * int(next(remaining)) if token == image_id else [token])
    return out


class TextStream:
    """Turns token ids into text as they come; holds back what is not yet a whole character."""

    def __init__(self, tokenizer: Any, hidden: frozenset[int]) -> None:
        self._tokenizer = tokenizer
        self._hidden = hidden
        self._ids: list[int] = []
        self._start = self._read = 0
        self._shown = ""

    def push(self, token: int) -> str:
        """The text that `token` completes; empty while a character is unfinished."""
        if token in self._hidden:
            return ""
        self._ids.append(token)
        whole = self._decode(self._ids[self._start :])
        if whole.endswith("\ufffd"):
            return ""
        return self._advance(whole)

    def flush(self) -> str:
        """What is left at the end, an unfinished character dropped."""
        whole = self._decode(self._ids[self._start :]).rstrip("\ufffd")
        return self._advance(whole) if len(whole) > len(self._shown) else ""

    def _advance(self, whole: str) -> str:
        text = whole[len(self._shown) :]
        # Decoding restarts at the last piece shown: some tokenizers drop a leading space at the very start.
        self._start, self._read = self._read, len(self._ids)
        self._shown = self._decode(self._ids[self._start :])
        return text

    def _decode(self, ids: list[int]) -> str:
        return str(
            self._tokenizer.decode(ids, skip_special_tokens=False, clean_up_tokenization_spaces=False)
        )
