"""Starts the pages: `python app.py` is `medeval ui` with defaults. See medeval/ui/server.py."""

import sys

from medeval.errors import MedevalError
from medeval.settings import Settings
from medeval.ui.server import serve


def main() -> int:
    """Serves until interrupted; returns the exit code."""
    try:
        serve(Settings())
    except MedevalError as error:
        print(error, file=sys.stderr)
        return error.exit_code
    except KeyboardInterrupt:
        pass
    return 0


if __name__ == "__main__":
    sys.exit(main())
