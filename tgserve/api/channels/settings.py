"""How a channel is set up: who may write and see what, what it says of itself."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from msgspec.structs import replace

from tgserve import errors, limits
from tgserve.api.channels.creating import answer
from tgserve.render.action import action_of
from tgserve.render.channel import TABS
from tgserve.render.peers import peer
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import journal, rights
from tgserve.services.channels.life import require
from tgserve.services.groups.life import Action
from tgserve.services.groups.rights import whole
from tgserve.store import channel_records as c
from tgserve.store.transaction import Txn
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels

SLOW_MODES = (0, 5, 10, 30, 60, 300, 900, 3600)


async def change(
    call: Call,
    channel: int,
    right: int,
    made: Callable[[c.Channel], c.Channel],
    entry: c.LogEntry,
    *,
    unless: int = 0,
    megagroup: bool = False,
    broadcast: bool = False,
    creator: bool = False,
    action: Action | None = None,
) -> t.Updates:
    """Change the record of a channel as an admin with `right`, note it in the log. MEGAGROUP_REQUIRED,
    BROADCAST_REQUIRED, CHAT_ADMIN_REQUIRED, CHAT_NOT_MODIFIED."""

    def work(txn: Txn, record: c.Channel, seat: c.Participant | None) -> c.Channel:
        if megagroup and not record.megagroup:
            raise errors.MEGAGROUP_REQUIRED()
        if broadcast and record.megagroup:
            raise errors.BROADCAST_REQUIRED()
        if creator and record.creator != call.me:
            raise errors.CHAT_ADMIN_REQUIRED()
        require(record, call.me, seat, right, unless)
        changed = made(record)
        if changed == record:
            raise errors.CHAT_NOT_MODIFIED()
        journal.note(txn, channel, replace(entry, date=call.now, actor=call.me))
        return changed

    done = await call.services.channels.life.change(call.me, channel, work, action, origin=call.session)
    return answer(call, done)


def allowed(call: Call, channel: int, right: int, unless: int = 0) -> c.Channel:
    """The channel of one who may change it so, before what he asks for is looked at (SECURITY 6.3); the change itself
    asks again. CHANNEL_PRIVATE, CHAT_ADMIN_REQUIRED."""
    record, seat = call.services.channels.register.seat(call.me, channel)
    require(record, call.me, seat, right, unless)
    return record


def _line(kind: str, **fields: Any) -> c.LogEntry:
    return c.LogEntry(0, 0, kind, **fields)


@rpc(channels.ToggleSignatures, flood=per_minute(60))
async def toggle_signatures(call: Call, request: channels.ToggleSignatures) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    on, profiles = request.signatures_enabled, request.signatures_enabled and request.profiles_enabled
    record = call.services.channels.register.get_or_none(channel)
    line = _line("signatures", after=int(on))
    if record is not None and record.signatures == on:
        line = _line("profiles", after=int(profiles))
    return await change(
        call,
        channel,
        rights.INFO,
        lambda record: replace(record, signatures=on, profiles=profiles),
        line,
        broadcast=True,
    )


@rpc(channels.ToggleSlowMode, flood=per_minute(60))
async def toggle_slow_mode(call: Call, request: channels.ToggleSlowMode) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    before = allowed(call, channel, rights.BAN).slow_mode_seconds
    if request.seconds not in SLOW_MODES:
        raise errors.SECONDS_INVALID()
    return await change(
        call,
        channel,
        rights.BAN,
        lambda record: replace(record, slow_mode_seconds=request.seconds),
        _line(journal.SLOW_MODE, before=before, after=request.seconds),
        megagroup=True,
    )


@rpc(channels.TogglePreHistoryHidden, flood=per_minute(60))
async def toggle_pre_history_hidden(call: Call, request: channels.TogglePreHistoryHidden) -> t.AnyUpdates:
    """A public supergroup, or one that belongs to a channel, hides nothing; a forum neither. CHAT_LINK_EXISTS,
    FORUM_ENABLED."""
    channel = peers.resolve_channel(call, request.channel)

    def made(record: c.Channel) -> c.Channel:
        if request.enabled and (rights.is_public(record) or record.linked):
            raise errors.CHAT_LINK_EXISTS()
        if request.enabled and record.forum:
            raise errors.FORUM_ENABLED()
        return replace(record, prehistory_hidden=request.enabled)

    line = _line("prehistory", after=int(request.enabled))
    return await change(call, channel, rights.INFO, made, line, megagroup=True)


@rpc(channels.ToggleJoinToSend, flood=per_minute(60))
async def toggle_join_to_send(call: Call, request: channels.ToggleJoinToSend) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    return await change(
        call,
        channel,
        rights.BAN,
        lambda record: replace(record, join_to_send=request.enabled),
        _line("join_to_send", after=int(request.enabled)),
        megagroup=True,
    )


@rpc(channels.ToggleJoinRequest, flood=per_minute(60))
async def toggle_join_request(call: Call, request: channels.ToggleJoinRequest) -> t.AnyUpdates:
    """Who comes to a public supergroup, or the discussion group of a channel, asks first; with `apply_to_invites` who
    comes by one of its links too. No bot can answer for the admins here. CHAT_PUBLIC_REQUIRED, BOT_INVALID."""
    channel = peers.resolve_channel(call, request.channel)
    allowed(call, channel, rights.BAN)
    if request.guard_bot is not None and not isinstance(request.guard_bot, t.InputUserEmpty):
        raise errors.BOT_INVALID()

    def made(record: c.Channel) -> c.Channel:
        public = rights.is_public(record) or record.linked or request.apply_to_invites
        if request.enabled and not public:
            raise errors.CHAT_PUBLIC_REQUIRED()
        return replace(record, join_request=request.enabled)

    line = _line("join_request", after=int(request.enabled))
    done = await change(call, channel, rights.BAN, made, line, megagroup=True)
    if request.apply_to_invites:
        await call.services.channels.doors.set_approval(call.me, channel, request.enabled)
    return done


@rpc(channels.ToggleAntiSpam, flood=per_minute(60))
async def toggle_anti_spam(call: Call, request: channels.ToggleAntiSpam) -> t.AnyUpdates:
    """Kept and shown; no message is judged by it here."""
    channel = peers.resolve_channel(call, request.channel)
    return await change(
        call,
        channel,
        rights.DELETE,
        lambda record: replace(record, antispam=request.enabled),
        _line("antispam", after=int(request.enabled)),
        megagroup=True,
    )


@rpc(channels.ToggleParticipantsHidden, flood=per_minute(60))
async def toggle_participants_hidden(call: Call, request: channels.ToggleParticipantsHidden) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    return await change(
        call,
        channel,
        rights.BAN,
        lambda record: replace(record, members_hidden=request.enabled),
        _line("members_hidden", after=int(request.enabled)),
        megagroup=True,
    )


@rpc(channels.ConvertToGigagroup, flood=per_minute(10))
async def convert_to_gigagroup(call: Call, request: channels.ConvertToGigagroup) -> t.AnyUpdates:
    """A supergroup in which only admins write; there is no way back. FORUM_ENABLED, PARTICIPANTS_TOO_FEW."""
    channel = peers.resolve_channel(call, request.channel)
    known = call.services.channels.register.get_or_none(channel)
    before = known.banned if known is not None else 0
    line = _line(journal.RIGHTS, before=before, after=whole(before | rights.NO_SEND))

    def made(record: c.Channel) -> c.Channel:
        if record.forum:
            raise errors.FORUM_ENABLED()
        if record.members < limits.GIGAGROUP_MEMBERS and not record.gigagroup:
            raise errors.PARTICIPANTS_TOO_FEW()
        return replace(record, gigagroup=True, banned=whole(record.banned | rights.NO_SEND))

    return await change(
        call,
        channel,
        rights.INFO,
        made,
        line,
        megagroup=True,
        creator=True,
    )


@rpc(channels.UpdateColor, flood=per_minute(30))
async def update_color(call: Call, request: channels.UpdateColor) -> t.AnyUpdates:
    channel = peers.resolve_channel(call, request.channel)
    known = allowed(call, channel, rights.INFO)
    color = request.color if request.color is not None else -1
    emoji = request.background_emoji_id or 0
    if not -1 <= color < 32:
        raise errors.COLOR_INVALID()

    def made(record: c.Channel) -> c.Channel:
        if request.for_profile:
            return replace(record, profile_color=color, profile_emoji=emoji)
        return replace(record, color=color, color_emoji=emoji)

    was = (known.color, known.color_emoji)
    if request.for_profile:
        was = (known.profile_color, known.profile_emoji)
    line = _line(
        journal.PROFILE_COLOR if request.for_profile else journal.COLOR,
        data_before=_color(*was),
        data_after=_color(color, emoji),
        layer=layers.CURRENT,
    )
    return await change(call, channel, rights.INFO, made, line)


def _color(color: int, emoji: int) -> bytes:
    return layers.encode(t.PeerColor(color=color if color >= 0 else None, background_emoji_id=emoji or None))


@rpc(channels.SetMainProfileTab, flood=per_minute(30))
async def set_main_profile_tab(call: Call, request: channels.SetMainProfileTab) -> bool:
    """Which tab the profile of a channel opens with."""
    channel = peers.resolve_channel(call, request.channel)
    name = next(name for name, tab in TABS.items() if type(tab) is type(request.tab))
    await change(
        call,
        channel,
        rights.INFO,
        lambda record: replace(record, main_tab=name),
        _line("main_tab", text_after=name),
        broadcast=True,
    )
    return True


def _admin(call: Call, channel: t.AnyInputChannel) -> c.Channel:
    """The channel of an admin who may change it. CHAT_ADMIN_REQUIRED."""
    found = peers.resolve_channel(call, channel)
    record, seat = call.services.channels.register.seat(call.me, found)
    require(record, call.me, seat, rights.INFO)
    return record


@rpc(channels.EditLocation, flood=per_minute(30))
async def edit_location(call: Call, request: channels.EditLocation) -> bool:
    """No group here was made at a place, and none can get one later: as MEGAGROUP_GEO_REQUIRED says."""
    if not _admin(call, request.channel).megagroup:
        raise errors.MEGAGROUP_REQUIRED()
    raise errors.MEGAGROUP_GEO_REQUIRED()


@rpc(channels.UpdateEmojiStatus, flood=per_minute(30))
async def update_emoji_status(call: Call, request: channels.UpdateEmojiStatus) -> t.AnyUpdates:
    """A thing of boosts, as that of people is of Premium: no channel has one, so there is none to take away either."""
    _admin(call, request.channel)
    if isinstance(request.emoji_status, t.EmojiStatusEmpty):
        raise errors.CHAT_NOT_MODIFIED()
    raise errors.BOOSTS_REQUIRED()


@rpc(channels.ToggleAutotranslation, flood=per_minute(30))
async def toggle_autotranslation(call: Call, request: channels.ToggleAutotranslation) -> t.AnyUpdates:
    """Nothing is translated here, and no channel has the boosts that it would need."""
    if _admin(call, request.channel).megagroup:
        raise errors.BROADCAST_REQUIRED()
    if not request.enabled:
        raise errors.CHAT_NOT_MODIFIED()
    raise errors.BOOSTS_REQUIRED()


# -- what the messages.* methods do to channels -----------------------------------------------------------


async def edit_about(call: Call, channel: int, about: str) -> None:
    before = allowed(call, channel, rights.INFO, rights.NO_INFO).about
    about = about.strip()
    if len(about) > limits.CHANNEL_ABOUT_CHARS:
        raise errors.CHAT_ABOUT_TOO_LONG()
    if before == about:
        raise errors.CHAT_ABOUT_NOT_MODIFIED()
    line = _line(journal.ABOUT, text_before=before, text_after=about)
    await change(
        call, channel, rights.INFO, lambda record: replace(record, about=about), line, unless=rights.NO_INFO
    )


async def edit_default_rights(call: Call, channel: int, banned: int) -> t.Updates:
    record = allowed(call, channel, rights.BAN)
    if banned & ~rights.BANNED_SETTABLE or banned & rights.NO_VIEW:
        raise errors.BANNED_RIGHTS_INVALID()
    line = _line(journal.RIGHTS, before=record.banned, after=banned)
    return await change(
        call, channel, rights.BAN, lambda record: replace(record, banned=banned), line, megagroup=True
    )


async def toggle_noforwards(call: Call, channel: int, enabled: bool) -> t.Updates:
    line = _line("noforwards", after=int(enabled))
    return await change(
        call, channel, rights.INFO, lambda record: replace(record, noforwards=enabled), line, creator=True
    )


async def set_reactions(
    call: Call, channel: int, allowed: bytes, layer: int, most: int, rule: str, some: tuple[str, ...]
) -> t.Updates:
    record = call.services.channels.register.get_or_none(channel)
    before = record.reactions if record is not None else b""
    line = _line(journal.REACTIONS, data_before=before, data_after=allowed, layer=layer)
    return await change(
        call,
        channel,
        rights.INFO,
        lambda record: replace(
            record,
            reactions=allowed,
            reactions_layer=layer,
            reactions_limit=most,
            reactions_rule=rule,
            reactions_some=some,
        ),
        line,
    )


async def set_ttl(call: Call, channel: int, period: int) -> t.Updates:
    """TTL_PERIOD_INVALID, CHAT_NOT_MODIFIED."""
    record = allowed(call, channel, rights.DELETE)
    if not 0 <= period <= limits.TIMER_SECONDS:
        raise errors.TTL_PERIOD_INVALID()
    line = _line(journal.TTL, before=record.ttl_period, after=period)
    action = action_of(t.MessageActionSetMessagesTTL(period=period))
    made = await change(
        call,
        channel,
        rights.DELETE,
        lambda record: replace(record, ttl_period=period),
        line,
        action=action,
    )
    made.updates.append(t.UpdatePeerHistoryTTL(peer=peer(channel), ttl_period=period or None))
    return made
