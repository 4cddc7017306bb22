"""DICOM: windowed as the file says, turned positive, first frame, no tag kept; bombs refused before they open."""

import time
import zlib
from pathlib import Path
from typing import Any

import numpy as np
import pydicom
import pytest
from numpy.typing import NDArray
from PIL import Image
from pydicom.dataset import Dataset, FileMetaDataset
from pydicom.uid import (
    ExplicitVRLittleEndian,
    JPEG2000Lossless,
    JPEGLosslessSV1,
    RLELossless,
    generate_uid,
)

from medeval.cases.decode import decode
from medeval.cases.images import intake
from medeval.cases.limits import Limits
from medeval.errors import ImageError

RAMP = np.tile(np.arange(0, 4096, 4), (16, 1))  # [16, 1024], twelve bits


def dataset_of(values: NDArray[Any], **tags: Any) -> Dataset:
    """A file of [H, W] or [frames, H, W] grey values, with more tags."""
    ds = Dataset()
    ds.file_meta = FileMetaDataset()
    ds.file_meta.TransferSyntaxUID = ExplicitVRLittleEndian
    ds.file_meta.MediaStorageSOPClassUID = ds.SOPClassUID = "1.2.840.10008.5.1.4.1.1.7"
    ds.file_meta.MediaStorageSOPInstanceUID = ds.SOPInstanceUID = generate_uid()
    ds.PatientName, ds.PatientID, ds.InstitutionName = "CANARY^Zhang", "CANARY-1", "CANARY hospital"
    signed = values.dtype.kind == "i"
    ds.Rows, ds.Columns = values.shape[-2:]
    ds.SamplesPerPixel, ds.PhotometricInterpretation = 1, "MONOCHROME2"
    ds.BitsAllocated = ds.BitsStored = 16
    ds.HighBit, ds.PixelRepresentation = 15, int(signed)
    if values.ndim == 3:
        ds.NumberOfFrames = len(values)
    ds.PixelData = values.astype("<i2" if signed else "<u2").tobytes()
    for name, value in tags.items():
        setattr(ds, name, value)
    return ds


def save(ds: Dataset, path: Path) -> Path:
    pydicom.dcmwrite(path, ds, enforce_file_format=True)
    return path


def read(ds: Dataset, tmp_path: Path) -> NDArray[Any]:
    decode(save(ds, tmp_path / "a.dcm"), tmp_path / "clean.png", Limits())
    with Image.open(tmp_path / "clean.png") as image:
        return np.asarray(image)


def test_without_a_window_a_ramp_keeps_256_levels(tmp_path: Path) -> None:
    found = read(dataset_of(RAMP.astype(np.uint16)), tmp_path)
    assert len(np.unique(found)) == 256 and found[0, 0] == 0 and found[0, -1] == 255


