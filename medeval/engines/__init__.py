"""Engines: what generates. The contract first, then what batched engines share, then torch, mlx, recorded."""
