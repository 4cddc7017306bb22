"""Adapters for the two faces: what each folder holds and whether it fits the base, adding through the gate, converting.

The gate here compares files with files, so it needs no loaded model; the probe of the loaded model comes from its
receipt.
"""

import shutil
import uuid
from collections import OrderedDict
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock
from typing import TYPE_CHECKING, Literal

from medeval.adapters.adding import add, safe_name
from medeval.adapters.card import Card, describe_card
from medeval.adapters.catalogue import find_adapters, make_variants
from medeval.adapters.gate import Checked, check_adapter
from medeval.adapters.variant import Adapter, Variant
from medeval.engines.contract import BaseRef, Loaded, Receipt
from medeval.engines.folders import find_folder
from medeval.errors import AdapterError, MedevalError, UsageError
from medeval.settings import Settings

if TYPE_CHECKING:
    from medeval.fusion.folder import BaseFolder
    from medeval.fusion.serve import Command

State = Literal["ok", "refused", "unknown"]
_KEPT = 200


@dataclass(frozen=True)
class Examined:
    """One folder of the catalogue: what it says, whether it fits the base, and what the loaded model found."""

    name: str
    adapter: Adapter | None = None
    card: Card | None = None
    stack: tuple[str, ...] = ()
    """Names of the variant's adapters in order, its own last."""
    problems: tuple[str, ...] = ()
    matched: int = 0
    expected: int = 0
    checked: bool = False
    """Whether the files were compared with the base."""
    probe: Loaded | None = None
    """What the loaded model found for this very file; None where it has not been loaded."""

    @property
    def state(self) -> State:
        """Refused with reasons, fitting, or not compared because the base's files are not here."""
        return "refused" if self.problems else "ok" if self.checked or self.probe else "unknown"

    @property
    def usable(self) -> bool:
        """Whether it can be fused and served."""
        return not self.problems and bool(self.stack)


@dataclass(frozen=True)
class _Base:
    """The base's files as far as they are here."""

    folder: "BaseFolder"
    fingerprint: str


