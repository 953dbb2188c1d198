from __future__ import annotations

from tests.community import community, run

PHONE = "+9996621001"


def test_sign_up_then_a_second_session() -> None:
    async def story() -> None:
        async with community() as c:
            user_id, key = await c.sign_up(PHONE, "Ann", "Lee")
            assert c.services.users.get(user_id).phone == "9996621001"
            info = c.services.auth.key_or_none(key)
            assert info is not None and info.user_id == user_id and info.hash
            again, _ = await c.sign_in(PHONE)
            assert again == user_id
            assert len(c.services.auth.sessions.of(user_id)) == 2

    run(story())
