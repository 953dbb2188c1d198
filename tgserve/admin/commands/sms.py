"""sms: providers of login codes."""

from __future__ import annotations

from tgserve.adapters.contract import Sent, Sms
from tgserve.adapters.loading import SMS
from tgserve.admin.commands.providers import KINDS, Kind, State
from tgserve.admin.registry import Daemon, Refusal
from tgserve.admin.schema.providers import ProviderTested
from tgserve.services.phones import digits_or_none
from tgserve.services.providers import Provider

TEST_CODE = "00000"


async def _test(daemon: Daemon, to: str, via: str) -> ProviderTested:
    digits = digits_or_none(to)
    if digits is None:
        raise Refusal(f"{to} is not a phone number with country code, as in +999661234")
    text = daemon.config.sms.text.format(code=TEST_CODE, server=daemon.config.name)
    line = daemon.sms
    if via:
        station = line.station_or_none(via)
        if station is None:
            raise Refusal(f"{via} cannot be used: {line.broken.get(via, 'it is not there')}")
        asked = [station]
    else:
        asked = line.for_number(digits)
    if not asked:
        raise Refusal(f"no provider serves {to}: `tgserve sms list` shows their countries")
    tested = ProviderTested(False)
    for station in asked:
        result = await station.send(Sms(digits, TEST_CODE, text))
        if isinstance(result, Sent):
            return ProviderTested(True, station.provider.name, result.reference)
        tested = ProviderTested(False, station.provider.name, reason=result.reason)
    return tested


def _state(daemon: Daemon, name: str) -> State:
    line = daemon.sms
    station = line.station_or_none(name)
    if station is None:
        return State(fault=line.broken.get(name, ""))
    return State(station.sent, station.failed, station.fault)


def _default(daemon: Daemon) -> Provider:
    return daemon.sms.default


KINDS["sms"] = Kind(
    shelf=SMS,
    test=_test,
    state=_state,
    default=_default,
    without="without it codes go the way tgserve.toml says ([sms] adapter)",
    by_country=True,
)
