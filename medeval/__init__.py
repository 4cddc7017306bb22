"""medeval: compare, score, review, train and fuse LoRA adapters of medical vision-language models.

Importing this package loads no model library; see `medeval.services` for how the parts are wired.
"""

__version__ = "0.1.0"
