"""The one model that Compare and evaluations share: opened at the first need, opened anew when adapters change."""

from collections.abc import Iterator
from contextlib import contextmanager
from threading import Lock

from medeval.adapters.catalogue import adapters_on_disk, find_variants
from medeval.engines.contract import BaseRef, Engine, Receipt
from medeval.engines.open import make_engine
from medeval.settings import Settings


class Resident:
    """An engine with its receipt; opening, refreshing and releasing are thread-safe."""

    def __init__(self, settings: Settings, engine: Engine | None = None) -> None:
        self._settings, self._engine = settings, engine
        self._receipt: Receipt | None = None
        self._loaded_from: object = None
        self._users = 0
        self._lock = Lock()

    def receipt(self) -> Receipt:
        """Opens the engine with all variants if it is not open yet, and says what was loaded."""
        with self._lock:
            if self._receipt is None:
                engine = self._engine or make_engine(self._settings.engine, self._settings)
                base = BaseRef(self._settings.base, offline=self._settings.offline)
                self._loaded_from = adapters_on_disk(self._settings.adapters)
                variants = list(find_variants(self._settings.adapters).values()) if self._from_disk else []
                self._receipt = engine.open(base, variants)
                self._engine = engine
            return self._receipt

    @property
    def _from_disk(self) -> bool:
        """Whether variants are adapters on disk: recorded answers and servers name their own."""
        return self._settings.engine != "recorded" and not self._settings.served

    def opened(self) -> Receipt | None:
        """What is loaded now; None where nothing is. Never waits for a load."""
        return self._receipt

    def engine(self) -> Engine:
        """The opened engine."""
        self.receipt()
        assert self._engine is not None
        return self._engine

    @contextmanager
    def using(self) -> Iterator[Engine]:
        """The opened engine, which nobody refreshes inside the block."""
        engine = self.engine()
        with self._lock:
            self._users += 1
        try:
            yield engine
        finally:
            with self._lock:
                self._users -= 1

    def refresh(self) -> bool:
        """Opens the engine anew where the adapter folder changed since and nobody is being answered.

        Returns:
            Whether it was opened anew; False where nothing changed, nothing is loaded, or answers are being written.
        """
        with self._lock:
            same = self._loaded_from == adapters_on_disk(self._settings.adapters)
            if self._receipt is None or same or self._users or not self._from_disk:
                return False
            self._receipt = None
        self.receipt()
        return True

    def size(self) -> int:
        """Bytes of memory that `release` would give back; 0 where nothing is loaded or it is not known."""
        opened = getattr(self._engine, "opened", None) if self._receipt is not None else None
        return 0 if opened is None else int(opened.base_bytes + opened.factor_bytes)

    def release(self) -> None:
        """Frees the model; it is loaded again when it is next needed."""
        with self._lock:
            if self._engine is not None and self._receipt is not None:
                self._engine.close()
            self._receipt = None
