"""Training data for the two faces: the demo corpus on disk, checks in the background, preparing."""

from __future__ import annotations

import re
import shutil
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from threading import Lock, Thread
from typing import TYPE_CHECKING, Literal
from uuid import uuid4

from medeval import __version__
from medeval.cases.load import load_cases
from medeval.cases.schema import Case
from medeval.errors import EngineError, MedevalError, UsageError
from medeval.settings import Settings
from medeval.training.config import DEMO_DATA, TrainConfig
from medeval.training.data import DataSet, read_data

if TYPE_CHECKING:
    from medeval.training.data_check import DataReport
    from medeval.training.data_prepare import Prepared

DEMO_STYLES = ("warm", "exact", "both")
Told = Callable[[int, int], None]


def demo_style(data: str) -> str | None:
    """The style of `demo` or `demo:STYLE`; None for a path.

    Raises:
        UsageError: an unknown style.
    """
    name, _, style = data.partition(":")
    if name != DEMO_DATA or Path(data).exists():
        return None
    style = style or "both"
    if style not in DEMO_STYLES:
        raise UsageError(
            f"没有演示数据 {data}；可选：demo:{', demo:'.join(DEMO_STYLES)}"
            f" / no such demo data {data}; choose from: demo:{', demo:'.join(DEMO_STYLES)}"
        )
    return style


def data_path(settings: Settings, data: str) -> Path:
    """Where the data of a TrainConfig lies; the demo corpus is written at its first use (seconds), then kept.

    Raises:
        UsageError: an unknown demo style. StoreError: the home cannot be made.
    """
    style = demo_style(data)
    if style is None:
        return Path(data).expanduser()
    return write_demo(settings, style, settings.prepare_home() / "data" / f"demo-{style}-{__version__}")


def write_demo(settings: Settings, style: str, folder: Path) -> Path:
    """Writes the demo corpus of a style to `folder`, whole or not at all, unless it is there already."""
    from filelock import FileLock

    from medeval.demo.dataset import STYLES, write_demo_data

    folder.parent.mkdir(parents=True, exist_ok=True)
    with FileLock(f"{folder}.lock"):
        if not (folder / "train.jsonl").is_file():
            part = Path(tempfile.mkdtemp(dir=folder.parent, prefix=f".{folder.name}."))
            try:
                write_demo_data(STYLES[style], part, test_cases(settings))
                part.chmod(0o755)
                part.rename(folder)
            except OSError as error:
                raise UsageError(
                    f"无法写入 {folder}：{error.strerror}"
                    f" / {folder} cannot be written: {error.strerror}"
                ) from error
            finally:
                shutil.rmtree(part, ignore_errors=True)
    return folder


def load_data(settings: Settings, data: str) -> DataSet:
    """The data of a TrainConfig; raises DataError where nothing can be read."""
    return read_data(data_path(settings, data))


def training_data(settings: Settings, config: TrainConfig) -> DataSet:
    """The data of a run, usable; preference pairs hold no test case that nobody decided on.

    Raises:
        DataError: nothing can be read, lines are wrong, there are no pairs, or they overlap the test suites.
    """
    data = load_data(settings, config.data).require()
    if config.method == "dpo":
        from medeval.training.data_guard import require_held_out, require_pairs

        require_pairs(data)
        require_held_out(data, test_cases(settings))
    return data


def test_cases(settings: Settings) -> list[Case]:
    """Every test case, which training data must not hold."""
    return list(load_cases(settings.cases).cases.values())


@dataclass(frozen=True)
class CheckOptions:
    """What a check should take into account."""

    max_length: int = 2048
    image_size: int = 448
    system: str = ""
    base: str = ""
    decode_images: bool = True


def check(settings: Settings, data: str, options: CheckOptions, told: Told = lambda done, total: None) -> DataReport:
    """Reads and checks data; raises DataError where nothing can be read."""
    from medeval.training.data_check import CheckPlan, check_data
    from medeval.training.data_lengths import TokenCounter

    notes: list[str] = []
    found = read_data(data_path(settings, data))
    count: TokenCounter | None = None
    try:
        count = TokenCounter(_base_folder(settings, options.base), options.image_size, options.system)
    except (OSError, ValueError, ImportError, MedevalError) as error:
        first = str(error).splitlines()[0][:160]
        notes.append(f"未检查长度：没有分词器 / lengths not checked: no tokenizer · {first}")
    with tempfile.TemporaryDirectory(prefix="medeval-check-") as private:
        plan = CheckPlan(
            max_length=options.max_length,
            cases=test_cases(settings),
            count=count,
            clean_images=Path(private) if options.decode_images else None,
            notes=notes,
            told=told,
        )
        return check_data(found, plan)


