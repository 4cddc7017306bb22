"""Resampling over cases: the case is the unit, because answers and reviewers of one case are not independent."""

import math
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    Floats = NDArray[np.float64]

DRAWS = 1000
FEWEST_CASES = 5
"""Below this many cases resampling them has too few outcomes to be an interval, and none is given."""


def case_weights(cases: int, draws: int, seed: int) -> "Floats":
    """How often each case is drawn, shape (draws, cases); every row sums to `cases`."""
    import numpy as np

    rng = np.random.default_rng(seed)
    return rng.multinomial(cases, np.full(cases, 1 / cases), size=draws).astype(np.float64)


def bounds(drawn: "Floats", cases: int) -> tuple[list[float | None], list[float | None]]:
    """95 % bounds of each column of `drawn` (draws, columns); None where a column has no usable draw.

    Percentiles are widened for few cases as in Hesterberg, "What teachers should know about the bootstrap" (2015).
    """
    import numpy as np

    tail = _tail(cases)
    low: list[float | None] = []
    high: list[float | None] = []
    for column in drawn.T:
        usable = column[np.isfinite(column)]
        # where most draws cannot be computed the rest would not be a fair sample of them
        if len(usable) < 0.9 * len(column):
            low.append(None)
            high.append(None)
        else:
            low.append(float(np.quantile(usable, tail)))
            high.append(float(np.quantile(usable, 1 - tail)))
    return low, high


@lru_cache(maxsize=256)
def _tail(n: int) -> float:
    from scipy.special import ndtr, stdtrit

    return float(ndtr(-math.sqrt(n / (n - 1)) * stdtrit(n - 1, 0.975)))
