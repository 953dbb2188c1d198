"""`python -m tgserve` and the console script.

Installed, the command line is tgserve.cli. In a checkout that is not installed, or with the checkout as current
directory of an installed one, the folder `tgserve/` hides it: there it is the folder `cli`. This is the one place
that knows.
"""

from __future__ import annotations

import sys
from importlib import import_module


def main() -> None:
    try:
        module = import_module("tgserve.cli.main")
    except ModuleNotFoundError as error:
        if error.name not in ("tgserve.cli", "tgserve.cli.main"):
            raise
        module = import_module("cli.main")
    sys.exit(module.run())


if __name__ == "__main__":
    main()
