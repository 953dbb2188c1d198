"""account.registerDevice and its kin: what is taken, how it is kept, and when it goes."""

from __future__ import annotations

import json
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric import ec

from tests.community import run
from tests.push.scene import APPLE, Scene, scene
from tests.talk import Person
from tgserve.adapters.contract import Later
from tgserve.adapters.push.signing import raw_point, unpadded
from tgserve.errors import RpcError
from tgserve.store.keyspaces import PUSH_DEVICES, PUSH_QUEUE, PUSH_TOKENS, USER_SETTINGS
from tgserve.store.slots import SLOTS
from tgserve.tl.functions import account, auth

POINT = unpadded(raw_point(ec.generate_private_key(ec.SECP256R1())))
SECRET16 = unpadded(bytes(16))


def web(endpoint: Any = "https://push.example.org/x", p256dh: Any = POINT, given: Any = SECRET16) -> str:
    return json.dumps({"endpoint": endpoint, "keys": {"p256dh": p256dh, "auth": given}})


GOOD = [
    (1, APPLE),
    (2, "fT9-x:APA91bH_abc"),
    (3, "https://db5.notify.windows.com/throttled/01/AAE"),
    (4, "https://up.example.org/UP?token=1"),
    (4, "http://10.0.0.7:8080/up"),
    (5, "ubuntu-token"),
    (6, "1a2b3c4d"),
    (7, "-8012345678901234567"),
    (7, "18446744073709551615"),
    (8, "https://wns2-db.notify.windows.com/?token=x"),
    (9, APPLE.upper()),
    (10, web()),
    (10, web(p256dh=POINT + "=", given="AAAAAAAAAAAAAAAAAAAAAA==")),
    (11, "https://db5.notify.windows.com/voip"),
    (12, "tizen-token"),
    (13, "huawei-token"),
]
BAD = [
    (0, "x", "TOKEN_TYPE_INVALID"),
    (14, "x", "TOKEN_TYPE_INVALID"),
    (-1, "x", "TOKEN_TYPE_INVALID"),
    (2, "", "TOKEN_EMPTY"),
    (1, "not hex", "TOKEN_INVALID"),
    (1, "ab" * 8, "TOKEN_INVALID"),
    (9, "zz" * 32, "TOKEN_INVALID"),
    (2, "with space", "TOKEN_INVALID"),
    (2, "x" * 5000, "TOKEN_INVALID"),
    (13, "snowman ☃", "TOKEN_INVALID"),
    (4, "ftp://example.org/x", "TOKEN_INVALID"),
    (4, "just words", "TOKEN_INVALID"),
    (4, "https://user:pw@example.org/", "TOKEN_INVALID"),
    (4, "https://", "TOKEN_INVALID"),
    (7, "seven", "TOKEN_INVALID"),
    (7, "99999999999999999999", "TOKEN_INVALID"),
    (10, "no json", "WEBPUSH_TOKEN_INVALID"),
    (10, "[]", "WEBPUSH_TOKEN_INVALID"),
    (10, web(endpoint="gopher://x"), "WEBPUSH_TOKEN_INVALID"),
    (10, web(endpoint=7), "WEBPUSH_TOKEN_INVALID"),
    (10, '{"endpoint": "https://x.org/"}', "WEBPUSH_KEY_INVALID"),
    (10, web(p256dh="AAAA"), "WEBPUSH_KEY_INVALID"),
    (10, web(p256dh=unpadded(b"\x04" + bytes(64))), "WEBPUSH_KEY_INVALID"),
    (10, web(p256dh=None), "WEBPUSH_KEY_INVALID"),
    (10, web(given="AAAA"), "WEBPUSH_AUTH_INVALID"),
    (10, web(given=[1]), "WEBPUSH_AUTH_INVALID"),
]


def rows(s: Scene) -> dict[str, list[Any]]:
    found: dict[str, list[Any]] = {"devices": [], "tokens": [], "queue": []}
    for slot in range(SLOTS):
        with s.c.store.read(slot) as reader:
            found["devices"] += list(reader.range(PUSH_DEVICES))
            found["tokens"] += list(reader.range(PUSH_TOKENS))
            found["queue"] += list(reader.range(PUSH_QUEUE))
    return found


