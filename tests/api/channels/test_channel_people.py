"""Who owns a channel and who asks to come in, ranks, names, common chats, and what becomes of a deleted account."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.files import as_document, fetch, location, put, sent
from tests.places import Place, place, publish, sound, user_of
from tests.srp_client import proof_of, verifier_of
from tests.stickers.makers import id_of, makers
from tests.talk import Person, talk
from tgserve.errors import StoreError
from tgserve.services.channels import life
from tgserve.store import events as ev
from tgserve.store.eventlog import Published
from tgserve.store.keyspaces import ADMIN_LOG, BODIES, IMPORTERS, INVITES, PARTICIPANTS
from tgserve.store.slots import slot_of
from tgserve.tl import types as t
from tgserve.tl.functions import account, channels, contacts, folders, messages, updates, users


def told(person: Person, mark: int, kind: type) -> list[Any]:
    """Events of a kind in somebody's own box since a mark."""
    return [
        one
        for one in person.c.heard[mark:]
        if isinstance(one, Published) and one.user_id == person.id and isinstance(one.event, kind)
    ]


async def password(person: Person) -> None:
    asked = await person(account.GetPassword())
    settings = t.AccountPasswordInputSettings(
        new_algo=asked.new_algo, new_password_hash=verifier_of("sesame", asked.new_algo), hint=""
    )
    request = account.UpdatePasswordSettings(password=t.InputCheckPasswordEmpty(), new_settings=settings)
    await person(request)


