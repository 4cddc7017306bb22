"""What can be said of a fuse order before the work: where LM Studio would take it, and whether the disk has room."""

import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from medeval.adapters.adding import safe_name
from medeval.errors import UsageError
from medeval.settings import Settings

if TYPE_CHECKING:
    from medeval.services.fusing import FuseOrder


@dataclass(frozen=True)
class Place:
    """Where LM Studio would take a model: its folder of models, whether it is there, and the target if it is."""

    models: Path
    found: bool


def lmstudio_place(home: str = "") -> Place:
    """LM Studio's folder of models, as chosen or as detected for this user."""
    from medeval.fusion.deploy import lmstudio_home, models_folder

    folder = Path(home).expanduser() if home.strip() else lmstudio_home()
    return Place(models_folder(folder), folder.is_dir())


def check_order(settings: Settings, order: "FuseOrder") -> None:
    """Says before the work what would fail after it: a place of LM Studio that is missing or taken.

    Raises:
        UsageError: LM Studio is not there, or a model of that name is.
    """
    from medeval.services.fusing import default_out

    if not order.lmstudio:
        return
    place = lmstudio_place(order.lmstudio_home)
    if not place.found and not order.lmstudio_home:
        raise UsageError(
            f"没有找到 LM Studio（{place.models}）：请填写它的文件夹，或取消部署"
            f" / LM Studio was not found ({place.models}): give its folder, or untick deploying"
        )
    out = Path(order.model or order.out) if order.model or order.out else default_out(settings, order)
    target = place.models / safe_name(order.publisher) / safe_name(order.name or out.name)
    if target.exists() and not order.replace:
        raise UsageError(
            f"{target} 已存在；勾选“替换”则旧的保留为备份"
            f" / {target} exists already: tick Replace to keep it as a backup"
        )


def free_bytes(out: Path) -> int:
    """Free bytes on the disk that would hold `out`, whether or not its folders exist yet."""
    place = out.expanduser().absolute()
    while not place.exists() and place != place.parent:
        place = place.parent
    return shutil.disk_usage(place).free
