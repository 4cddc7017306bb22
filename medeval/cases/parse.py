"""From a mapping to a Case: every fault of it at once, each with the place and a sentence in both languages.

Reading files is `medeval.cases.load`; the fields themselves are `medeval.cases.schema`.
"""

import difflib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from medeval.cases.facts import fault_of_fact
from medeval.cases.schema import AnyOf, Case, Expect, ImageFindings, LabRow, Title, Turn
from medeval.cases.yamlfile import Place
from medeval.errors import CaseError

FindImage = Callable[[str], Path | str]
"""From the text of an image path to the file, or to the sentence that says why it cannot be used."""

_MODELS: dict[tuple[str, ...], type[BaseModel]] = {
    (): Case,
    ("title",): Title,
    ("history",): Turn,
    ("expect",): Expect,
    ("expect", "lab_rows"): LabRow,
    ("expect", "image_findings"): ImageFindings,
}
_STATEMENTS = ("must_have", "must_not")

_SAYINGS: dict[str, str] = {
    "missing": "缺少必填项 / required but missing",
    "string_type": "应为文本（数字请加引号） / should be text (put a number in quotes)",
    "list_type": "应为列表，如 [a, b] / should be a list, such as [a, b]",
    "string_pattern_mismatch": "只能用文字、数字和 _ . - : / only letters, digits and _ . - : are allowed",
    "string_too_short": "不能为空 / must not be empty",
    "string_too_long": "太长 / is too long",
    "too_short": "不能为空 / must not be empty",
    "dict_type": "应为 {键：值} / should be a mapping {key: value}",
    "model_type": "应为 {键：值} / should be a mapping {key: value}",
    "float_type": "应为数字 / should be a number",
    "float_parsing": "应为数字 / should be a number",
    "finite_number": "应为有限的数字 / should be a finite number",
    "path_type": "应为文件路径 / should be the path of a file",
}


@dataclass(frozen=True)
class Fault:
    """What is wrong at one place of a case."""

    place: Place
    text: str

    @property
    def field(self) -> str:
        """The place as people write it: `expect.must_have[0]`."""
        words = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in self.place)
        return words.lstrip(".") or "case"


def parse_case(fields: object, where: str, find_image: FindImage | None = None) -> Case:
    """One case from a mapping such as a line of JSON.

    Args:
        fields: The fields of test_cases/README.md.
        where: What to call this mapping in messages, such as `answers.jsonl:3`.
        find_image: Resolves image paths; without it they are kept as written and not looked for.

    Raises:
        CaseError: With every fault found, each as "where: field: what is wrong".
    """
    case, faults = examine(fields, find_image)
    if case is None or faults:
        raise CaseError([f"{where}: {fault.field}: {fault.text}" for fault in faults])
    return case


def examine(fields: object, find_image: FindImage | None = None) -> tuple[Case | None, list[Fault]]:
    """The case, or None, and every fault found; a case with faults is None."""
    if not isinstance(fields, Mapping):
        return None, [Fault((), "一个病例应为 {键：值} / a case should be a mapping {key: value}")]
    fields = dict(fields)
    try:
        faults = list(_faults_of_text(fields, ()))
    except RecursionError:
        faults = [Fault((), "嵌套太深 / nested too deeply")]
    if faults:
        return None, faults
    resolved, faults = _with_images(fields, find_image)
    case: Case | None = None
    try:
        case = Case.model_validate(resolved)
    except ValidationError as error:
        faults += _faults_of_schema(error)
    faults += _faults_of_content(fields)
    faults = list({(f.place, f.text): f for f in faults}.values())
    return (None if faults else case), faults


def _faults_of_text(value: Any, place: Place) -> Iterator[Fault]:
    """Text that cannot be written as UTF-8 would fail much later, in the store or a file."""
    if isinstance(value, str):
        if any("\ud800" <= c <= "\udfff" for c in value):
            yield Fault(place, "含有无效的 Unicode 字符 / holds half a Unicode character")
    elif isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _faults_of_text(inner, (*place, str(key)))
    elif isinstance(value, list | tuple):
        for i, inner in enumerate(value):
            yield from _faults_of_text(inner, (*place, i))


