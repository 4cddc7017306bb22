"""YAML that knows its lines: plain values, and the line of every key and item.

Only the plain part of YAML is read: no tags, no anchors, no aliases. `yes`, `on`, `12:30` and dates stay text,
because a case means the words it says. What the values mean is `medeval.cases.parse`.
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

MAX_BYTES = 2_000_000
MAX_DEPTH = 20
_PLAIN_NUMBER = re.compile(r"[-+]?(0|[1-9][0-9]*)(\.[0-9]+)?([eE][-+]?[0-9]+)?|[-+]?\.(inf|nan)", re.I)
Place = tuple[str | int, ...]


@dataclass(frozen=True)
class Document:
    """The values of a file and the line (from 1) of each place in it."""

    value: Any
    lines: dict[Place, int]

    def line(self, place: Place) -> int:
        """The line of `place`, or of the nearest thing around it."""
        while place and place not in self.lines:
            place = place[:-1]
        return self.lines.get(place, 1)


class YamlFault(Exception):
    """The file is not YAML that can be read; `line` counts from 1."""

    def __init__(self, line: int, text: str) -> None:
        """A fault in `line`, said in both languages by `text`."""
        self.line = line
        super().__init__(text)


class _Loader(yaml.SafeLoader):
    """The safe loader without the guesses of YAML 1.1 that change what an author wrote."""


def _fewer_guesses() -> dict[str, list[tuple[str, Any]]]:
    kept: dict[str, list[tuple[str, Any]]] = {}
    for first, guesses in yaml.SafeLoader.yaml_implicit_resolvers.items():
        kept[first] = [(tag, form) for tag, form in guesses if _keeps(tag, first)]
    return kept


def _keeps(tag: str, first: str) -> bool:
    name = tag.rpartition(":")[2]
    return name not in ("timestamp", "merge", "value") and (name != "bool" or first in "tTfF")


_Loader.yaml_implicit_resolvers = _fewer_guesses()


def read_yaml(path: Path) -> Document:
    """Reads one YAML document; raises YamlFault with the line and a sentence in both languages."""
    if path.stat().st_size > MAX_BYTES:
        size = f"{MAX_BYTES // 1_000_000} MB"
        raise YamlFault(1, f"文件大于 {size} / the file is larger than {size}")
    try:
        text = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = path.read_bytes()[: error.start].count(b"\n") + 1
        raise YamlFault(line, "不是 UTF-8 文本，请另存为 UTF-8 / not UTF-8 text; save the file as UTF-8") from None
    return parse_yaml(text)


def parse_yaml(text: str) -> Document:
    """Parses one YAML document; raises YamlFault with the line and a sentence in both languages."""
    try:
        _refuse_odd_parts(text)
        loader = _Loader(text)
        node = loader.get_single_node()
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        said = error.problem or error.context or "cannot be read"
        raise YamlFault(mark.line + 1 if mark else 1, f"YAML 语法错误：{said} / YAML error: {said}") from None
    except yaml.reader.ReaderError as error:
        line = text.count("\n", 0, error.position) + 1
        raise YamlFault(line, "含有不可见的控制字符 / holds a control character") from None
    if node is None:
        return Document(None, {})
    lines: dict[Place, int] = {}
    return Document(_value(loader, node, (), lines), lines)


def _refuse_odd_parts(text: str) -> None:
    depth = 0
    for event in yaml.parse(text, Loader=_Loader):
        line = event.start_mark.line + 1 if event.start_mark else 1
        depth += isinstance(event, yaml.CollectionStartEvent) - isinstance(event, yaml.CollectionEndEvent)
        if depth > MAX_DEPTH:  # PyYAML takes quadratic time in the depth, so this cannot wait.
            raise YamlFault(line, "嵌套太深 / nested too deeply")
        if tag := getattr(event, "tag", None):
            raise YamlFault(line, f"不支持的标签 {tag} / the tag {tag} is not read")
        if isinstance(event, yaml.AliasEvent) or getattr(event, "anchor", None):
            said = "不支持锚点与引用，以 & 或 * 开头的文本要加引号 / anchors and aliases are not read; quote such text"
            raise YamlFault(line, said)


def _value(loader: _Loader, node: yaml.Node, place: Place, lines: dict[Place, int]) -> Any:
    lines.setdefault(place, node.start_mark.line + 1)
    if isinstance(node, yaml.MappingNode):
        found: dict[Any, Any] = {}
        for key, value, line in _pairs(loader, node):
            if key in found:
                raise YamlFault(line, f"键 {key} 写了两次 / the key {key!r} is written twice")
            lines[(*place, key)] = line
            found[key] = _value(loader, value, (*place, key), lines)
        return found
    if isinstance(node, yaml.SequenceNode):
        return [_value(loader, item, (*place, i), lines) for i, item in enumerate(node.value)]
    return _scalar(loader, node)


def _pairs(loader: _Loader, node: yaml.MappingNode) -> Iterator[tuple[str, yaml.Node, int]]:
    for key, value in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise YamlFault(line, "键必须是一个词 / a key must be one word")
        yield str(key.value), value, line


def _scalar(loader: _Loader, node: yaml.Node) -> Any:
    value = str(node.value)
    if node.tag.endswith((":int", ":float")) and not _PLAIN_NUMBER.fullmatch(value):
        return value  # 12:30, 010 and 0x1f are numbers to YAML 1.1 but text to the author.
    return loader.construct_object(node)
