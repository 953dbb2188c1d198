"""Lines of a channel's admin log as TL."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tgserve.render import photos, topics
from tgserve.render.channel import banned_rights
from tgserve.render.invite import invite
from tgserve.render.message import message, people
from tgserve.render.participant import named, participant
from tgserve.render.stickers import input_set
from tgserve.render.stored import stored
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.channels import journal
from tgserve.services.channels.journal import Line
from tgserve.services.channels.posting import personal
from tgserve.services.groups.invites import Link
from tgserve.store import channel_records as c
from tgserve.store import records as r
from tgserve.store import thread_records as th
from tgserve.tl import types as t

NOBODY = c.Participant(0, state=c.LEFT)


def line(
    services: Services, viewer: int, channel: int, of: Line
) -> tuple[t.ChannelAdminLogEvent, dict[int, None]] | None:
    """A line, and whom it speaks of; None for a kind that has no words in the schema."""
    entry = of.entry
    make = _ACTIONS.get(entry.kind)
    if make is None:
        return None
    record = services.channels.register.get_or_none(channel)
    if record is None:
        return None
    who: dict[int, None] = {entry.actor: None}
    action = make(services, viewer, channel, record, entry, who)
    if action is None:
        return None
    drawn = t.ChannelAdminLogEvent(id=of.number, date=entry.date, user_id=entry.actor, action=action)
    return drawn, who


Who = dict[int, None]
Make = Callable[[Services, int, int, c.Channel, c.LogEntry, Who], Any]


def _seats(kind: Any) -> Make:
    def make(
        services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
    ) -> Any:
        before, after = entry.seat_before or NOBODY, entry.seat_after or NOBODY
        who.update(dict.fromkeys((*named(entry.target, before), *named(entry.target, after))))
        return kind(
            prev_participant=participant(record, 0, entry.target, before, owner=_owned(entry.target, before)),
            new_participant=participant(record, 0, entry.target, after, owner=_owned(entry.target, after)),
        )

    return make


def _owned(user: int, seat: c.Participant) -> bool:
    """Was it the owner's, then? Every other admin was made one by somebody else."""
    return bool(seat.admin) and seat.promoted_by in (0, user)


def _texts(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        prev_value=entry.text_before, new_value=entry.text_after
    )


def _names(services: Any, viewer: int, channel: int, record: Any, entry: c.LogEntry, who: Any) -> Any:
    return t.ChannelAdminLogEventActionChangeUsernames(
        prev_value=entry.text_before.split(), new_value=entry.text_after.split()
    )


def _numbers(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        prev_value=entry.before, new_value=entry.after
    )


