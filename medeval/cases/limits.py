"""What one image may cost, and the refusal by declared size, before any pixel is read."""

from dataclasses import dataclass

from medeval.errors import ImageError

FIRST_FRAME = "多帧图像，只用第一帧 / several frames: only the first is used"
_LONGEST_STRIP = 200  # Qwen-VL's resizing refuses sides that differ by more.


@dataclass(frozen=True)
class Limits:
    """Bounds of a file, of its pixels, and of the process that decodes it."""

    file_bytes: int = 50_000_000
    pixels: int = 64_000_000
    """Width x height x frames."""
    side: int = 2048
    """Longer images are made smaller, and a note says so."""
    memory_bytes: int = 2_000_000_000
    cpu_seconds: int = 20
    wall_seconds: float = 40.0


def check_size(width: int, height: int, frames: int, limits: Limits) -> None:
    """Refuses an image of too many pixels, of none, or too long and narrow; raises ImageError."""
    if width < 1 or height < 1 or frames < 1:
        raise ImageError("图像没有像素 / the image has no pixels")
    size = f"{width}×{height}" + (f"×{frames}" if frames > 1 else "")
    if width * height * frames > limits.pixels:
        most = f"{limits.pixels / 1e6:g}"
        raise ImageError(
            f"图像太大：{size} 像素，上限 {most} 百万像素，请缩小后再试 / "
            f"the image is too large: {size} pixels, at most {most} million; make it smaller"
        )
    if max(width, height) > _LONGEST_STRIP * min(width, height):
        raise ImageError(f"图像过于细长：{size}，请裁剪后再试 / the image is a strip of {size} pixels; crop it")
