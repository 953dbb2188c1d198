"""A push drawn for one person, out of the message as it is now: names as he knows them, and what may be shown of it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Final

from tgserve.services.boxes import View
from tgserve.services.channels.reading import ChannelReading
from tgserve.services.channels.register import Register, is_channel
from tgserve.services.contacts import Contacts
from tgserve.services.groups.roster import Rosters
from tgserve.services.history import History
from tgserve.services.push import payload
from tgserve.services.push.payload import CHANNEL, CHAT, NAME_CHARACTERS, NOTHING, USER, Content, Drawn, Scene
from tgserve.services.users import Users
from tgserve.store import records as r
from tgserve.store.push_records import PushWaiting

NOBODY: Final = "Deleted Account"
CUSTOM: Final = "⭐"
"""Stands for a reaction that is no emoji."""


def _text_alone(body: r.Body) -> Content:
    """Until the app has wired who knows TL."""
    text = body.text.decode(errors="replace")
    return Content("TEXT", (payload.clipped(text),)) if text else NOTHING


class Drawing:
    def __init__(
        self,
        users: Users,
        contacts: Contacts,
        register: Register,
        rosters: Rosters,
        history: History,
        reading: ChannelReading,
    ) -> None:
        self._users = users
        self._contacts = contacts
        self._register = register
        self._rosters = rosters
        self._history = history
        self._reading = reading
        self.describe: Callable[[r.Body], Content] = _text_alone
        """What is in a message; who knows TL sets it."""

    def view(self, user: int, peer: int, msg_id: int) -> View | None:
        """The message as `user` may see it; None when it is gone."""
        if is_channel(peer):
            return self._reading.message_or_none(user, peer, msg_id)
        found = self._history.message_or_none(user, msg_id)
        return found if found is not None and found.row.peer == peer else None

    def message(self, user: int, item: PushWaiting, more: Sequence[PushWaiting] = ()) -> Drawn | None:
        """A new message, or an album with `more`; None when there is nothing to tell of."""
        view = self.view(user, item.peer, item.msg_id)
        if view is None:
            return None
        content = self.describe(view.body)
        if more:
            content = self._album(user, (view, *(self.view(user, one.peer, one.msg_id) for one in more)))
        elif content.pinned:
            content = self._pinned(user, view)
        if content.service and content.users:
            names = ", ".join(self.name(user, one) for one in content.users[:3])
            content = Content(content.kind, (*content.words, names), service=True, users=content.users)
        if not content.kind:
            return None
        return payload.of_message(self._scene(user, view), content, item, user)

    def reaction(self, user: int, item: PushWaiting) -> Drawn | None:
        view = self.view(user, item.peer, item.msg_id)
        if view is None:
            return None
        content = self.describe(view.body)
        if not content.kind or content.service or content.pinned:
            content = Content("NOTEXT")
        where = "" if item.peer > 0 else self._title(item.peer)
        hidden = is_channel(item.peer) and item.who in self._register.anonymous(item.peer)
        who = item.peer if hidden else item.who
        scene = Scene(USER if item.peer > 0 else CHAT, self.name(user, who), where, who)
        return payload.of_reaction(scene, content, item, emoji_of(item.word))

    def name(self, viewer: int, other: int) -> str:
        """How `viewer` knows a user, a channel or a group."""
        if other < 0:
            return self._title(other)
        contact = self._contacts.get_or_none(viewer, other)
        person: r.User | r.Contact | None = contact if contact is not None and contact.first_name else None
        person = person or self._users.get_or_none(other)
        found = f"{person.first_name} {person.last_name}".strip() if person is not None else ""
        return payload.clipped(found or NOBODY, NAME_CHARACTERS)

    def _title(self, peer: int) -> str:
        if is_channel(peer):
            record = self._register.get_or_none(peer)
            return payload.clipped(record.title if record is not None else "", NAME_CHARACTERS)
        roster = self._rosters.get_or_none(peer)
        return payload.clipped(roster.group.title if roster is not None else "", NAME_CHARACTERS)

    def _scene(self, user: int, view: View) -> Scene:
        peer, author = view.row.peer, view.body.author
        if peer > 0:
            return Scene(USER, self.name(user, author if author != user else peer), author=author)
        if not is_channel(peer):
            return Scene(CHAT, self.name(user, author), self._title(peer), author)
        record = self._register.get_or_none(peer)
        if record is not None and not record.megagroup:
            return Scene(CHANNEL, self._title(peer), self._title(peer), author)
        shown = self._register.get_or_none(author) if author < 0 else None
        group = shown is not None and shown.megagroup
        return Scene(CHAT, self.name(user, author), self._title(peer), author, group)

    def _pinned(self, user: int, view: View) -> Content:
        """What a message says that tells of another one having been pinned."""
        target = self.view(user, view.row.peer, view.reply_id) if view.reply_id else None
        of = self.describe(target.body) if target is not None else NOTHING
        plain = of.kind and not of.service and not of.pinned
        return Content(of.kind, of.words, pinned=True) if plain else Content("NOTEXT", pinned=True)

    def _album(self, user: int, views: Sequence[View | None]) -> Content:
        found = [self.describe(view.body) for view in views if view is not None]
        kinds = {one.kind for one in found}
        count = (str(len(found)),)
        if len(found) == 1:
            return found[0]
        if kinds == {"PHOTO"}:
            return Content("PHOTOS", count)
        if kinds == {"VIDEO"}:
            return Content("VIDEOS", count)
        if kinds == {"DOC"}:
            return Content("DOCS", count)
        return Content("ALBUM")


def emoji_of(kind: str) -> str:
    """What a reaction is shown as; kinds as in reaction_records.Reactor."""
    return CUSTOM if kind.isdigit() or ":" in kind else kind
