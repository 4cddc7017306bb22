"""Metrics: pure functions (case, answer) -> Score, with evidence; importing this package registers all of them."""

# The order is the one in which reports list the metrics.
# ruff: noqa: F401
# isort: off
from medeval.metrics import terms
from medeval.metrics import numbers
from medeval.metrics import interpretation
from medeval.metrics import soundness
from medeval.metrics import images
from medeval.metrics import labs
from medeval.metrics import characters
from medeval.metrics import confidence
from medeval.metrics import case_fit
from medeval.metrics import clarity
from medeval.metrics import tone
from medeval.metrics import completeness
from medeval.metrics import urgency
from medeval.metrics import prescription
from medeval.metrics import warmth
from medeval.metrics import reasoning
from medeval.metrics import form
# isort: on