def test_6_3_an_owner_hands_a_channel_over() -> None:
    """Only the owner, only to a member, only with his password."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)

            def hand(who: Person, whom: Person, shown: Any = None) -> messages.EditChatCreator:
                return messages.EditChatCreator(
                    peer=here.peer(who),
                    user_id=user_of(who, whom),
                    password=shown or t.InputCheckPasswordEmpty(),
                )

            await refused("CHAT_ADMIN_REQUIRED", bob, hand(bob, bob))
            await refused("USER_NOT_PARTICIPANT", ann, hand(ann, eve))
            await refused("PASSWORD_MISSING", ann, hand(ann, bob))
            await password(ann)
            c.clock.advance(86_400)
            await refused("PASSWORD_HASH_INVALID", ann, hand(ann, bob))
            asked = await ann(account.GetPassword())
            done = await ann(hand(ann, bob, proof_of("sesame", asked)))
            said: Any = next(one for one in done.updates if isinstance(one, t.UpdateNewChannelMessage))
            assert said.message.action == t.MessageActionChangeCreator(new_creator_id=bob.id)
            seats = await bob(
                channels.GetParticipants(
                    channel=here.input(bob), filter=t.ChannelParticipantsAdmins(), offset=0, limit=10, hash=0
                )
            )
            kinds = {one.user_id: type(one) for one in seats.participants}
            assert kinds == {bob.id: t.ChannelParticipantCreator, ann.id: t.ChannelParticipantAdmin}
            deleting = channels.DeleteChannel(channel=here.input(ann))
            await refused("CHAT_ADMIN_REQUIRED", ann, deleting)
            asked = channels.GetAdminLog(channel=here.input(bob), q="", max_id=0, min_id=0, limit=10)
            new, first = (one.action for one in (await bob(asked)).events)
            assert isinstance(first, t.ChannelAdminLogEventActionParticipantInvite)
            assert isinstance(first.participant, t.ChannelParticipant), "as it was then"
            assert isinstance(new.prev_participant, t.ChannelParticipant)
            assert isinstance(new.new_participant, t.ChannelParticipantCreator)
            sound(c)

    run(story())


def test_words_beside_names() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            news = await place(c, ann, bob, megagroup=False)

            def rank(who: Person, whom: Person, word: str, at: Place = here) -> Any:
                return messages.EditChatParticipantRank(
                    peer=at.peer(who), participant=who.peer(whom), rank=word
                )

            async def seen(who: Person, whom: Person) -> Any:
                found = await who(
                    channels.GetParticipant(channel=here.input(who), participant=who.peer(whom))
                )
                return found.participant.rank

            await bob(rank(bob, bob, " cook "))
            assert await seen(eve, bob) == "cook" and await seen(bob, bob) == "cook"
            await refused("CHAT_ADMIN_REQUIRED", bob, rank(bob, eve, "guest"))
            await refused("RANK_INVALID", bob, rank(bob, bob, "x" * 17))
            await refused("RANK_INVALID", bob, rank(bob, bob, "\U0001f600"))
            await refused("MEGAGROUP_REQUIRED", ann, rank(ann, bob, "x", news))
            await ann(rank(ann, eve, "guest"))
            assert await seen(bob, eve) == "guest"
            log = await ann(channels.GetAdminLog(channel=here.input(ann), q="", max_id=0, min_id=0, limit=10))
            assert [one.action.new_rank for one in log.events[:2]] == ["guest", "cook"]

    run(story())


def test_admins_hear_at_once_who_wants_to_come_in() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob)
            await here.promote(ann, bob, invite_users=True)
            made = await ann(messages.ExportChatInvite(peer=here.peer(ann), request_needed=True))
            state = await ann(updates.GetState())
            mark = len(c.heard)
            await refused_after(eve, "INVITE_REQUEST_SENT", messages.ImportChatInvite(hash=made.link))
            assert [len(told(one, mark, ev.ChannelRequests)) for one in (ann, bob, eve)] == [1, 1, 0]
            assert (await here.full(bob)).recent_requesters == [eve.id]
            await here.promote(ann, bob, ban_users=True)
            full = await here.full(bob)
            assert not full.recent_requesters and not full.requests_pending, "who may not let them in"
            await here.promote(ann, bob, invite_users=True)
            mark = len(c.heard)
            approve = messages.HideChatJoinRequest(
                peer=here.peer(bob), user_id=user_of(bob, eve), approved=True
            )
            answer = await bob(approve)
            pending = [one for one in answer.updates if isinstance(one, t.UpdatePendingJoinRequests)]
            assert [one.requests_pending for one in pending] == [0]
            came: Any = next(one for one in answer.updates if isinstance(one, t.UpdateNewChannelMessage))
            assert not came.message.out, "it is hers who came in"
            assert len(told(ann, mark, ev.ChannelRequests)) == 1
            missed = await ann.device(2)(updates.GetDifference(pts=state.pts, date=state.date, qts=0))
            assert missed is not None
            await refused_after(joe, "INVITE_REQUEST_SENT", messages.ImportChatInvite(hash=made.link))
            assert (await here.full(ann)).requests_pending == 1
            sound(c)

    run(story())


async def refused_after(who: Person, name: str, request: Any) -> None:
    """A refusal that says what was done instead."""
    try:
        await who(request)
    except Exception as error:
        assert name in str(error)
        await who.c.settle()
    else:
        raise AssertionError("not refused")


def test_a_public_post_is_quoted_on_other_pages() -> None:
    """Its words as HTML: entities nest, nothing of it is code, and nobody quotes what is private or
    protected."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            news = await place(c, ann, bob, megagroup=False, title="News & <b>more</b>")
            text = "😀 <i>bold and\nlink</i> https://a.example/?x=1&y=2 evil"
            at = {
                word: len(text[: text.index(word)].encode("utf-16-le")) // 2
                for word in ("bold", "link", "evil")
            }
            entities: list[Any] = [
                t.MessageEntityBold(offset=at["bold"], length=13),
                t.MessageEntityItalic(offset=at["link"], length=4),
                t.MessageEntityUnderline(offset=at["link"] + 2, length=4),
                t.MessageEntityTextUrl(offset=at["evil"], length=4, url="javascript:alert(1)"),
            ]
            post = await news.post(ann, text, entities=entities)
            ask = channels.ExportMessageLink(channel=news.input(bob), id=post)
            assert (await bob(ask)).html == ""
            await publish(news, ann, "the_news")
            html = (await bob(ask)).html
            words = (
                "😀 &lt;i&gt;<strong>bold and<br><em>li<u>nk</u></em></strong><u>&lt;/</u>i&gt; "
                '<a href="https://a.example/?x=1&amp;y=2">https://a.example/?x=1&amp;y=2</a> evil'
            )
            place_of_it = f"https://t.me/the_news/{post}"
            assert html.startswith(
                f'<blockquote class="telegram-post" cite="{place_of_it}"><p>{words}</p><footer>'
            )
            assert f'<a href="{place_of_it}">News &amp; &lt;b&gt;more&lt;/b&gt;</a>' in html
            await ann(messages.ToggleNoForwards(peer=news.peer(ann), enabled=True))
            html = (await bob(ask)).html
            assert "bold" not in html and place_of_it in html

    run(story())


