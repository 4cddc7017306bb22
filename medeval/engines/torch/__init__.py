"""The torch engine: one resident base, variants as rows of one batch (design/engine.md)."""

from medeval.engines.torch.engine import TorchEngine

__all__ = ["TorchEngine"]
