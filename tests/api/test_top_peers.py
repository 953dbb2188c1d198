from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from tests.api.messages.test_chats import group
from tests.community import run
from tests.talk import Person, talk
from tgserve.api import contacts as _contacts
from tgserve.api import top_peers as _top_peers
from tgserve.api.account import profile as _profile
from tgserve.tl import types as t
from tgserve.tl.functions import account, contacts

SERVED = (_contacts, _top_peers, _profile)


async def lists(person: Person, **more: Any) -> Any:
    asked = {
        "correspondents": True,
        "groups": True,
        "forward_users": True,
        "offset": 0,
        "limit": 10,
        "hash": 0,
    }
    return await person(contacts.GetTopPeers(**{**asked, **more}))


def found(answer: Any) -> dict[str, list[int]]:
    return {
        type(one.category).__name__.removeprefix("TopPeerCategory"): [
            getattr(peer.peer, "user_id", None) or -peer.peer.chat_id for peer in one.peers
        ]
        for one in answer.categories
    }


def test_whom_one_writes_to_most_comes_first() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            assert found(await lists(ann)) == {}
            chat = await group(ann, bob)
            for other, count in ((bob, 1), (eve, 3)):
                for _ in range(count):
                    await ann.send(other)
            await ann.send(chat)
            await dan.send(ann, "who writes to one does not count")
            assert found(await lists(ann)) == {"Correspondents": [eve.id, bob.id], "Groups": [chat]}
            assert found(await lists(ann, groups=False, offset=1)) == {"Correspondents": [bob.id]}
            c.clock.advance(90 * 86_400)
            await ann.send(bob)
            assert found(await lists(ann))["Correspondents"] == [bob.id, eve.id], "long ago weighs little"
            category = t.TopPeerCategoryCorrespondents()
            await ann(contacts.ResetTopPeerRating(category=category, peer=ann.peer(bob)))
            assert found(await lists(ann))["Correspondents"] == [eve.id]
            c.clock.advance(1)
            await ann.send(bob)
            assert found(await lists(ann))["Correspondents"] == [bob.id, eve.id]
            await ann(contacts.ToggleTopPeers(enabled=False))
            assert isinstance(await lists(ann), t.ContactsTopPeersDisabled)
            await ann(contacts.ToggleTopPeers(enabled=True))
            known = [bob.id, eve.id, -chat]
            hash_ = _contacts.list_hash(known)
            assert isinstance(await lists(ann, hash=hash_), t.ContactsTopPeersNotModified)

    run(story())


def test_birthdays_of_contacts_who_show_them() -> None:
    async def story() -> None:
        async with talk(4) as (c, (ann, bob, eve, dan)):
            today = datetime.fromtimestamp(c.clock.now(), UTC)
            for person in (bob, eve, dan):
                day = today.day if person is not dan else (today.day + 9) % 27 + 1
                birthday = t.Birthday(day=day, month=today.month, year=1990)
                await person(account.UpdateBirthday(birthday=birthday))
                await c.services.contacts.add(ann.id, person.id, "X", "", "", b"")
            await c.services.contacts.add(bob.id, ann.id, "Ann", "", "", b"")
            await c.services.contacts.add(dan.id, ann.id, "Ann", "", "", b"")
            shown = await ann(contacts.GetBirthdays())
            assert [(one.contact_id, one.birthday.year) for one in shown.contacts] == [(bob.id, 1990)]
            assert [user.id for user in shown.users] == [bob.id]

    run(story())
