"""Reading the settings for a command: what is wrong with them becomes the command's refusal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from tgserve import config

from .output import Refused


def load(data: Path, file: Path | None = None, **changes: Any) -> config.Config:
    try:
        return config.load(data, file, **changes)
    except config.ConfigError as error:
        raise Refused("\n         ".join(error.problems)) from None
