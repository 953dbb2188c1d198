"""What was committed in a channel's box, for those online and for who asks what he missed.

A live update is drawn once for everybody (viewer 0): people and the channel in their `min` form, which holds no access
hash, since those differ from viewer to viewer. Who wrote a message, or is named in it, is told in a form of his own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from typing import Any

from tgserve.render import channel as render_channel
from tgserve.render import chat as render_chat
from tgserve.render import dialogs as render_dialogs
from tgserve.render import reactions as render_reactions
from tgserve.render import topics as render_topics
from tgserve.render import user as render_user
from tgserve.render.message import message, people
from tgserve.render.peers import peer
from tgserve.services import Services
from tgserve.services.boxes import View
from tgserve.services.channels.posting import personal
from tgserve.services.channels.reading import Missed
from tgserve.services.channels.register import is_channel
from tgserve.services.channels.wishes import ALL, Wish, picked
from tgserve.services.dialogs import Chat
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t

_TIMER = t.MessageActionSetMessagesTTL.ID.to_bytes(4, "little")


class Crowd:
    """Who is told of what is committed in a channel's box, and how (server/fanout.py)."""

    def __init__(self, services: Services) -> None:
        self._services = services
        self.ranks = services.channels.audience.ranks

    def members(self, channel: int) -> Collection[int]:
        return self._services.channels.audience.of(channel)

    def of(self, channel: int) -> Collection[int]:
        channels = self._services.channels
        members, guests = channels.audience.of(channel), channels.guests.of(channel)
        return {*members, *guests} if guests else members

    def special(self, item: Published) -> Collection[int]:
        """Who wrote it, who is named in it, who has just come in, and who only looks: other devices of such a user do
        not know the channel."""
        channels = self._services.channels
        fresh, guests = channels.audience.fresh(item.user_id), channels.guests.of(item.user_id)
        if guests:
            fresh = {*fresh, *guests}
        view = item.memo
        if type(view) is not View:
            return fresh
        if type(item.event) is not ev.NewMessage:
            fresh = {*fresh, *self._too_late(item.user_id, view.msg_id)}
        body = view.body
        return (body.author, body.signer, *body.mentions, *fresh)

    def _too_late(self, channel: int, msg_id: int) -> Collection[int]:
        """Members online who came after a message that is hidden from them: they are told that it is not there."""
        channels = self._services.channels
        record = channels.register.get_or_none(channel)
        if record is None or not record.prehistory_hidden:
            return ()
        here = list(channels.audience.of(channel))
        seats = zip(here, channels.register.participants(channel, here), strict=True)
        return [user for user, seat in seats if seat is not None and msg_id <= seat.hidden_until]

    def draw(self, item: Published, viewer: int) -> t.AnyUpdates | None:
        return draw(self._services, item, viewer)


def draw(services: Services, published: Published, viewer: int) -> t.AnyUpdates | None:
    """The Updates for one viewer, or with 0 for all to whom it is nothing special."""
    channel, event = published.user_id, published.event
    update, views = _update(
        services, channel, event, published.pts, published.pts_count, viewer, published.memo
    )
    if update is None:
        return None
    who: dict[int, None] = {channel: None, **people(views, services)}
    if viewer:
        users = render_user.users(services, viewer, who)
        chats = render_chat.chats(services, viewer, who)
    else:
        users, chats = minimal(services, who)
    updates = [update, *beside(*views)] if type(event) is ev.NewMessage else [update]
    return t.Updates(updates=updates, users=users, chats=chats, date=published.date, seq=0)


def beside(*views: View) -> list[t.AnyUpdate]:
    """What clients do not take from a service message: the timer that it speaks of (TDLib)."""
    found: list[t.AnyUpdate] = []
    for view in views:
        if view.body.action.startswith(_TIMER):
            action = layers.decode(view.body.action)
            assert isinstance(action, t.MessageActionSetMessagesTTL)
            found.append(t.UpdatePeerHistoryTTL(peer=peer(view.owner), ttl_period=action.period or None))
    return found


def minimal(services: Services, who: Iterable[int]) -> tuple[list[Any], list[Any]]:
    """People and channels in the form that is the same for everybody. Basic groups have none and are left out."""
    users: list[Any] = []
    chats: list[Any] = []
    for one in who:
        if one > 0:
            users.append(render_user.minimal(services, one))
        elif is_channel(one):
            known = services.channels.register.known_or_none(one)
            if known is not None:
                chats.append(render_channel.minimal(services, known))
    return users, chats


