"""Who a process is: its pid and its start time together, so that a reused pid is never mistaken for it."""

CLOCK_SECONDS = 5.0
"""A reused pid starts later than the one before; so much is allowed for a corrected clock."""


def started(pid: int) -> float:
    """Start time of a living process, seconds since the epoch."""
    import psutil

    return float(psutil.Process(pid).create_time())


def alive(pid: int | None, began: float | None) -> bool:
    """Whether the process `pid` that started at `began` still runs; a zombie does not."""
    if pid is None or began is None:
        return False
    import psutil

    try:
        process = psutil.Process(pid)
        return process.status() != psutil.STATUS_ZOMBIE and abs(process.create_time() - began) < CLOCK_SECONDS
    except psutil.NoSuchProcess:
        return False
