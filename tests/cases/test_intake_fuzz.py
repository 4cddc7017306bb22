"""Mutated images: a named error or correct pixels, never another exception and never a silent change."""

import tempfile
from io import BytesIO
from pathlib import Path

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from PIL import Image

from medeval.cases.decode import decode
from medeval.cases.limits import Limits
from medeval.errors import ImageError

SMALL = Limits(pixels=4_000_000)  # A mutated header may declare any size; the cap itself is tested elsewhere.
SCENE = np.random.default_rng(7).integers(0, 256, (24, 40, 3), np.uint8)


def encoded(kind: str, **options: object) -> bytes:
    held = BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 1
    Image.fromarray(SCENE).save(held, kind, exif=exif, **options)
    return held.getvalue()


SOURCES = {
    "PNG": encoded("PNG"),
    "JPEG": encoded("JPEG", quality=90),
    "WEBP": encoded("WEBP", lossless=True),
    "TIFF": encoded("TIFF", compression="tiff_adobe_deflate"),
}

# A change is a place (as a share of the file) and what happens there.
CHANGES = st.lists(
    st.tuples(
        st.floats(0, 1, exclude_max=True),
        st.one_of(
            st.tuples(st.just("flip"), st.integers(1, 255)),
            st.tuples(st.just("cut"), st.integers(1, 64)),
            st.tuples(st.just("insert"), st.binary(min_size=1, max_size=16)),
            st.tuples(st.just("end"), st.none()),
        ),
    ),
    min_size=1,
    max_size=4,
)


def changed(data: bytes, changes: list[tuple[float, tuple[str, object]]]) -> bytes:
    for share, (what, value) in changes:
        at = int(share * len(data))
        if what == "flip" and data:
            assert isinstance(value, int)
            data = data[:at] + bytes([data[at] ^ value]) + data[at + 1 :]
        elif what == "cut":
            assert isinstance(value, int)
            data = data[:at] + data[at + value :]
        elif what == "insert":
            assert isinstance(value, bytes)
            data = data[:at] + value + data[at:]
        elif what == "end":
            data = data[:at]
    return data


def check(kind: str, data: bytes) -> None:
    with tempfile.TemporaryDirectory() as folder:
        source, clean = Path(folder) / "a", Path(folder) / "clean.png"
        source.write_bytes(data)
        try:
            done = decode(source, clean, SMALL)
        except ImageError as error:
            assert " / " in str(error) and "\n" not in str(error)
            return
        with Image.open(clean) as image:
            assert image.size == (done.width, done.height)
            if kind == "PNG":  # Its checksums make every change visible.
                np.testing.assert_array_equal(np.asarray(image.convert("RGB")), SCENE)


@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=60, deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_mutations(kind: str, changes: list[tuple[float, tuple[str, object]]]) -> None:
    check(kind, changed(SOURCES[kind], changes))


@pytest.mark.heavy
@pytest.mark.parametrize("kind", SOURCES)
@settings(max_examples=500, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(changes=CHANGES)
def test_many_mutations(kind: str, changes: list[tuple[float, tuple[str, object]]]) -> None:
    check(kind, changed(SOURCES[kind], changes))


MAGIC = (b"\x89PNG\r\n\x1a\n", b"\xff\xd8\xff", b"GIF89a", b"BM", b"II*\0", b"MM\0*", b"RIFF\0\0\0\0WEBP",
         b"\0" * 128 + b"DICM", b"")  # fmt: skip


@settings(max_examples=60, deadline=None, derandomize=True)
@given(st.sampled_from(MAGIC), st.binary(max_size=300))
def test_noise_behind_any_magic(magic: bytes, noise: bytes) -> None:
    check("noise", magic + noise)
