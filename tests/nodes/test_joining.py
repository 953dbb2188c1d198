"""How a node comes in, and every way in which it does not."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.nodes.conftest import MakeNode, join, lined, token_of
from tests.server.people import sign_up
from tests.waiting import until
from tgserve.app import StartError
from tgserve.config import NodeConfig, StoreConfig
from tgserve.errors import RpcError
from tgserve.services.nodes.nodes import JoinRefused
from tgserve.services.nodes.tokens import Token
from tgserve.store.node_records import DRAINING

pytestmark = pytest.mark.asyncio


async def test_a_node_alone_gives_nothing_differently(make_node: MakeNode):
    async with make_node(node=NodeConfig()) as server:
        services = server.app.services
        assert services.nodes.charter is None and not services.nodes.active and not services.nodes.lines
        assert services.ids.base == services.ids.media_mark == 0 and services.access.shared_key is None
        assert not any(hasattr(handler, "func") for handler in server.app.store.handlers.values())
        assert server.app.peering is None
        with pytest.raises(JoinRefused, match="no way in"):
            await token_of(server)
        with pytest.raises(JoinRefused, match="no way in"):
            await services.nodes.join(Token("127.0.0.1:1", b"k" * 32, b"s" * 16, 2, 2**31))


async def test_joining_hands_over_key_and_ranges(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        before = four.pem
        await join(two, four)
        assert four.pem == two.pem != before
        client = await four.client()
        me = await sign_up(client, "+999661001")
        assert me.id >> 35 == 4
        nodes = two.app.services.nodes
        assert nodes.far(me.id) and nodes.home(me.id) == 4 and nodes.home_for("999661002") == 2
        assert not nodes.far(777000) and not four.app.services.nodes.far(777000)


async def test_tokens_are_read_or_refused_by_name(make_node: MakeNode):
    async with make_node() as server:
        token = await token_of(server)
        line = token.line()
        assert Token.read(f" {line}\n") == token
        for text, word in (
            (line[:-3], "damaged or cut"),
            ("hello", "no node token"),
            (line[:20], "damaged or cut"),
        ):
            with pytest.raises(ValueError, match=word):
                Token.read(text)


async def test_each_fault_of_a_join_has_its_sentence(make_node: MakeNode):
    """SECURITY 8.2."""
    async with make_node(2) as two, make_node(4) as four:
        inviting, joining = two.app.services.nodes, four.app.services.nodes
        token = await token_of(two)
        with pytest.raises(JoinRefused, match="token of this very node"):
            await inviting.join(token)
        with pytest.raises(JoinRefused, match="expired"):
            await joining.join(replace_(token, expires=1))
        with pytest.raises(JoinRefused, match="cannot be reached"):
            await joining.join(replace_(token, link="127.0.0.1:1"))
        with pytest.raises(JoinRefused, match=r"closed the connection|not the node"):
            await joining.join(replace_(token, key=bytes(range(32))))
        with pytest.raises(JoinRefused, match="not known here"):
            await joining.join(replace_(token, secret=bytes(16)))
        assert not joining.active and joining.charter is None
        late = await token_of(two, seconds=-5)
        with pytest.raises(JoinRefused, match="has expired"):
            await joining.join(replace_(late, expires=2**31))
        await join(two, four)
        with pytest.raises(JoinRefused, match="belongs to others already"):
            await joining.join(await token_of(two))
        with pytest.raises(JoinRefused, match=r"DC 2 keeps the directory"):
            await joining.invite(60)


async def test_a_number_that_is_taken(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        await join(two, four)
        async with make_node(5) as five:
            five.app.services.nodes.own_dc = 4
            with pytest.raises(JoinRefused, match=r"DC 4 is taken: set dc_id to 1 or 3 or 5"):
                await five.app.services.nodes.join(await token_of(two))
            five.app.services.nodes.own_dc = 2
            with pytest.raises(JoinRefused, match="DC 2 is taken by the node that made the token"):
                await five.app.services.nodes.join(await token_of(two))


async def test_a_token_is_good_for_one_node_and_for_it_again(make_node: MakeNode):
    """SECURITY 8.2: A join that broke off after the keeper had let the node in is repeated; another node gets nothing for it."""
    async with make_node(2) as two, make_node(4) as four, make_node(5) as five:
        token = await token_of(two)
        await four.app.services.nodes.join(token)
        with pytest.raises(JoinRefused, match="used by another node"):
            await five.app.services.nodes.join(token)
        from tgserve.server.peering import dial
        from tgserve.services.nodes import words as w

        assert four.app.peering is not None
        channel = await dial(four.app.ids, four.app.peering._secret, token.link, token.key)
        channel.say(w.Join(token.secret, four.app.services.nodes.own_row()))
        assert isinstance(await channel.hear(), w.Welcome)
        channel.close()


async def test_who_has_accounts_does_not_join(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        await sign_up(await four.client(), "+999661003")
        with pytest.raises(JoinRefused, match="accounts of its own"):
            await four.app.services.nodes.join(await token_of(two))


async def test_a_third_node_is_known_to_the_second(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four, make_node(5) as five:
        await join(two, four)
        await five.app.services.nodes.join(await token_of(two))
        await lined(two, four, five)
        assert {dc: node.dc for dc, node in four.app.services.nodes.rows.items()} == {2: 2, 4: 4, 5: 5}


async def test_a_joined_node_comes_back_after_a_restart_and_under_its_number_only(make_node: MakeNode):
    disk = StoreConfig(map_gib=1, shards=1)
    two, four = make_node(2), make_node(4)
    for server in (two, four):
        server.config = replace(server.config, store=disk)
        server.app.config = server.config
    async with two, four:
        await join(two, four)
        link = four.app.services.nodes.link
        four.config = replace(four.config, node=NodeConfig(link=link))
        await four.restart()
        await lined(two, four)
        await four.app.stop()
        for changes, word in (
            ({"dc_id": 5}, "known to the others as DC 4"),
            ({"node": NodeConfig()}, "link in tgserve.toml must say"),
        ):
            wrong = make_node(4)
            wrong.config = replace(four.config, **changes)
            wrong.app.config = wrong.config
            with pytest.raises(StartError, match=word):
                await wrong.app.start()


def replace_(token: Token, **changes: object) -> Token:
    from msgspec.structs import replace as changed

    return changed(token, **changes)


# -- where accounts live --------------------------------------------------------------------------------------------


async def test_a_number_has_one_account_on_all_nodes(make_node: MakeNode):
    """SECURITY 8.6."""
    async with make_node(2) as two, make_node(4) as four:
        await join(two, four)
        await sign_up(await four.client(), "+999661010")
        with pytest.raises(RpcError, match="PHONE_MIGRATE_4"):
            await sign_up(await two.client(), "+999661010")
        await sign_up(await two.client(), "+999661011")
        with pytest.raises(RpcError, match="PHONE_MIGRATE_2"):
            await sign_up(await four.client(), "+999661011")
        # Names too, whoever asks first.
        names = two.app.services.names, four.app.services.names
        users = [
            server.app.services.auth.user_by_digits_or_none(digits)
            for server, digits in ((two, "999661011"), (four, "999661010"))
        ]
        await names[1].set_username(users[1], "somebody")
        with pytest.raises(RpcError, match="USERNAME_OCCUPIED"):
            await names[0].set_username(users[0], "Somebody")
        await names[0].set_username(users[0], "another_one")
        with pytest.raises(RpcError, match="USERNAME_OCCUPIED"):
            await names[1].set_username(users[1], "another_one")
        await names[1].set_username(users[1], "")
        await until(lambda: names[0].free("somebody"))
        await names[0].set_username(users[0], "somebody")


async def test_without_the_keeper_nobody_signs_up_elsewhere_and_everybody_signs_in(make_node: MakeNode):
    """SECURITY 8.6."""
    async with make_node(2) as two, make_node(4) as four:
        await join(two, four)
        await sign_up(await four.client(), "+999661020")
        await two.stop()
        await until(lambda: not four.app.services.nodes.lines)
        await sign_up(await four.client(), "+999661020")
        with pytest.raises(RpcError, match="FLOOD_WAIT_10"):
            await sign_up(await four.client(), "+999661021")


async def test_a_draining_node_sends_new_people_on(make_node: MakeNode):
    async with make_node(2) as two, make_node(4) as four:
        await sign_up(await two.client(), "+999661030")
        await join(two, four)
        await two.app.services.nodes.set_state(DRAINING)
        with pytest.raises(RpcError, match="PHONE_MIGRATE_4"):
            await sign_up(await two.client(), "+999661031")
        await sign_up(await two.client(), "+999661030")  # who is at home there stays
        await until(lambda: four.app.services.nodes.rows[2].state == DRAINING)


async def test_spread_accounts_have_one_home_whatever_node_is_asked(make_node: MakeNode):
    async with make_node(2, node=NodeConfig(link="127.0.0.1:0", new_accounts="spread")) as two:
        async with make_node(4, node=NodeConfig(link="127.0.0.1:0", new_accounts="spread")) as four:
            await join(two, four)
            homes = [
                (two.app.services.nodes.home_for(f"99966{n}"), four.app.services.nodes.home_for(f"99966{n}"))
                for n in range(200)
            ]
            assert all(a == b for a, b in homes)
            assert 60 < sum(a == 2 for a, _ in homes) < 140
