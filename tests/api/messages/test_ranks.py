from __future__ import annotations

from tests.api.messages.test_chats import group, sound, user
from tests.api.messages.test_sending import refused
from tests.community import run
from tests.srp_client import proof_of, verifier_of
from tests.talk import Person, talk
from tgserve.api.account import password as _password
from tgserve.api.messages import ranks
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages

SERVED = (ranks, _password)


def rank(person: Person, chat: int, other: Person, word: str) -> messages.EditChatParticipantRank:
    return messages.EditChatParticipantRank(peer=person.peer(chat), participant=person.peer(other), rank=word)


async def ranks_of(person: Person, chat: int) -> dict[int, str | None]:
    full = (await person(messages.GetFullChat(chat_id=-chat))).full_chat
    return {one.user_id: one.rank for one in full.participants.participants}


def test_words_beside_names() -> None:
    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            chat = await group(ann, bob, eve)
            done = await bob(rank(bob, chat, bob, " cook "))
            assert done.updates[0].rank == "cook"
            await refused("CHAT_ADMIN_REQUIRED", bob, rank(bob, chat, eve, "guest"))
            await refused("RANK_INVALID", bob, rank(bob, chat, bob, "x" * 17))
            await refused("RANK_INVALID", bob, rank(bob, chat, bob, "\U0001f600"))
            await ann(rank(ann, chat, eve, "guest"))
            await ann(rank(ann, chat, ann, "boss"))
            assert await ranks_of(eve, chat) == {ann.id: "boss", bob.id: "cook", eve.id: "guest"}
            banned = t.ChatBannedRights(until_date=0, edit_rank=True)
            await ann(messages.EditChatDefaultBannedRights(peer=ann.peer(chat), banned_rights=banned))
            await refused("CHAT_ADMIN_REQUIRED", bob, rank(bob, chat, bob, ""))
            await ann(rank(ann, chat, bob, ""))
            assert (await ranks_of(eve, chat))[bob.id] is None
            sound(c)

    run(story())


def test_an_owner_hands_the_group_over() -> None:
    """6.3: only the owner, and only with his password."""

    async def story() -> None:
        async with talk(2) as (c, (ann, bob)):
            chat = await group(ann, bob)
            empty = t.InputCheckPasswordEmpty()

            def hand(
                person: Person, other: Person, shown: t.AnyInputCheckPasswordSRP
            ) -> messages.EditChatCreator:
                return messages.EditChatCreator(
                    peer=person.peer(chat), user_id=user(person, other), password=shown
                )

            await refused("CHAT_ADMIN_REQUIRED", bob, hand(bob, bob, empty))
            await refused("PASSWORD_MISSING", ann, hand(ann, bob, empty))
            asked = await ann(account.GetPassword())
            verifier = verifier_of("sesame", asked.new_algo)
            settings = t.AccountPasswordInputSettings(
                new_algo=asked.new_algo, new_password_hash=verifier, hint=""
            )
            await ann(account.UpdatePasswordSettings(password=empty, new_settings=settings))
            await refused("PASSWORD_TOO_FRESH_86400", ann, hand(ann, bob, empty))
            c.clock.advance(86_400)
            await refused("PASSWORD_HASH_INVALID", ann, hand(ann, bob, empty))
            asked = await ann(account.GetPassword())
            done = await ann(hand(ann, bob, proof_of("sesame", asked)))
            said = next(one for one in done.updates if isinstance(one, t.UpdateNewMessage))
            assert said.message.action == t.MessageActionChangeCreator(new_creator_id=bob.id)
            full = (await bob(messages.GetFullChat(chat_id=-chat))).full_chat
            kinds = {one.user_id: type(one) for one in full.participants.participants}
            assert kinds == {bob.id: t.ChatParticipantCreator, ann.id: t.ChatParticipantAdmin}
            sound(c)

    run(story())
