"""A finished run of recorded answers and simulated reviewers, for the tests of review: no model is loaded."""

import json
import threading
from collections.abc import Callable, Sequence
from pathlib import Path

from PIL import Image

from medeval.engines.contract import Decoding
from medeval.engines.recorded import RecordedEngine
from medeval.review.records import DIMENSIONS, Mark, Rating
from medeval.services import Services
from medeval.settings import Settings

VARIANTS = ("zeta-origin", "kappa-lora-11", "omega-lora-22", "theta-lora-33")
"""Names that occur nowhere else, so that a search of the traffic can find them."""
WORDS = ("多测几次。", "按时复诊。", "规律作息。", "注意观察。")


def write_cases(folder: Path, count: int = 8, suite: str = "clinic") -> None:
    """`count` invented cases, the first with an image."""
    folder.mkdir(parents=True, exist_ok=True)
    Image.linear_gradient("L").resize((200, 240)).save(folder / "chest.png")
    lines = []
    for i in range(count):
        lines += [f"- id: q{i}", f"  title: {{zh: 第{i + 1}题, en: Question {i + 1}}}", f"  suite: [{suite}]",
                  f"  prompt: 我的血压是1{i}5/9{i}，需要担心吗？"]  # fmt: skip
        if i == 0:
            lines.append("  images: [chest.png]")
    (folder / "cases.yaml").write_text("\n".join(lines) + "\n", "utf-8")


def write_answers(file: Path, count: int = 8, says: Callable[[int, int], str] | None = None) -> None:
    """One recorded answer per case and variant; `says(case, variant)` may give another text, empty is an error."""
    rows = []
    for i in range(count):
        for place, name in enumerate(VARIANTS):
            text = f"血压1{i}5/9{i} mmHg 偏高，{WORDS[place] * (place + 1)}" if says is None else says(i, place)
            said = {"answer": text} if text else {"error": "坏了 / broken"}
            rows.append(json.dumps({"case": f"q{i}", "variant": name, **said}, ensure_ascii=False))
    file.write_text("\n".join(rows) + "\n", "utf-8")


def open_services(home: Path, folder: Path, count: int = 8, suite: str = "clinic",
                  says: Callable[[int, int], str] | None = None) -> Services:  # fmt: skip
    """Services over recorded answers of `count` cases."""
    if not (folder / "cases").is_dir():
        write_cases(folder / "cases", count, suite)
        write_answers(folder / "answers.jsonl", count, says)
    settings = Settings(home=home, cases=folder / "cases", adapters=folder / "adapters", engine="recorded")
    return Services(settings, RecordedEngine(folder / "answers.jsonl"))


def finished_run(services: Services, suite: str = "clinic") -> str:
    """A run over all cases of the suite; returns its id."""
    run_id = services.create_run(suite, ["all"], 1, Decoding())
    services.continue_run(run_id, threading.Event())
    return run_id


def mark(level: int, rank: int, **changes: object) -> Mark:
    """A mark with one level on every scale."""
    return Mark(**{**dict.fromkeys(DIMENSIONS, level), "rank": rank, **changes})  # type: ignore[arg-type]


def ratings_from(orders: dict[tuple[str, str], Sequence[int]], variants: Sequence[str]) -> list[Rating]:
    """Ratings from places: (reviewer, case) → place of each variant."""
    return [
        Rating(reviewer, case_id, 0, {name: mark(6 - min(5, place), place) for name, place in
                                      zip(variants, places, strict=True)})
        for (reviewer, case_id), places in orders.items()
    ]  # fmt: skip