def test_usernames_and_links_to_messages() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            post = await here.post(ann, "look")

            async def link(who: Person, **more: Any) -> str:
                asked = channels.ExportMessageLink(channel=here.input(who), id=post, **more)
                return str((await who(asked)).link)

            assert await link(bob) == f"https://t.me/c/{here.number}/{post}"
            missing = channels.ExportMessageLink(channel=here.input(bob), id=999)
            await refused("MESSAGE_ID_INVALID", bob, missing)
            toggle = channels.ToggleUsername(channel=here.input(ann), username="The_Place", active=True)
            order = channels.ReorderUsernames(channel=here.input(ann), order=["the_place"])
            await refused("USERNAME_INVALID", ann, toggle)
            await refused("USERNAME_INVALID", ann, order)
            await publish(here, ann, "the_place")
            assert await link(bob) == f"https://t.me/the_place/{post}"
            await refused("USERNAME_NOT_MODIFIED", ann, toggle)
            assert await ann(order) is True
            for request in (
                channels.ToggleUsername(channel=here.input(bob), username="the_place", active=False),
                channels.ReorderUsernames(channel=here.input(bob), order=[]),
                channels.GetMessageAuthor(channel=here.input(bob), id=post),
            ):
                await refused("CHAT_ADMIN_REQUIRED", bob, request)
            news = await place(c, ann, megagroup=False)
            second = await news.post(ann, "signed by nobody")
            wrote = await ann(channels.GetMessageAuthor(channel=news.input(ann), id=second))
            assert wrote.id == ann.id

            pin = messages.UpdatePinnedMessage(peer=news.peer(ann), id=second)
            await ann(pin)
            pin.unpin = True
            await ann(pin)
            log = await ann(channels.GetAdminLog(channel=news.input(ann), q="", max_id=0, min_id=0, limit=2))
            assert [one.action.message.pinned for one in log.events] == [False, True]

    run(story())


def test_reports_of_members() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, eve)
            post = await here.post(bob, "buy")

            def report(who: Person, *ids: int) -> channels.ReportSpam:
                return channels.ReportSpam(channel=here.input(who), participant=who.peer(bob), id=list(ids))

            assert await ann(report(ann, post)) is True
            await refused("CHAT_ADMIN_REQUIRED", eve, report(eve, post))
            await refused("MESSAGE_IDS_EMPTY", ann, report(ann))
            await refused("MESSAGE_ID_INVALID", ann, report(ann, post, 999))
            wrong = channels.ReportAntiSpamFalsePositive(channel=here.input(ann), msg_id=post)
            await refused("MESSAGE_ID_INVALID", ann, wrong)

    run(story())


def test_common_chats_and_what_is_found_by_title() -> None:
    """6.13: a group that hides its members tells nobody whom one shares it with."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob, title="Old Town")
            await place(c, ann, bob, megagroup=False, title="Old News")
            chat = await group(ann, bob)

            async def common(who: Person, whom: Person) -> list[int]:
                asked = messages.GetCommonChats(user_id=user_of(who, whom), max_id=0, limit=10)
                found = [one.id for one in (await who(asked)).chats]
                full = await who(users.GetFullUser(id=user_of(who, whom)))
                assert full.full_user.common_chats_count == len(found)
                return found

            assert await common(ann, bob) == sorted([here.number, -chat], reverse=True)
            assert await common(eve, bob) == []
            await ann(channels.ToggleParticipantsHidden(channel=here.input(ann), enabled=True))
            assert await common(bob, ann) == [-chat]
            assert await common(ann, bob) == sorted([here.number, -chat], reverse=True)
            found = await bob(contacts.Search(q="old", limit=10))
            assert {one.title for one in found.chats} == {"Old Town", "Old News"}
            assert len(found.my_results) == 2
            assert (await eve(contacts.Search(q="old", limit=10))).chats == []
            silent = await bob(channels.GetInactiveChannels())
            assert {one.title for one in silent.chats} == {"Old Town", "Old News"}
            assert len(silent.dates) == 2
            await refused("TAKEOUT_REQUIRED", bob, channels.GetLeftChannels(offset=0))
            await bob(channels.LeaveChannel(channel=here.input(bob)))
            assert c.services.dialogs.left_channels(bob.id) == [here.id]

    run(story())


def test_a_deleted_account_leaves_its_channels() -> None:
    """What it owned stays with its admins, and is over when nobody is left."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            await here.promote(ann, bob, delete_messages=True)
            alone = await place(c, ann)
            await publish(alone, ann, "all_alone")
            await here.post(ann, "stays")
            await c.services.accounts.delete(ann.id)
            await c.settle()
            assert (await here.full(bob)).participants_count == 1
            assert await here.texts(bob) == ["stays"]
            assert c.services.channels.register.of_user(ann.id) == []
            asked = contacts.ResolveUsername(username="all_alone")
            await refused("USERNAME_NOT_OCCUPIED", eve, asked)
            record = c.services.channels.register.get_or_none(alone.id)
            assert record is not None and record.deleted
            mine = await place(c, eve)
            await publish(mine, eve, "all_alone")
            await eve(channels.DeleteChannel(channel=mine.input(eve)))
            await refused("USERNAME_NOT_OCCUPIED", bob, asked)
            sound(c)

    run(story())


