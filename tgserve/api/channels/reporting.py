"""Reports by admins of supergroups."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.messages.reporting import write_down
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.tl.functions import channels


def _as_admin(call: Call, channel: int) -> None:
    """MEGAGROUP_REQUIRED, CHAT_ADMIN_REQUIRED, CHANNEL_PRIVATE."""
    record, seat = call.services.channels.register.seat(call.me, channel)
    if not record.megagroup:
        raise errors.MEGAGROUP_REQUIRED()
    if not rights.is_admin(record, call.me, seat):
        raise errors.CHAT_ADMIN_REQUIRED()


@rpc(channels.ReportSpam, flood=per_minute(20))
async def report_spam(call: Call, request: channels.ReportSpam) -> bool:
    """Messages of one member, for the operator to look at."""
    channel = peers.resolve_channel(call, request.channel)
    _as_admin(call, channel)
    author = peers.resolve(call, request.participant)
    if not request.id:
        raise errors.MESSAGE_IDS_EMPTY()
    if len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.LIMIT_INVALID()
    for view in call.services.channels.reading.messages(call.me, channel, request.id):
        if view is None or view.body.author != author:
            raise errors.MESSAGE_ID_INVALID()
    ids = ",".join(map(str, request.id))
    write_down(call, "member", channel, "spam", messages=ids, author=author)
    return True


@rpc(channels.ReportAntiSpamFalsePositive, flood=per_minute(20))
async def report_anti_spam_false_positive(call: Call, request: channels.ReportAntiSpamFalsePositive) -> bool:
    """No message is taken away by a filter here, so none was by mistake."""
    channel = peers.resolve_channel(call, request.channel)
    _as_admin(call, channel)
    raise errors.MESSAGE_ID_INVALID()
