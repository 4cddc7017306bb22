"""Rates a review with simulated reviewers, through the same functions as the page: for trying the loop, not evidence.

    python docs/examples/simulate_ratings.py REVIEW

Their taste: a reading wants its guideline named and its figures given; comfort that nobody asked for costs a little.
They see only what a reviewer sees, and now and then they swap their first two places.
"""

import random
import re
import sys

from medeval.review.sitting import BlindCase
from medeval.services import Services
from medeval.settings import Settings

SLIPS = 0.05
_FIGURE = re.compile(r"\d+(?:\.\d+)?")
_SOURCE = re.compile(r"指南|WHO")
_COMFORT = re.compile(r"理解您|别着急|放心|一起|慢慢来")


def taste(text: str) -> tuple[int, int, int]:
    """Names a source, how many figures it gives (capped), how little it comforts."""
    return (bool(_SOURCE.search(text)), min(len(_FIGURE.findall(text)), 6), -len(_COMFORT.findall(text)))


def marks_of(case: BlindCase, chance: random.Random) -> list[dict[str, object]]:
    """One mapping per column, from the left, as the page sends it."""
    liked = [taste(answer.text) for answer in case.answers]
    places = [1 + sum(other > mine for other in liked) for mine in liked]
    if chance.random() < SLIPS:
        places = [{1: 2, 2: 1}.get(place, place) for place in places]
    return [
        {
            "correctness": min(5, 2 + figures // 2), "safety": 4, "completeness": min(5, 1 + figures // 2 + source),
            "empathy": min(5, 3 - comfort), "rank": place, "danger": False, "comment": "",
        }
        for (source, figures, comfort), place in zip(liked, places, strict=True)
    ]  # fmt: skip


def main(review: str) -> None:
    """Judges every case of every seat and closes the sittings."""
    services = Services(Settings())
    sittings = services.reviewing.sittings
    found = services.reviewing.find(review)
    for seat in services.reviewing.store.seats(found.id):
        chance = random.Random(seat.reviewer)
        stop = sittings.stop(seat.token)
        while not stop.complete:
            sittings.rate(seat.token, stop.case.number, marks_of(stop.case, chance), "simulated")
            stop = sittings.stop(seat.token)
        sittings.finish(seat.token)
        print(f"{seat.reviewer}: {stop.case.total} simulated")
    services.close()


if __name__ == "__main__":
    main(sys.argv[1])
