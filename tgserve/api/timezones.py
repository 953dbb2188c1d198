"""help.getTimezonesList: one zone for each offset people live in, with today's offset from the system's zone files."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import cache, lru_cache
from importlib.resources import files
from zlib import crc32
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Zone = tuple[str, str, int]
"""(id, name, seconds east of UTC)"""


@cache
def _ids() -> tuple[str, ...]:
    return tuple((files("tgserve.api") / "data" / "timezones.txt").read_text(encoding="utf-8").split())


@lru_cache(maxsize=2)
def listed(day: int) -> tuple[int, list[Zone]]:
    """(hash, zones from west to east) as they are on this day since 1970. A system without zone files has UTC."""
    noon = datetime.fromtimestamp(day * 86_400 + 43_200, UTC)
    zones: list[Zone] = []
    for zone in _ids():
        try:
            offset = noon.astimezone(ZoneInfo(zone)).utcoffset()
        except (ZoneInfoNotFoundError, OSError):
            continue
        seconds = int(offset.total_seconds()) if offset is not None else 0
        zones.append((zone, zone.rpartition("/")[2].replace("_", " "), seconds))
    zones = sorted(zones, key=lambda zone: zone[2]) or [("UTC", "UTC", 0)]
    return crc32(repr(zones).encode()) & 0x7FFFFFFF, zones
