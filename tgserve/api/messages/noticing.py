"""Service messages that one person sends another by doing something, and what is set for one chat alone."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.messages import drafting
from tgserve.render import sent as render_sent
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, per_minute, rpc
from tgserve.services.boxes import SERVICE_USER
from tgserve.services.messaging import Draft
from tgserve.services.settings import UNTRANSLATED
from tgserve.services.users import check_day
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import messages, users


async def _say(
    call: Call, peer: int, action: t.AnyMessageAction, random_id: int, **more: object
) -> t.AnyUpdates:
    data, min_layer = layers.encode_part(action)
    draft = Draft(action=data, layer=layers.CURRENT, min_layer=min_layer, **more)  # type: ignore[arg-type]
    sent = await call.services.messaging.send(call.me, peer, draft, random_id, origin=call.session)
    return render_sent.full(call.services, call.me, [sent], [random_id], call.now)


def _person(call: Call, peer: int) -> int:
    """Somebody else than oneself and the server. PEER_ID_INVALID."""
    if peer <= 0 or peer in (call.me, SERVICE_USER):
        raise errors.PEER_ID_INVALID()
    return peer


@rpc(messages.SendScreenshotNotification, flood=per_minute(30))
async def send_screenshot_notification(
    call: Call, request: messages.SendScreenshotNotification
) -> t.AnyUpdates:
    """That a picture was taken of a message which was to vanish."""
    peer = _person(call, drafting.writable_peer(call, request.peer))
    reply = drafting.reply_to(call, peer, request.reply_to)
    return await _say(call, peer, t.MessageActionScreenshotTaken(), request.random_id, reply=reply)


@rpc(users.SuggestBirthday, flood=per_minute(10))
async def suggest_birthday(call: Call, request: users.SuggestBirthday) -> t.AnyUpdates:
    """A day that somebody may take for his own."""
    peer = _person(call, peers.resolve_user(call, request.id))
    given = request.birthday
    if not isinstance(given, t.Birthday):
        raise errors.BIRTHDAY_INVALID()
    check_day(given.day, given.month, given.year or 0)
    action = t.MessageActionSuggestBirthday(birthday=given)
    return await _say(call, peer, action, call.services.ids.i64() or 1)


@rpc(messages.TogglePeerTranslations, flood=per_minute(60))
async def toggle_peer_translations(call: Call, request: messages.TogglePeerTranslations) -> bool:
    """Whether clients offer to translate a chat; the wish is kept, translating is theirs."""
    peer = peers.resolve(call, request.peer)
    value = b"1" if request.disabled else b""
    await call.services.settings.put(call.me, f"{UNTRANSLATED}{peer}", value)
    return True


@rpc(messages.DeletePhoneCallHistory, status=Status.EMPTY)
async def delete_phone_call_history(
    call: Call, request: messages.DeletePhoneCallHistory
) -> t.AnyMessagesAffectedFoundMessages:
    """There are no calls, so there is no history of them."""
    pts = call.services.updates.pts(call.me)
    return t.MessagesAffectedFoundMessages(pts=pts, pts_count=0, offset=0, messages=[])
