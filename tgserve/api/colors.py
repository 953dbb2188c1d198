"""help.getPeerColors, help.getPeerProfileColors: the accent colours that clients paint names, replies and the heads of
profiles with.

Ids 0..6 are built into every client; 7..20 are named here with their colours for light and dark themes (TDLib refuses
options without, CLIENTS A.19). Values are those that clients show for Telegram's own ids.
"""

from __future__ import annotations

from typing import Final

from tgserve.tl import types as t

VERSION: Final = 1
BUILT_IN: Final = range(7)
COLORS: Final = 21
"""Ids from 0 on."""
_ORDER: Final = (5, 3, 1, 0, 2, 4, 6)
_SETS: Final[dict[int, tuple[tuple[int, ...], tuple[int, ...]]]] = {
    7: ((0xE15052, 0xF9AE63), (0xFF9380, 0x992F37)),
    8: ((0xE0802B, 0xFAC534), (0xECB04E, 0xC35714)),
    9: ((0xA05FF3, 0xF48FFF), (0xC697FF, 0x5E31C8)),
    10: ((0x27A910, 0xA7DC57), (0xA7EB6E, 0x167E2D)),
    11: ((0x27ACCE, 0x82E8D6), (0x40D8D0, 0x045C7F)),
    12: ((0x3391D4, 0x7DD3F0), (0x52BFFF, 0x0B5494)),
    13: ((0xDD4371, 0xFFBE9F), (0xFF86A6, 0x8E366E)),
    14: ((0x247BED, 0xF04856, 0xFFFFFF), (0x3FA2FE, 0xE5424F, 0xFFFFFF)),
    15: ((0xD67722, 0x1EA011, 0xFFFFFF), (0xFF905E, 0x32A527, 0xFFFFFF)),
    16: ((0x179E42, 0xE84A3F, 0xFFFFFF), (0x66D364, 0xD5444F, 0xFFFFFF)),
    17: ((0x2894AF, 0x6FC456, 0xFFFFFF), (0x22BCE2, 0x3DA240, 0xFFFFFF)),
    18: ((0x0C9AB3, 0xFFAD95, 0xFFE6B5), (0x22BCE2, 0xFF9778, 0xFFDA6B)),
    19: ((0x7757D6, 0xF79610, 0xFFDE8E), (0x9791FF, 0xF2731D, 0xFFDB59)),
    20: ((0x1585CF, 0xF2AB1D, 0xFFFFFF), (0x3DA6EB, 0xEEA51D, 0xFFFFFF)),
}

_PLAIN: Final = (0xCC5049, 0xD67722, 0x955CDB, 0x40A920, 0x309EBA, 0x368AD1, 0xC7508B)
"""What clients have built in for ids 0..6, for profiles, where they ask for colours of these too."""


def options() -> list[t.AnyHelpPeerColorOption]:
    """In the order they are offered."""
    plain: list[t.AnyHelpPeerColorOption] = [t.HelpPeerColorOption(color_id=number) for number in _ORDER]
    return plain + [
        t.HelpPeerColorOption(
            color_id=number,
            colors=t.HelpPeerColorSet(colors=list(light)),
            dark_colors=t.HelpPeerColorSet(colors=list(dark)),
        )
        for number, (light, dark) in _SETS.items()
    ]


def profile_options() -> list[t.AnyHelpPeerColorOption]:
    """The same ids for profiles: one colour or two (TDLib refuses other numbers, and a story ring that has not two)."""
    made: list[t.AnyHelpPeerColorOption] = []
    for number in _ORDER:
        one = _profile(_PLAIN[number : number + 1])
        made.append(t.HelpPeerColorOption(color_id=number, colors=one, dark_colors=one))
    for number, (light, dark) in _SETS.items():
        made.append(
            t.HelpPeerColorOption(color_id=number, colors=_profile(light[:2]), dark_colors=_profile(dark[:2]))
        )
    return made


def _profile(colors: tuple[int, ...]) -> t.HelpPeerColorProfileSet:
    return t.HelpPeerColorProfileSet(
        palette_colors=list(colors), bg_colors=list(colors), story_colors=[colors[0], colors[-1]]
    )
