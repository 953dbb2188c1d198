"""A device's groups: what it knows of them, and what its user does to them and in them.

Groups are known by the Chat objects that come with updates; members by updateChatParticipants, or by asking when a Chat
is newer than the members known. What was refused or had to be asked twice is looked at again.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from tests.sim.device import Device
from tests.sim.link import Call
from tgserve.tl import functions as f
from tgserve.tl import types as t

LINK = "https://t.me/+"
REFUSED = (
    "CHAT_ADMIN_REQUIRED",
    "USER_NOT_PARTICIPANT",
    "USER_ALREADY_PARTICIPANT",
    "CHAT_FORBIDDEN",
    "CHAT_ID_INVALID",
    "CHAT_NOT_MODIFIED",
    "CHAT_ABOUT_NOT_MODIFIED",
    "INVITE_HASH_EXPIRED",
    "INVITE_HASH_INVALID",
    "INVITE_REQUEST_SENT",
    "HIDE_REQUESTER_MISSING",
)
"""What others' deeds may make the server say to a right request."""


@dataclass(slots=True)
class Known:
    """A group as a device has it."""

    title: str = ""
    version: int = 0
    state: str = "in"
    """in, left or out."""
    banned: int = 0
    members: dict[int, str] | None = None
    """User -> creator, admin or member."""
    members_version: int = -1


class Member(Device):
    groups: dict[int, Known]

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.groups = {}
        self._full: set[int] = set()
        """Groups whose members were asked for."""

    # -- what is told ------------------------------------------------------------------------------------------------

    def chats_told(self, chats: list[Any]) -> None:
        for one in chats:
            if isinstance(one, t.ChatEmpty):
                continue
            chat = -one.id
            self.peers.setdefault(chat, t.InputPeerChat(chat_id=one.id))
            known = self.groups.setdefault(chat, Known())
            if isinstance(one, t.ChatForbidden):
                known.state = "out"
            elif one.left:
                known.state = "left"
            elif one.version >= known.version:
                known.state, known.version, known.title = "in", one.version, one.title
                rights: Any = one.default_banned_rights
                known.banned = int(bool(rights.send_messages)) | 2 * int(bool(rights.pin_messages))
            if known.state != "in":
                known.members, known.members_version = None, -1  # once it is in again it asks
        self.world.loop.call_soon(self._complete)

    def _complete(self) -> None:
        """Ask for members that are older than their group."""
        for chat, known in self.groups.items():
            if known.state == "in" and known.members_version < known.version and chat not in self._full:
                self.look_at_group(chat)

    def look_at_group(self, chat: int) -> None:
        self._full.add(chat)
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.call(f.messages.GetFullChat(chat_id=-chat), answered))

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            self._full.discard(chat)
            if error:
                if error not in REFUSED:
                    self.world.wrong(f"{self.name}: getFullChat refused with {error}")
                return
            known = self.groups.setdefault(chat, Known())
            known.version = known.members_version = -1  # this is how it is, whatever was told
            self.chats_told(answer.chats)
            self._members(answer.full_chat.participants)
            if calls[-1].tries > 1:
                self.look_at_group(chat)

        go()

    def setting(self, update: Any) -> None:
        if isinstance(update, t.UpdateChatParticipants):
            self._members(update.participants)
        elif isinstance(update, t.UpdateChatDefaultBannedRights | t.UpdateChat | t.UpdatePendingJoinRequests):
            pass  # the Chat beside it says it
        else:
            super().setting(update)

    def _members(self, told: Any) -> None:
        known = self.groups.setdefault(-told.chat_id, Known())
        if isinstance(told, t.ChatParticipantsForbidden):
            known.members = None
        elif told.version >= known.members_version:
            known.members_version = told.version
            known.members = {one.user_id: _role(one) for one in told.participants}

    def restarted(self) -> None:
        super().restarted()
        for chat in sorted(self._full):
            self.look_at_group(chat)

    def unreadable(self, key: tuple[Any, ...], error: str) -> None:
        if error not in REFUSED:
            super().unreadable(key, error)

    @property
    def waiting(self) -> bool:
        return super().waiting or bool(self._full)

    # -- what the user does ------------------------------------------------------------------------------------------

    def deed(
        self,
        request: Any,
        chat: int,
        over: Callable[[], None] | None = None,
        allowed: tuple[str, ...] = REFUSED,
        then: Callable[[Any], None] | None = None,
    ) -> None:
        """Do something to a group. `over` is called when nothing of it can happen any more."""
        self.oracle.deeds += 1
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.call(request, answered))

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error not in allowed:
                self.world.wrong(f"{self.name}: {type(request).__name__} refused with {error}")
            if over is not None and len(calls) == 1:
                over()
            made = answer
            if isinstance(answer, t.MessagesInvitedUsers | t.MessagesChatInviteJoinResultOk):
                made = answer.updates
            if isinstance(made, t.Updates):
                self.updates(made)
            if then is not None and not error:
                then(answer)
            if chat and (error or calls[-1].tries > 1 or len(calls) > 1):
                self.look_at_group(chat)

        go()

    def create(self, name: str, others: list[int]) -> None:
        named = [self.input_user(one) for one in others]
        self.deed(f.messages.CreateChat(users=named, title=name), 0)

    def add(self, chat: int, user: int, forward: int) -> None:
        over = self.oracle.touching(chat, user)
        if forward:
            self.oracle.groups[chat].brought.add(user)
        request = f.messages.AddChatUser(chat_id=-chat, user_id=self.input_user(user), fwd_limit=forward)
        self.deed(request, chat, over)

    def remove(self, chat: int, user: int) -> None:
        over = self.oracle.touching(chat, user)
        self.deed(f.messages.DeleteChatUser(chat_id=-chat, user_id=self.input_user(user)), chat, over)

    def rename(self, chat: int, name: str) -> None:
        self.deed(f.messages.EditChatTitle(chat_id=-chat, title=name), chat)

    def promote(self, chat: int, user: int, admin: bool) -> None:
        request = f.messages.EditChatAdmin(chat_id=-chat, user_id=self.input_user(user), is_admin=admin)
        self.deed(request, chat)

    def forbid(self, chat: int, writing: bool, pinning: bool) -> None:
        """What plain members may not do from now on."""
        rights = t.ChatBannedRights(send_messages=writing, pin_messages=pinning, until_date=0)
        request = f.messages.EditChatDefaultBannedRights(peer=self.peers[chat], banned_rights=rights)
        self.oracle.forbidding(chat)
        self.deed(request, chat)

    def invite(self, chat: int) -> None:
        """Make a link that the others may use."""

        def made(answer: Any) -> None:
            self.oracle.links.setdefault(chat, []).append(answer.link.removeprefix(LINK))

        self.deed(f.messages.ExportChatInvite(peer=self.peers[chat]), chat, then=made)

    def join(self, chat: int) -> None:
        over = self.oracle.touching(chat, self.me)
        link = self.world.rng.choice(self.oracle.links[chat])
        self.deed(f.messages.ImportChatInvite(hash=link), chat if chat in self.groups else 0, over)

    def end_group(self, chat: int) -> None:
        self.oracle.ending(chat)
        request = f.messages.DeleteChat(chat_id=-chat)
        self.deed(request, chat, then=lambda answer: self.look_at_group(chat))


def _role(one: Any) -> str:
    if isinstance(one, t.ChatParticipantCreator):
        return "creator"
    return "admin" if isinstance(one, t.ChatParticipantAdmin) else "member"
