"""Statistics of channels: true numbers, for admins of channels that are large enough; kept by day and by hour."""

from __future__ import annotations

import json
from struct import pack
from typing import Any

import pytest

from tests.api.channels.test_post_views import counted, forward
from tests.api.messages.test_sending import refused
from tests.community import Community, run
from tests.places import Place, place, publish, sound, user_of
from tests.talk import Person, talk
from tgserve import limits
from tgserve.services.channels import days, statistics
from tgserve.store.keyspaces import DAYS, PASSED_ON
from tgserve.store.slots import slot_of
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import account, channels, messages, stats

DAY = days.DAY


@pytest.fixture(autouse=True)
def small(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "CHANNEL_STATISTICS_MEMBERS", 3)


async def of(here: Place, who: Person) -> Any:
    return await who(stats.GetBroadcastStats(channel=here.input(who)))


async def turn(c: Community) -> None:
    await c.services.channels.watching.turn()
    await c.settle()


async def tomorrow(c: Community, number: int = 1) -> None:
    await turn(c)
    c.clock.advance(number * DAY)


def values(graph: Any) -> dict[str, list[int]]:
    """Name of a line -> its values."""
    assert isinstance(graph, t.StatsGraph), graph
    drawn = json.loads(graph.json.data)
    columns = {column[0]: column[1:] for column in drawn["columns"]}
    assert set(columns) == set(drawn["types"]) and drawn["types"]["x"] == "x"
    assert all(len(column) == len(columns["x"]) for column in columns.values())
    assert set(drawn["colors"]) == set(drawn["names"]) == set(columns) - {"x"}
    return {"x": columns["x"], **{title: columns[name] for name, title in drawn["names"].items()}}


def pair(value: Any) -> tuple[float, float]:
    return value.current, value.previous


