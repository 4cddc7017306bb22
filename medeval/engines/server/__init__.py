"""The server engine: any OpenAI-compatible address behind the engine contract (design/server.md)."""

from medeval.engines.server.engine import ServerEngine

__all__ = ["ServerEngine"]
