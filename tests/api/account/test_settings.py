from __future__ import annotations

from typing import Any

from tests.community import Community, community, run
from tests.services.test_codes import refused
from tgserve.api.account import notify, password, privacy, profile
from tgserve.mtproto import dh
from tgserve.services.privacy import KEYS
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account

ANN, BOB = "+9996621001", "+9996621002"


def read(value: Any) -> Any:
    return layers.decode(layers.encode(value))


async def two(c: Community) -> tuple[int, int, Any]:
    ann, key = await c.sign_up(ANN)
    return ann, (await c.sign_up(BOB, "Bob"))[0], c.call(ann, key)


def test_there_is_no_password_and_clients_can_check_what_they_check() -> None:
    """CLIENTS A.15"""

    async def story() -> None:
        async with community() as c:
            _, _, call = await two(c)
            found = await password.get_password(call, account.GetPassword())
            assert not found.has_password and len(found.secure_random) == 256
            assert isinstance(found.new_secure_algo, t.SecurePasswordKdfAlgoPBKDF2HMACSHA512iter100000)
            assert (found.new_algo.g, found.new_algo.p) == (dh.G, dh.PRIME_BYTES)

    run(story())


def test_every_privacy_key_is_told_and_set() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            inputs = [cls for name, cls in vars(t).items() if name.startswith("InputPrivacyKey")]
            assert len(inputs) == len(KEYS)
            bob_input = t.InputUser(user_id=bob, access_hash=c.services.access.of(ann, b"u", bob))
            for cls in inputs:
                before = await privacy.get_privacy(call, account.GetPrivacy(key=cls()))
                assert before.rules
                rules = [t.InputPrivacyValueAllowUsers(users=[bob_input]), t.InputPrivacyValueDisallowAll()]
                after = await privacy.set_privacy(call, account.SetPrivacy(key=cls(), rules=rules))
                assert after.rules == [t.PrivacyValueAllowUsers(users=[bob]), t.PrivacyValueDisallowAll()]
                assert read(after.users[0]).id == bob

    run(story())


def test_privacy_rules_that_mean_nothing_change_nothing() -> None:
    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            key = t.InputPrivacyKeyPhoneNumber()
            spoofed = t.InputUser(user_id=bob, access_hash=1)
            for rules, name in (
                ([], "PRIVACY_VALUE_INVALID"),
                ([t.InputPrivacyValueAllowAll()] * 21, "PRIVACY_VALUE_INVALID"),
                ([t.InputPrivacyValueAllowUsers(users=[spoofed])], "USER_ID_INVALID"),
            ):
                await refused(privacy.set_privacy(call, account.SetPrivacy(key=key, rules=rules)), name)
            shown = await privacy.get_privacy(call, account.GetPrivacy(key=key))
            assert shown.rules == [t.PrivacyValueAllowContacts(), t.PrivacyValueDisallowAll()]
            assert ann

    run(story())


def test_every_kind_of_rule_can_be_set_and_read() -> None:
    async def story() -> None:
        async with community() as c:
            _, _, call = await two(c)
            plain = [
                t.InputPrivacyValueAllowContacts(),
                t.InputPrivacyValueAllowCloseFriends(),
                t.InputPrivacyValueAllowPremium(),
                t.InputPrivacyValueAllowBots(),
                t.InputPrivacyValueDisallowBots(),
                t.InputPrivacyValueDisallowContacts(),
                t.InputPrivacyValueAllowChatParticipants(chats=[5]),
                t.InputPrivacyValueDisallowChatParticipants(chats=[6]),
                t.InputPrivacyValueAllowAll(),
            ]
            found = await privacy.set_privacy(
                call, account.SetPrivacy(key=t.InputPrivacyKeyChatInvite(), rules=plain)
            )
            assert [type(rule).__name__ for rule in found.rules] == [
                type(rule).__name__.removeprefix("Input") for rule in plain
            ]

    run(story())


