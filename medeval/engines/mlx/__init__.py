"""The MLX engine: one resident base, quantised or not, variants as rows of one batch (design/mlx-engine.md)."""

from medeval.engines.mlx.engine import MLXEngine

__all__ = ["MLXEngine"]
