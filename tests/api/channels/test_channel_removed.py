"""Who was removed, or has gone, hears nothing more: not of his own messages, votes and polls either (SECURITY 6.2)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.messages.test_polls import media, poll
from tests.community import Community, run
from tests.places import Place, place, sound
from tests.talk import Person, talk
from tgserve.store.eventlog import Published
from tgserve.tl import types as t
from tgserve.tl.functions import channels, messages


class Ears:
    """What reaches somebody's devices."""

    def __init__(self, c: Community, monkeypatch: pytest.MonkeyPatch) -> None:
        self._c = c
        self._mark = 0
        self._tells: list[tuple[frozenset[int], Any]] = []
        tell = c.services.bus.tell

        def noted(users: Any, news: Any) -> None:
            self._tells.append((frozenset(users), news))
            tell(users, news)

        monkeypatch.setattr(c.services.bus, "tell", noted)

    def start(self) -> None:
        self._mark = len(self._c.heard)
        self._tells.clear()

    def of(self, who: Person, here: Place) -> list[Any]:
        """Events of his own box, of the channel's while he is in its audience, and what is told and forgotten."""
        boxes = {who.id}
        if who.id in self._c.services.channels.audience.of(here.id):
            boxes.add(here.id)
        heard: list[Any] = [
            one.event
            for one in self._c.heard[self._mark :]
            if isinstance(one, Published) and one.user_id in boxes
        ]
        return heard + [news for users, news in self._tells if who.id in users]


async def posted(here: Place, who: Person, what: Any) -> int:
    request = messages.SendMedia(peer=here.peer(who), media=what, message="", random_id=who.c.ids.i64() or 1)
    made = await who(request)
    return next(one.id for one in made.updates if isinstance(one, t.UpdateMessageID))


@pytest.mark.parametrize("megagroup", [True, False])
@pytest.mark.parametrize("how", ["removed", "gone", "still there"])
def test_6_2_no_deed_of_others_is_heard_by_who_is_out(
    how: str, megagroup: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`still there`: each of these deeds is heard by a member, else the test would hear nothing whatever happens."""

    async def story() -> None:
        async with talk(3) as (c, (ann, bob, eve)):
            ears = Ears(c, monkeypatch)
            here = await place(c, ann, bob, eve, megagroup=megagroup)
            if not megagroup:
                await here.promote(ann, bob, post_messages=True)
            for one in (ann, bob, eve):
                c.services.channels.audience.arrived(one.id)
            plain = await here.post(ann, "ann's")
            own = await here.post(bob, "bob's")
            asked = await posted(here, bob, media(poll("yes", "no")))
            other = await posted(here, ann, media(poll("yes", "no")))
            await bob(messages.SendVote(peer=here.peer(bob), msg_id=other, options=[b"0"]))
            if how == "removed":
                await here.ban(ann, bob, view_messages=True)
            elif how == "gone":
                await bob(channels.LeaveChannel(channel=here.input(bob)))
            closed = t.InputMediaPoll(poll=poll("yes", "no", closed=True))
            answer = t.InputReplyToMessage(reply_to_msg_id=own)
            thumb: list[Any] = [t.ReactionEmoji(emoticon="👍")]
            erase = channels.DeleteParticipantHistory(channel=here.input(ann), participant=ann.peer(bob))
            deeds: list[tuple[Person, Any]] = [
                (eve, channels.ReadHistory(channel=here.input(eve), max_id=0)),
                (eve, messages.SendReaction(peer=here.peer(eve), msg_id=own, reaction=thumb)),
                (eve, messages.SendVote(peer=here.peer(eve), msg_id=asked, options=[b"0"])),
                (ann, messages.UpdatePinnedMessage(peer=here.peer(ann), id=own)),
                (ann, here.say(ann, "an answer", reply_to=answer)),
                (ann, messages.EditMessage(peer=here.peer(ann), id=plain, message="another word")),
                (ann, messages.EditMessage(peer=here.peer(ann), id=other, media=closed)),
                (ann, channels.EditTitle(channel=here.input(ann), title="Elsewhere")),
                (ann, erase),
            ]
            if megagroup:
                action = t.SendMessageTypingAction()
                deeds.append((eve, messages.SetTyping(peer=here.peer(eve), action=action)))
            silent = []
            for who, request in deeds:
                c.clock.advance(20)
                ears.start()
                await who(request)
                heard = ears.of(bob, here)
                if how == "still there":
                    if not heard:
                        silent.append(request.NAME)
                else:
                    assert heard == [], request.NAME
            if how == "still there":
                assert silent == ([] if megagroup else ["channels.readHistory"])
            sound(c)

    run(story())