class Adapters:
    """The folder of adapters of one app; every method may be called from any thread."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self._base: tuple[object, _Base] | None = None
        self._read: OrderedDict[object, Examined] = OrderedDict()
        self._lock = Lock()

    def rows(self, receipt: Receipt | None = None) -> list[Examined]:
        """Every folder by name, refused ones included; only files that changed are read again.

        Args:
            receipt: what the loaded model says, where one is loaded.
        """
        if receipt is not None and receipt.engine in ("recorded", "server"):
            receipt = None  # recorded answers and servers name variants of their own
        adapters, problems = find_adapters(self.settings.adapters)
        variants, lineage = make_variants(adapters)
        rows = [self._row(adapter, variants.get(adapter.name), lineage, receipt) for adapter in adapters]
        broken = [Examined(name, problems=_unique(faults)) for name, faults in problems.items()]
        return sorted([*rows, *broken], key=lambda row: row.name)

    def _row(
        self, adapter: Adapter, variant: Variant | None, lineage: dict[str, list[str]], receipt: Receipt | None
    ) -> Examined:
        found = self._examined(adapter)
        faults = [*found.problems, *lineage.get(adapter.name, [])]
        probe = None
        if receipt is not None and found.card is not None:
            faults.extend(receipt.refused.get(adapter.name, []))
            probe = next((v for v in receipt.variants if v.variant == adapter.name), None)
            if probe is not None and _bare(probe.sha256) != _bare(found.card.sha256):
                probe = None  # the file is another one by now
        stack = tuple(item.name for item in variant.stack) if variant is not None else ()
        return replace(found, stack=stack, problems=_unique(faults), probe=probe)

    def _examined(self, adapter: Adapter) -> Examined:
        key = (adapter.path, adapter.sha256, adapter.base_fingerprint, adapter.trained_on, _state(adapter.path))
        with self._lock:
            if key in self._read:
                self._read.move_to_end(key)
                return replace(self._read[key], adapter=adapter)
        found = examine(adapter, self.base(), self.settings.base)
        with self._lock:
            self._read[key] = found
            while len(self._read) > _KEPT:
                self._read.popitem(last=False)
        return found

    def base(self) -> _Base | None:
        """The base's files; None where they are not on this machine (nothing is downloaded for this)."""
        from medeval.adapters.fingerprint import base_fingerprint
        from medeval.fusion.folder import read_folder

        try:
            folder = find_folder(BaseRef(self.settings.base, offline=True))
            state = _state(folder)
            with self._lock:
                if self._base is not None and self._base[0] == (folder, state):
                    return self._base[1]
            found = _Base(read_folder(folder), base_fingerprint(folder))
        except (MedevalError, OSError, ValueError):
            return None
        with self._lock:
            self._base = ((folder, state), found)
            self._read.clear()
        return found

    def install(self, source: Path | Sequence[Path], name: str = "") -> Adapter:
        """Adds an adapter that fits the base; one that does not is refused and nothing is installed.

        Args:
            source: a folder, its weights file, or the uploaded files.
            name: what to call it; the folder's own name where empty.

        Raises:
            AdapterError: with every reason.
            UsageError: the name is taken or unusable, or there is no such source.
        """
        chosen = safe_name(name or _own_name(source))
        if (self.settings.adapters / chosen).exists():
            raise UsageError(f"{chosen} 已存在，请换一个名字 / {chosen} exists already, choose another name")
        private = self.settings.prepare_home() / "adding" / uuid.uuid4().hex
        try:
            staged = add(source, private, chosen)
            found = examine(staged, self.base(), self.settings.base)
            if not found.checked:
                missing = "基础模型的文件不在本机，无法检验 / the base's files are not here to compare it with"
                raise AdapterError([*found.problems] or [missing])
            known, _ = find_adapters(self.settings.adapters)
            _, lineage = make_variants([*known, staged])
            faults = _unique([*found.problems, *lineage.get(chosen, [])])
            if faults:
                raise AdapterError(list(faults))
            return add(staged.path, self.settings.adapters, chosen)
        finally:
            shutil.rmtree(private, ignore_errors=True)

    def convert(self, name: str, to: Literal["mlx", "peft"], new_name: str) -> tuple[Path, tuple[str, ...]]:
        """Writes an adapter in the other dialect beside it, as a further adapter; with what was worth saying.

        Raises:
            AdapterError: it cannot be read or converted. UsageError: no such adapter, or the name is taken.
        """
        from medeval.adapters.convert import convert, read_notes

        made = convert(self.find(name).path, to, self.settings.adapters / safe_name(new_name))
        return made, tuple(read_notes(made))

    def find(self, name: str) -> Adapter:
        """One readable adapter; raises UsageError where there is none."""
        found = next((a for a in find_adapters(self.settings.adapters)[0] if a.name == name), None)
        if found is None:
            raise UsageError(f"没有适配器 {name} / no such adapter: {name}")
        return found

    def commands(self, name: str, fused: Path | None = None) -> "list[Command]":
        """How to serve a variant elsewhere, as adapter and, where given, as fused model.

        Raises:
            UsageError: no such variant. AdapterError: it cannot be read.
        """
        from medeval.fusion.serve import gguf_line, serve_commands

        if self.settings.served:
            return []  # the base is served already, and is no file that a command could name
        adapters, _ = find_adapters(self.settings.adapters)
        variants, _ = make_variants(adapters)
        if name not in variants:
            raise UsageError(f"没有版本 {name} / no such variant: {name}")
        found = serve_commands(self.settings.base, variants[name], fused)
        return [*found, gguf_line(fused)] if fused is not None else found

    def as_column(self, fused: Path, name: str) -> Adapter:
        """Makes a column of a fused model beside base + adapters: its changed weights on the same resident base.

        Raises:
            UsageError: the name is taken. EngineError: it is no fused form of this base.
        """
        from medeval.fusion.column import make_column

        base = find_folder(BaseRef(self.settings.base, offline=True))
        return make_column(base, fused, self.settings.adapters, name)


def examine(adapter: Adapter, base: _Base | None, base_name: str) -> Examined:
    """Reads an adapter whole and compares it with the base's files; problems are data here, every one of them."""
    fingerprint = base.fingerprint if base is not None else None
    try:
        card = describe_card(adapter, base_name, fingerprint, values=True)
        checked = None if base is None else check_adapter(adapter, base.folder.shapes, fingerprint)
    except AdapterError as error:
        return Examined(adapter.name, adapter, _headers_card(adapter, base_name, fingerprint),
                        problems=_unique(error.problems), checked=base is not None)  # fmt: skip
    except OSError as error:
        why = f"无法读取：{error.strerror} / cannot be read: {error.strerror}"
        return Examined(adapter.name, adapter, problems=(why,))
    if checked is None:
        return Examined(adapter.name, adapter, card)
    return Examined(adapter.name, adapter, card, matched=_matched(checked), expected=checked.lora.tensors, checked=True)


def _headers_card(adapter: Adapter, base: str, fingerprint: str | None) -> Card | None:
    try:
        return describe_card(adapter, base, fingerprint)
    except (AdapterError, OSError):
        return None


def _matched(checked: Checked) -> int:
    return sum(2 + (f.magnitude is not None) for f in checked.factors) + len(checked.whole)


def _unique(problems: Sequence[str]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(problems))


def _bare(digest: str) -> str:
    return digest.removeprefix("sha256:").lower()


def _state(folder: Path) -> tuple[tuple[str, int, int], ...]:
    """Name, size and time of every file, equal while nothing changed."""
    files = (file for file in folder.iterdir() if file.is_file())
    return tuple(sorted((file.name, file.stat().st_size, file.stat().st_mtime_ns) for file in files))


def _own_name(source: Path | Sequence[Path]) -> str:
    if isinstance(source, Path):
        source = source.expanduser()
        return (source if source.is_dir() else source.parent).resolve().name
    raise UsageError("请给它起个名字 / give it a name")
