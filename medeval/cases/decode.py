"""Decodes one untrusted image into a clean 8-bit PNG; run as `python -m medeval.cases.decode` by `images.intake`.

The process bounds its own memory and time before it opens the file, so that a hostile file can end this process and
nothing else. It prints one JSON document: {"width", "height", "notes"} or {"error"}. Only Pillow and numpy are imported
(pydicom for DICOM alone): starting must be quick.
"""

import json
import os
import sys
import warnings
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from PIL import Image, UnidentifiedImageError

from medeval.cases.formats import HEAD_BYTES, Format, sniff
from medeval.cases.grey import deepest, to_8bit
from medeval.cases.limits import FIRST_FRAME, Limits, check_size
from medeval.cases.png import PngHeader, check_png, read_deep_colour
from medeval.errors import ImageError

_TIFF_PHOTOMETRIC, _TIFF_BITS, _WHITE_IS_ZERO = 262, 258, 0
_ORIENTATION = 274
_TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}
_WITH_ALPHA = ("LA", "La", "PA", "RGBA", "RGBa")


@dataclass(frozen=True)
class Decoded:
    """Size of the clean image and what was done to it that a person should know."""

    width: int
    height: int
    notes: tuple[str, ...]


def decode(source: Path, target: Path, limits: Limits) -> Decoded:
    """Reads `source`, writes a grey or RGB PNG without metadata to `target`.

    Raises:
        ImageError: One sentence, without the name of the file; never anything else for any bytes.
    """
    Image.MAX_IMAGE_PIXELS = None  # Our own cap is asked before any pixel is read, and says what to do.
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return _decode(source, target, limits)
    except ImageError:
        raise
    except MemoryError:
        raise ImageError("图像需要的内存太多，请缩小 / the image needs too much memory; make it smaller") from None
    except Exception as error:  # Damaged bytes make decoders raise anything; every kind is the same news.
        raise ImageError(_damage(error)) from error


def _damage(error: Exception) -> str:
    said = str(error).lower()
    if "truncated" in said or "not enough image data" in said or isinstance(error, EOFError):
        return "图像文件不完整（被截断） / the image file is truncated"
    if isinstance(error, UnidentifiedImageError | NotImplementedError):
        return "图像文件已损坏或编码不受支持 / the image file is damaged or of an unsupported kind"
    return "图像文件已损坏，无法解码 / the image file is damaged and cannot be decoded"


def _decode(source: Path, target: Path, limits: Limits) -> Decoded:
    with source.open("rb") as file:
        kind = sniff(file.read(HEAD_BYTES))
    if kind == "DICOM":
        from medeval.cases.dicom import read_dicom

        picture, notes = read_dicom(source, limits)
    else:
        picture, notes = _read_picture(source, kind, limits)
    picture = _flattened(picture)
    width, height = picture.size
    if max(width, height) > limits.side:
        picture.thumbnail((limits.side, limits.side), Image.Resampling.LANCZOS, reducing_gap=3.0)
        notes.append(
            f"已从 {width}×{height} 缩小到 {picture.width}×{picture.height} / "
            f"made smaller from {width}×{height} to {picture.width}×{picture.height}"
        )
    clean = Image.frombytes(picture.mode, picture.size, picture.tobytes())  # Nothing but pixels comes along.
    clean.save(target, "PNG")
    return Decoded(clean.width, clean.height, tuple(notes))


def _read_picture(source: Path, kind: Format, limits: Limits) -> tuple[Image.Image, list[str]]:
    header = check_png(source) if kind == "PNG" else None
    notes: list[str] = []
    with Image.open(source, formats=[kind]) as image:
        check_size(*image.size, 1, limits)
        if kind != "JPEG" and (header.animated if header else getattr(image, "is_animated", False)):
            notes.append(FIRST_FRAME)  # A JPEG of several pictures is a phone's own extra, not a series.
        image.load()
        picture = _eight_bits(image, source, header, notes)
        picture = _oriented(image, picture)
        return _in_srgb(image, picture), notes


