"""Store: what is kept, in SQLite under the private home."""

from medeval.store.store import Exchange, RunSink, Store

__all__ = ["Exchange", "RunSink", "Store"]
