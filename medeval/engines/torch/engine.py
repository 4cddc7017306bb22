"""TorchEngine: the contract over one resident base; what it opens, and that nothing tracks gradients."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager

import torch

from medeval.adapters.variant import Variant
from medeval.engines.contract import BaseRef
from medeval.engines.torch.opening import Opened, open_base
from medeval.engines.worker import RowEngine


class TorchEngine(RowEngine[Opened]):
    """One base in memory, every variant a row of one batch; see RowEngine for the arguments."""

    name = "torch"

    def _open(self, base: BaseRef, variants: Sequence[Variant]) -> Opened:
        return open_base(base, variants)

    def _session(self) -> AbstractContextManager[object]:
        return torch.inference_mode()
