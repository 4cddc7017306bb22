"""Room on the disk, asked before and while something long is written; a full disk is one sentence, no traceback."""

import errno
import shutil
from pathlib import Path

from medeval.errors import MedevalError

_FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
# safetensors and torch.save report failed writes as text only
_TEXTS = ("os error 28", "os error 27", "No space left", "PytorchStreamWriter failed", "fail at inline_container")


class DiskFullError(MedevalError):
    """The disk cannot take what has to be written; nothing that was complete before is lost."""


def free_bytes(path: Path) -> int:
    """Free bytes of the file system that holds `path` or its nearest existing parent."""
    place = path
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free


def require_space(path: Path, needed: int) -> None:
    """Refuses to begin writing what will not fit.

    Args:
        path: where it will be written.
        needed: bytes.

    Raises:
        DiskFullError: less than `needed` is free.
    """
    free = free_bytes(path)
    if free < needed:
        raise DiskFullError(
            f"磁盘空间不足：{path} 需要 {size_text(needed)}，只剩 {size_text(free)}，请腾出空间后继续"
            f" / not enough disk: {path} needs {size_text(needed)}, {size_text(free)} free;"
            " free some space, then resume"
        )


def is_full(error: BaseException) -> bool:
    """Whether an error, or one it came from, says that the disk or the quota is full."""
    seen: BaseException | None = error
    while seen is not None:
        if isinstance(seen, OSError) and seen.errno in _FULL:
            return True
        if any(words in str(seen) for words in _TEXTS):
            return True
        seen = seen.__cause__ or seen.__context__
    return False


def full_sentence(path: Path) -> str:
    """What people read when writing below `path` failed for want of room."""
    return (
        f"磁盘已满，写不进 {path}：请腾出空间后续跑，已完成的检查点都还在"
        f" / the disk is full, {path} cannot be written: free some space, then resume; finished checkpoints are kept"
    )


def size_text(count: float) -> str:
    """Bytes for people: 1.5 GB."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1000:
            return f"{count:.0f} {unit}" if unit == "B" else f"{count:.1f} {unit}"
        count /= 1000
    return f"{count:.1f} TB"
