"""account.*: one's own profile, username, presence, and leaving."""

from __future__ import annotations

from tgserve import errors, limits
from tgserve.api.colors import COLORS
from tgserve.render import messages as render_messages
from tgserve.render import user as people
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.services.channels import rights
from tgserve.services.history import Window
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages


@rpc(account.UpdateProfile, flood=per_minute(20))
async def update_profile(call: Call, request: account.UpdateProfile) -> t.AnyUser:
    await call.services.users.update_profile(call.me, request.first_name, request.last_name, request.about)
    return people.user(call.services, call.me, call.me)  # type: ignore[no-any-return]


@rpc(account.CheckUsername, flood=per_minute(120))
async def check_username(call: Call, request: account.CheckUsername) -> bool:
    """True: the name is free. A taken one is `false`, not an error."""
    free = call.services.names.free(request.username)
    return free and not await call.services.homes.name_taken(request.username)


@rpc(account.UpdateUsername, flood=per_minute(10))
async def update_username(call: Call, request: account.UpdateUsername) -> t.AnyUser:
    await call.services.names.set_username(call.me, request.username)
    return people.user(call.services, call.me, call.me)  # type: ignore[no-any-return]


@rpc(account.UpdateBirthday, flood=per_minute(10))
async def update_birthday(call: Call, request: account.UpdateBirthday) -> bool:
    day = request.birthday
    if day is None:
        await call.services.users.set_birthday(call.me, 0, 0, 0)
    elif isinstance(day, t.Birthday):
        await call.services.users.set_birthday(call.me, day.day, day.month, day.year or 0)
    else:
        raise errors.BIRTHDAY_INVALID()
    return True


@rpc(account.UpdateColor, flood=per_minute(20))
async def update_color(call: Call, request: account.UpdateColor) -> bool:
    """Of the name and replies, or of the profile. Collectible colours are bought, which nothing here is."""
    color, emoji = -1, 0
    if isinstance(request.color, t.PeerColor):
        color = -1 if request.color.color is None else request.color.color
        emoji = request.color.background_emoji_id or 0
    elif request.color is not None:
        raise errors.COLLECTIBLE_INVALID()
    if not -1 <= color < COLORS:
        raise errors.COLOR_INVALID()
    await call.services.users.set_color(call.me, color, emoji, profile=request.for_profile)
    return True


@rpc(account.UpdatePersonalChannel, flood=per_minute(20))
async def update_personal_channel(call: Call, request: account.UpdatePersonalChannel) -> bool:
    """A public channel of one's own, shown in the profile. CHANNEL_INVALID for others."""
    channel = 0
    if not isinstance(request.channel, t.InputChannelEmpty):
        channel = peers.resolve_channel(call, request.channel)
        record, _ = call.services.channels.register.view(call.me, channel)
        if record.megagroup or record.creator != call.me or not rights.is_public(record):
            raise errors.CHANNEL_INVALID()
    await call.services.users.set_personal_channel(call.me, channel)
    return True


@rpc(messages.GetPersonalChannelHistory, flood=per_minute(120))
async def get_personal_channel_history(
    call: Call, request: messages.GetPersonalChannelHistory
) -> t.AnyMessagesMessages:
    """Posts of the channel that a profile names; none when it names none."""
    user = peers.resolve_user(call, request.user_id)
    record = call.services.users.get_or_none(user)
    channel = people.personal_channel(call.services, call.me, user) if record is not None else 0
    if not channel:
        return render_messages.empty()
    limit = min(max(request.limit, 0), limits.MESSAGES_PER_CALL)
    window = Window(0, 0, 0, limit, max(request.max_id, 0), max(request.min_id, 0))
    page = call.services.channels.reading.page(call.me, channel, window)
    return render_messages.page_of_channel(call.services, call.me, channel, page)


@rpc(account.UpdateEmojiStatus, flood=per_minute(20))
async def update_emoji_status(call: Call, request: account.UpdateEmojiStatus) -> bool:
    """Only taking one away can be done: to have one is a thing of Premium."""
    if not isinstance(request.emoji_status, t.EmojiStatusEmpty):
        raise errors.PREMIUM_ACCOUNT_REQUIRED()
    return True


@rpc(account.ReorderUsernames, flood=per_minute(20))
async def reorder_usernames(call: Call, request: account.ReorderUsernames) -> bool:
    """Everybody has one username at most: there is one order."""
    name = call.services.users.get(call.me).username.lower()
    if [one.lower() for one in request.order] != ([name] if name else []):
        raise errors.USERNAME_INVALID()
    return True


@rpc(account.ToggleUsername, flood=per_minute(20))
async def toggle_username(call: Call, request: account.ToggleUsername) -> bool:
    """The one username is active; it is given up by account.updateUsername."""
    if request.username.lower() != call.services.users.get(call.me).username.lower():
        raise errors.USERNAME_INVALID()
    raise errors.USERNAME_NOT_MODIFIED()


@rpc(account.UpdateStatus)
async def update_status(call: Call, request: account.UpdateStatus) -> bool:
    call.services.presence.update_status(call.me, request.offline, call.session)
    return True
