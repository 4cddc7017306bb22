"""RapidOCR (PP-OCR through ONNX Runtime); its models are inside the wheel, nothing is downloaded."""

from __future__ import annotations

import logging
import os
from typing import Any

import numpy as np
from rapidocr import RapidOCR
from rapidocr.ch_ppocr_rec.typings import TextRecInput

from medeval.ocr.words import EngineName, Pixels, Quads, Word

SMALLEST = 3
"""Sides below this many pixels cannot hold a character."""


class RapidReader:
    """PP-OCR detection and recognition; orientation is found in `upright`, so its own line classifier stays off."""

    name: EngineName = "rapidocr"

    def __init__(self) -> None:
        logging.getLogger("RapidOCR").setLevel(logging.ERROR)
        # Half the cores: ONNX Runtime's threads wait actively, and a model answers on the others.
        threads = max(1, (os.cpu_count() or 2) // 2)
        self._engine: Any = RapidOCR(
            params={
                "Global.log_level": "critical", "Global.use_cls": False, "Global.text_score": 0.3,
                "EngineConfig.onnxruntime.intra_op_num_threads": threads,
            }
        )  # fmt: skip

    def boxes(self, image: Pixels) -> Quads:
        """Corners of the text lines; empty where there is no text."""
        found = self._engine(_bgr(image), use_det=True, use_cls=False, use_rec=False)
        return np.zeros((0, 4, 2), np.float32) if found.boxes is None else np.asarray(found.boxes, np.float32)

    def lines(self, crops: list[Pixels]) -> list[tuple[str, float]]:
        """Each crop read as one line; an unreadable one is ("", 0.0)."""
        usable = [i for i, crop in enumerate(crops) if min(crop.shape[:2]) >= SMALLEST]
        read: list[tuple[str, float]] = [("", 0.0)] * len(crops)
        if not usable:
            return read
        if self._engine.text_rec is None:  # the library makes it at the first reading
            self._engine(np.full((48, 96, 3), 255, np.uint8), use_det=False, use_cls=False, use_rec=True)
        recognise = self._engine.text_rec
        wide = recognise.rec_image_shape
        # Crops are padded to this width at least; a single figure needs a third of it, and the time goes with it.
        recognise.rec_image_shape = (3, 48, 96)
        try:
            found = recognise(TextRecInput(img=[_bgr(crops[i]) for i in usable]))
        finally:
            recognise.rec_image_shape = wide
        for i, text, score in zip(usable, found.txts or (), found.scores, strict=True):
            read[i] = str(text), float(score)
        return read

    def words(self, image: Pixels) -> list[Word]:
        """All lines of an upright image, from top to bottom."""
        found = self._engine(_bgr(image), use_det=True, use_cls=False, use_rec=True)
        if found.boxes is None or not found.txts:
            return []
        return [
            Word(str(text), _box(np.asarray(quad, np.float32)), float(score))
            for quad, text, score in zip(found.boxes, found.txts, found.scores, strict=True)
        ]


def _bgr(image: Pixels) -> Pixels:
    return np.ascontiguousarray(image[:, :, ::-1])


def _box(quad: Quads) -> tuple[float, float, float, float]:
    left, top = quad.min(axis=0)
    right, bottom = quad.max(axis=0)
    return float(left), float(top), float(right), float(bottom)
