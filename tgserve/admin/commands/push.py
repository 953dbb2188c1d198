"""push: providers of pushes, and figures."""

from __future__ import annotations

from tgserve.adapters import push as kinds
from tgserve.adapters.contract import Sent
from tgserve.adapters.push import signing
from tgserve.adapters.push.routes import PUSH
from tgserve.admin.commands.finding import find_user
from tgserve.admin.commands.providers import KINDS, Kind, State
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.providers import ProviderTested
from tgserve.admin.schema.push import PushReport, PushStats, PushTypeRow, PushWayRow
from tgserve.services.providers import Provider
from tgserve.services.push.feed import DECIDED
from tgserve.services.push.sending import DROPPED

RESULTS = ("push", "muted", "nothing")
REASONS = ("connected", "old", "void")


@command(PushStats)
async def push_stats(daemon: Daemon, params: PushStats) -> PushReport:
    push, routes = daemon.services.push, daemon.routes
    counts = push.devices.counts()
    types = [
        PushTypeRow(number, name, counts.get(number, 0), _via(daemon, number))
        for number, name in kinds.NAMES.items()
    ]
    ways = [
        PushWayRow(one.provider.name, one.provider.adapter, one.sent, one.failed, one.fault)
        for one in (*routes.stations, *routes.direct)
    ]
    ways += [PushWayRow(name, "", 0, 0, fault) for name, fault in routes.broken.items()]
    oldest = push.queue.oldest()
    return PushReport(
        types=types,
        ways=ways,
        waiting=len(push.queue),
        oldest_seconds=max(int(daemon.clock.now()) - oldest, 0) if oldest else 0,
        decided={result: int(DECIDED.of(result).value) for result in RESULTS},
        dropped={reason: int(DROPPED.of(reason).value) for reason in REASONS},
        web_key=signing.unpadded(signing.raw_point(signing.p256_of(push.key_seed)))
        if daemon.config.push.direct
        else "",
    )


def _via(daemon: Daemon, token_type: int) -> list[str]:
    if token_type == kinds.MTPROTO:
        return ["own connections"]
    return [station.provider.name for station in daemon.routes.for_type(token_type)]


async def _test(daemon: Daemon, to: str, via: str) -> ProviderTested:
    """To every device of somebody that the provider serves; the first that is taken is enough."""
    user = find_user(daemon, to)
    push, routes = daemon.services.push, daemon.routes
    devices = push.devices.of(user.id)
    if not devices:
        raise Refusal(f"{to} has registered no device for pushes")
    if via:
        station = routes.station_or_none(via)
        if station is None:
            raise Refusal(f"{via} cannot be used: {routes.broken.get(via, 'it is not there')}")
        devices = tuple(one for one in devices if one.token_type in station.types)
        if not devices:
            names = ", ".join(kinds.NAMES[number] for number in sorted(station.types))
            raise Refusal(f"{to} has no device of {via}'s types ({names})")
    tested = ProviderTested(False, reason="nothing was sent")
    for device in devices:
        result = await push.sending.trial(user.id, device, via)
        name = via or next(iter(_via(daemon, device.token_type)), "nobody")
        if isinstance(result, Sent):
            tested = ProviderTested(True, name, result.reference)
        elif not tested.ok:
            tested = ProviderTested(False, name, reason=result.reason or "the token is dead: forgotten")
    return tested


def _state(daemon: Daemon, name: str) -> State:
    station = daemon.routes.station_or_none(name)
    if station is None:
        return State(fault=daemon.routes.broken.get(name, ""))
    return State(station.sent, station.failed, station.fault)


def _default(daemon: Daemon) -> Provider | None:
    return None


KINDS["push"] = Kind(
    shelf=PUSH,
    test=_test,
    state=_state,
    default=_default,
    without="without it only web push and simple push go out ([push] direct)",
)
