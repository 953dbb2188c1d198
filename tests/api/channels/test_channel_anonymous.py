"""An admin who acts under the group's name is no member that others are told of: not in lists, not beside reactions, not
among readers. Admins know him."""

from __future__ import annotations

from typing import Any

from tests.api.channels.test_channel_removed import posted
from tests.api.messages.test_polls import media, poll
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.places import Place, place, sound
from tests.talk import Person, talk
from tgserve import api
from tgserve.render.channel_updates import draw
from tgserve.render.updates import draw_ephemeral
from tgserve.services.channels.members import Newest
from tgserve.store.eventlog import Published
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages

api.load()
FILTERS: tuple[Any, ...] = (
    t.ChannelParticipantsRecent(),
    t.ChannelParticipantsAdmins(),
    t.ChannelParticipantsSearch(q="P"),
    t.ChannelParticipantsContacts(q=""),
    t.ChannelParticipantsMentions(),
)
THUMB: list[Any] = [t.ReactionEmoji(emoticon="👍")]


async def listed(here: Place, who: Person, what: Any, offset: int = 0, limit: int = 100) -> Any:
    return await who(
        channels.GetParticipants(channel=here.input(who), filter=what, offset=offset, limit=limit, hash=0)
    )


def names(answer: Any, user: int) -> bool:
    """Is somebody's id in the answer's bytes?"""
    return user.to_bytes(8, "little") in layers.encode(answer)


def test_anonymous_admins_are_in_no_list_of_a_plain_member() -> None:
    async def story() -> None:
        async with talk(5) as (c, (ann, bob, eve, dan, zoe)):
            here = await place(c, ann, bob, eve)
            every: dict[str, bool] = dict.fromkeys(
                ("anonymous", "invite_users", "add_admins", "pin_messages", "ban_users"), True
            )
            await here.promote(ann, bob, **every)
            users: list[Any] = [
                t.InputUser(user_id=one.id, access_hash=bob.peer(one).access_hash) for one in (dan, zoe)
            ]
            await bob(channels.InviteToChannel(channel=here.input(bob), users=users))
            await here.promote(bob, dan, pin_messages=True)
            for what in FILTERS:
                for who in (eve, zoe):
                    found = await listed(here, who, what)
                    assert not names(found, bob.id), what
                    assert ann.id in [one.id for one in found.users] or isinstance(
                        what, t.ChannelParticipantsContacts
                    )
            for who in (ann, dan, bob):
                assert names(await listed(here, who, t.ChannelParticipantsRecent()), bob.id)
            assert (await listed(here, eve, t.ChannelParticipantsRecent())).count == 4
            pages = [await listed(here, eve, FILTERS[0], at, 1) for at in range(5)]
            found = [one.participants[0].user_id for one in pages if one.participants]
            assert len(found) == 4 and set(found) == {ann.id, eve.id, dan.id, zoe.id}
            asked = channels.GetParticipant(channel=here.input(eve), participant=eve.peer(bob))
            await refused("USER_NOT_PARTICIPANT", eve, asked)
            for who in (dan, bob):
                asked = channels.GetParticipant(channel=here.input(who), participant=who.peer(bob))
                assert names(await who(asked), bob.id)
            asked = channels.GetParticipant(channel=here.input(zoe), participant=t.InputPeerSelf())
            assert not names(await zoe(asked), bob.id)
            few = t.ChatBannedRights(send_polls=True, until_date=0)
            await bob(
                channels.EditBanned(channel=here.input(bob), participant=bob.peer(eve), banned_rights=few)
            )
            asked = channels.GetParticipant(channel=here.input(eve), participant=t.InputPeerSelf())
            told = await eve(asked)
            assert isinstance(told.participant, t.ChannelParticipantBanned) and not names(told, bob.id)
            assert not names(await listed(here, zoe, t.ChannelParticipantsRecent()), bob.id)
            asked = channels.GetParticipant(channel=here.input(ann), participant=ann.peer(eve))
            assert (await ann(asked)).participant.kicked_by == bob.id
            user = t.InputUser(user_id=bob.id, access_hash=eve.peer(bob).access_hash)
            common = messages.GetCommonChats(user_id=user, max_id=0, limit=10)
            assert (await eve(common)).chats == []
            await here.promote(ann, bob, pin_messages=True)
            assert names(await listed(here, eve, t.ChannelParticipantsAdmins()), bob.id)
            assert len((await eve(common)).chats) == 1
            sound(c)

    run(story())


