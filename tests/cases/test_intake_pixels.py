"""The intake of images: every mode, depth and orientation gives the right pixels."""

import struct
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from pictures import NAME, png16, read, scene
from PIL import Image, ImageCms

from medeval.cases.images import intake
from medeval.errors import ImageError

GREY = np.tile(np.arange(0, 240, 6, dtype=np.uint8), (24, 1))
MODES: list[tuple[str, str, Image.Image, NDArray[np.uint8], int]] = [
    # name, format, image, expected pixels, tolerance
    ("grey.png", "PNG", Image.fromarray(GREY), GREY, 0),
    ("rgb.png", "PNG", Image.fromarray(scene()), scene(), 0),
    ("rgb.bmp", "BMP", Image.fromarray(scene()), scene(), 0),
    ("rgb.tiff", "TIFF", Image.fromarray(scene()), scene(), 0),
    ("rgb.webp", "WEBP", Image.fromarray(GREY), GREY[..., None].repeat(3, 2), 12),
    ("rgb.jpg", "JPEG", Image.fromarray(GREY).convert("RGB"), GREY[..., None].repeat(3, 2), 4),
    ("grey.jpg", "JPEG", Image.fromarray(GREY), GREY, 4),
    ("bits.png", "PNG", Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0), 0),
    ("bits.tiff", "TIFF", Image.fromarray(GREY > 100), np.where(GREY > 100, 255, 0), 0),
    ("palette.gif", "GIF", Image.fromarray(scene()).quantize(8), scene(), 2),
    ("palette.png", "PNG", Image.fromarray(scene()).quantize(8), scene(), 2),
    ("cmyk.jpg", "JPEG", Image.fromarray(GREY).convert("CMYK"), GREY[..., None].repeat(3, 2), 6),
    ("cmyk.tiff", "TIFF", Image.fromarray(scene()).convert("CMYK"), scene(), 2),
    ("clear.png", "PNG", Image.new("RGBA", (40, 24), (0, 0, 0, 0)), np.full((24, 40, 3), 255), 0),
    ("half.png", "PNG", Image.new("RGBA", (40, 24), (0, 0, 0, 128)), np.full((24, 40, 3), 127), 1),
    ("la.png", "PNG", Image.new("LA", (40, 24), (0, 0)), np.full((24, 40), 255), 0),
]  # fmt: skip


@pytest.mark.parametrize(("name", "kind", "image", "expected", "near"), MODES, ids=[m[0] for m in MODES])
def test_every_mode_gives_the_right_pixels(
    tmp_path: Path, name: str, kind: str, image: Image.Image, expected: NDArray[np.uint8], near: int
) -> None:
    image.save(tmp_path / name, kind)
    found = read(tmp_path / name, tmp_path)
    assert found.shape == expected.shape
    assert np.abs(found.astype(int) - expected).max() <= near


def test_transparent_palette_colour_becomes_paper(tmp_path: Path) -> None:
    image = Image.new("P", (8, 8), 0)
    image.putpalette([0, 0, 0, 255, 0, 0])
    image.save(tmp_path / "a.png", transparency=0)
    assert (read(tmp_path / "a.png", tmp_path) == 255).all()


def turned_sources(tmp_path: Path, kind: str) -> list[Path]:
    """The scene stored in the eight ways of EXIF, each to be shown the same."""
    moves = [None, Image.Transpose.FLIP_LEFT_RIGHT, Image.Transpose.ROTATE_180, Image.Transpose.FLIP_TOP_BOTTOM,
             Image.Transpose.TRANSPOSE, Image.Transpose.ROTATE_90, Image.Transpose.TRANSVERSE,
             Image.Transpose.ROTATE_270]  # fmt: skip
    files = []
    for number, move in enumerate(moves, 1):
        image = Image.fromarray(scene())
        image = image if move is None else image.transpose(move)
        exif = Image.Exif()
        exif[0x0112] = number
        exif[0x010E] = NAME.encode("ascii", "replace").decode()
        path = tmp_path / f"{number}.{kind.lower()}"
        image.save(path, kind, exif=exif, **({"lossless": True} if kind == "WEBP" else {}))
        files.append(path)
    return files


@pytest.mark.parametrize("kind", ["PNG", "TIFF", "WEBP"])
def test_the_eight_orientations_show_the_same(tmp_path: Path, kind: str) -> None:
    for path in turned_sources(tmp_path, kind):
        np.testing.assert_array_equal(read(path, tmp_path), scene(), err_msg=path.name)


def test_jpeg_orientation_is_applied(tmp_path: Path) -> None:
    for path in turned_sources(tmp_path, "JPEG"):
        found = read(path, tmp_path).astype(int)
        assert np.abs(found - scene()).mean() < 12, path.name


RAMP = np.tile(np.linspace(0, 1, 1024), (16, 1))
DEEP = [
    # name, values as they are stored, what must be seen
    ("ramp-16.png", (RAMP * 65535).astype(np.uint16)),
    ("ramp-12-in-16.png", (RAMP * 4095).astype(np.uint16)),
    ("ramp-offset.png", (RAMP * 2000 + 30000).astype(np.uint16)),
    ("ramp-16.tiff", (RAMP * 65535).astype(np.uint16)),
    ("ramp-32.tiff", (RAMP * 2_000_000 - 1_000_000).astype(np.int32)),
    ("ramp-float.tiff", (RAMP * 3 - 1).astype(np.float32)),
]