def test_the_window_of_the_file_is_used(tmp_path: Path) -> None:
    found = read(dataset_of(RAMP.astype(np.uint16), WindowCenter=2048, WindowWidth=1024), tmp_path)[0]
    assert found[(2048 - 540) // 4] == 0 and found[(2048 + 540) // 4] == 255 and abs(int(found[512]) - 128) <= 1


def test_the_first_of_several_windows_is_used(tmp_path: Path) -> None:
    one = read(dataset_of(RAMP.astype(np.uint16), WindowCenter=2048, WindowWidth=1024), tmp_path)
    two = read(dataset_of(RAMP.astype(np.uint16), WindowCenter=[2048, 10], WindowWidth=[1024, 20]), tmp_path)
    np.testing.assert_array_equal(one, two)


def test_the_window_counts_in_rescaled_values(tmp_path: Path) -> None:
    tags = {"RescaleSlope": 1, "RescaleIntercept": -1024, "WindowCenter": 1024, "WindowWidth": 1024}
    moved = read(dataset_of(RAMP.astype(np.uint16), **tags), tmp_path)
    plain = read(dataset_of(RAMP.astype(np.uint16), WindowCenter=2048, WindowWidth=1024), tmp_path)
    np.testing.assert_array_equal(moved, plain)


@pytest.mark.parametrize("function", ["LINEAR", "LINEAR_EXACT", "SIGMOID"])
def test_every_window_function_rises(tmp_path: Path, function: str) -> None:
    tags = {"WindowCenter": 2048, "WindowWidth": 2000, "VOILUTFunction": function}
    found = read(dataset_of(RAMP.astype(np.uint16), **tags), tmp_path)[0].astype(int)
    assert (np.diff(found) >= 0).all() and abs(found[512] - 128) <= 1


def test_a_window_that_shows_nothing_is_not_used(tmp_path: Path) -> None:
    ds = dataset_of(RAMP.astype(np.uint16), WindowCenter=60000, WindowWidth=10)
    done = intake(save(ds, tmp_path / "a.dcm"), tmp_path / "out")
    assert "no usable DICOM window" in done.notes[0]
    with Image.open(done.path) as image:
        assert len(np.unique(np.asarray(image))) == 256


def test_a_voi_table_is_used(tmp_path: Path) -> None:
    table = Dataset()
    table.LUTDescriptor, table.LUTData = [4096, 0, 12], list(range(4095, -1, -1))
    table["LUTDescriptor"].VR = table["LUTData"].VR = "US"
    found = read(dataset_of(RAMP.astype(np.uint16), VOILUTSequence=[table]), tmp_path)[0].astype(int)
    assert found[0] == 255 and found[-1] <= 1 and (np.diff(found) <= 0).all()


def test_monochrome1_is_inverted(tmp_path: Path) -> None:
    plain = read(dataset_of(RAMP.astype(np.uint16)), tmp_path)
    turned = read(dataset_of(RAMP.astype(np.uint16), PhotometricInterpretation="MONOCHROME1"), tmp_path)
    np.testing.assert_array_equal(turned, 255 - plain)


def test_signed_values_are_not_clipped(tmp_path: Path) -> None:
    found = read(dataset_of((RAMP - 2000).astype(np.int16)), tmp_path)
    assert len(np.unique(found)) == 256 and found[0, 0] == 0


def test_padding_does_not_stretch_the_grey_scale(tmp_path: Path) -> None:
    values = (RAMP - 2000).astype(np.int16)
    values[:, :10] = -32000
    ds = dataset_of(values)
    ds.add_new("PixelPaddingValue", "SS", -32000)
    found = read(ds, tmp_path)
    assert (found[:, :10] == 0).all() and len(np.unique(found)) == 256


def test_colour_is_kept(tmp_path: Path) -> None:
    values = np.zeros((16, 20, 3), np.uint8)
    values[..., 0] = 200
    ds = dataset_of(np.zeros((16, 20), np.uint16))
    ds.SamplesPerPixel, ds.PhotometricInterpretation, ds.PlanarConfiguration = 3, "RGB", 0
    ds.BitsAllocated = ds.BitsStored = 8
    ds.HighBit, ds.PixelData = 7, values.tobytes()
    np.testing.assert_array_equal(read(ds, tmp_path), values)


@pytest.mark.parametrize("syntax", [RLELossless])
def test_compressed_files_that_we_can_read(tmp_path: Path, syntax: str) -> None:
    ds = dataset_of(RAMP.astype(np.uint16))
    plain = read(ds, tmp_path)
    ds.compress(syntax, generate_instance_uid=False)
    np.testing.assert_array_equal(read(ds, tmp_path), plain)


def test_of_several_frames_the_first_is_used(tmp_path: Path) -> None:
    frames = np.stack([RAMP, RAMP[:, ::-1]]).astype(np.uint16)
    done = intake(save(dataset_of(frames), tmp_path / "a.dcm"), tmp_path / "out")
    assert "only the first is used" in done.notes[0]
    with Image.open(done.path) as image:
        assert np.asarray(image)[0, 0] == 0


def test_no_tag_comes_through(tmp_path: Path) -> None:
    path = save(dataset_of(RAMP.astype(np.uint16)), tmp_path / "a.dcm")
    assert b"CANARY" in path.read_bytes()
    done = intake(path, tmp_path / "out")
    assert b"CANARY" not in done.path.read_bytes() and "CANARY" not in str(done)


def without_pixels(ds: Dataset) -> Dataset:
    del ds.PixelData
    return ds


def of_syntax(uid: str) -> Dataset:
    ds = dataset_of(RAMP.astype(np.uint16))
    ds.file_meta.TransferSyntaxUID = uid
    ds.PixelData = pydicom.encaps.encapsulate([b"\xff\xd8\xff\xd9"])
    ds["PixelData"].VR = "OB"
    return ds


REFUSED = [
    ("no-pixels", lambda: without_pixels(dataset_of(RAMP.astype(np.uint16))), "holds no image"),
    ("too-large", lambda: dataset_of(RAMP.astype(np.uint16), Rows=40000, Columns=40000), "40000×40000 pixels"),
    ("too-many-frames", lambda: dataset_of(RAMP.astype(np.uint16), NumberOfFrames=9999), "1024×16×9999 pixels"),
    ("jpeg-lossless", lambda: of_syntax(JPEGLosslessSV1), "this DICOM compression is not read: JPEG Lossless"),
    ("jpeg-ls", lambda: of_syntax("1.2.840.10008.1.2.4.80"), "this DICOM compression is not read: JPEG-LS"),
    ("mpeg", lambda: of_syntax("1.2.840.10008.1.2.4.102"), "this DICOM compression is not read: MPEG-4"),
    ("broken-j2k", lambda: of_syntax(JPEG2000Lossless), "damaged"),
    ("cut-pixels", lambda: dataset_of(RAMP.astype(np.uint16), PixelData=b"\0" * 64), "damaged"),
]


@pytest.mark.parametrize(("make", "words"), [r[1:] for r in REFUSED], ids=[r[0] for r in REFUSED])
def test_each_unusable_file_gets_one_sentence(tmp_path: Path, make: Any, words: str) -> None:
    path = tmp_path / "a.dcm"
    make().save_as(path, enforce_file_format=True)
    with pytest.raises(ImageError, match=words) as caught:
        decode(path, tmp_path / "clean.png", Limits())
    assert "CANARY" not in str(caught.value) and "\n" not in str(caught.value)


@pytest.mark.parametrize("uid", ["1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.8.1"])
def test_a_deflate_bomb_is_refused_before_it_opens(tmp_path: Path, uid: str) -> None:
    ds = dataset_of(RAMP.astype(np.uint16))
    path = save(ds, tmp_path / "a.dcm")
    head = path.read_bytes()
    at = head.index(b"1.2.840.10008.1.2.1\0")
    # The same meta group with the deflated syntax; the rest inflates to 300 MB.
    length = len(uid) + len(uid) % 2
    meta = head[: at - 2] + length.to_bytes(2, "little") + uid.encode().ljust(length, b"\0")
    group = int.from_bytes(head[140:144], "little") + length - 20
    end = 144 + int.from_bytes(head[140:144], "little")
    body = zlib.compressobj(9, wbits=-15)
    bomb = body.compress(b"\0" * 300_000_000) + body.flush()
    path.write_bytes(meta[:140] + group.to_bytes(4, "little") + meta[144:] + head[at + 20 : end] + bomb)
    start = time.process_time()
    with pytest.raises(ImageError, match="deflated DICOM is not read"):
        decode(path, tmp_path / "clean.png", Limits())
    assert time.process_time() - start < 0.5
