from __future__ import annotations

from tests.api.messages.test_chats import group, user
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import talk
from tgserve.api import users as _users
from tgserve.api.account import saving as _saving
from tgserve.api.messages import noticing as _noticing
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages, users

SERVED = (_noticing, _users, _saving)


def test_a_picture_of_the_screen_and_a_suggested_birthday_are_told() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            msg_id = await ann.send(bob)
            reply = t.InputReplyToMessage(reply_to_msg_id=msg_id)
            ask = messages.SendScreenshotNotification(peer=ann.peer(bob), reply_to=reply, random_id=5)
            await ann(ask)
            birthday = t.Birthday(day=1, month=2)
            await ann(users.SuggestBirthday(id=user(ann, bob), birthday=birthday))
            said = [one.action for one in await bob.history(ann) if isinstance(one, t.MessageService)]
            assert said == [
                t.MessageActionSuggestBirthday(birthday=birthday),
                t.MessageActionScreenshotTaken(),
            ]
            wrong = users.SuggestBirthday(id=user(ann, bob), birthday=t.Birthday(day=31, month=2))
            await refused("BIRTHDAY_INVALID", ann, wrong)
            own = users.SuggestBirthday(id=t.InputUserSelf(), birthday=birthday)
            await refused("PEER_ID_INVALID", ann, own)

    run(story())


def test_a_chat_that_is_not_to_be_translated() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            chat = await group(ann, bob)
            for disabled in (True, False):
                for peer in (ann.peer(bob), ann.peer(chat)):
                    assert await ann(messages.TogglePeerTranslations(peer=peer, disabled=disabled))
                full = await ann(users.GetFullUser(id=user(ann, bob)))
                assert full.full_user.translations_disabled is disabled
                full = await ann(messages.GetFullChat(chat_id=-chat))
                assert full.full_chat.translations_disabled is disabled

    run(story())


def test_what_clients_load_and_save_by_themselves_is_kept() -> None:
    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            before = await ann(account.GetAutoDownloadSettings())
            changed = t.AutoDownloadSettings(
                disabled=True,
                photo_size_max=1,
                video_size_max=2,
                file_size_max=3,
                video_upload_maxbitrate=4,
                small_queue_active_operations_max=5,
                large_queue_active_operations_max=6,
            )
            await ann(account.SaveAutoDownloadSettings(settings=changed, low=True))
            after = await ann(account.GetAutoDownloadSettings())
            assert (after.low, after.medium, after.high) == (changed, before.medium, before.high)
            settings = t.AutoSaveSettings(photos=True, video_max_size=7)
            await ann(account.SaveAutoSaveSettings(settings=settings, users=True))
            await ann(account.SaveAutoSaveSettings(settings=settings, peer=ann.peer(bob)))
            found = await ann(account.GetAutoSaveSettings())
            assert found.users_settings == settings != found.chats_settings
            (exception,) = found.exceptions
            assert exception == t.AutoSaveException(peer=t.PeerUser(user_id=bob.id), settings=settings)
            assert [one.id for one in found.users] == [bob.id]
            await refused("SETTINGS_INVALID", ann, account.SaveAutoSaveSettings(settings=settings))
            both = account.SaveAutoSaveSettings(settings=settings, users=True, chats=True)
            await refused("SETTINGS_INVALID", ann, both)
            await ann(account.DeleteAutoSaveExceptions())
            found = await ann(account.GetAutoSaveSettings())
            assert found.exceptions == [] and found.users_settings == settings

    run(story())
