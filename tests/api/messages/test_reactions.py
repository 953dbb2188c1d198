from __future__ import annotations

import asyncio
from typing import Any

from tests.api.messages.test_chats import group
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import place
from tests.talk import Person, talk
from tgserve.api import help as _help  # noqa: F401  its methods
from tgserve.render import reactions as render
from tgserve.render import updates as render_updates
from tgserve.services.bus import RecentReactions
from tgserve.services.history import Window
from tgserve.services.reactions.stock import STOCK
from tgserve.store import events as ev
from tgserve.store import keyspaces as k
from tgserve.store.check import check_store
from tgserve.store.eventlog import Published
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import help, messages, updates

LIKE, HEART, FIRE = (t.ReactionEmoji(emoticon=emoji) for emoji in ("👍", "❤", "🔥"))


def react(who: Person, peer: Any, msg_id: int, *what: Any, **more: Any) -> messages.SendReaction:
    return messages.SendReaction(peer=who.peer(peer), msg_id=msg_id, reaction=list(what) or None, **more)


def seen(answer: Any) -> dict[str, int]:
    """What a messageReactions counts."""
    return {one.reaction.emoticon: one.count for one in answer.results}


async def ids(who: Person, peer: Any) -> dict[str, int]:
    """Text -> id of a chat's messages."""
    return {one.message: one.id for one in await who.history(peer) if isinstance(one, t.Message)}


def test_a_reaction_is_seen_by_both_and_waits_for_the_author() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            mine = await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            mark = len(c.heard)
            answer = await bob(react(bob, ann, his, LIKE, big=True))
            update = answer.updates[0]
            assert isinstance(update, t.UpdateMessageReactions)
            assert (update.peer, update.msg_id) == (t.PeerUser(user_id=ann.id), his)
            assert update.reactions.results == [t.ReactionCount(chosen_order=0, reaction=LIKE, count=1)]
            told = [one for one in c.heard[mark:] if isinstance(one, Published)]
            assert [(one.user_id, one.event, one.origin) for one in told] == [
                (ann.id, ev.ReactionsChanged(bob.id, mine), None),
                (bob.id, ev.ReactionsChanged(ann.id, his), bob.session),
            ]
            shown = (await ann.history(bob))[0].reactions
            assert shown.results == [t.ReactionCount(reaction=LIKE, count=1)]
            given = shown.recent_reactions[0]
            assert (given.unread, given.big, given.my, given.peer_id) == (
                True,
                True,
                False,
                t.PeerUser(user_id=bob.id),
            )
            assert (await ann.line(bob)).unread_reactions_count == 1
            assert (await bob.line(ann)).unread_reactions_count == 0
            asked = messages.GetUnreadReactions(
                peer=ann.peer(bob), offset_id=0, add_offset=0, limit=10, max_id=0, min_id=0
            )
            assert [one.id for one in (await ann(asked)).messages] == [mine]
            done = await ann(messages.ReadReactions(peer=ann.peer(bob)))
            assert (done.pts_count, done.offset) == (1, 0)
            assert (await ann.line(bob)).unread_reactions_count == 0
            assert (await ann(asked)).messages == []
            assert not (await ann.history(bob))[0].reactions.recent_reactions[0].unread
            assert (await ann(messages.ReadReactions(peer=ann.peer(bob)))).pts_count == 0
            assert check_store(c.store).problems == []

    run(story())


def test_reading_the_contents_of_my_message_is_seeing_its_reactions() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            mine = await ann.send(bob, "hi")
            await bob(react(bob, ann, (await ids(bob, ann))["hi"], LIKE))
            done = await ann(messages.ReadMessageContents(id=[mine]))
            assert done.pts_count == 1
            assert (await ann.line(bob)).unread_reactions_count == 0

    run(story())


