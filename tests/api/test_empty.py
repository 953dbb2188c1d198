"""Every declared answer is a real one, in every layer that has its method (issue 2, item 7)."""

from __future__ import annotations

import pytest

from tests.api.messages.test_sending import refused
from tests.api.requests import smallest
from tests.community import community, run
from tests.places import place
from tests.talk import talk
from tgserve import api
from tgserve.api import blanks, catalogue, empty
from tgserve.errors import RpcError
from tgserve.rpc.registry import METHODS, Status, Who
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.definitions import schema
from tgserve.tl.functions import messages, stories

api.load()
LAYERS = [layer for layer in schema().layers if layer >= layers.FLOOR]


def test_every_empty_answer_encodes_in_every_layer_of_its_method() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")
            answered = 0
            for method in METHODS.values():
                if method.status is not Status.EMPTY:
                    continue
                request = smallest(method.request)
                own = schema()[method.request.ID]
                having = [layer for layer in LAYERS if own.key in schema().names(layer)]
                layers.decode_request(layers.encode(request, having[-1]))
                value = await method.run(c.call(me, key), request)
                for layer in having:
                    assert layers.encode_result(method.request, value, layer), (own.name, layer)
                if isinstance(value, t.TLObject):
                    layers.decode(layers.encode_result(method.request, value, having[-1]))
                answered += 1
            assert answered > 80

    run(story())


def test_every_refused_method_answers_a_400() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")
            for method in METHODS.values():
                if method.status is Status.REFUSED:
                    with pytest.raises(RpcError) as refused:
                        await method.run(c.call(me, key), smallest(method.request))
                    assert refused.value.code in (400, 403, 406), method.request.NAME

    run(story())


def test_the_catalogue_has_the_whole_schema() -> None:
    rows = catalogue.rows()
    assert len(rows) == sum(1 for id in schema().ids(layers.CURRENT) if schema()[id].function) == 859
    assert {row.status for row in rows} <= {"REAL", "EMPTY", "REFUSED", "missing"}
    assert all(row.need in ("core", "expected", "nice", "irrelevant") for row in rows)
    assert not [row.name for row in rows if row.status == "missing" and row.need == "irrelevant"]
    assert all(row.layers[1] == layers.CURRENT for row in rows)


def test_declarations_are_for_methods_that_are_not_served() -> None:
    rows = {row.name: row for row in catalogue.rows()}
    assert set(catalogue.needs()) == set(rows)
    declared = {name for name, need in catalogue.needs().items() if need.answer} | set(empty.MADE)
    served = [name for name in declared if not rows[name].where.startswith("api/empty.py")]
    assert not served, "served now: take them out of methods.csv or api/empty.py"
    assert not [name for name in empty.MADE if catalogue.needs()[name].answer]


def test_only_help_auth_and_langpack_answer_before_login() -> None:
    open_methods = {m.request.NAME for m in METHODS.values() if m.who in (Who.ANYONE, Who.UNBOUND)}
    beyond = {name for name in open_methods if name.partition(".")[0] not in empty.OPEN}
    assert beyond <= {"account.sendVerifyEmailCode", "account.verifyEmail"}, "the address that codes go to"
    unbound = {m.request.NAME for m in METHODS.values() if m.who is Who.UNBOUND}
    assert unbound == {"auth.bindTempAuthKey", "help.getConfig", "help.getNearestDc"}, "SECURITY 1.16"


def test_special_sticker_sets_are_empty_and_found_again() -> None:
    """TDLib holds screens back until it has them; by id and name they are the same sets."""

    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")

            async def ask(asked: object, hash: int = 0) -> object:
                request = messages.GetStickerSet(stickerset=asked, hash=hash)
                return await METHODS[request.ID].run(c.call(me, key), request)

            for role in (t.InputStickerSetPremiumGifts(), t.InputStickerSetDice(emoticon="\U0001f3b2")):
                found = await ask(role)
                assert found.documents == [] and found.set.count == 0 and found.set.id
                by_id = t.InputStickerSetID(id=found.set.id, access_hash=found.set.access_hash)
                assert await ask(by_id) == found
                assert await ask(t.InputStickerSetShortName(short_name=found.set.short_name)) == found
                assert isinstance(await ask(role, found.set.hash), t.MessagesStickerSetNotModified)
            for strange in (t.InputStickerSetID(id=99, access_hash=1), t.InputStickerSetEmpty()):
                with pytest.raises(RpcError, match="STICKERSET_INVALID"):
                    await ask(strange)

    run(story())


def test_a_type_with_several_constructors_must_be_chosen_by_hand() -> None:
    with pytest.raises(LookupError):
        blanks.blank("InputPeer")
    assert blanks.blank("Vector<User>") == []


def test_answers_that_clients_are_picky_about() -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")
            call = c.call(me, key)

            async def answer(request: object) -> object:
                return await METHODS[request.ID].run(call, request)  # type: ignore[attr-defined]

            filters = await answer(messages.GetDialogFilters())
            assert filters.filters == [t.DialogFilterDefault()]
            first = await answer(stories.GetAllStories())
            assert first.state
            again = await answer(stories.GetAllStories(state=first.state))
            assert again.state == first.state
            ids = await answer(stories.GetPeerMaxIDs(id=[t.InputPeerSelf()] * 3))
            assert len(ids) == 3
            assert layers.encode_result(stories.GetPeerMaxIDs, ids, 200)[4:8] == (3).to_bytes(4, "little")

    run(story())


def test_the_stories_of_anybody_are_none() -> None:
    """TDLib asks for those of a channel, too."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            here = await place(c, ann)
            found = await ann(stories.GetPeerStories(peer=here.peer(ann)))
            assert found.stories == t.PeerStories(peer=t.PeerChannel(channel_id=here.number), stories=[])
            assert [one.id for one in found.chats] == [here.number] and found.users == []
            found = await ann(stories.GetPeerStories(peer=ann.peer(bob)))
            assert found.stories.peer == t.PeerUser(user_id=bob.id) and found.chats == []
            await refused("PEER_ID_INVALID", ann, stories.GetPeerStories(peer=t.InputPeerEmpty()))

    run(story())
