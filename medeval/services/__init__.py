"""What the two faces call: `Services` wires the parts; one further file per tab's long work."""

from medeval.services.core import AskEvent, Scored, Services

__all__ = ["AskEvent", "Scored", "Services"]