def test_the_numbers_are_those_that_were_counted() -> None:
    async def story() -> None:
        async with talk(5) as (c, (ann, bob, eve, joe, kim)):
            c.clock.advance(DAY - int(c.clock.now()) % DAY + 10 * 3600)  # ten o'clock
            news = await place(c, ann, bob, eve, megagroup=False)
            started = int(c.clock.now())
            first = await news.post(ann, "first")
            for who in (bob, eve):
                await counted(who, news.peer(who), first, True)
            await tomorrow(c)
            await ann(channels.InviteToChannel(channel=news.input(ann), users=[user_of(ann, joe)]))
            await turn(c)  # twice a day: they add up
            await ann(channels.InviteToChannel(channel=news.input(ann), users=[user_of(ann, kim)]))
            await eve(channels.LeaveChannel(channel=news.input(eve)))
            await tomorrow(c)
            early = await of(news, ann)
            assert (early.period.min_date, early.period.max_date) == (started, started + 2 * DAY)
            assert pair(early.followers) == (4.0, 0.0)  # it began with nobody
            assert pair(early.views_per_post) == (3.0, 0.0)
            await tomorrow(c, 8)
            c.clock.advance(3600)
            posts = [await news.post(ann, text) for text in ("second", "third")]
            await counted(bob, news.peer(bob), posts[0], True)
            await counted(joe, news.peer(joe), posts[0], True)
            await counted(joe, news.peer(joe), posts[1], True)
            await forward(bob, news.peer(bob), posts[0], bob.peer(eve))
            heart: list[Any] = [t.ReactionEmoji(emoticon="❤")]
            for who in (bob, joe):
                await who(messages.SendReaction(peer=news.peer(who), msg_id=posts[1], reaction=heart))
            mute = t.InputPeerNotifySettings(mute_until=2**31 - 1)
            where = t.InputNotifyPeer(peer=news.peer(bob))
            await bob(account.UpdateNotifySettings(peer=where, settings=mute))
            await joe(account.UpdateNotifySettings(peer=t.InputNotifyBroadcasts(), settings=mute))
            await turn(c)

            found = await of(news, ann)
            now = int(c.clock.now())
            assert (found.period.min_date, found.period.max_date) == (now - 7 * DAY, now)
            assert pair(found.followers) == (4.0, 4.0)
            assert pair(found.views_per_post) == (2.5, 3.0)
            assert pair(found.shares_per_post) == (0.5, 0.0)
            assert pair(found.reactions_per_post) == (1.0, 0.0)
            told = found.enabled_notifications
            assert (told.part, told.total) == (2.0, 4.0)
            recent = [
                (one.msg_id, one.views, one.forwards, one.reactions)
                for one in found.recent_posts_interactions
            ]
            assert recent == [(posts[1], 2, 0, 2), (posts[0], 3, 1, 0), (first, 3, 0, 0)]
            growth = values(found.growth_graph)
            assert growth["Subscribers"] == [3] + [4] * 10
            assert growth["x"] == [(started // DAY + number) * DAY * 1000 for number in range(11)]
            moved = values(found.followers_graph)
            assert moved["Joined"] == [3, 2, *[0] * 9] and moved["Left"] == [0, 1, *[0] * 9]
            seen = values(found.interactions_graph)
            assert seen["Views"] == [2, *[0] * 9, 3] and seen["Shares"] == [*[0] * 10, 1]
            hours = values(found.top_hours_graph)
            assert hours["x"] == list(range(24))
            assert hours["Views"] == [3 if hour == 11 else 0 for hour in range(24)]
            for name in found.__slots__:
                if name.endswith("_graph"):
                    one = getattr(found, name)
                    assert isinstance(one, t.StatsGraph | t.StatsGraphError) and one.ID
            for layer in 133, layers.FLOOR, 170, 200, layers.CURRENT:
                data = layers.encode(found, layer)
                assert all(pack("<iii", *one[:3]) in data for one in recent)
                older: Any = layers.decode(data)
                assert pair(older.views_per_post) == (2.5, 3.0)
            sound(c)

    run(story())


def test_6_3_statistics_are_for_admins_of_channels_that_are_large_enough() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news = await place(c, ann, bob, megagroup=False)
            group = await place(c, ann, bob, eve)
            post = await news.post(ann, "x")

            def asked(who: Person, here: Place, number: int) -> list[Any]:
                return [
                    stats.GetBroadcastStats(channel=here.input(who)),
                    stats.GetMessageStats(channel=here.input(who), msg_id=number),
                    stats.GetMessagePublicForwards(
                        channel=here.input(who), msg_id=number, offset="?", limit=1
                    ),
                ]

            for one in asked(ann, news, post):  # two members
                await refused("CHAT_ADMIN_REQUIRED", ann, one)
            assert not (await news.full(ann)).can_view_stats
            await ann(channels.InviteToChannel(channel=news.input(ann), users=[user_of(ann, eve)]))
            full = await news.full(ann)
            assert full.can_view_stats and full.stats_dc == c.config.dc_id
            elsewhere: Any = layers.decode(layers.encode(full, layers.CURRENT, 4))
            assert elsewhere.stats_dc == 4  # where the session believes to be
            assert (await news.full(bob)).can_view_stats is False
            for one in asked(bob, news, post):
                await refused("CHAT_ADMIN_REQUIRED", bob, one)
            for one in asked(joe, news, post):
                await refused("CHANNEL_PRIVATE", joe, one)
            await news.promote(ann, bob, post_messages=True)
            assert (await of(news, bob)).followers.current == 3.0
            assert (await news.full(bob)).can_view_stats
            await news.promote(ann, bob, other=False)
            await refused("CHAT_ADMIN_REQUIRED", bob, asked(bob, news, post)[0])
            # supergroups have none
            await refused("BROADCAST_REQUIRED", ann, stats.GetBroadcastStats(channel=group.input(ann)))
            await refused("CHAT_ADMIN_REQUIRED", ann, stats.GetMegagroupStats(channel=group.input(ann)))
            await refused("MEGAGROUP_REQUIRED", ann, stats.GetMegagroupStats(channel=news.input(ann)))
            await refused("CHANNEL_PRIVATE", joe, stats.GetMegagroupStats(channel=group.input(joe)))
            assert not (await group.full(ann)).can_view_stats
            for one in asked(ann, group, 1)[1:]:
                await refused("CHAT_ADMIN_REQUIRED", ann, one)
            # nor has what is no post
            for number in 1, 99, 0, -5, 2**31 - 1:
                await refused(
                    "MESSAGE_ID_INVALID",
                    ann,
                    stats.GetMessageStats(channel=news.input(ann), msg_id=number),
                )
            for offset in "x", "1", "1_", "_1", "1_x", "--1_2", "²_1", "1" * 41:
                wrong = stats.GetMessagePublicForwards(
                    channel=news.input(ann), msg_id=post, offset=offset, limit=1
                )
                await refused("OFFSET_INVALID", ann, wrong)
            await refused("GRAPH_INVALID_RELOAD", ann, stats.LoadAsyncGraph(token="x"))
            await refused("CHAT_ADMIN_REQUIRED", ann, stats.GetPollStats(peer=news.peer(ann), msg_id=post))

    run(story())


def test_a_young_channel_has_numbers_and_no_lines_yet() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, bob, eve, megagroup=False)
            found = await of(news, ann)
            assert found.followers.current == 3.0 and found.recent_posts_interactions == []
            assert isinstance(found.growth_graph, t.StatsGraphError)
            assert pair(found.views_per_post) == (0.0, 0.0)
            post = await news.post(ann, "x")
            told = await ann(stats.GetMessageStats(channel=news.input(ann), msg_id=post))
            assert isinstance(told.views_graph, t.StatsGraphError)

    run(story())


def test_a_channel_from_before_its_days_were_counted() -> None:
    """Its figures begin with the first day that was; nothing is said of the time before."""

    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news = await place(c, ann, bob, eve, megagroup=False)
            old = await news.post(ann, "of old")
            await turn(c)
            c.clock.advance(40 * DAY)

            def forget(txn: Any) -> None:
                for key, _ in list(txn.range(DAYS, news.id)):
                    txn.delete(DAYS, *key)

            await c.store.transact(slot_of(news.id), forget)
            alone = await of(news, ann)
            today = int(c.clock.now()) // DAY
            assert alone.period.min_date == today * DAY and pair(alone.followers) == (3.0, 3.0)
            await ann(channels.InviteToChannel(channel=news.input(ann), users=[user_of(ann, joe)]))
            await tomorrow(c)
            found = await of(news, ann)
            assert found.period.min_date == today * DAY and pair(found.followers) == (4.0, 3.0)
            assert values(found.growth_graph)["Subscribers"] == [4, 4]
            assert [one.msg_id for one in found.recent_posts_interactions] == [old]
            sound(c)

    run(story())


def test_views_of_a_post_by_the_hour() -> None:
    async def story() -> None:
        async with talk(5) as (c, (ann, bob, eve, joe, kim)):
            c.clock.advance(3600 - int(c.clock.now()) % 3600)
            news = await place(c, ann, bob, eve, joe, kim, megagroup=False)
            post = await news.post(ann, "x")
            begun = int(c.clock.now()) // 3600

            async def views() -> dict[str, list[int]]:
                told = await ann(stats.GetMessageStats(channel=news.input(ann), msg_id=post))
                assert isinstance(told.reactions_by_emotion_graph, t.StatsGraphError)
                return values(told.views_graph)

            for who in (bob, eve):
                await counted(who, news.peer(who), post, True)
                await turn(c)
            c.clock.advance(3 * 3600)
            await counted(joe, news.peer(joe), post, True)
            await turn(c)
            found = await views()
            assert found["Views"] == [2, 0, 0, 1]
            assert found["x"] == [(begun + number) * 3_600_000 for number in range(4)]
            c.clock.advance(20 * DAY)
            await counted(kim, news.peer(kim), post, True)
            await turn(c)
            found = await views()  # by the day
            assert sum(found["Views"]) == 4 and found["Views"][0] == 3 and len(found["x"]) in (21, 22)
            assert {two - one for one, two in zip(found["x"], found["x"][1:], strict=False)} == {DAY * 1000}
            assert (await news.history(ann, 1))[0].views == 5
            sound(c)

    run(story())


def test_where_a_post_was_forwarded_to_in_public() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, joe)):
            news = await place(c, ann, bob, eve, megagroup=False, title="News")
            room = await place(c, ann, bob, title="Room")
            await publish(room, ann, "the_room_0")
            await ann(channels.SetDiscussionGroup(broadcast=news.input(ann), group=room.input(ann)))
            places: list[Place] = []
            for number in range(3):
                here = await place(c, bob, eve, megagroup=number == 1, title=f"Public {number}")
                await publish(here, bob, f"public_place_{number}")
                places.append(here)
            hidden = await place(c, bob, title="Hidden")
            post = await news.post(ann, "it rains")
            for here in (*places, hidden, places[0]):
                await forward(bob, news.peer(bob), post, here.peer(bob))
            await forward(bob, news.peer(bob), post, bob.peer(eve))
            await forward(bob, news.peer(bob), post, places[1].peer(bob), drop_author=True)
            await turn(c)

            async def page(offset: str = "", limit: int = 100) -> Any:
                return await ann(
                    stats.GetMessagePublicForwards(
                        channel=news.input(ann), msg_id=post, offset=offset, limit=limit
                    )
                )

            whole = await page()
            shown = [(one.message.peer_id.channel_id, one.message.id) for one in whole.forwards]
            assert whole.count == 4 and whole.next_offset is None and len(set(shown)) == 4
            assert {number for number, _ in shown} == {here.number for here in places}
            assert {here.number for here in places} <= {one.id for one in whole.chats}
            assert all(one.message.fwd_from.channel_post == post for one in whole.forwards)
            pages, offset = [], ""
            while True:
                part = await page(offset, 1)
                pages += [(one.message.peer_id.channel_id, one.message.id) for one in part.forwards]
                assert part.count == 4
                offset = part.next_offset or ""
                if not offset:
                    break
            assert pages == shown
            # what has gone, is public no more, or keeps her out
            copy = (await places[0].history(bob, 1))[0].id
            await bob(channels.DeleteMessages(channel=places[0].input(bob), id=[copy]))
            assert (await page()).count == 3
            assert await bob(channels.UpdateUsername(channel=places[1].input(bob), username=""))
            assert (await page()).count == 2
            await bob(channels.InviteToChannel(channel=places[2].input(bob), users=[user_of(bob, ann)]))
            await places[2].ban(bob, ann, view_messages=True)
            assert (await page()).count == 1
            for layer in 133, layers.FLOOR, 200, layers.CURRENT:
                data = layers.encode_result(stats.GetMessagePublicForwards, await page(), layer)
                older: Any = layers.decode_result(stats.GetMessagePublicForwards, data, layer)
                assert older.count == 1 and len(older.chats) == 2
                drawn = older.messages if layer < 167 else [one.message for one in older.forwards]
                assert [one.message for one in drawn] == ["it rains"]
            sound(c)
            await ann(channels.DeleteMessages(channel=news.input(ann), id=[post]))
            await c.settle()
            with c.store.read(slot_of(news.id)) as reader:
                assert reader.count(PASSED_ON, news.id) == 0
            sound(c)

    run(story())