def test_anonymous_admins_react_and_read_as_the_group() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            here = await place(c, ann, bob, eve, dan)
            await here.promote(ann, bob, anonymous=True, pin_messages=True)
            post = await here.post(eve, "eve's")
            mark = len(c.heard)
            react = messages.SendReaction(peer=here.peer(bob), msg_id=post, reaction=THUMB)
            answer = await bob(react)
            for one in c.heard[mark:]:
                if isinstance(one, Published) and one.user_id == here.id:
                    for viewer in (0, eve.id):
                        told = draw(c.services, one, viewer)
                        assert told is not None and not names(told, bob.id)
            (given,) = next(
                one for one in answer.updates if isinstance(one, t.UpdateMessageReactions)
            ).reactions.recent_reactions
            assert given.my and given.peer_id == t.PeerChannel(channel_id=here.number)
            for who in (eve, dan):
                (newest, *_) = await here.history(who, limit=1)
                (given,) = newest.reactions.recent_reactions
                assert not given.my and given.peer_id == t.PeerChannel(channel_id=here.number)
                asked = messages.GetMessageReactionsList(peer=here.peer(who), id=post, limit=10)
                found = await who(asked)
                assert found.count == 1 and not names(found, bob.id)
                assert found.reactions[0].peer_id == given.peer_id
            for who in (bob, dan):
                await who(channels.ReadHistory(channel=here.input(who), max_id=0))
            readers = messages.GetMessageReadParticipants(peer=here.peer(eve), msg_id=post)
            assert [one.user_id for one in await eve(readers)] == [dan.id]
            own = await here.post(ann, "ann's")
            for who in (bob, dan):
                await who(channels.ReadHistory(channel=here.input(who), max_id=0))
            of_ann = messages.GetMessageReadParticipants(peer=here.peer(ann), msg_id=own)
            assert {one.user_id for one in await ann(of_ann)} == {bob.id, dan.id}
            await ann(channels.ToggleParticipantsHidden(channel=here.input(ann), enabled=True))
            await refused("CHAT_ADMIN_REQUIRED", eve, readers)
            assert len(await ann(of_ann)) == 2
            sound(c)

    run(story())


def test_anonymous_admins_vote_as_the_group() -> None:
    """In a public poll: beside it, in the list of its voters, live, and where it was passed on."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            here = await place(c, ann, bob, eve)
            await here.promote(ann, bob, anonymous=True, pin_messages=True)
            post = await posted(here, eve, media(poll("yes", "no", public_voters=True)))
            mark = len(c.heard)
            told: list[Any] = []

            def hear(users: Any, news: Any) -> None:
                told.extend(draw_ephemeral(c.services, news, user) for user in users)

            c.services.bus.subscribe_ephemeral(hear)
            for who in (eve, dan):
                c.services.channels.audience.arrived(who.id)
            for who in (eve, bob):
                vote = messages.SendVote(peer=here.peer(who), msg_id=post, options=[b"0"])
                answer = await who(vote)
            assert not names(answer.updates[0].results, bob.id)
            assert told and not any(names(one, bob.id) for one in told if one is not None)
            assert not any(
                names(draw(c.services, one, eve.id), bob.id)
                for one in c.heard[mark:]
                if isinstance(one, Published) and one.user_id == here.id
            )
            (newest, *_) = await here.history(eve, limit=1)
            assert newest.media.results.total_voters == 2 and not names(newest, bob.id)
            assert newest.media.results.recent_voters == [t.PeerUser(user_id=eve.id)]
            votes = messages.GetPollVotes(peer=here.peer(eve), id=post, limit=10)
            found = await eve(votes)
            assert found.count == 2 and not names(found, bob.id)
            assert [one.peer for one in found.votes] == [
                t.PeerChannel(channel_id=here.number),
                t.PeerUser(user_id=eve.id),
            ]
            passing = messages.ForwardMessages(
                from_peer=here.peer(eve), to_peer=eve.peer(dan), id=[post], random_id=[77]
            )
            await eve(passing)
            (copy, *_) = await dan.history(eve)
            assert copy.media.results.total_voters == 2 and not names(copy, bob.id)
            await dan(messages.SendVote(peer=dan.peer(eve), msg_id=copy.id, options=[b"1"]))
            found = await dan(messages.GetPollVotes(peer=dan.peer(eve), id=copy.id, limit=10))
            assert [one.peer.user_id for one in found.votes] == [dan.id, eve.id]
            await here.promote(ann, bob, pin_messages=True)
            (newest, *_) = await here.history(eve, limit=1)
            assert names(newest, bob.id)
            sound(c)

    run(story())


def test_a_list_without_some_is_the_list_in_pages() -> None:
    whole = Newest(range(20))
    for out in ((), (19,), (0,), (19, 18, 0), (5, 6, 7, 12), (99,), tuple(range(20))):
        left = whole.without(out)
        wanted = [one for one in range(19, -1, -1) if one not in out]
        assert list(left) == wanted and len(left) == len(wanted)
        for size in (1, 3, 7, 30):
            pages = [left[at : at + size] for at in range(0, 21, size)]
            assert [one for page in pages for one in page] == wanted
        assert [left[at] for at in range(len(wanted))] == wanted


def test_who_is_left_out_stays_so_while_others_come_and_go() -> None:
    whole = Newest(range(5))
    assert list(whole.without((2, 7))) == [4, 3, 1, 0]
    whole.add(6)
    whole.add(7)
    assert list(whole.without((2, 7))) == [6, 4, 3, 1, 0]
    whole.drop(3)
    whole.drop(2)
    assert list(whole.without((2, 7))) == [6, 4, 1, 0]
    whole.add(2)
    assert list(whole.without((2, 7))) == [6, 4, 1, 0] and len(whole.without((2, 7))) == 4
