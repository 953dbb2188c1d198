"""bot.*: accounts that sign in with a token."""

from __future__ import annotations

from tgserve.admin.commands.finding import everybody, find_active, in_words
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.bots import (
    BotCreate,
    BotDelete,
    BotList,
    BotNewToken,
    BotPage,
    BotRevoke,
    BotRow,
    BotShow,
    BotToken,
)
from tgserve.store import records as r
from tgserve.store.keyspaces import BOTS, DIALOGS, USER_AUTHS
from tgserve.store.slots import slot_of


@command(BotList)
async def bot_list(daemon: Daemon, params: BotList) -> BotPage:
    found = [user async for user in everybody(daemon) if user.bot and not user.deleted]
    found.sort(key=lambda user: (user.created, user.id), reverse=True)
    return BotPage([_row(daemon, user) for user in found])


@command(BotShow)
async def bot_show(daemon: Daemon, params: BotShow) -> BotRow:
    return _row(daemon, _find(daemon, params.who))


@command(BotCreate)
async def bot_create(daemon: Daemon, params: BotCreate) -> BotToken:
    username = params.username.removeprefix("@")
    if not username.lower().endswith("bot"):
        raise Refusal(f"the username of a bot ends in `bot`: {username}bot, for one")
    with in_words():
        bot, token = await daemon.services.bots.create(params.name, username, params.about)
    return BotToken(_row(daemon, daemon.services.users.get(bot)), token)


@command(BotNewToken)
async def bot_token(daemon: Daemon, params: BotNewToken) -> BotToken:
    bot = _find(daemon, params.who)
    token = await daemon.services.bots.new_token(bot.id)
    return BotToken(_row(daemon, bot), token)


@command(BotRevoke)
async def bot_revoke(daemon: Daemon, params: BotRevoke) -> BotRow:
    bot = _find(daemon, params.who)
    await daemon.services.bots.revoke(bot.id)
    return _row(daemon, bot)


@command(BotDelete)
async def bot_delete(daemon: Daemon, params: BotDelete) -> BotRow:
    bot = _find(daemon, params.who)
    row = _row(daemon, bot)
    await daemon.services.accounts.delete(bot.id)
    return row


def _find(daemon: Daemon, who: str) -> r.User:
    user = find_active(daemon, who)
    if not user.bot:
        raise Refusal(f"{who} is no bot")
    return user


def _row(daemon: Daemon, user: r.User) -> BotRow:
    with daemon.store.read(slot_of(user.id)) as reader:
        row = reader.get(BOTS, user.id)
        sessions = sum(1 for _ in reader.range(USER_AUTHS, user.id))
        chats = sum(1 for _, dialog in reader.range(DIALOGS, user.id) if not dialog.hidden)
    state = "banned" if user.banned else "active" if row is not None and row.secret else "revoked"
    return BotRow(
        id=user.id,
        name=f"{user.first_name} {user.last_name}".strip(),
        username=user.username,
        about=user.about,
        created=user.created,
        state=state,
        sessions=sessions,
        chats=chats,
    )