def _eight_bits(image: Image.Image, source: Path, header: PngHeader | None, notes: list[str]) -> Image.Image:
    """The picture in mode L, RGB, RGBA, LA, P or CMYK, deep grey values windowed."""
    if header is not None and header.deep_colour:
        return _from_deep_colour(read_deep_colour(image, source, header), header)
    if image.mode[0] in "IF":
        values = np.asarray(image)
        grey = to_8bit(values)
        tags = getattr(image, "tag_v2", {})
        if tags.get(_TIFF_PHOTOMETRIC) == _WHITE_IS_ZERO:
            grey = 255 - grey
        notes.append("灰度已按最小值与最大值映射到 8 位 / grey values mapped to 8 bits from lowest to highest")
        return Image.fromarray(grey)
    if 16 in _as_tuple(getattr(image, "tag_v2", {}).get(_TIFF_BITS)):
        raise ImageError("不支持 16 位彩色 TIFF，请另存为 PNG / 16-bit colour TIFF is not read; save it as PNG")
    return image


def _as_tuple(value: object) -> tuple[object, ...]:
    return value if isinstance(value, tuple) else (value,)


def _from_deep_colour(values: NDArray[np.uint16], header: PngHeader) -> Image.Image:
    """16-bit samples [H, W, C] by the number of bits in use, so that black stays black and hues stay."""
    colour = values[..., :-1] if header.has_alpha else values
    shown = to_8bit(colour, 0, deepest(colour))
    if not header.has_alpha:
        return Image.fromarray(shown)
    alpha = to_8bit(values[..., -1:], 0, 65535)
    return Image.fromarray(np.concatenate([shown.repeat(4 - shown.shape[2], axis=2)[..., :3], alpha], axis=2))


def _oriented(image: Image.Image, picture: Image.Image) -> Image.Image:
    """Turns as EXIF says; a damaged EXIF block is as none. Pillow turns TIFF itself."""
    try:
        turn = _TURNS.get(int(image.getexif().get(_ORIENTATION, 1)))
    except Exception:  # The same hostile bytes, of which only this number matters.
        turn = None
    return picture if turn is None else picture.transpose(turn)


def _in_srgb(image: Image.Image, picture: Image.Image) -> Image.Image:
    """Colours through the embedded profile where there is a usable one; grey stays as it is."""
    profile = image.info.get("icc_profile")
    if picture.mode not in ("RGB", "CMYK") or not profile:
        return picture
    from PIL import ImageCms

    try:
        own = ImageCms.ImageCmsProfile(BytesIO(profile))
        if picture.mode == "RGB" and "srgb" in ImageCms.getProfileDescription(own).lower():
            return picture
        converted = ImageCms.profileToProfile(picture, own, ImageCms.createProfile("sRGB"), outputMode="RGB")
    except (ImageCms.PyCMSError, OSError, ValueError):
        return picture
    return converted or picture


def _flattened(picture: Image.Image) -> Image.Image:
    """Grey or RGB; what is transparent becomes white paper."""
    grey = picture.mode in ("1", "L", "LA", "La")
    if picture.mode not in _WITH_ALPHA and "transparency" not in picture.info:
        return picture.convert("L" if grey else "RGB")
    opaque = picture.convert("RGBA")
    paper = Image.new("RGB", picture.size, "white")
    paper.paste(opaque, mask=opaque.getchannel("A"))
    return paper.convert("L") if grey else paper


def _bound(limits: Limits) -> None:
    """Bounds this process where the system can; elsewhere the caller's clock is the only bound."""
    try:
        import resource
    except ImportError:
        return
    for what, most in (
        (resource.RLIMIT_AS, limits.memory_bytes),
        (resource.RLIMIT_CPU, limits.cpu_seconds),
        (resource.RLIMIT_CORE, 0),
    ):
        try:
            resource.setrlimit(what, (most, most))
        except (ValueError, OSError):
            continue


def main(arguments: list[str]) -> int:
    """Entry of the bounded process: SOURCE TARGET LIMITS_AS_JSON."""
    source, target, limits = Path(arguments[0]), Path(arguments[1]), Limits(**json.loads(arguments[2]))
    _bound(limits)
    os.umask(0o077)
    try:
        print(json.dumps(asdict(decode(source, target, limits))))
    except ImageError as error:
        print(json.dumps({"error": str(error)}))
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
