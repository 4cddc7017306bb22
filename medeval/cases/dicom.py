"""Reads the first frame of a DICOM file as an 8-bit picture; no tag of it is kept.

Sources: DICOM PS3.3 C.7.6.3 (photometric interpretation), C.11.1 (modality LUT), C.11.2 (VOI LUT).
"""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from medeval.cases.grey import deepest, extremes, to_8bit
from medeval.cases.limits import FIRST_FRAME, Limits, check_size
from medeval.errors import ImageError

if TYPE_CHECKING:
    from pydicom import Dataset

# Deflated Explicit VR, JPIP Deflate, Deflated Image Frame: inflating is unbounded, even before the pixels.
_DEFLATED = ("1.2.840.10008.1.2.1.99", "1.2.840.10008.1.2.4.95", "1.2.840.10008.1.2.8.1")


def read_dicom(path: Path, limits: Limits) -> tuple[Image.Image, list[str]]:
    """The first frame as grey or RGB, and notes; raises ImageError, or what pydicom raises for damaged bytes."""
    import pydicom
    from pydicom.filereader import read_file_meta_info

    syntax = read_file_meta_info(str(path)).get("TransferSyntaxUID", "")
    if syntax in _DEFLATED:
        raise ImageError("不支持 deflate 压缩的 DICOM / deflated DICOM is not read; export it uncompressed")
    header = pydicom.dcmread(path, stop_before_pixels=True)
    if "Rows" not in header or "Columns" not in header:
        raise ImageError("DICOM 文件不含图像 / the DICOM file holds no image")
    frames = int(header.get("NumberOfFrames") or 1)
    check_size(int(header.Columns), int(header.Rows), frames, limits)
    dataset = pydicom.dcmread(path)
    if "PixelData" not in dataset:
        raise ImageError("DICOM 文件不含图像 / the DICOM file holds no image")
    notes = [FIRST_FRAME] if frames > 1 else []
    values = _pixels(dataset, str(syntax))
    if values.ndim == 3:
        return _colour(values), notes
    return Image.fromarray(_grey(values, dataset, notes)), notes


def _pixels(dataset: Dataset, syntax: str) -> NDArray[Any]:
    from pydicom.pixels import get_decoder, pixel_array
    from pydicom.uid import UID

    try:
        available = not UID(syntax).is_compressed or get_decoder(UID(syntax)).is_available
    except (NotImplementedError, ValueError):
        available = False
    if not available:
        raise _unsupported(UID(syntax).name)
    if dataset.get("PhotometricInterpretation") == "PALETTE COLOR":
        from pydicom.pixels import apply_color_lut

        return np.asarray(apply_color_lut(pixel_array(dataset, index=0), dataset))
    return np.asarray(pixel_array(dataset, index=0))


def _unsupported(name: str) -> ImageError:
    return ImageError(
        f"不支持这种 DICOM 压缩：{name}，请导出为未压缩 DICOM 或 PNG / "
        f"this DICOM compression is not read: {name}; export it uncompressed or as PNG"
    )


def _colour(values: NDArray[Any]) -> Image.Image:
    return Image.fromarray(to_8bit(values[..., :3], 0, deepest(values)))


def _grey(values: NDArray[Any], dataset: Dataset, notes: list[str]) -> NDArray[np.uint8]:
    from pydicom.pixels import apply_modality_lut

    padding = _padding(values, dataset)
    real = np.asarray(apply_modality_lut(values, dataset), np.float32)
    seen = real[~padding] if padding is not None and not padding.all() else real
    low, high = extremes(seen)
    grey = _windowed(values, real, dataset)
    if grey is None or (high > low and int(np.ptp(grey)) == 0):
        grey = to_8bit(real, low, high)
        notes.append("DICOM 无可用窗位，按最小值与最大值显示 / no usable DICOM window: shown from lowest to highest")
    if padding is not None:
        grey[padding] = 0
    return 255 - grey if dataset.get("PhotometricInterpretation") == "MONOCHROME1" else grey


def _padding(values: NDArray[Any], dataset: Dataset) -> NDArray[np.bool_] | None:
    """Pixels outside the picture, which must not stretch the grey scale."""
    first = dataset.get("PixelPaddingValue")
    if not isinstance(first, int):
        return None
    last = dataset.get("PixelPaddingRangeLimit")
    last = last if isinstance(last, int) else first
    return (values >= min(first, last)) & (values <= max(first, last))


def _windowed(values: NDArray[Any], real: NDArray[np.float32], dataset: Dataset) -> NDArray[np.uint8] | None:
    """Grey by the VOI LUT or the first window of the file; None where it has neither."""
    if dataset.get("VOILUTSequence"):
        from pydicom.pixels import apply_modality_lut, apply_voi

        bits = int(dataset.VOILUTSequence[0].LUTDescriptor[2])
        looked_up = apply_voi(apply_modality_lut(values, dataset), dataset)
        return to_8bit(looked_up, 0.0, float(2 ** min(max(bits, 1), 16) - 1))
    centre, width = _first(dataset.get("WindowCenter")), _first(dataset.get("WindowWidth"))
    if centre is None or width is None or width < 1:
        return None
    function = str(dataset.get("VOILUTFunction") or "LINEAR")
    if function == "SIGMOID":
        return to_8bit(1.0 / (1.0 + np.exp(-4.0 * (real - centre) / width)), 0.0, 1.0)
    if function == "LINEAR":  # PS3.3 C.11.2.1.2.1 counts the window in whole steps.
        if width == 1:
            return to_8bit((real > centre - 0.5).astype(np.float32), 0.0, 1.0)
        centre, width = centre - 0.5, width - 1
    return to_8bit(real, centre - width / 2, centre + width / 2)


def _first(value: Any) -> float | None:
    if value is None or value == "":
        return None
    if hasattr(value, "__len__") and not isinstance(value, str):
        return float(value[0]) if len(value) else None
    return float(value)