def test_privacy_rules_that_name_supergroups() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            rules: list[Any] = [
                t.InputPrivacyValueAllowChatParticipants(chats=[here.number]),
                t.InputPrivacyValueDisallowAll(),
            ]
            await ann(account.SetPrivacy(key=t.InputPrivacyKeyForwards(), rules=rules))
            allows = c.services.privacy.allows
            assert allows(ann.id, "forwards", bob.id) and not allows(ann.id, "forwards", eve.id)
            await bob(channels.LeaveChannel(channel=here.input(bob)))
            assert not allows(ann.id, "forwards", bob.id)

    run(story())


def test_the_chat_list_holds_channels() -> None:
    """Archive, folders, pins, unread marks and totals, notifications, drafts."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            before = (await bob(updates.GetState())).unread_count
            await here.post(ann, "one")
            await here.post(ann, "two")
            assert (await bob(updates.GetState())).unread_count == before + 2
            named: Any = t.InputDialogPeer(peer=here.peer(bob))
            await bob(messages.ToggleDialogPin(peer=named, pinned=True))
            await bob(messages.MarkDialogUnread(peer=named, unread=True))
            mute = t.InputPeerNotifySettings(mute_until=2**31 - 1)
            await bob(
                account.UpdateNotifySettings(peer=t.InputNotifyPeer(peer=here.peer(bob)), settings=mute)
            )
            line = await here.line(bob)
            assert line.pinned and line.unread_mark and line.notify_settings.mute_until == 2**31 - 1
            pinned = await bob(messages.GetPinnedDialogs(folder_id=0))
            assert [one.peer for one in pinned.dialogs] == [t.PeerChannel(channel_id=here.number)]
            assert len(await bob(messages.GetDialogUnreadMarks())) == 1
            moved: Any = [t.InputFolderPeer(peer=here.peer(bob), folder_id=1)]
            done = await bob(folders.EditPeerFolders(folder_peers=moved))
            assert isinstance(done.updates[0], t.UpdateFolderPeers)
            zeros: dict[str, Any] = {
                "offset_date": 0,
                "offset_id": 0,
                "offset_peer": t.InputPeerEmpty(),
                "hash": 0,
            }
            archived = await bob(messages.GetDialogs(folder_id=1, limit=10, **zeros))
            assert [one.peer for one in archived.dialogs] == [t.PeerChannel(channel_id=here.number)]
            main = await bob(messages.GetDialogs(folder_id=0, limit=10, **zeros))
            assert here.number not in {getattr(one.peer, "channel_id", 0) for one in main.dialogs}
            title = t.TextWithEntities(text="Places", entities=[])
            made = t.DialogFilter(
                id=2,
                title=title,
                pinned_peers=[],
                include_peers=[here.peer(bob)],
                exclude_peers=[],
                broadcasts=True,
            )
            await bob(messages.UpdateDialogFilter(id=2, filter=made))
            kept = (await bob(messages.GetDialogFilters())).filters[-1]
            assert kept.include_peers == [here.peer(bob)] and kept.broadcasts
            await bob(channels.ReadHistory(channel=here.input(bob), max_id=0))
            assert (await bob(updates.GetState())).unread_count == 0
            line = await here.line(bob)
            assert not line.unread_mark and line.unread_count == 0
            await bob(messages.SaveDraft(peer=here.peer(bob), message="hel"))
            drafts = await bob(messages.GetAllDrafts())
            assert [one.draft.message for one in drafts.updates] == ["hel"]

    run(story())


def test_6_5_a_file_of_a_post_is_nothing_to_who_was_removed() -> None:
    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            file = as_document(await put(ann, b"for members"))
            request = messages.SendMedia(peer=here.peer(ann), media=file, message="", random_id=5)
            post = sent(await ann(request))
            found = await bob(
                channels.GetMessages(channel=here.input(bob), id=[t.InputMessageID(id=post.id)])
            )
            media = found.messages[0].media
            assert await fetch(bob, location(media), limit=4096) == b"for members"
            await here.ban(ann, bob, view_messages=True)
            try:
                await fetch(bob, location(media), limit=4096)
            except Exception as error:
                assert "FILE_REFERENCE_INVALID" in str(error)
            else:
                raise AssertionError("a kicked member has read it")

    run(story())


def test_stickers_of_a_supergroup() -> None:
    async def story() -> None:
        async with makers(2) as (c, (ann, bob)):
            here = await place(c, ann, bob)
            news = await place(c, ann, megagroup=False)
            chosen = id_of(await ann.make())

            def choose(who: Person, at: Place = here, what: Any = chosen) -> channels.SetStickers:
                return channels.SetStickers(channel=at.input(who), stickerset=what)

            await refused("MEGAGROUP_REQUIRED", ann, choose(ann, news))
            wrong = t.InputStickerSetID(id=chosen.id, access_hash=1)
            await refused("STICKERSET_INVALID", ann, choose(ann, what=wrong))
            emoji = channels.SetEmojiStickers(channel=here.input(ann), stickerset=chosen)
            await refused("STICKERSET_INVALID", ann, emoji)
            assert await ann(choose(ann)) is True
            assert (await here.full(bob)).stickerset.id == chosen.id
            log = await ann(channels.GetAdminLog(channel=here.input(ann), q="", max_id=0, min_id=0, limit=1))
            assert log.events[0].action.new_stickerset.id == chosen.id
            assert await ann(choose(ann, what=t.InputStickerSetEmpty())) is True
            assert (await here.full(bob)).stickerset is None

    run(story())


def test_a_deletion_that_was_broken_off_is_carried_on(monkeypatch: pytest.MonkeyPatch) -> None:
    """The server was stopped when some of the seats were taken: the others follow, as everybody's own list does."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            here = await place(c, ann, bob, eve, joe)
            monkeypatch.setattr(life, "EVERYBODY", 1)
            transact = c.store.transact
            calls: list[int] = []

            def stopped(slot: int, fn: Any) -> Any:
                calls.append(slot)
                if len(calls) > 1:
                    raise StoreError("stopped")
                return transact(slot, fn)

            with monkeypatch.context() as patch:
                patch.setattr(c.store, "transact", stopped)
                with pytest.raises(StoreError):
                    await c.services.channels.life.delete(ann.id, here.id)
            await c.settle()
            of_user = c.services.channels.register.of_user
            assert [one for one in (ann, bob, eve, joe) if of_user(one.id)]
            c.clock.advance(2)
            await c.services.alarms.turn()
            await c.settle()
            assert not [one for one in (ann, bob, eve, joe) if of_user(one.id)]
            sound(c)

    run(story())


def test_nothing_is_left_of_a_deleted_channel() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            here = await place(c, ann, bob)
            file = as_document(await put(ann, b"for members"))
            request = messages.SendMedia(peer=here.peer(ann), media=file, message="", random_id=5)
            await ann(request)
            for number in range(250):
                await here.post(ann, f"post {number}")
            await here.ban(ann, bob, view_messages=True)
            asking = messages.ExportChatInvite(peer=here.peer(ann), request_needed=True)
            link = (await ann(asking)).link
            await refused_after(eve, "INVITE_REQUEST_SENT", messages.ImportChatInvite(hash=link))
            await ann(channels.DeleteChannel(channel=here.input(ann)))
            for _ in range(3):
                c.clock.advance(2)
                await c.services.alarms.turn()
                await c.settle()
            with c.store.read(slot_of(here.id)) as reader:
                for rows in (BODIES, PARTICIPANTS, INVITES, IMPORTERS, ADMIN_LOG):
                    assert reader.first(rows, here.id) is None, rows.name
            sound(c)

    run(story())
