from __future__ import annotations

from tests.community import community, run
from tests.services.test_codes import refused
from tgserve.rpc.context import Device
from tgserve.services import keys as module
from tgserve.services.keys import Keys
from tgserve.store.keyspaces import AUTHS, TEMP_BINDINGS
from tgserve.store.slots import slot_of

PHONE = "+9996621001"


def test_1_11_a_key_is_never_overwritten() -> None:
    async def story() -> None:
        async with community() as c:
            keys = c.services.auth.keys
            assert await keys.add_key(7, b"a" * 256)
            assert not await keys.add_key(7, b"b" * 256)
            assert not await keys.add_key(7, b"b" * 256, expires_in=60)
            assert keys.key_or_none(7).raw == b"a" * 256
            assert await keys.add_key(8, b"t" * 256, expires_in=60)
            assert not await keys.add_key(8, b"u" * 256)
            assert not await keys.add_key(8, b"u" * 256, expires_in=60)
            assert keys.key_or_none(8).raw == b"t" * 256

    run(story())


def test_there_is_one_object_for_a_key_however_often_it_is_looked_up() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            keys = c.services.auth.keys
            held = keys.key_or_none(key)
            keys._recent.clear()  # the cache forgets, the gateway still holds it
            assert keys.key_or_none(key) is held
            await c.services.auth.log_out(key)
            assert held.user_id == 0
            assert keys.key_or_none(2**63 + 5) is None
            assert user_id

    run(story())


def test_1_16_temporary_keys_end_and_are_not_on_disk_before_they_are_bound() -> None:
    async def story() -> None:
        async with community() as c:
            keys = c.services.auth.keys
            assert await keys.add_key(9, b"t" * 256, expires_in=60)
            info = keys.key_or_none(9)
            assert info.temporary and not info.bound and info.user_id == 0
            assert Keys(c.store, c.clock).key_or_none(9) is None
            c.clock.advance(60)
            assert keys.key_or_none(9) is None
            assert await keys.add_key(9, b"n" * 256, expires_in=60)

    run(story())


def test_a_bound_temporary_key_is_its_permanent_one_also_after_a_restart() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            keys = c.services.auth.keys
            await keys.add_key(9, b"t" * 256, expires_in=60)
            temporary, permanent = keys.key_or_none(9), keys.key_or_none(key)
            await keys.bind(temporary, permanent)
            await keys.bind(temporary, permanent)
            assert temporary.user_id == user_id and temporary.owner is permanent
            after = Keys(c.store, c.clock).key_or_none(9)
            assert after.raw == b"t" * 256 and after.user_id == user_id and after.expires == temporary.expires
            assert b"t" * 256 not in c.store.read(slot_of(9)).get(TEMP_BINDINGS, 9).key
            c.clock.advance(60)
            assert Keys(c.store, c.clock).key_or_none(9) is None

    run(story())


def test_1_17_a_temporary_key_is_bound_to_one_permanent_key() -> None:
    async def story() -> None:
        async with community() as c:
            _, one = await c.sign_up(PHONE)
            _, two = await c.sign_up("+9996621002")
            keys = c.services.auth.keys
            await keys.add_key(9, b"t" * 256, expires_in=60)
            await keys.bind(keys.key_or_none(9), keys.key_or_none(one))
            await refused(
                keys.bind(keys.key_or_none(9), keys.key_or_none(two)), "TEMP_AUTH_KEY_ALREADY_BOUND"
            )

    run(story())


def test_temporary_keys_are_dropped_but_those_to_keep() -> None:
    async def story() -> None:
        async with community() as c:
            _, key = await c.sign_up(PHONE)
            keys = c.services.auth.keys
            for temporary in (9, 10, 11):
                await keys.add_key(temporary, b"t" * 256, expires_in=600)
                await keys.bind(keys.key_or_none(temporary), keys.key_or_none(key))
            await keys.drop_temporary(key, {10})
            assert keys.key_or_none(9) is None and keys.key_or_none(11) is None
            assert keys.key_or_none(10).bound
            assert c.store.read(slot_of(key)).get(AUTHS, key).temporary == (10,)
            assert await c.services.auth.destroy_key(key)
            assert keys.key_or_none(10) is None and keys.key_or_none(key) is None
            assert not await c.services.auth.destroy_key(key)

    run(story())


def test_old_temporary_keys_go_when_there_are_too_many() -> None:
    async def story() -> None:
        async with community() as c:
            _, key = await c.sign_up(PHONE)
            keys = c.services.auth.keys
            for number in range(module.TEMPORARY_PER_KEY + 2):
                await keys.add_key(100 + number, b"t" * 256, expires_in=600)
                await keys.bind(keys.key_or_none(100 + number), keys.key_or_none(key))
            assert keys.key_or_none(100) is None and keys.key_or_none(101) is None
            assert keys.key_or_none(102).bound

    run(story())


def test_what_a_client_tells_of_itself_is_kept_and_listed() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            keys, sessions = c.services.auth.keys, c.services.auth.sessions
            info = keys.key_or_none(key)
            device = Device(
                api_id=5, device_model="Laptop " + "x" * 500, system_version="6.1", app_version="9"
            )
            commit = keys.touch(info, 201, device, "10.0.0.7")
            assert commit is not None
            await commit
            await c.settle()
            assert info.layer == 201
            line = sessions.of(user_id)[0][1]
            assert line.device_model.startswith("Laptop") and len(line.device_model) == 128
            assert (line.api_id, line.ip, line.first) == (5, "10.0.0.7", True)
            assert keys.touch(info, 201, device, "10.0.0.7") is None
            c.clock.advance(module.TOUCH_SECONDS)
            again = keys.touch(info, 201, device, "10.0.0.7")
            assert again is not None
            await again
            await c.settle()
            assert sessions.of(user_id)[0][1].active == int(c.clock.now())

    run(story())


def test_a_touch_does_not_undo_a_log_out_that_was_faster() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE)
            info = c.services.auth.keys.key_or_none(key)
            out = c.services.auth.log_out(key)
            touch = c.services.auth.keys.touch(info, 201, Device(api_id=5), "10.0.0.7")
            await out
            if touch is not None:
                await touch
            await c.settle()
            assert info.user_id == 0
            assert c.store.read(slot_of(key)).get(AUTHS, key).user_id == 0
            assert c.services.auth.sessions.of(user_id) == []

    run(story())
