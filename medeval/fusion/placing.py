"""The last step: a finished folder gets its name at once; what stood there is kept."""

from datetime import UTC, datetime
from pathlib import Path

from medeval.errors import UsageError


def place(source: Path, target: Path, replace: bool) -> tuple[Path, Path | None]:
    """Moves a finished folder to its name; what stood there is kept beside it as a dated backup.

    Raises:
        UsageError: the name is taken and `replace` is false.
    """
    backup: Path | None = None
    if target.exists():
        if not replace:
            raise UsageError(f"{target} 已存在 / {target} exists already")
        backup = _free(target.with_name(f"{target.name}.backup-{datetime.now(UTC):%Y%m%d-%H%M%S}"))
        target.rename(backup)
    try:
        source.rename(target)
    except OSError:
        if backup is not None:
            backup.rename(target)
        raise
    return target, backup


def _free(path: Path) -> Path:
    found, number = path, 2
    while found.exists():
        found, number = path.with_name(f"{path.name}-{number}"), number + 1
    return found