def test_repeating_changes_nothing_and_another_takes_the_place() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            await bob(react(bob, ann, his, LIKE))
            mark = len(c.heard)
            again = await bob(react(bob, ann, his, LIKE))
            assert seen(again.updates[0].reactions) == {"👍": 1} and len(c.heard) == mark
            # a heart as keyboards write it, with a variation selector
            answer = await bob(react(bob, ann, his, t.ReactionEmoji(emoticon="❤\ufe0f")))
            assert seen(answer.updates[0].reactions) == {"❤": 1}
            answer = await bob(react(bob, ann, his))
            assert answer.updates[0].reactions.results == []
            assert (await ann.history(bob))[0].reactions is None
            assert (await ann.line(bob)).unread_reactions_count == 0
            mark = len(c.heard)
            await bob(react(bob, ann, his))
            assert len(c.heard) == mark
            assert check_store(c.store).problems == []

    run(story())


def test_what_may_not_be_given() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            for wrong in (
                t.ReactionEmoji(emoticon="x"),
                t.ReactionEmoji(emoticon="👍👍"),
                t.ReactionCustomEmoji(document_id=77),
                t.ReactionCustomEmoji(document_id=-1),
                t.ReactionPaid(),
            ):
                await refused("REACTION_INVALID", bob, react(bob, ann, his, wrong))
            await refused("REACTIONS_TOO_MANY", bob, react(bob, ann, his, LIKE, HEART))
            for msg_id in (0, -1, 999, 2**31 - 1):
                await refused("MESSAGE_ID_INVALID", bob, react(bob, ann, msg_id, LIKE))
            # somebody else's message, and one's own under another chat
            await refused("MESSAGE_ID_INVALID", eve, react(eve, ann, his, LIKE))
            await refused("MESSAGE_ID_INVALID", bob, react(bob, eve, his, LIKE))
            chat = await group(ann, bob)
            service = (await bob.history(chat))[0].id
            await refused("MESSAGE_ID_INVALID", bob, react(bob, chat, service, LIKE))
            await refused("CHAT_ID_INVALID", eve, react(eve, chat, service, LIKE))
            await refused(
                "REACTION_INVALID",
                ann,
                messages.SendPaidReaction(peer=ann.peer(bob), msg_id=1, count=1, random_id=1),
            )
            await c.services.contacts.block(ann.id, bob.id, True)
            await refused("USER_IS_BLOCKED", bob, react(bob, ann, his, LIKE))

    run(story())


def test_a_group_sees_counts_choices_and_the_latest() -> None:
    async def story() -> None:
        async with talk(5) as (c, people):
            ann, bob, eve, joe, kim = people
            chat = await group(ann, bob, eve, joe, kim)
            await ann.send(chat, "hi")
            for one, what in ((bob, LIKE), (eve, HEART), (joe, LIKE), (kim, LIKE), (ann, FIRE)):
                c.clock.advance(1)
                await one(react(one, chat, (await ids(one, chat))["hi"], what))
            for one, chosen in ((bob, "👍"), (eve, "❤"), (ann, "🔥")):
                shown = next(
                    m for m in await one.history(chat) if getattr(m, "message", "") == "hi"
                ).reactions
                assert seen(shown) == {"👍": 3, "❤": 1, "🔥": 1}
                assert [r.reaction.emoticon for r in shown.results if r.chosen_order is not None] == [chosen]
                latest = [given.peer_id.user_id for given in shown.recent_reactions]
                assert latest == [ann.id, kim.id, joe.id]
            his = (await ids(bob, chat))["hi"]
            found: list[int] = []
            offset = None
            while True:
                page = await bob(
                    messages.GetMessageReactionsList(peer=bob.peer(chat), id=his, offset=offset, limit=2)
                )
                assert page.count == 5
                found += [one.peer_id.user_id for one in page.reactions]
                offset = page.next_offset
                if offset is None:
                    break
            assert found == [ann.id, kim.id, joe.id, eve.id, bob.id]
            of_one = await bob(
                messages.GetMessageReactionsList(peer=bob.peer(chat), id=his, reaction=LIKE, limit=10)
            )
            assert (of_one.count, [one.peer_id.user_id for one in of_one.reactions]) == (
                3,
                [kim.id, joe.id, bob.id],
            )
            assert {one.id for one in of_one.users} == {kim.id, joe.id, bob.id}
            wrong = messages.GetMessageReactionsList(peer=bob.peer(chat), id=his, offset="x", limit=10)
            await refused("OFFSET_INVALID", bob, wrong)
            asked = await bob(messages.GetMessagesReactions(peer=bob.peer(chat), id=[his, 999]))
            assert [one.msg_id for one in asked.updates] == [his]
            # one of the latest takes it back: somebody older is shown
            await kim(react(kim, chat, (await ids(kim, chat))["hi"]))
            shown = asked = await bob(messages.GetMessagesReactions(peer=bob.peer(chat), id=[his]))
            latest = [given.peer_id.user_id for given in shown.updates[0].reactions.recent_reactions]
            assert latest == [ann.id, joe.id, eve.id]
            assert check_store(c.store).problems == []

    run(story())


