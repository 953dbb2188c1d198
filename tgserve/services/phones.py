"""Phone numbers: what a user typed becomes digits with country code, or is no phone number.

Digits only are stored and compared. Test numbers (+999..., +99966...) belong to no country and pass as they come, as
official clients and their testers expect (CLIENTS A "handy test knobs").
"""

from __future__ import annotations

import phonenumbers

TEST_PREFIX = "999"
_NOISE = str.maketrans("", "", " \t\u00a0-().+/")
_DIGITS_MIN, _DIGITS_MAX = 7, 15


def digits_or_none(text: str) -> str | None:
    """E.164 without the plus, e.g. "447911123456"; None when nobody could have this number."""
    typed = text.translate(_NOISE)
    if not (typed.isascii() and typed.isdigit()):
        return None
    typed = typed.removeprefix("00")
    if not _DIGITS_MIN <= len(typed) <= _DIGITS_MAX + 1:
        return None
    if typed.startswith(TEST_PREFIX):
        return typed if len(typed) <= _DIGITS_MAX else None
    try:
        number = phonenumbers.parse("+" + typed)
    except phonenumbers.NumberParseException:
        return None
    if not phonenumbers.is_possible_number(number):
        return None
    return phonenumbers.format_number(number, phonenumbers.PhoneNumberFormat.E164)[1:]
