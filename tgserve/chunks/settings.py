"""What Chunks are told at their making; config.ChunksConfig is where the operator says it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from tgserve import limits


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    root: Path | None = None
    """The data directory: relative folders of disks begin here. None: disks are in memory (simulations, tests)."""
    copies: int = 0
    """0 = 1 with one disk, else 2."""
    least_copies: int = 0
    """A put is good with so many when there are not enough good disks; 0 = as many as `copies`."""
    seal: bool = False
    reserve_bytes: int = 0
    cache_bytes: int = 32 << 20
    pack_bytes: int = limits.PACK_BYTES
    grace_seconds: int = limits.CHUNK_GRACE_SECONDS
    scrub_seconds: int = 30 * limits.DAY
    """Everything is read once in this time; 0 = only when asked for."""
    scrub_rate: int = 20 << 20
    """Bytes a second, of scrub."""
    move_rate: int = 50 << 20
    """Bytes a second, of drain, repair and emptying packs."""