def _toggle(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(new_value=bool(entry.after))


def _drawn(
    services: Services, viewer: int, channel: int, entry: c.LogEntry, body: r.Body | None, who: Who
) -> Any:
    if body is None:
        return t.MessageEmpty(id=entry.msg_id)
    flags = r.ROW_PINNED if entry.kind == journal.PINNED and entry.after else 0
    row = r.Row(channel, channel, entry.msg_id, flags)
    view = personal(View(channel, entry.msg_id, row, body), viewer)
    who.update(people((view,), services))
    return message(services, view)


def _message(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        message=_drawn(services, viewer, channel, entry, entry.body_before, who)
    )


def _edit(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    return t.ChannelAdminLogEventActionEditMessage(
        prev_message=_drawn(services, viewer, channel, entry, entry.body_before, who),
        new_message=_drawn(services, viewer, channel, entry, entry.body_after, who),
    )


def _rights(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    return t.ChannelAdminLogEventActionDefaultBannedRights(
        prev_banned_rights=banned_rights(entry.before), new_banned_rights=banned_rights(entry.after)
    )


def _reactions(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    def drawn(data: bytes) -> Any:
        return stored(data, entry.layer) if data else t.ChatReactionsAll()

    return t.ChannelAdminLogEventActionChangeAvailableReactions(
        prev_value=drawn(entry.data_before), new_value=drawn(entry.data_after)
    )


def _colors(kind: Any) -> Make:
    """Lines of before the colours were kept say nothing."""

    def make(
        services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
    ) -> Any:
        if not entry.layer:
            return None
        before, after = stored(entry.data_before, entry.layer), stored(entry.data_after, entry.layer)
        return kind(prev_value=before, new_value=after)

    return make


def _photo(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    def drawn(photo_id: int) -> Any:
        return photos.whole(services, viewer, channel, photo_id)

    return t.ChannelAdminLogEventActionChangePhoto(
        prev_photo=drawn(entry.before), new_photo=drawn(entry.after)
    )


def _invited(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    seat = entry.seat_after or c.Participant(entry.date, entry.actor)
    who.update(dict.fromkeys(named(entry.target, seat)))
    return t.ChannelAdminLogEventActionParticipantInvite(
        participant=participant(record, 0, entry.target, seat, owner=_owned(entry.target, seat))
    )


def _link(entry: c.LogEntry, of: Any, who: Who) -> Any:
    if of is None:
        return t.ChatInvitePublicJoinRequests()
    who[of.admin] = None
    return invite(Link(entry.hash, of))


def _links(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        invite=_link(entry, entry.invite_after or entry.invite_before, who)
    )


def _by_invite(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    return t.ChannelAdminLogEventActionParticipantJoinByInvite(
        via_chatlist=bool(entry.after), invite=_link(entry, entry.invite_after, who)
    )


def _link_edit(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    return t.ChannelAdminLogEventActionExportedInviteEdit(
        prev_invite=_link(entry, entry.invite_before, who), new_invite=_link(entry, entry.invite_after, who)
    )


def _by_request(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    who[entry.target] = None
    return t.ChannelAdminLogEventActionParticipantJoinByRequest(
        invite=_link(entry, entry.invite_after, who), approved_by=entry.target
    )


def _linked(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    for one in (entry.before, entry.after):
        if one:
            who[one] = None
    return t.ChannelAdminLogEventActionChangeLinkedChat(
        prev_value=-entry.before - r.CHANNEL_BASE if entry.before else 0,
        new_value=-entry.after - r.CHANNEL_BASE if entry.after else 0,
    )


def _sets(kind: Any) -> Make:
    def make(
        services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
    ) -> Any:
        def named(set_id: int) -> Any:
            return input_set(services.access, set_id) if set_id else t.InputStickerSetEmpty()

        return kind(prev_stickerset=named(entry.before), new_stickerset=named(entry.after))

    return make


def _rank(
    services: Services, viewer: int, channel: int, record: c.Channel, entry: c.LogEntry, who: Who
) -> Any:
    who[entry.target] = None
    return t.ChannelAdminLogEventActionParticipantEditRank(
        user_id=entry.target, prev_rank=entry.text_before, new_rank=entry.text_after
    )


def _topic(channel: int, entry: c.LogEntry, of: th.Topic | None, who: Who) -> Any:
    if of is None:
        return None
    who[of.creator] = None
    return topics.of_log(channel, entry.msg_id, of)


def _topic_one(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        topic=_topic(channel, entry, entry.topic_after or entry.topic_before, who)
    )


def _topic_two(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind(
        prev_topic=_topic(channel, entry, entry.topic_before, who),
        new_topic=_topic(channel, entry, entry.topic_after, who),
    )


def _simple(kind: Any) -> Make:
    return lambda services, viewer, channel, record, entry, who: kind()


_ACTIONS: dict[str, Make] = {
    journal.JOIN: _simple(t.ChannelAdminLogEventActionParticipantJoin),
    journal.JOIN_BY_INVITE: _by_invite,
    journal.JOIN_BY_REQUEST: _by_request,
    journal.LEAVE: _simple(t.ChannelAdminLogEventActionParticipantLeave),
    journal.INVITE: _invited,
    journal.BAN: _seats(t.ChannelAdminLogEventActionParticipantToggleBan),
    journal.PROMOTE: _seats(t.ChannelAdminLogEventActionParticipantToggleAdmin),
    journal.TITLE: _texts(t.ChannelAdminLogEventActionChangeTitle),
    journal.ABOUT: _texts(t.ChannelAdminLogEventActionChangeAbout),
    journal.USERNAME: _texts(t.ChannelAdminLogEventActionChangeUsername),
    journal.USERNAMES: _names,
    journal.RIGHTS: _rights,
    journal.PHOTO: _photo,
    journal.SLOW_MODE: _numbers(t.ChannelAdminLogEventActionToggleSlowMode),
    journal.LINKED: _linked,
    journal.TTL: _numbers(t.ChannelAdminLogEventActionChangeHistoryTTL),
    journal.REACTIONS: _reactions,
    journal.STICKERS: _sets(t.ChannelAdminLogEventActionChangeStickerSet),
    journal.EMOJI_STICKERS: _sets(t.ChannelAdminLogEventActionChangeEmojiStickerSet),
    journal.RANK: _rank,
    journal.COLOR: _colors(t.ChannelAdminLogEventActionChangePeerColor),
    journal.PROFILE_COLOR: _colors(t.ChannelAdminLogEventActionChangeProfilePeerColor),
    journal.PINNED: _message(t.ChannelAdminLogEventActionUpdatePinned),
    journal.EDIT: _edit,
    journal.DELETE: _message(t.ChannelAdminLogEventActionDeleteMessage),
    journal.TOPIC_CREATE: _topic_one(t.ChannelAdminLogEventActionCreateTopic),
    journal.TOPIC_DELETE: _topic_one(t.ChannelAdminLogEventActionDeleteTopic),
    journal.TOPIC_EDIT: _topic_two(t.ChannelAdminLogEventActionEditTopic),
    journal.TOPIC_PIN: _topic_two(t.ChannelAdminLogEventActionPinTopic),
    journal.STOP_POLL: _message(t.ChannelAdminLogEventActionStopPoll),
    journal.SEND: _message(t.ChannelAdminLogEventActionSendMessage),
    journal.INVITE_EDIT: _link_edit,
    journal.INVITE_REVOKE: _links(t.ChannelAdminLogEventActionExportedInviteRevoke),
    journal.INVITE_DELETE: _links(t.ChannelAdminLogEventActionExportedInviteDelete),
    "signatures": _toggle(t.ChannelAdminLogEventActionToggleSignatures),
    "profiles": _toggle(t.ChannelAdminLogEventActionToggleSignatureProfiles),
    "invites": _toggle(t.ChannelAdminLogEventActionToggleInvites),
    "prehistory": _toggle(t.ChannelAdminLogEventActionTogglePreHistoryHidden),
    "noforwards": _toggle(t.ChannelAdminLogEventActionToggleNoForwards),
    "antispam": _toggle(t.ChannelAdminLogEventActionToggleAntiSpam),
    "forum": _toggle(t.ChannelAdminLogEventActionToggleForum),
}


def wanted(what: t.AnyChannelAdminLogEventsFilter | None) -> Callable[[c.LogEntry], bool]:
    """Which lines pass a filter; all without one."""
    if not isinstance(what, t.ChannelAdminLogEventsFilter):
        return lambda entry: True

    def passes(entry: c.LogEntry) -> bool:
        before, after = entry.seat_before or NOBODY, entry.seat_after or NOBODY
        kind = entry.kind
        if kind in (journal.JOIN, journal.JOIN_BY_INVITE, journal.JOIN_BY_REQUEST):
            return what.join or (what.invites and kind != journal.JOIN)
        if kind == journal.BAN:
            kicked, was_kicked = after.state == c.KICKED, before.state == c.KICKED
            if kicked or was_kicked:
                return what.kick if kicked else what.unkick
            return what.ban if after.banned & ~before.banned or before.banned == after.banned else what.unban
        if kind == journal.PROMOTE:
            return what.promote if after.admin & ~before.admin or after.admin == before.admin else what.demote
        return bool(getattr(what, _GROUPS.get(kind, "settings")))

    return passes


_GROUPS = {
    journal.LEAVE: "leave",
    journal.INVITE: "invite",
    journal.TITLE: "info",
    journal.ABOUT: "info",
    journal.USERNAME: "info",
    journal.USERNAMES: "info",
    journal.PHOTO: "info",
    journal.LINKED: "info",
    journal.STICKERS: "info",
    journal.EMOJI_STICKERS: "info",
    journal.SLOW_MODE: "info",
    journal.TTL: "info",
    journal.RANK: "edit_rank",
    journal.PINNED: "pinned",
    journal.EDIT: "edit",
    journal.DELETE: "delete",
    journal.STOP_POLL: "edit",
    journal.SEND: "send",
    journal.INVITE_EDIT: "invites",
    journal.INVITE_REVOKE: "invites",
    journal.INVITE_DELETE: "invites",
    journal.TOPIC_CREATE: "forums",
    journal.TOPIC_EDIT: "forums",
    journal.TOPIC_DELETE: "forums",
    journal.TOPIC_PIN: "forums",
}
