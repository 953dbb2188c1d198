"""The process, as the system sees it."""

from __future__ import annotations

import os
from pathlib import Path


def rss_bytes() -> int:
    """Memory in use."""
    pages = Path("/proc/self/statm").read_text(encoding="ascii").split()[1]
    return int(pages) * os.sysconf("SC_PAGE_SIZE")
