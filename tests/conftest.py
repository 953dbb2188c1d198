"""What all tests share: compiled modules are kept, and the order of the files."""

from __future__ import annotations

import os
import sys

# Some machines forbid it. Hundreds of servers and commands are started here, each compiles 600 modules without it: half
# of a whole run's CPU time, and every time limit three times as near.
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)
sys.dont_write_bytecode = False
