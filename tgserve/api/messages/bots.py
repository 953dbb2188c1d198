"""messages.startBot: what the Start button of a link to a bot does."""

from __future__ import annotations

from tgserve import errors
from tgserve.api.messages.entities import compose
from tgserve.render import sent as render_sent
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Who, per_minute, rpc
from tgserve.services.messaging import Draft
from tgserve.tl import types as t
from tgserve.tl.functions import messages
from tgserve.tl.layers import CURRENT

PARAM_CHARS = 64


@rpc(messages.StartBot, who=Who.USER, flood=per_minute(60))
async def start_bot(call: Call, request: messages.StartBot) -> t.AnyUpdates:
    """`/start PARAM` in the private chat. Into groups a bot is brought as any member: PEER_ID_INVALID."""
    bot = peers.resolve_user(call, request.bot)
    record = call.services.users.get(bot)
    if not record.bot or record.deleted:
        raise errors.BOT_INVALID()
    if peers.resolve(call, request.peer) != bot:
        raise errors.PEER_ID_INVALID()
    word = request.start_param
    if len(word) > PARAM_CHARS or not all(
        sign.isascii() and (sign.isalnum() or sign in "_-=") for sign in word
    ):
        raise errors.START_PARAM_INVALID()
    text = compose(call, f"/start {word}".strip(), None)
    draft = Draft(text.text, text.entities, layer=CURRENT, min_layer=text.min_layer)
    sent = await call.services.messaging.send(call.me, bot, draft, request.random_id, origin=call.session)
    return render_sent.full(call.services, call.me, [sent], [request.random_id], call.now)
