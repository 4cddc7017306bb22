"""Engines: what generates. The contract first, then torch, recorded (later: mlx, server)."""