def test_every_documented_type_is_taken_and_one_of_a_type_is_kept_for_a_session() -> None:
    async def story() -> None:
        async with scene(1) as s:
            (bob,) = s.people
            for token_type, token in GOOD:
                await s.register(bob, token, token_type)
            kept = {device.token_type for device in s.push.devices.of(bob.id)}
            assert kept == set(range(1, 14))
            assert len(rows(s)["devices"]) == 13 == len(rows(s)["tokens"])
            await s.register(bob, "a-new-one", 2)
            assert len(rows(s)["devices"]) == 13 == len(rows(s)["tokens"])

    run(story())


def test_what_is_no_token_is_refused_by_name_and_nothing_is_kept() -> None:
    async def story() -> None:
        async with scene(1) as s:
            (bob,) = s.people
            for token_type, token, name in BAD:
                with pytest.raises(RpcError, match=f"^{name}$"):
                    asked = {"app_sandbox": False, "secret": b"", "other_uids": []}
                    await bob(account.RegisterDevice(token_type=token_type, token=token, **asked))
                with pytest.raises(RpcError, match=f"^{name}$"):
                    await bob(account.UnregisterDevice(token_type=token_type, token=token, other_uids=[]))
            with pytest.raises(RpcError, match=r"^DATA_INVALID$"):
                await s.register(bob, secret=b"short")
            assert rows(s) == {"devices": [], "tokens": [], "queue": []}

    run(story())


def test_tokens_and_secrets_are_sealed_at_rest() -> None:
    """SECURITY 5.9: neither the token nor the secret can be read from the store, nor told from another by its number."""

    async def story() -> None:
        async with scene() as s:
            ann, bob = s.people
            secret = bytes(range(256))
            await s.register(bob, "a-very-plain-token", secret=secret)
            s.service.answers = [Later("busy", 999)]
            await ann.send(bob, "between us two")
            seen = 0
            for shard in s.c.store.shards:
                snapshot = shard.engine.snapshot()
                for key, value in snapshot.scan(b"", b"\xff" * 16, False):
                    seen += key[2] == PUSH_QUEUE.tag
                    assert b"a-very-plain-token" not in key + value
                    assert secret[:32] not in value
                    if key[2] == PUSH_QUEUE.tag:
                        assert b"between us" not in value, "what waits names the message, it does not copy it"
                snapshot.close()
            assert seen == 1
            ((_, number), row) = rows(s)["devices"][0]
            opened = s.push.devices.open(bob.id, number, row)
            assert (opened.token, opened.secret) == ("a-very-plain-token", secret)
            with pytest.raises(Exception, match="belongs elsewhere"):
                s.push.devices.open(ann.id, number, row)

    run(story())


def test_one_client_with_two_accounts_and_a_token_that_has_moved() -> None:
    async def story() -> None:
        async with scene(3) as s:
            ann, bob, cid = s.people
            await s.register(ann, "shared", other_uids=[bob.id])
            await s.register(bob, "shared", other_uids=[ann.id])
            assert s.push.devices.of(ann.id) and s.push.devices.of(bob.id)
            await s.register(cid, "shared")
            await s.c.settle()
            assert not s.push.devices.of(ann.id) and not s.push.devices.of(bob.id), "it is another's now"
            await s.register(bob, "shared", other_uids=[cid.id])
            assert await bob(account.UnregisterDevice(token_type=2, token="shared", other_uids=[cid.id]))
            assert s.push.devices.of(cid.id) and not s.push.devices.of(bob.id)
            assert await bob(account.UnregisterDevice(token_type=2, token="shared", other_uids=[]))
            assert s.push.devices.of(cid.id), "who has not registered it takes it from nobody"
            assert await cid(account.UnregisterDevice(token_type=2, token="shared", other_uids=[]))
            assert rows(s) == {"devices": [], "tokens": [], "queue": []}

    run(story())


async def _log_out(s: Scene, bob: Person, phone: Person) -> None:
    await phone(auth.LogOut())


async def _terminate(s: Scene, bob: Person, phone: Person) -> None:
    s.c.clock.advance(2 * 86_400)
    listed = (await bob(account.GetAuthorizations())).authorizations
    await bob(account.ResetAuthorization(hash=next(one.hash for one in listed if one.hash)))


async def _by_operator(s: Scene, bob: Person, phone: Person) -> None:
    await s.c.services.auth.sessions.end_by_operator(bob.id)


async def _ban(s: Scene, bob: Person, phone: Person) -> None:
    await s.c.services.operating.ban(bob.id)


