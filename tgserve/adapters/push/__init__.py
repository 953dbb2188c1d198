"""Ways to devices that are not connected: one module a service, each with `create(options, clock)`.

A sender names in `types` the token types (account.registerDevice) whose tokens it understands.
"""

from __future__ import annotations

from typing import Final

APNS: Final = 1
FCM: Final = 2
MPNS: Final = 3
SIMPLE: Final = 4
UBUNTU: Final = 5
BLACKBERRY: Final = 6
MTPROTO: Final = 7
WNS: Final = 8
APNS_VOIP: Final = 9
WEB: Final = 10
MPNS_VOIP: Final = 11
TIZEN: Final = 12
HUAWEI: Final = 13

CALLS: Final = frozenset({APNS_VOIP, MPNS_VOIP})
"""For calls alone: an app that is told anything else there is ended by its system."""

NAMES: Final = {
    APNS: "APNs",
    FCM: "FCM",
    MPNS: "MPNS",
    SIMPLE: "simple push",
    UBUNTU: "Ubuntu",
    BLACKBERRY: "BlackBerry",
    MTPROTO: "MTProto session",
    WNS: "WNS",
    APNS_VOIP: "APNs VoIP",
    WEB: "web push",
    MPNS_VOIP: "MPNS VoIP",
    TIZEN: "Tizen",
    HUAWEI: "Huawei",
}
"""Every type that clients may register."""