def _update(
    services: Services, channel: int, event: Any, pts: int, count: int, viewer: int, memo: Any = None
) -> tuple[Any, tuple[View, ...]]:
    """One event as an Update, and the messages in it."""
    kind = type(event)
    number = render_channel.channel_id(channel)
    if type(memo) is View and viewer and kind is not ev.NewMessage:
        memo = memo if memo.msg_id > services.channels.reading.floor(viewer, channel) else None
    if kind is ev.NewMessage or kind is ev.EditMessage:
        view = None
        if type(memo) is View and kind is ev.EditMessage and viewer in memo.body.mentions:
            (view,) = services.channels.reading.personal(viewer, channel, (memo,))  # he may have seen it
        elif type(memo) is View:
            view = personal(memo, viewer, True)
        if view is None:
            view = services.channels.reading.message_or_none(viewer, channel, event.msg_id)
        if view is None:
            gone = t.UpdateDeleteChannelMessages(
                channel_id=number, messages=[event.msg_id], pts=pts, pts_count=count
            )
            return gone, ()
        made: Any = t.UpdateNewChannelMessage if kind is ev.NewMessage else t.UpdateEditChannelMessage
        return made(message=message(services, view), pts=pts, pts_count=count), (view,)
    if kind is ev.DeleteMessages:
        deleted = t.UpdateDeleteChannelMessages(
            channel_id=number, messages=list(event.msg_ids), pts=pts, pts_count=count
        )
        return deleted, ()
    if kind is ev.MessagesPinned:
        pinned = t.UpdatePinnedChannelMessages(
            pinned=event.pinned, channel_id=number, messages=list(event.msg_ids), pts=pts, pts_count=count
        )
        return pinned, ()
    if kind is ev.ReactionsChanged:
        view = personal(memo, viewer) if type(memo) is View else None
        if view is None:
            view = services.channels.reading.message_or_none(viewer, channel, event.msg_id)
        return (render_reactions.update(services, view), (view,)) if view is not None else (None, ())
    if kind is ev.TopicPinned:
        return render_topics.pinned(services, event, viewer, pts, count)[0], ()
    if kind is ev.TopicsOrder:
        return render_topics.order(services, event, viewer, pts, count)[0], ()
    if kind is ev.ChannelChanged:
        return t.UpdateChannel(channel_id=number), ()
    return None, ()


def difference(
    services: Services, me: int, channel: int, missed: Missed, timeout: int, wish: Wish = ALL
) -> t.AnyUpdatesChannelDifference:
    """updates.channelDifference of what is wished for; a message that came and went meanwhile is not told of, one that
    was edited comes once, as it is now. TDLib takes messages that were edited, deleted or pinned here and nothing else
    (an ERROR in its log): so one with other reactions comes as edited, the channel stands among the chats, and topics
    are asked for."""
    if missed.too_long:
        return _too_long(services, me, channel, timeout)
    if not missed.events and not missed.begins:
        wait = timeout if missed.final else None
        return t.UpdatesChannelDifferenceEmpty(final=missed.final, pts=missed.pts, timeout=wait)
    events = picked(missed.events, wish)
    came = [one.event.msg_id for _, one in events if isinstance(one.event, ev.NewMessage)]
    views = [view for view in services.channels.reading.messages(me, channel, came) if view is not None]
    who: dict[int, None] = {me: None, channel: None, **people(views, services)}
    others: list[Any] = []
    told: set[tuple[Any, ...]] = {("edit", one) for one in came}
    for pts, logged in reversed(events):
        event = logged.event
        if isinstance(event, ev.NewMessage | ev.TopicPinned | ev.TopicsOrder | ev.ChannelChanged):
            continue
        if isinstance(event, ev.ReactionsChanged):
            event = ev.EditMessage(event.msg_id)
        key: tuple[Any, ...] = ("edit", event.msg_id) if isinstance(event, ev.EditMessage) else (pts, event)
        if key in told:
            continue
        told.add(key)
        update, named = _update(services, channel, event, pts, logged.pts_count, me)
        if update is not None:
            others.append(update)
            who.update(people(named, services))
    others.reverse()
    return t.UpdatesChannelDifference(
        final=missed.final,
        pts=missed.pts,
        timeout=timeout if missed.final else None,  # TDLib logs an ERROR for a pause before the rest
        new_messages=[message(services, view) for view in views],
        other_updates=others,
        chats=render_chat.chats(services, me, who),
        users=render_user.users(services, me, who),
    )


def _too_long(services: Services, me: int, channel: int, timeout: int) -> t.AnyUpdatesChannelDifference:
    head = services.channels.reading.dialog(me, channel, services.dialogs.head(me, channel))
    view = services.channels.reading.message_or_none(me, channel, head.top_message)
    who: dict[int, None] = {me: None, channel: None, **people([view] if view is not None else [], services)}
    return t.UpdatesChannelDifferenceTooLong(
        final=True,
        timeout=timeout,
        dialog=render_dialogs.dialog(Chat(channel, head, view, services.channels.register.top(channel).pts)),
        messages=[message(services, view)] if view is not None else [],
        chats=render_chat.chats(services, me, who),
        users=render_user.users(services, me, who),
    )