async def _delete(s: Scene, bob: Person, phone: Person) -> None:
    await s.c.services.accounts.delete(bob.id)


@pytest.mark.parametrize("how", [_log_out, _terminate, _by_operator, _ban, _delete])
def test_tokens_go_with_the_session(how: Any) -> None:
    async def story() -> None:
        async with scene() as s:
            ann, bob = s.people
            phone = await s.another(bob)
            await s.register(phone, "phone")
            await phone(account.UpdateDeviceLocked(period=5))
            s.service.answers = [Later("busy", 999)]
            await ann.send(bob, "this waits")
            await s.c.settle()
            await how(s, bob, phone)
            await s.c.settle()
            assert rows(s) == {"devices": [], "tokens": [], "queue": []}
            assert s.push.devices.of(bob.id) == () and len(s.push.queue) == 0
            for slot in range(SLOTS):
                with s.c.store.read(slot) as reader:
                    named = [key[1] for key, _ in reader.range(USER_SETTINGS)]
                    assert not [name for name in named if name.startswith("device_locked")]

    run(story())


def test_a_session_that_was_ended_elsewhere_is_told_to_clear_up() -> None:
    async def story() -> None:
        async with scene(1) as s:
            (bob,) = s.people
            phone = await s.another(bob)
            await s.register(phone, "phone")
            await s.quiet()
            await _terminate(s, bob, phone)
            assert "SESSION_REVOKE" in await s.quiet()
            assert s.service.taken[-1].token == "phone" and not s.service.taken[-1].shows

    run(story())


def test_devices_and_what_waits_survive_a_restart() -> None:
    """As a new process would read them."""

    async def story() -> None:
        async with scene() as s:
            ann, bob = s.people
            await s.register(bob)
            s.service.answers = [Later("busy", 999)]
            await ann.send(bob, "wait for it")
            await s.quiet()
            devices, waiting = s.push.devices.of(bob.id), len(s.push.queue)
            assert devices and waiting == 1
            again = type(s.push.devices)(_NoHandlers(s.c.store), s.c.clock, bytes(range(32)))  # type: ignore[arg-type]
            again.load()
            assert again.of(bob.id) == devices
            queue = type(s.push.queue)(s.c.store)
            queue.load()
            assert len(queue) == 1 and queue.ready(s.c.clock.now())

    run(story())


class _NoHandlers:
    """The store, whose handlers are registered already."""

    def __init__(self, store: Any) -> None:
        self.read, self.vault, self.transact = store.read, store.vault, store.transact

    def on_outbox(self, *_: Any) -> None:
        """There is one."""


def test_what_was_committed_and_not_judged_is_found_again() -> None:
    """The daemon dies after a commit and before anything was written of its push."""

    async def story() -> None:
        async with scene() as s:
            ann, bob = s.people
            await s.register(bob)
            take = s.push.feed._take
            s.push.feed._take = lambda item: None  # type: ignore[method-assign]
            await ann.send(bob, "nobody heard of this")
            s.push.feed._take = take  # type: ignore[method-assign]
            assert await s.quiet() == []
            assert await s.push.feed.recover() >= 1
            await s.quiet()
            assert await s.later(6) == ["MESSAGE_TEXT"], (
                "clients are given a moment to come back by themselves"
            )
            assert s.service.last["loc_args"] == ["P0", "nobody heard of this"]
            await s.push.feed.recover()
            await s.quiet()
            assert await s.later(6) == [], "what was queued is not queued again"
            s.push.feed._take = lambda item: None  # type: ignore[method-assign]
            await ann.send(bob, "judged, let us say")
            s.push.feed._take = take  # type: ignore[method-assign]
            await s.push.feed.close()
            assert await s.push.feed.recover() == 0, "a clean end leaves nothing"

    run(story())


def test_what_is_delivered_behind_a_clean_end_is_found_by_the_next_start() -> None:
    """The daemon stops: a message is acknowledged, and comes into its receiver's box when all seemed to be judged."""

    async def story() -> None:
        async with scene() as s:
            ann, bob = s.people
            await s.register(bob)
            await s.push.feed.close()
            await ann.send(bob, "late")
            await s.c.settle()
            s.push.feed._early.clear()  # a new daemon has nothing in memory
            assert await s.push.feed.recover() >= 1
            await s.quiet()
            assert await s.later(6) == ["MESSAGE_TEXT"]

    run(story())
