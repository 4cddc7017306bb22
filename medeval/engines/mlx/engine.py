"""MLXEngine: the contract over one resident MLX model. All of MLX's work happens on the engine's own thread."""

from __future__ import annotations

from collections.abc import Sequence

import mlx.core as mx

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef
from medeval.engines.mlx.opening import Opened, open_base
from medeval.engines.worker import RowEngine


class MLXEngine(RowEngine[Opened]):
    """One base in memory, every variant a row of one batch; see RowEngine for the arguments."""

    name = "mlx"

    def _open(self, base: BaseRef, variants: Sequence[Variant]) -> Opened:
        return open_base(base, variants)

    def close(self) -> None:
        """Ends the worker, frees the model and gives MLX's buffers back; may be called twice."""
        was_open = self._thread is not None
        super().close()
        if was_open:
            mx.clear_cache()