def test_an_older_count_does_not_come_behind_the_answer_to_ones_own() -> None:
    # What bob gave is on its way into eve's box when she is answered: drawn then as it was, it would stay on her device.
    async def story() -> None:
        async with talk(3) as (c, people):
            ann, bob, eve = people
            chat = await group(ann, bob, eve)
            await ann.send(chat, "hi")
            mark = len(c.heard)
            await bob(react(bob, chat, (await ids(bob, chat))["hi"], LIKE))
            await c.settle()
            late = next(one for one in c.heard[mark:] if isinstance(one, Published) and one.user_id == eve.id)
            await eve(react(eve, chat, (await ids(eve, chat))["hi"], LIKE))
            update: Any = render_updates.draw(c.services, late, eve.id)
            assert seen(update.updates[0].reactions) == {"👍": 2}
            assert update.updates[0].reactions.results[0].chosen_order == 0

    run(story())


def test_an_answer_is_not_older_than_what_was_pushed_before_it() -> None:
    """Both were heard of before either is answered: who came first is not told of his own alone."""

    async def story() -> None:
        async with talk(3) as (c, people):
            ann, bob, eve = people
            chat = await group(ann, bob, eve)
            await ann.send(chat, "hi")
            here = await place(c, ann, bob, eve)
            post = await here.post(ann, "hi")
            in_group = [react(one, chat, (await ids(one, chat))["hi"], LIKE) for one in (bob, eve)]
            in_channel = [
                messages.SendReaction(peer=here.peer(one), msg_id=post, reaction=[LIKE]) for one in (bob, eve)
            ]
            for asked in (in_group, in_channel):
                answers: list[Any] = await asyncio.gather(bob(asked[0]), eve(asked[1]))
                assert [seen(one.updates[0].reactions) for one in answers] == [{"👍": 2}] * 2

    run(story())


def test_an_edit_does_not_take_away_the_reactions_that_crossed_it() -> None:
    async def story() -> None:
        async with talk(3) as (c, people):
            ann, bob, eve = people
            chat = await group(ann, bob, eve)
            await ann.send(chat, "hi")
            mine, his, hers = [(await ids(one, chat))["hi"] for one in people]
            mark = len(c.heard)
            edit = messages.EditMessage(peer=ann.peer(chat), id=mine, message="ho")
            answer, _ = await asyncio.gather(ann(edit), bob(react(bob, chat, his, LIKE)))
            assert seen(answer.updates[0].message.reactions) == {"👍": 1}
            await c.settle()
            edits = [
                one
                for one in c.heard[mark:]
                if isinstance(one, Published) and isinstance(one.event, ev.EditMessage)
            ]
            assert {one.user_id for one in edits} == {ann.id, bob.id, eve.id}
            for one in edits:
                drawn: Any = layers.decode(layers.encode(render_updates.draw(c.services, one, one.user_id)))
                assert drawn.updates[0].message.message == "ho"
                assert seen(drawn.updates[0].message.reactions) == {"👍": 1}

            here = await place(c, ann, bob, eve)
            post = await here.post(ann, "hi")
            edit = messages.EditMessage(peer=here.peer(ann), id=post, message="ho")
            like = messages.SendReaction(peer=here.peer(bob), msg_id=post, reaction=[LIKE])
            answer, _ = await asyncio.gather(ann(edit), bob(like))
            assert seen(answer.updates[0].message.reactions) == {"👍": 1}

    run(story())


