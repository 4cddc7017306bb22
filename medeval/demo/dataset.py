"""The synthetic corpus as training data: a folder of JSONL splits and images, the same every time.

The answers differ by style (warm: V1, exact: V2, both: V3); questions and images do not.
"""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from medeval.cases.schema import Case
from medeval.demo.corpus import Exchange, Mix, Style, draw_exchange
from medeval.demo.corpus.pictures import make_transcription
from medeval.engines.contract import Message
from medeval.training.data import DataSet, Sample, split_samples
from medeval.training.data_overlap import OverlapIndex
from medeval.training.data_write import write_samples

STYLES: dict[str, Style] = {"warm": "warm", "exact": "exact", "both": "both"}
COUNT = 800
_MIX = Mix(0.40, 0.25, 0.35)
_READ = 0.06  # share of bare reading of an image, which is alignment and not advice
_SPECIALTY = {"lab": "检验科", "cxr": "放射科", "read": "检验科"}


def demo_samples(style: Style, count: int, folder: Path, cases: Sequence[Case] = (), seed: int = 7) -> Iterator[Sample]:
    """Yields `count` samples that ask none of `cases`; images are written below `folder`."""
    rng = random.Random(f"dataset-{seed}")
    index = OverlapIndex(cases)
    seen: set[str] = set()
    made = 0
    while made < count:
        exchange = make_transcription(rng) if rng.random() < _READ else draw_exchange(_MIX, rng)
        image = _image(exchange, folder / "images" / f"{made:05d}.png")
        sample = _sample(exchange, style, made, image)
        if exchange.question in seen and image is None or index.find(sample) is not None:
            continue
        seen.add(exchange.question)
        made += 1
        yield sample


def write_demo_data(style: Style, folder: Path, cases: Sequence[Case] = (), count: int = COUNT) -> DataSet:
    """Writes train, valid and test files with their images to `folder`; returns what they hold."""
    (folder / "images").mkdir(parents=True, exist_ok=True)
    splits = split_samples(list(demo_samples(style, count, folder, cases)))
    for name, part in splits.items():
        write_samples(part, folder / f"{name}.jsonl", lambda path: path.relative_to(folder).as_posix())
    return DataSet(str(folder), splits)


def _image(exchange: Exchange, path: Path) -> Path | None:
    if exchange.image is None:
        return None
    from PIL import Image

    Image.fromarray(exchange.image.pixels).save(path, "PNG")
    return path


def _sample(exchange: Exchange, style: Style, number: int, image: Path | None) -> Sample:
    question = Message("user", exchange.question, (image,) if image else ())
    meta = {
        "source": "medeval.demo",
        "specialty": _SPECIALTY.get(exchange.topic, "全科"),
        "topic": exchange.topic,
        "is_deidentified": True,
    }
    messages = (question, Message("assistant", exchange.answers[style]))
    return Sample(f"demo:{number + 1}", messages, _dimensions(exchange), meta)


def _dimensions(exchange: Exchange) -> tuple[str, ...]:
    """Advice on an image is precision work too; bare reading of one is alignment."""
    if exchange.topic == "read":
        return ("alignment",)
    return ("precision", "image") if exchange.dimension == "image" else (exchange.dimension,)
