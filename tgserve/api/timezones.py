"""help.getTimezonesList: one zone for each offset people live in, with today's offset from the system's zone files."""

from __future__ import annotations

from datetime import UTC, datetime
from functools import lru_cache
from typing import Final
from zlib import crc32
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

Zone = tuple[str, str, int]
"""(id, name, seconds east of UTC)"""

IDS: Final = (
    "Pacific/Midway Pacific/Honolulu America/Anchorage America/Los_Angeles America/Tijuana America/Denver America/Phoenix "
    "America/Chicago America/Mexico_City America/Bogota America/New_York America/Lima America/Caracas America/Halifax "
    "America/Santiago America/St_Johns America/Sao_Paulo America/Argentina/Buenos_Aires America/Nuuk Atlantic/South_Georgia "
    "Atlantic/Azores Atlantic/Cape_Verde UTC Europe/London Europe/Lisbon Africa/Casablanca Africa/Lagos Europe/Berlin "
    "Europe/Madrid Europe/Paris Europe/Rome Europe/Warsaw Africa/Cairo Africa/Johannesburg Asia/Jerusalem Europe/Athens "
    "Europe/Bucharest Europe/Helsinki Europe/Kyiv Europe/Istanbul Europe/Minsk Europe/Moscow Asia/Baghdad Africa/Nairobi "
    "Asia/Riyadh Asia/Tehran Asia/Baku Asia/Dubai Europe/Samara Asia/Tbilisi Asia/Yerevan Asia/Kabul Asia/Almaty "
    "Asia/Karachi Asia/Tashkent Asia/Yekaterinburg Asia/Colombo Asia/Kolkata Asia/Kathmandu Asia/Bishkek Asia/Dhaka "
    "Asia/Omsk Asia/Yangon Asia/Bangkok Asia/Ho_Chi_Minh Asia/Jakarta Asia/Krasnoyarsk Asia/Novosibirsk Asia/Hong_Kong "
    "Asia/Irkutsk Asia/Kuala_Lumpur Asia/Manila Asia/Shanghai Asia/Singapore Asia/Taipei Australia/Perth Asia/Seoul "
    "Asia/Tokyo Asia/Yakutsk Australia/Adelaide Australia/Darwin Asia/Vladivostok Australia/Brisbane Australia/Sydney "
    "Asia/Magadan Pacific/Noumea Asia/Kamchatka Pacific/Auckland Pacific/Fiji Pacific/Tongatapu"
).split()


@lru_cache(maxsize=2)
def listed(day: int) -> tuple[int, list[Zone]]:
    """(hash, zones from west to east) as they are on this day since 1970. A system without zone files has UTC."""
    noon = datetime.fromtimestamp(day * 86_400 + 43_200, UTC)
    zones: list[Zone] = []
    for zone in IDS:
        try:
            offset = noon.astimezone(ZoneInfo(zone)).utcoffset()
        except (ZoneInfoNotFoundError, OSError):
            continue
        seconds = int(offset.total_seconds()) if offset is not None else 0
        zones.append((zone, zone.rpartition("/")[2].replace("_", " "), seconds))
    zones = sorted(zones, key=lambda zone: zone[2]) or [("UTC", "UTC", 0)]
    return crc32(repr(zones).encode()) & 0x7FFFFFFF, zones
