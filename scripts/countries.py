"""Write tgserve/api/data/countries.json from the metadata of `phonenumbers`: what help.getCountriesList answers.

    python scripts/countries.py [--check]

Countries that share a calling code are told apart by the first digits of their numbers, as the metadata has them.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any

import phonenumbers
from phonenumbers.geodata.locale import LOCALE_DATA

TARGET = Path(__file__).parent.parent / "tgserve/api/data/countries.json"
PREFIX_DIGITS = 4
NAMES = {"AC": "Ascension Island", "TA": "Tristan da Cunha", "XK": "Kosovo"}


def prefixes(leading: str | None) -> list[str]:
    """The shortest digit strings that a leading-digits expression takes."""
    if leading is None:
        return []
    found: list[str] = []
    shape = re.compile(leading)
    for size in range(1, PREFIX_DIGITS + 2):
        for number in range(10**size):
            text = str(number).zfill(size)
            if not any(text.startswith(known) for known in found) and shape.fullmatch(text):
                found.append(text)
    return found


def pattern(region: str) -> list[str]:
    """How a mobile number is grouped, e.g. "XXXX XXXXXX"."""
    example = phonenumbers.example_number_for_type(region, phonenumbers.PhoneNumberType.MOBILE)
    if example is None:
        return []
    shown = phonenumbers.format_number(example, phonenumbers.PhoneNumberFormat.INTERNATIONAL)
    return [re.sub(r"\d", "X", shown.partition(" ")[2].replace("-", " "))]


def english(region: str) -> str:
    name = LOCALE_DATA.get(region, {}).get("en", NAMES.get(region, region))
    # "*aa" refers to another language's entry with the same text
    return LOCALE_DATA[region][name[1:]] if name.startswith("*") else name


def countries() -> list[dict[str, Any]]:
    found = []
    for code, regions in sorted(phonenumbers.COUNTRY_CODE_TO_REGION_CODE.items()):
        for region in regions:
            if region == "001":
                continue
            metadata = phonenumbers.PhoneMetadata.metadata_for_region(region)
            shared = metadata is not None and len(regions) > 1 and region != regions[0]
            leading = metadata.leading_digits if metadata is not None and shared else None
            found.append(
                {
                    "iso2": region,
                    "name": english(region),
                    "code": str(code),
                    "prefixes": prefixes(leading),
                    "patterns": pattern(region),
                }
            )
    return sorted(found, key=lambda country: country["name"])


def text() -> str:
    lines = ",\n".join(json.dumps(country, ensure_ascii=False) for country in countries())
    return f"[\n{lines}\n]\n"


if __name__ == "__main__":
    if "--check" in sys.argv:
        sys.exit(
            0 if TARGET.read_text(encoding="utf-8") == text() else f"{TARGET} is stale: run {sys.argv[0]}"
        )
    TARGET.write_text(text(), encoding="utf-8")
