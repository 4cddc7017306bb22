"""What a server offers (GET /models), and which of it answers for which variant."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from medeval.adapters.variant import BASE_NAME
from medeval.engines.server.faults import NOT_A_SERVER
from medeval.errors import EngineError

_SHOWN = 20


@dataclass(frozen=True)
class Listed:
    """One model of the list: the id to ask it by, and of an adapter the id of the model it sits on."""

    id: str
    parent: str = ""


@dataclass(frozen=True)
class Choice:
    """Variant → model id, base first, and the variants that the server does not offer, each with its reason."""

    models: dict[str, str]
    refused: dict[str, list[str]]


def read_list(document: Any) -> list[Listed]:
    """The models of a decoded answer to GET /models, in its order.

    Raises:
        EngineError: it is no such list.
    """
    items = document.get("data") if isinstance(document, dict) else None
    if not isinstance(items, list):
        raise EngineError(NOT_A_SERVER)
    found: dict[str, Listed] = {}
    for item in items:
        model = item.get("id") if isinstance(item, dict) else None
        if not isinstance(model, str) or not model:
            continue
        parent = item.get("parent")
        parent = parent if isinstance(parent, str) and parent != model else ""
        if parent and item.get("owned_by") == "sglang" and not model.startswith(f"{parent}:"):
            # SGLang lists an adapter by its bare name, but takes a bare name for the base and answers as that.
            model = f"{parent}:{model}"
        found[model] = Listed(model, parent)
    return list(found.values())


def choose(listed: Sequence[Listed], models: Mapping[str, str], names: Sequence[str] = ()) -> Choice:
    """Which model answers for which variant.

    A variant takes the model that `models` gives it, else the one that bears its name; `base` also takes the one that
    all adapters of the list sit on, or the only one there is. Without `models` and `names` the base and every adapter
    listed on it are the variants.

    Raises:
        EngineError: nothing says which model is the base, or no variant is offered.
    """
    ids, base = [item.id for item in listed], _base(listed)
    wanted = list(names) or list(models)
    if not wanted:
        if not base:
            raise EngineError(
                "请用 --server-models base=模型,v1=模型 说明哪个模型是哪个版本；服务器提供："
                f"{_names(ids)} / say which model is which variant; the server offers: {_names(ids)}"
            )
        children = {_short(item): item.id for item in listed if item.parent == base}
        return Choice({BASE_NAME: base, **children}, {})
    taken: dict[str, str] = {}
    refused: dict[str, list[str]] = {}
    short = {_short(item): item.id for item in listed}
    for name in wanted:
        asked = models.get(name, name)
        model = asked if asked in ids else short.get(asked, base if name == BASE_NAME and name not in models else "")
        if model:
            taken[name] = model
        else:
            offered = _names(ids)
            why = f"服务器没有模型 {asked}，它提供：{offered} / the server has no model {asked}; it offers: {offered}"
            refused[name] = [why]
    if not taken:
        raise EngineError(" · ".join(reason for reasons in refused.values() for reason in reasons))
    return Choice(taken, refused)


def _base(listed: Sequence[Listed]) -> str:
    """The one model that can only be the base; empty where it is not clear."""
    ids = [item.id for item in listed]
    if BASE_NAME in ids:
        return BASE_NAME
    parents = {item.parent for item in listed if item.parent}
    if len(parents) == 1 and next(iter(parents)) in ids:
        return next(iter(parents))
    return ids[0] if len(ids) == 1 and not parents else ""


def _short(item: Listed) -> str:
    return item.id.removeprefix(f"{item.parent}:") if item.parent else item.id


def _names(ids: Sequence[str]) -> str:
    more = f" … (+{len(ids) - _SHOWN})" if len(ids) > _SHOWN else ""
    return (", ".join(ids[:_SHOWN]) or "–") + more