def test_admins_say_what_may_be_given() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob)
            await ann.send(chat, "hi")
            his = (await ids(bob, chat))["hi"]

            def allow(who: Person, what: Any, most: int | None = None) -> messages.SetChatAvailableReactions:
                return messages.SetChatAvailableReactions(
                    peer=who.peer(chat), available_reactions=what, reactions_limit=most
                )

            some = t.ChatReactionsSome(reactions=[t.ReactionEmoji(emoticon="❤\ufe0f"), FIRE])
            await refused("CHAT_ADMIN_REQUIRED", bob, allow(bob, some))
            odd = t.ChatReactionsSome(reactions=[t.ReactionEmoji(emoticon="odd")])
            await refused("REACTION_INVALID", ann, allow(ann, odd))
            await ann(allow(ann, some))
            full = (await bob(messages.GetFullChat(chat_id=-chat))).full_chat
            assert full.available_reactions == t.ChatReactionsSome(reactions=[HEART, FIRE])
            await refused("REACTION_INVALID", bob, react(bob, chat, his, LIKE))
            await bob(react(bob, chat, his, HEART))
            await ann(allow(ann, t.ChatReactionsNone()))
            await refused("REACTION_INVALID", bob, react(bob, chat, his, FIRE))
            await bob(react(bob, chat, his))  # taking back is always allowed
            await ann(allow(ann, t.ChatReactionsAll(), 1))
            await bob(react(bob, chat, his, LIKE))
            own = (await ids(ann, chat))["hi"]
            await refused("REACTIONS_TOO_MANY", ann, react(ann, chat, own, FIRE))
            await ann(react(ann, chat, own, LIKE))
            rights = t.ChatBannedRights(send_reactions=True, until_date=0)
            await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=rights))
            await refused("CHAT_WRITE_FORBIDDEN", bob, react(bob, chat, his, FIRE))

    run(story())


def test_tastes() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            told: list[Any] = []
            c.services.bus.subscribe_ephemeral(lambda users, news: told.append((set(users), news)))
            await ann.send(bob, "a")
            await ann.send(bob, "b")
            his = await ids(bob, ann)
            nothing = await bob(messages.GetRecentReactions(limit=10, hash=0))
            assert nothing.reactions == []
            await bob(react(bob, ann, his["a"], FIRE, add_to_recent=True))
            await bob(react(bob, ann, his["b"], HEART, add_to_recent=True))
            await bob(react(bob, ann, his["b"], LIKE))
            recent = await bob(messages.GetRecentReactions(limit=10, hash=0))
            assert recent.reactions == [HEART, FIRE]
            same = await bob(messages.GetRecentReactions(limit=10, hash=recent.hash))
            assert isinstance(same, t.MessagesReactionsNotModified)
            top = (await bob(messages.GetTopReactions(limit=200, hash=0))).reactions
            assert all(one in top[:3] for one in (FIRE, HEART, LIKE)) and len(top) == len(STOCK)
            assert await bob(messages.ClearRecentReactions()) is True
            assert told == [({bob.id}, RecentReactions())]
            assert (await bob(messages.GetRecentReactions(limit=10, hash=0))).reactions == []
            assert (await bob(help.GetConfig())).reactions_default == LIKE
            assert await bob(messages.SetDefaultReaction(reaction=FIRE)) is True
            assert (await bob(help.GetConfig())).reactions_default == FIRE
            await refused(
                "REACTION_INVALID", bob, messages.SetDefaultReaction(reaction=t.ReactionEmoji(emoticon="no"))
            )

    run(story())