def test_a_chats_loudness_is_kept_told_and_reset() -> None:
    """CLIENTS A.23: never fails for a plain peer."""

    async def story() -> None:
        async with community() as c:
            ann, bob, call = await two(c)
            peer = t.InputNotifyPeer(
                peer=t.InputPeerUser(user_id=bob, access_hash=c.services.access.of(ann, b"u", bob))
            )
            ask = account.GetNotifySettings(peer=peer)
            assert await notify.get_notify_settings(call, ask) == t.PeerNotifySettings()
            quiet = t.InputPeerNotifySettings(mute_until=2**31 - 1, silent=True, show_previews=False)
            assert await notify.update_notify_settings(
                call, account.UpdateNotifySettings(peer=peer, settings=quiet)
            )
            found = read(await notify.get_notify_settings(call, ask))
            assert (found.mute_until, found.silent, found.show_previews) == (2**31 - 1, True, False)
            [event] = [e for e in c.heard if isinstance(e, Published)]
            assert event.event == ev.NotifyChanged(peer=bob) and event.origin == call.session
            assert c.services.dialogs.head(ann, bob).hidden
            assert await notify.reset_notify_settings(call, account.ResetNotifySettings())
            assert await notify.get_notify_settings(call, ask) == t.PeerNotifySettings()

    run(story())


def test_kinds_of_chats_have_defaults() -> None:
    async def story() -> None:
        async with community() as c:
            _, _, call = await two(c)
            for kind in (t.InputNotifyUsers(), t.InputNotifyChats(), t.InputNotifyBroadcasts()):
                ask = account.GetNotifySettings(peer=kind)
                assert (await notify.get_notify_settings(call, ask)).show_previews is True
                settings = t.InputPeerNotifySettings(silent=True, sound=t.NotificationSoundNone())
                await notify.update_notify_settings(
                    call, account.UpdateNotifySettings(peer=kind, settings=settings)
                )
                found = read(await notify.get_notify_settings(call, ask))
                assert found.silent and found.other_sound == t.NotificationSoundNone()
            group = t.InputNotifyPeer(peer=t.InputPeerChat(chat_id=5))
            await refused(
                notify.get_notify_settings(call, account.GetNotifySettings(peer=group)), "CHAT_ID_INVALID"
            )

    run(story())


def test_what_clients_keep_here_comes_back() -> None:
    async def story() -> None:
        async with community() as c:
            _, _, call = await two(c)
            assert (await privacy.get_account_ttl(call, account.GetAccountTTL())).days == 365
            await privacy.set_account_ttl(call, account.SetAccountTTL(ttl=t.AccountDaysTTL(days=180)))
            assert (await privacy.get_account_ttl(call, account.GetAccountTTL())).days == 180
            await refused(
                privacy.set_account_ttl(call, account.SetAccountTTL(ttl=t.AccountDaysTTL(days=1))),
                "TTL_DAYS_INVALID",
            )
            await privacy.set_content_settings(call, account.SetContentSettings(sensitive_enabled=True))
            assert (await privacy.get_content_settings(call, account.GetContentSettings())).sensitive_enabled
            wanted = t.GlobalPrivacySettings(archive_and_mute_new_noncontact_peers=True)
            await privacy.set_global_privacy_settings(call, account.SetGlobalPrivacySettings(settings=wanted))
            kept = await privacy.get_global_privacy_settings(call, account.GetGlobalPrivacySettings())
            assert read(kept) == wanted
            await notify.set_contact_sign_up_notification(
                call, account.SetContactSignUpNotification(silent=True)
            )
            assert await notify.get_contact_sign_up_notification(call, account.GetContactSignUpNotification())

    run(story())


def test_the_profile_by_its_methods() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _, call = await two(c)
            me = read(
                await profile.update_profile(call, account.UpdateProfile(first_name="Anna", last_name="Lee"))
            )
            assert me.self_ and (me.first_name, me.last_name) == ("Anna", "Lee")
            assert await profile.check_username(call, account.CheckUsername(username="anna_lee"))
            me = read(await profile.update_username(call, account.UpdateUsername(username="anna_lee")))
            assert me.username == "anna_lee"
            assert not await profile.check_username(call, account.CheckUsername(username="ANNA_lee"))
            await refused(
                profile.check_username(call, account.CheckUsername(username="é")), "USERNAME_INVALID"
            )
            day = t.Birthday(day=30, month=2)
            await refused(
                profile.update_birthday(call, account.UpdateBirthday(birthday=day)), "BIRTHDAY_INVALID"
            )
            assert await profile.update_birthday(
                call, account.UpdateBirthday(birthday=t.Birthday(day=1, month=2))
            )
            assert c.services.users.get(ann).birthday == (1, 2, 0)
            assert await profile.update_birthday(call, account.UpdateBirthday())
            assert await profile.update_status(call, account.UpdateStatus(offline=False))
            assert c.services.presence.status(ann).online

    run(story())