@pytest.mark.parametrize(("name", "values"), DEEP, ids=[d[0] for d in DEEP])
def test_a_deep_ramp_keeps_256_levels(tmp_path: Path, name: str, values: NDArray[Any]) -> None:
    Image.fromarray(values).save(tmp_path / name)
    found = read(tmp_path / name, tmp_path)
    assert found.dtype == np.uint8 and len(np.unique(found)) == 256
    assert found.min() == 0 and found.max() == 255
    assert (np.diff(found[0].astype(int)) >= 0).all()


def test_deep_grey_says_that_it_was_mapped(tmp_path: Path) -> None:
    Image.fromarray((RAMP * 4095).astype(np.uint16)).save(tmp_path / "a.png")
    (note,) = intake(tmp_path / "a.png", tmp_path / "out").notes
    assert "8 位 / grey values mapped to 8 bits" in note


@pytest.mark.parametrize("channels", [2, 3, 4])
def test_deep_colour_keeps_its_low_bytes(tmp_path: Path, channels: int) -> None:
    values = np.repeat((RAMP * 4095).astype(np.uint16)[..., None], channels, axis=2)
    if channels in (2, 4):
        values[..., -1] = 65535
    found = read(png16(tmp_path / "a.png", values, {2: 4, 3: 2, 4: 6}[channels]), tmp_path)
    assert len(np.unique(found)) == 256 and found.max() == 255


def test_float_images_with_holes(tmp_path: Path) -> None:
    values = (RAMP * 3).astype(np.float32)
    values[0, 5], values[1, 5], values[2, 5] = np.nan, np.inf, -np.inf
    Image.fromarray(values).save(tmp_path / "a.tiff")
    found = read(tmp_path / "a.tiff", tmp_path)
    assert (found[0, 5], found[1, 5], found[2, 5]) == (0, 255, 0) and len(np.unique(found[3])) == 256
    Image.fromarray(np.full((4, 4), np.nan, np.float32)).save(tmp_path / "b.tiff")
    with pytest.raises(ImageError, match="no finite value"):
        read(tmp_path / "b.tiff", tmp_path)


@pytest.mark.parametrize(("value", "shown"), [(0, 0), (700, 128)])
def test_a_flat_deep_image(tmp_path: Path, value: int, shown: int) -> None:
    Image.fromarray(np.full((4, 4), value, np.uint16)).save(tmp_path / "a.png")
    assert (read(tmp_path / "a.png", tmp_path) == shown).all()


@pytest.mark.parametrize("deep", [False, True])
def test_white_is_zero_tiff_is_turned_positive(tmp_path: Path, deep: bool) -> None:
    values = np.tile(np.arange(0, 256, 4, dtype=np.uint16 if deep else np.uint8), (8, 1))
    Image.fromarray(values).save(tmp_path / "a.tiff")
    data = bytearray((tmp_path / "a.tiff").read_bytes())
    data[data.index(struct.pack("<HHIH", 262, 3, 1, 1)) + 8] = 0  # BlackIsZero becomes WhiteIsZero.
    (tmp_path / "a.tiff").write_bytes(data)
    row = read(tmp_path / "a.tiff", tmp_path)[0].astype(int)
    assert row[0] == 255 and (np.diff(row) < 0).all()


def test_sixteen_bit_colour_tiff_is_refused_rather_than_darkened(tmp_path: Path) -> None:
    values = np.zeros((4, 4, 3), "<u2")
    entries = [(256, 3, 1, 4), (257, 3, 1, 4), (258, 3, 3, 150), (259, 3, 1, 1), (262, 3, 1, 2), (273, 4, 1, 156),
               (277, 3, 1, 3), (278, 3, 1, 4), (279, 4, 1, values.nbytes), (284, 3, 1, 1)]  # fmt: skip
    table = struct.pack("<H", len(entries)) + b"".join(struct.pack("<HHII", *e) for e in entries) + b"\0" * 4
    head = b"II*\0" + struct.pack("<I", 8) + table
    head = head.ljust(150, b"\0") + struct.pack("<HHH", 16, 16, 16)
    (tmp_path / "a.tiff").write_bytes(head + values.tobytes())
    with pytest.raises(ImageError, match="16-bit colour TIFF is not read"):
        read(tmp_path / "a.tiff", tmp_path)


def test_an_embedded_profile_is_applied(tmp_path: Path) -> None:
    lab = ImageCms.createProfile("LAB")
    image = Image.fromarray(scene())
    image.save(tmp_path / "bad.png", icc_profile=b"not a profile")
    np.testing.assert_array_equal(read(tmp_path / "bad.png", tmp_path), scene())
    image.save(tmp_path / "odd.png", icc_profile=ImageCms.ImageCmsProfile(lab).tobytes())
    assert read(tmp_path / "odd.png", tmp_path).shape == scene().shape


def test_a_damaged_exif_block_is_as_none(tmp_path: Path) -> None:
    Image.fromarray(scene()).save(tmp_path / "a.png", exif=b"Exif\0\0II*\0\xff\xff\xff\xff")
    np.testing.assert_array_equal(read(tmp_path / "a.png", tmp_path), scene())
