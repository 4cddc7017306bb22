"""Reading images in the background: pages ask whether it is done, and go on without it where it fails."""

import logging
from collections.abc import Sequence
from threading import Lock, Thread

from medeval.services.images import ImageDesk

_log = logging.getLogger(__name__)


class Readings:
    """Images being read, by their kept name."""

    def __init__(self) -> None:
        self._now: set[str] = set()
        self._unreadable: set[str] = set()
        self._lock = Lock()

    def pending(self, images: ImageDesk, names: Sequence[str]) -> bool:
        """Whether one of `names` is still being read; begins with those that never were."""
        unread = [name for name in names if name not in self._unreadable and images.says(name) is None]
        with self._lock:
            new = [name for name in unread if name not in self._now]
            self._now.update(new)
        for name in new:
            Thread(target=self._read, args=(images, name), name="read-image", daemon=True).start()
        return bool(unread)

    def _read(self, images: ImageDesk, name: str) -> None:
        try:
            images.read(name)
        except Exception:
            # The panel is an aid: the page works on without it.
            _log.exception("reading %s failed", name)
            self._unreadable.add(name)
        finally:
            with self._lock:
                self._now.discard(name)
