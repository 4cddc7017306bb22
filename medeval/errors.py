"""The error family: every message names what is wrong, where, and what to do.

Faces (command line, pages) print these as one sentence and never a traceback; any other exception is a defect.
"""

from collections.abc import Sequence


class MedevalError(Exception):
    """An error whose text a person can act on; `exit_code` is what the command line returns."""

    exit_code = 1


class UsageError(MedevalError):
    """The request itself is wrong (unknown variant, unknown suite, missing option)."""

    exit_code = 2


class CaseError(MedevalError):
    """A case file is wrong; `problems` lists every fault found, each with file, line and field."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class ImageError(MedevalError):
    """An image cannot be used (empty, truncated, not an image, too large)."""


class AdapterError(MedevalError):
    """An adapter is refused; `problems` lists every mismatch."""

    def __init__(self, problems: Sequence[str]) -> None:
        self.problems = list(problems)
        super().__init__("\n".join(self.problems))


class EngineError(MedevalError):
    """The engine could not load or generate; never to be scored as a wrong answer."""


class MissingPackageError(EngineError):
    """An optional package is absent; the text holds the line that installs it."""


class StoreError(MedevalError):
    """The store cannot be read or written, or holds no such record."""
