"""The admin log."""

from __future__ import annotations

from tgserve import limits
from tgserve.render.chat import chats
from tgserve.render.journal import line, wanted
from tgserve.render.user import users
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.services.channels.journal import Line
from tgserve.store import channel_records as c
from tgserve.tl import types as t
from tgserve.tl.functions import channels


@rpc(channels.GetAdminLog)
async def get_admin_log(call: Call, request: channels.GetAdminLog) -> t.AnyChannelsAdminLogResults:
    """Newest first; `q` looks at who did it, whom it was done to, and the texts."""
    channel = peers.resolve_channel(call, request.channel)
    admins = [peers.resolve_user(call, one) for one in request.admins or ()]
    passes, words = wanted(request.events_filter), request.q.casefold().split()

    def fits(entry: c.LogEntry) -> bool:
        return passes(entry) and (not words or _has_words(call, entry, words))

    found: list[Line] = await call.services.channels.journal.lines(
        call.me,
        channel,
        max_id=request.max_id,
        min_id=max(request.min_id, 0),
        limit=min(max(request.limit, 1), limits.MESSAGES_PER_CALL),
        admins=admins,
        wanted=fits,
    )
    events: list[t.AnyChannelAdminLogEvent] = []
    who: dict[int, None] = {channel: None}
    for one in found:
        drawn = line(call.services, call.me, channel, one)
        if drawn is not None:
            events.append(drawn[0])
            who.update(drawn[1])
    return t.ChannelsAdminLogResults(
        events=events, chats=chats(call.services, call.me, who), users=users(call.services, call.me, who)
    )


def _has_words(call: Call, entry: c.LogEntry, words: list[str]) -> bool:
    texts = [entry.text_before, entry.text_after]
    for body in (entry.body_before, entry.body_after):
        if body is not None:
            texts.append(body.text.decode())
    for user in (entry.actor, entry.target):
        record = call.services.users.get_or_none(user) if user > 0 else None
        if record is not None:
            texts.append(f"{record.first_name} {record.last_name} {record.username}")
    text = " ".join(texts).casefold()
    return all(word in text for word in words)