def test_saved_messages_have_tags() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            notes = [await ann.send(ann, text) for text in ("a", "b")]
            for note in notes:
                answer = await ann(react(ann, ann, note, HEART))
                assert answer.updates[0].reactions.reactions_as_tags
            await ann.send(bob, "hi")
            await ann(react(ann, bob, 3, FIRE))
            tags = await ann(messages.GetSavedReactionTags(hash=0))
            assert tags.tags == [t.SavedReactionTag(reaction=HEART, count=2)]
            assert await ann(messages.UpdateSavedReactionTag(reaction=HEART, title="good")) is True
            tags = await ann(messages.GetSavedReactionTags(hash=tags.hash))
            assert tags.tags == [t.SavedReactionTag(reaction=HEART, title="good", count=2)]
            same = await ann(messages.GetSavedReactionTags(hash=tags.hash))
            assert isinstance(same, t.MessagesSavedReactionTagsNotModified)
            long = messages.UpdateSavedReactionTag(reaction=HEART, title="x" * 13)
            await refused("TITLE_INVALID", ann, long)
            assert (await ann(messages.GetDefaultTagReactions(hash=0))).reactions
            await ann(messages.DeleteMessages(id=notes))
            assert (await ann(messages.GetSavedReactionTags(hash=0))).tags == []

    run(story())


def test_saved_messages_are_found_by_tag() -> None:
    async def story() -> None:
        async with talk() as (_, (ann, bob)):
            notes = [await ann.send(ann, text) for text in ("one", "two", "three")]
            await bob.send(ann, "from bob")
            his = (await ids(ann, bob))["from bob"]
            passed = messages.ForwardMessages(
                from_peer=ann.peer(bob), id=[his], random_id=[5], to_peer=ann.peer(ann)
            )
            await ann(passed)
            kept = (await ids(ann, ann))["from bob"]
            for note, tag in ((notes[0], HEART), (notes[1], FIRE), (notes[2], HEART), (kept, HEART)):
                await ann(react(ann, ann, note, tag))

            async def found(*tags: Any, **more: Any) -> list[int]:
                zeros = dict.fromkeys(
                    ("min_date", "max_date", "offset_id", "add_offset", "max_id", "min_id", "hash"), 0
                )
                asked = messages.Search(
                    peer=ann.peer(ann),
                    saved_reaction=list(tags),
                    filter=t.InputMessagesFilterEmpty(),
                    **{"q": "", "limit": 10, **zeros, **more},
                )
                return [one.id for one in (await ann(asked)).messages]

            assert await found(HEART) == [kept, notes[2], notes[0]]
            assert await found(FIRE) == [notes[1]]
            assert await found(FIRE, HEART) == [kept, *reversed(notes)]
            assert await found(LIKE) == []
            assert await found(HEART, q="three") == [notes[2]]
            assert await found(HEART, limit=1, offset_id=kept) == [notes[2]]
            assert await found(HEART, saved_peer_id=ann.peer(bob)) == [kept]
            tags = await ann(messages.GetSavedReactionTags(hash=0, peer=ann.peer(bob)))
            assert tags.tags == [t.SavedReactionTag(reaction=HEART, count=1)]
            whole = await ann(messages.GetSavedReactionTags(hash=0))
            assert {one.count for one in whole.tags} == {3, 1}

    run(story())