def test_days_are_kept_for_a_year_and_go_with_the_channel() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, bob, megagroup=False)
            await turn(c)
            for _ in range(3):
                post = await news.post(ann, "x")
                await counted(bob, news.peer(bob), post, True)
                await turn(c)
                c.clock.advance(days.DAYS_KEPT * DAY // 2)

            def kept() -> int:
                with c.store.read(slot_of(news.id)) as reader:
                    return reader.count(DAYS, news.id)

            assert kept() == 3
            post = await news.post(ann, "x")
            await counted(bob, news.peer(bob), post, True)
            await turn(c)
            assert kept() == 3
            group = await place(c, ann, bob)
            await turn(c)
            with c.store.read(slot_of(group.id)) as reader:
                assert reader.count(DAYS, group.id) == 0
            await ann(channels.InviteToChannel(channel=news.input(ann), users=[user_of(ann, eve)]))
            await ann(channels.DeleteChannel(channel=news.input(ann)))
            await turn(c)
            await c.services.alarms.turn()
            await turn(c)
            assert kept() == 0
            sound(c)

    run(story())


def test_a_busy_channel_is_looked_at_in_slices_and_to_an_end(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(statistics, "AT_ONCE", 7)
    monkeypatch.setattr(statistics, "POSTS_SHOWN", 5)

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            news = await place(c, ann, bob, eve, megagroup=False)
            for number in range(30):
                await news.post(ann, f"post {number}")
            found = await of(news, ann)
            assert len(found.recent_posts_interactions) == 5
            overview = await c.services.channels.statistics.overview(ann.id, news.id)
            assert overview.now.posts == 30
            monkeypatch.setattr(statistics, "POSTS_LOOKED_AT", 14)
            overview = await c.services.channels.statistics.overview(ann.id, news.id)
            assert 7 <= overview.now.posts <= 14

    run(story())
