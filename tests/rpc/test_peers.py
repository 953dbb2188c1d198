from __future__ import annotations

from typing import Any

import pytest

from tests.community import community, run
from tgserve.errors import RpcError
from tgserve.rpc import peers
from tgserve.services.views import Views
from tgserve.tl import types as t

ANN, BOB = "+9996621001", "+9996621002"


def code(fn: Any, *arguments: Any) -> str:
    with pytest.raises(RpcError) as raised:
        fn(*arguments)
    return raised.value.name


def test_6_1_only_the_hash_given_to_this_viewer_opens_a_peer() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            bob, _ = await c.sign_up(BOB)
            call = c.call(ann)
            right = c.services.access.of(ann, b"u", bob)
            assert peers.resolve(call, t.InputPeerUser(user_id=bob, access_hash=right)) == bob
            assert peers.resolve_user(call, t.InputUser(user_id=bob, access_hash=right)) == bob
            spoofed = [0, right + 1, right ^ 1, -right, c.services.access.of(bob, b"u", bob), bob]
            spoofed += [c.services.access.of(ann, b"u", ann), c.services.access.of(ann, b"c", bob)]
            for hash_ in spoofed:
                assert (
                    code(peers.resolve, call, t.InputPeerUser(user_id=bob, access_hash=hash_))
                    == "PEER_ID_INVALID"
                )
                assert (
                    code(peers.resolve_user, call, t.InputUser(user_id=bob, access_hash=hash_))
                    == "USER_ID_INVALID"
                )
                assert peers.resolve_user_or_none(call, t.InputUser(user_id=bob, access_hash=hash_)) is None

    run(story())


def test_6_1_oneself_needs_no_hash() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            call = c.call(ann)
            assert peers.resolve(call, t.InputPeerSelf()) == ann
            assert peers.resolve_user(call, t.InputUserSelf()) == ann
            assert peers.resolve(call, t.InputPeerUser(user_id=ann, access_hash=0)) == ann
            assert peers.resolve_user(call, t.InputUser(user_id=ann, access_hash=0)) == ann

    run(story())


@pytest.mark.parametrize(
    ("peer", "name"),
    [
        (t.InputPeerEmpty(), "PEER_ID_INVALID"),
        (t.InputPeerChat(chat_id=5), "CHAT_ID_INVALID"),
        (t.InputPeerChannel(channel_id=5, access_hash=1), "CHANNEL_INVALID"),
        (t.InputPeerChannelFromMessage(peer=t.InputPeerSelf(), msg_id=1, channel_id=5), "CHANNEL_INVALID"),
        (t.InputPeerUserFromMessage(peer=t.InputPeerSelf(), msg_id=1, user_id=5), "PEER_ID_INVALID"),
    ],
)
def test_6_1_what_is_no_person_here(peer: Any, name: str) -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            assert code(peers.resolve, c.call(ann), peer) == name

    run(story())


def test_6_1_users_of_other_kinds_are_refused() -> None:
    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            call = c.call(ann)
            from_message = t.InputUserFromMessage(peer=t.InputPeerSelf(), msg_id=1, user_id=5)
            for user in (t.InputUserEmpty(), from_message):
                assert code(peers.resolve_user, call, user) == "USER_ID_INVALID"
            assert code(peers.resolve_channel, call, t.InputChannelEmpty()) == "CHANNEL_INVALID"

    run(story())


def test_hashes_are_remembered_and_the_memory_is_bounded(monkeypatch: pytest.MonkeyPatch) -> None:
    async def story() -> None:
        async with community() as c:
            asked: list[int] = []

            class Counting:
                def of(self, viewer: int, kind: bytes, object_id: int) -> int:
                    asked.append(object_id)
                    return object_id + 1

            monkeypatch.setattr("tgserve.services.views.HASHES_KEPT", 3)
            views = Views(Counting())  # type: ignore[arg-type]
            assert [views.user_hash(1, n) for n in (5, 5, 6, 7, 8, 5)] == [6, 6, 7, 8, 9, 6]
            assert asked == [5, 6, 7, 8, 5]
            assert c

    run(story())


def test_a_place_in_a_list_needs_no_hash() -> None:
    """TDLib's next page of the chat list names the last chat with access_hash 0."""

    async def story() -> None:
        async with community() as c:
            ann, _ = await c.sign_up(ANN)
            call = c.call(ann)
            assert peers.position(call, t.InputPeerUser(user_id=777000, access_hash=0)) == 777000
            assert peers.position(call, t.InputPeerSelf()) == ann
            assert peers.position(call, t.InputPeerChat(chat_id=5)) == -5
            assert peers.position(call, t.InputPeerChannel(channel_id=7, access_hash=0)) == -(10**12) - 7
            for nowhere in (
                t.InputPeerEmpty(),
                t.InputPeerUser(user_id=-5, access_hash=0),
                t.InputPeerChat(chat_id=2**62),
                t.InputPeerChannel(channel_id=-1, access_hash=0),
            ):
                assert peers.position(call, nowhere) == 0

    run(story())
