"""The intake of images: every fault has its sentence, every bound holds, nothing but pixels comes through."""

import os
import resource
import stat
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pictures import JPEG, NAME, PNG, pixels_of, png, read, scene
from PIL import Image, ImageCms
from PIL.PngImagePlugin import PngInfo

from medeval.cases.images import intake
from medeval.cases.limits import Limits
from medeval.errors import ImageError


def bomb(tmp_path: Path) -> bytes:
    """A 174-megapixel PNG of a few kilobytes."""
    return png(tmp_path / "bomb.png", 13200, 13200, 1, 0, b"\0" * (1651 * 13200)).read_bytes()


def flipped(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 0x55]) + data[at + 1 :]


SENTENCES = [
    # name, content, part of the sentence
    ("empty.png", b"", "the file is empty (0 bytes)"),
    ("notes.png", "血压 140/90，这是一段文字。".encode() * 400, "this is a text file, not an image"),
    ("drawing.png", b'<?xml version="1.0"?>\n<svg xmlns="http://www.w3.org/2000/svg"/>', "an SVG drawing"),
    ("plain.svg", b"<svg width='1'></svg>", "an SVG drawing"),
    ("page.png", b"\xef\xbb\xbf <!DOCTYPE html><html>", "a web page (HTML)"),
    ("paper.jpg", b"%PDF-1.7 \x00\x01", "a PDF file"),
    ("archive.png", b"PK\x03\x04\x00\x00", "an archive"),
    ("phone.jpg", b"\x00\x00\x00\x18ftypheic\x00\x00", "HEIC/AVIF images are not read"),
    ("noise.png", bytes(range(128, 256)) * 4, "no image of a known kind"),
    ("half.png", PNG[: len(PNG) // 2], "truncated"),
    ("no-end.png", PNG[:-12], "truncated"),
    ("only-magic.png", PNG[:8], "truncated"),
    ("half.jpg", JPEG[: len(JPEG) * 2 // 3], "truncated"),
    ("only-magic.jpg", JPEG[:3], "damaged"),
    ("flipped.png", flipped(PNG, 60), "a checksum is wrong"),
    ("no-dicom.dcm", b"\0" * 128 + b"DICM" + b"\xff" * 64, "holds no image"),
]


@pytest.mark.parametrize(("name", "content", "words"), SENTENCES, ids=[s[0] for s in SENTENCES])
def test_each_bad_file_gets_one_sentence(tmp_path: Path, name: str, content: bytes, words: str) -> None:
    source = tmp_path / name
    source.write_bytes(content)
    with pytest.raises(ImageError) as caught:
        intake(source, tmp_path / "out")
    text = str(caught.value)
    assert text.startswith(f"{name}: ") and words in text
    assert "\n" not in text and " / " in text and str(tmp_path) not in text
    assert not list((tmp_path / "out").glob("*")) if (tmp_path / "out").exists() else True


def test_a_bomb_is_refused_by_its_header(tmp_path: Path) -> None:
    source = tmp_path / "bomb.png"
    source.write_bytes(bomb(tmp_path))
    with pytest.raises(ImageError, match="13200×13200 pixels, at most 64 million"):
        intake(source, tmp_path / "out")


@pytest.mark.parametrize(
    ("limits", "words"),
    [
        (Limits(file_bytes=50), "at most 5e-05 MB is read"),
        (Limits(wall_seconds=0.001), "took too long"),
        (Limits(memory_bytes=30_000_000), "too much memory|the decoder stopped"),
        (Limits(pixels=100), "40×24 pixels, at most 0.0001 million"),
    ],
    ids=["bytes", "clock", "memory", "pixels"],
)
def test_each_limit_holds(tmp_path: Path, limits: Limits, words: str) -> None:
    if limits.memory_bytes < 10**9 and os.uname().sysname != "Linux":
        pytest.skip("only Linux bounds the address space")
    source = tmp_path / "a.png"
    source.write_bytes(PNG)
    with pytest.raises(ImageError, match=words):
        intake(source, tmp_path / "out", limits)


@pytest.mark.parametrize("make", ["missing", "folder", "pipe"])
def test_what_is_no_file_is_refused(tmp_path: Path, make: str) -> None:
    source = tmp_path / "a.png"
    if make == "folder":
        source.mkdir()
    elif make == "pipe":
        os.mkfifo(source)
    with pytest.raises(ImageError, match="no such file|not a regular file"):
        intake(source, tmp_path / "out")


def test_a_strip_is_refused(tmp_path: Path) -> None:
    source = png(tmp_path / "a.png", 4000, 2, 8, 0, b"\0" * 4001 * 2)
    with pytest.raises(ImageError, match="a strip of 4000×2"):
        read(source, tmp_path)


def test_hostile_names_stay_short_and_printable(tmp_path: Path) -> None:
    source = tmp_path / ("-rf\u202egnp.exe" + "很长" * 30 + ".png")
    source.write_bytes(b"")
    with pytest.raises(ImageError) as caught:
        intake(source, tmp_path / "out")
    name = str(caught.value).split(": ")[0]
    assert len(name) <= 60 and "\u202e" not in name


def test_a_clean_image_is_private_named_by_content_and_kept_once(tmp_path: Path) -> None:
    for name in ("a.png", "-b.jpg"):
        (tmp_path / name).write_bytes(PNG)
    first, second = (intake(tmp_path / n, tmp_path / "out") for n in ("a.png", "-b.jpg"))
    assert first == second
    assert first.path.name == f"{first.sha256}.png"
    assert (first.width, first.height, first.notes) == (40, 24, ())
    assert [p.name for p in (tmp_path / "out").iterdir()] == [first.path.name]
    assert stat.S_IMODE((tmp_path / "out").stat().st_mode) == 0o700
    assert stat.S_IMODE(first.path.stat().st_mode) == 0o600
    np.testing.assert_array_equal(pixels_of(first.path), scene())


def test_the_bounded_process_costs_little(tmp_path: Path) -> None:
    source = tmp_path / "a.png"
    source.write_bytes(PNG)
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    intake(source, tmp_path / "out")
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    seconds = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    assert seconds < 1.0, "0.2 s on an idle core: nothing but Pillow and numpy may be imported"


def test_no_metadata_comes_through(tmp_path: Path) -> None:
    image, exif, info = Image.fromarray(scene()), Image.Exif(), PngInfo()
    exif[0x010E] = "CANARY-exif"
    info.add_itxt("Patient", f"CANARY-{NAME}")
    profile = ImageCms.ImageCmsProfile(ImageCms.createProfile("sRGB")).tobytes()
    image.save(tmp_path / "a.png", exif=exif, pnginfo=info, icc_profile=profile, dpi=(300, 300))
    assert b"CANARY" in (tmp_path / "a.png").read_bytes()
    data = intake(tmp_path / "a.png", tmp_path / "out").path.read_bytes()
    assert b"CANARY" not in data and NAME.encode() not in data
    names = {
        data[i : i + 4] for i in range(len(data)) if data[i : i + 4] in (b"tEXt", b"iTXt", b"eXIf", b"iCCP", b"pHYs")
    }
    assert names == set()


@pytest.mark.parametrize("kind", ["GIF", "WEBP", "TIFF", "PNG"])
def test_of_several_frames_the_first_is_used(tmp_path: Path, kind: str) -> None:
    frames = [Image.new("RGB", (40, 24), c) for c in ("red", "lime", "blue")]
    extra: dict[str, Any] = {"lossless": True} if kind == "WEBP" else {}
    frames[0].save(tmp_path / "a", kind, save_all=True, append_images=frames[1:], **extra)
    done = intake(tmp_path / "a", tmp_path / "out")
    assert done.notes == ("多帧图像，只用第一帧 / several frames: only the first is used",)
    assert (pixels_of(done.path)[0, 0] == (255, 0, 0)).all()


def test_a_long_image_is_made_smaller_and_says_so(tmp_path: Path) -> None:
    Image.fromarray(np.tile(np.arange(250, dtype=np.uint8), (1000, 12))).save(tmp_path / "a.png")
    done = intake(tmp_path / "a.png", tmp_path / "out")
    assert (done.width, done.height) == (2048, 683)
    assert "from 3000×1000 to 2048×683" in done.notes[0]


def test_a_large_image_is_read_within_the_bounds(tmp_path: Path) -> None:
    source = png(tmp_path / "a.png", 8000, 7900, 8, 0, b"\0" * (8001 * 7900))
    done = intake(source, tmp_path / "out")
    assert (done.width, done.height) == (2048, 2022)