def test_a_deleted_message_and_a_deleted_account_leave_nothing() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            first = await ann.send(chat, "first")
            await ann.send(chat, "second")
            for one in (bob, eve):
                for text in ("first", "second"):
                    await one(react(one, chat, (await ids(one, chat))[text], LIKE))
            assert (await ann.line(chat)).unread_reactions_count == 2
            await ann(messages.DeleteMessages(id=[first], revoke=True))
            assert (await ann.line(chat)).unread_reactions_count == 1
            await c.services.accounts.delete(eve.id)
            await c.settle()
            await c.services.accounts.wipe(eve.id)
            await c.settle()
            shown = next(m for m in await ann.history(chat) if getattr(m, "message", "") == "second")
            assert seen(shown.reactions) == {"👍": 1}
            assert check_store(c.store).problems == []
            with c.store.read(slot_of(eve.id)) as reader:
                assert reader.count(k.GIVEN, eve.id) == 0
            with c.store.read(slot_of(ann.id)) as reader:
                assert reader.count(k.REACTORS, ann.id) == reader.count(k.REACTED, ann.id) == 1

    run(story())


def test_old_layers_read_reactions() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            answer = await bob(react(bob, ann, his, LIKE))
            page = await ann.history(bob)
            for layer in (152, 158, 181, 200, 214, 229):
                assert layers.encode(answer, layer)
                assert layers.encode(page[0], layer)

    run(story())


def test_a_device_that_was_away_hears_of_reactions_by_the_difference() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            state = c.services.updates.state(ann.id)
            c.clock.advance(5)
            await bob(react(bob, ann, his, LIKE))
            await bob(react(bob, ann, his, FIRE))
            missed = await ann(updates.GetDifference(pts=state.pts, date=state.date, qts=0))
            told = [one for one in missed.other_updates if isinstance(one, t.UpdateMessageReactions)]
            assert [seen(one.reactions) for one in told] == [{"🔥": 1}]

    run(story())


def test_the_joined_bytes_are_the_codecs() -> None:
    async def story() -> None:
        async with talk(5) as (c, people):
            chat = await group(*people)
            await people[0].send(chat, "hi")
            own = await people[0].send(people[0], "note")
            await people[0](react(people[0], people[0], own, HEART))
            for one, what in zip(people, (LIKE, FIRE, LIKE, HEART, FIRE), strict=True):
                await one(react(one, chat, (await ids(one, chat))["hi"], what, big=what is FIRE))
                for viewer in people:
                    for view in c.services.history.page(viewer.id, chat, Window()).views:
                        made = render.reactions(c.services, view)
                        assert render.reactions_bytes(c.services, view) == layers.encode(made)
            view = c.services.history.message_or_none(people[0].id, own)
            assert view is not None
            made = render.reactions(c.services, view)
            assert render.reactions_bytes(c.services, view) == layers.encode(made)

    run(story())


def test_custom_emoji_where_they_are_allowed() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            c.services.reactions.custom_known = lambda document_id: document_id == 77
            custom = t.ReactionCustomEmoji(document_id=77)
            chat = await group(ann, bob)
            await ann.send(chat, "hi")
            his = (await ids(bob, chat))["hi"]
            await refused("REACTION_INVALID", bob, react(bob, chat, his, custom))
            everything = t.ChatReactionsAll(allow_custom=True)
            await ann(messages.SetChatAvailableReactions(peer=ann.peer(chat), available_reactions=everything))
            answer = await bob(react(bob, chat, his, custom))
            assert answer.updates[0].reactions.results[0].reaction == custom
            unknown = t.ReactionCustomEmoji(document_id=78)
            await refused("REACTION_INVALID", bob, react(bob, chat, his, unknown))

    run(story())


def test_a_changing_mind_is_one_line_of_the_log() -> None:
    async def story() -> None:
        async with talk() as (c, (ann, bob)):
            await ann.send(bob, "hi")
            his = (await ids(bob, ann))["hi"]
            before = check_store(c.store).by_keyspace["events"]
            mark = len(c.heard)
            for what in (LIKE, FIRE, HEART) * 5:
                c.clock.advance(1)
                await bob(react(bob, ann, his, what))
            told = [one for one in c.heard[mark:] if isinstance(one, Published)]
            assert len(told) == 30  # live, each of them
            report = check_store(c.store)
            assert report.by_keyspace["events"] == before + 2 and not report.problems

    run(story())