def _base_folder(settings: Settings, base: str) -> Path:
    """A base that is here already; a check downloads nothing."""
    if not base and settings.served:
        raise EngineError("基础模型在服务器上 / the base is on a server")
    name = base or settings.base
    path = Path(name).expanduser()
    if path.is_dir():
        return path
    from huggingface_hub import snapshot_download

    return Path(snapshot_download(name, allow_patterns=["*.json", "*.txt", "*.jinja"], local_files_only=True))


def prepare(
    settings: Settings, data: str, out: Path, mix: str = "", seed: int = 0, gold: int = 0,
    told: Told = lambda done, total: None,
) -> Prepared:  # fmt: skip
    """Writes ready splits to `out`; raises DataError or UsageError with what is wrong."""
    from medeval.training.data_prepare import PreparePlan, parse_mix, prepare_data

    plan = PreparePlan(seed=seed, mix=parse_mix(mix), gold=gold, cases=test_cases(settings), told=told)
    return prepare_data(read_data(data_path(settings, data)), out, plan)


@dataclass(frozen=True)
class CheckState:
    """A check or a preparation in the background, as it stands."""

    id: str
    name: str
    path: str
    state: Literal["running", "done", "failed"] = "running"
    done: int = 0
    total: int = 0
    report: DataReport | None = None
    prepared: Prepared | None = None
    error: str = ""
    kind: Literal["check", "prepare"] = "check"


class Checks:
    """Checks and preparations that go on while pages come and go; the last few are kept."""

    def __init__(self, settings: Settings) -> None:
        self._settings = settings
        self._states: dict[str, CheckState] = {}
        self._lock = Lock()

    def start(self, data: str, options: CheckOptions, name: str = "") -> str:
        """Begins a check; returns its id at once."""

        def work(told: Told, state: CheckState) -> CheckState:
            return replace(state, report=check(self._settings, data, options, told))

        return self._begin(CheckState(uuid4().hex[:12], name or Path(data).name, data), work)

    def start_prepare(self, data: str, mix: str = "", gold: int = 0) -> str:
        """Begins to make data ready in a new folder of the private home; returns its id at once.

        Raises:
            UsageError: wrong shares.
        """
        from medeval.training.data_prepare import parse_mix

        parse_mix(mix)
        name = re.sub(r"[^\w.-]", "_", Path(data).stem)[:40] or "data"
        state = CheckState(uuid4().hex[:12], Path(data).name, data, kind="prepare")
        out = self._settings.prepare_home() / "data" / "prepared" / f"{name}-{state.id[:6]}"

        def work(told: Told, state: CheckState) -> CheckState:
            out.parent.mkdir(parents=True, exist_ok=True)
            return replace(state, prepared=prepare(self._settings, data, out, mix, gold=gold, told=told))

        return self._begin(state, work)

    def _begin(self, state: CheckState, work: Callable[[Told, CheckState], CheckState]) -> str:
        with self._lock:
            while len(self._states) >= 20:
                self._states.pop(next(iter(self._states)))
            self._states[state.id] = state
        Thread(target=self._run, args=(state, work), name="data", daemon=True).start()
        return state.id

    def state(self, check_id: str) -> CheckState | None:
        """How far a check is, None for one that is not kept."""
        return self._states.get(check_id)

    def latest(self) -> Sequence[CheckState]:
        """Checks, newest first."""
        with self._lock:
            return list(self._states.values())[::-1]

    def _put(self, state: CheckState) -> None:
        with self._lock:
            if state.id in self._states:
                self._states[state.id] = state

    def _run(self, state: CheckState, work: Callable[[Told, CheckState], CheckState]) -> None:
        def told(done: int, total: int) -> None:
            self._put(replace(state, done=done, total=total))

        try:
            self._put(replace(work(told, state), state="done"))
        except MedevalError as error:
            self._put(replace(state, state="failed", error=str(error)))
        except Exception as error:  # a page shows it; a thread would only print it
            self._put(replace(state, state="failed", error=f"{type(error).__name__}: {error}"))


def keep_upload(settings: Settings, source: Path) -> Path:
    """Copies an uploaded data file into the private home under its own (plain) name; returns where it is."""
    name = re.sub(r"[^\w.-]", "_", source.name)[-80:] or "data.jsonl"
    folder = settings.prepare_home() / "data" / "uploads" / uuid4().hex[:8]
    folder.mkdir(parents=True, mode=0o700)
    return Path(shutil.copyfile(source, folder / name))