def _with_images(fields: dict[str, Any], find_image: FindImage | None) -> tuple[dict[str, Any], list[Fault]]:
    images = fields.get("images")
    if find_image is None or not isinstance(images, list):
        return fields, []
    files: list[Any] = []
    faults: list[Fault] = []
    for i, image in enumerate(images):
        found = find_image(image) if isinstance(image, str) else image
        if isinstance(found, str):
            faults.append(Fault(("images", i), found))
        files.append(found)
    return {**fields, "images": files}, faults


def _faults_of_schema(error: ValidationError) -> list[Fault]:
    faults: list[Fault] = []
    for item in error.errors(include_url=False):
        place: Place = tuple(item["loc"])
        kind = str(item["type"])
        if len(place) > 3 and place[1] in _STATEMENTS:
            faults.append(Fault(place[:3], "应为文本或 {any：[文本, …]} / should be text or {any: [text, …]}"))
        elif kind == "extra_forbidden":
            faults.append(Fault(place, _unknown_key(place)))
        elif kind == "literal_error":
            faults.append(Fault(place, _not_a_choice(str(item["ctx"]["expected"]), item["input"])))
        else:
            faults.append(Fault(place, _SAYINGS.get(kind, f"无效 / is not valid · {item['msg']}")))
    return faults


def _unknown_key(place: Place) -> str:
    around = tuple(p for p in place[:-1] if isinstance(p, str))
    key = str(place[-1])
    known = list(_MODELS.get(around, Case).model_fields)
    if near := difflib.get_close_matches(key, known, 1, 0.6):
        return f"未知的键，您是否想写 {near[0]}？ / unknown key; did you mean {near[0]}?"
    for path, model in _MODELS.items():
        if key in model.model_fields:
            full = ".".join((*path, key))
            return f"未知的键，您是否想写 {full}？ / unknown key here; did you mean {full}?"
    return f"未知的键；可用：{', '.join(known)} / unknown key; known here: {', '.join(known)}"


def _not_a_choice(expected: str, given: object) -> str:
    words = expected.replace("'", "").replace(" or ", ", ")
    return f"“{given}”应为其中之一：{words} / {given!r} should be one of: {words}"


def _faults_of_content(fields: Mapping[str, Any]) -> Iterator[Fault]:
    facts = fields.get("facts")
    for key, value in facts.items() if isinstance(facts, Mapping) else ():
        if isinstance(value, str | int | float) and not isinstance(value, bool):
            if text := fault_of_fact(str(key), str(value)):
                yield Fault(("facts", str(key)), text)
    if isinstance(prompt := fields.get("prompt"), str) and prompt and not prompt.strip():
        yield Fault(("prompt",), _SAYINGS["string_too_short"])
    expect = fields.get("expect")
    if not isinstance(expect, Mapping):
        return
    for name in _STATEMENTS:
        yield from _faults_of_statements(name, expect.get(name))
    rows = expect.get("lab_rows")
    for i, row in enumerate(rows if isinstance(rows, list) else ()):
        if isinstance(row, Mapping) and (text := _fault_of_row(row)):
            yield Fault(("expect", "lab_rows", i), text)


def _faults_of_statements(name: str, statements: object) -> Iterator[Fault]:
    for i, item in enumerate(statements if isinstance(statements, list) else ()):
        match item:
            case str() | AnyOf():
                words = [item] if isinstance(item, str) else item.any
            case {"any": list() as found}:
                words = [w for w in found if isinstance(w, str)]
            case _:
                continue
        if any(not w.strip() for w in words):
            yield Fault(("expect", name, i), "陈述不能为空 / a statement must not be empty")


def _fault_of_row(row: Mapping[str, Any]) -> str | None:
    """A row whose range or flag contradicts its value would mark right answers wrong."""
    try:
        value, low, high = (None if (x := row.get(k)) is None else float(x) for k in ("value", "low", "high"))
    except (TypeError, ValueError):
        return None
    if low is not None and high is not None and low > high:
        return f"下限 {low:g} 大于上限 {high:g} / low {low:g} is greater than high {high:g}"
    if value is None or low is None or high is None:
        return None
    right = "↑" if value > high else "↓" if value < low else ""
    if row.get("flag", "") in ("", "↑", "↓") and row.get("flag", "") != right:
        shown, said = row.get("flag", "") or "“”", right or "“”"
        return (
            f"{value:g} 在 {low:g}-{high:g} 中的标记应为 {said}，而不是 {shown}"
            f" / the flag of {value:g} in {low:g}-{high:g} should be {said}, not {shown}"
        )
    return None
