"""Sentences that come in two languages at once: errors and reasons say "中文 / English"."""

from medeval.halves import CHINESE, half

__all__ = ["CHINESE", "half"]
