"""What was done, as the users know it: what they sent, what was acknowledged, what must therefore be there."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field

NEVER = 1 << 30
"""An epoch that does not come: of what was never acknowledged."""
WRITE_FORBIDDEN = ("CHAT_WRITE_FORBIDDEN", "CHAT_SEND_PLAIN_FORBIDDEN")
BLOCKED = ("YOU_BLOCKED_USER", "USER_IS_BLOCKED")


def pair(user: int, peer: int) -> tuple[int, int]:
    """A chat, whoever names it."""
    return (min(user, peer), max(user, peer)) if peer > 0 else (peer, peer)


@dataclass(eq=False)
class Sent:
    """A message somebody has tried to send. `token` is its text, edits append ~1, ~2 ..."""

    token: str
    sender: int
    device: str
    peer: int
    random_id: int
    number: int
    """Order of the first try among all."""
    before: int
    """How many messages of this device to this peer were acknowledged before the first try."""
    msg_id: int = 0
    """In the sender's box, once acknowledged."""
    revisions: list[str] = field(default_factory=list)
    last_edit: str = ""
    """The newest text whose edit was acknowledged."""
    editing: bool = False
    unsure: set[str] = field(default_factory=set)
    """Edits refused because the message was deleted meanwhile: an earlier try may have succeeded."""
    deleting: set[int] = field(default_factory=set)
    """Users for whom somebody has tried to delete it."""
    deleters: dict[int, int] = field(default_factory=dict)
    """User -> how many requests of his to delete it there were."""
    deleted: set[int] = field(default_factory=set)
    """Users for whom that was acknowledged."""
    given_up: bool = False
    """Its device lost it before an answer came, or it was refused at a later try: it may be there or not."""
    refused: bool = False
    """It was refused for a while, and others overtook it."""
    loose: bool = False
    """It did not name the one before it: when that was refused and nobody heard, this one overtook it."""
    reply: str = ""
    """The token of what it answers."""
    names: int = 0
    """The user it mentions."""
    later: int = 0
    """When it is to be sent, Unix seconds; 0 = at once."""
    kept: bool = False
    """The server has taken it for later."""
    unscheduled: bool = False
    """Somebody has tried to delete it before it was sent."""
    mortal: bool = False
    """Its chat may have had a timer: it may be gone."""
    first: int = 0
    last: int = NEVER
    """The epochs in which it was sent first and acknowledged."""
    everybody: frozenset[int] = frozenset()
    """In a group: all people of this world."""

    @property
    def texts(self) -> set[str]:
        return {self.token, *self.revisions}

    @property
    def holders(self) -> set[int]:
        return {self.sender, self.peer} if self.peer > 0 else set(self.everybody)


@dataclass
class Group:
    """A group and what is certain of who is in it."""

    chat: int
    here: list[frozenset[int]] = field(default_factory=list)
    """Who was in it when each epoch began, from `began` on."""
    began: int = 0
    touched: dict[int, list[tuple[int, int]]] = field(default_factory=dict)
    """User -> epochs (first, last) of attempts that concern his membership."""
    brought: set[int] = field(default_factory=set)
    """Users who may have been given older messages when they came."""
    ended: bool = False
    """Somebody has tried to delete it."""


class Oracle:
    """Epochs are parted by moments at which nothing was under way at the server: what was acknowledged in one stands
    before what was sent first in a later one, for everybody."""

    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}
        self.acks: dict[tuple[str, int], int] = {}
        self.reads: dict[tuple[int, int], int] = {}
        self.edits = self.deletions = 0
        self.again: list[str] = []
        self.epoch = 0
        self.groups: dict[int, Group] = {}
        self.everybody: frozenset[int] = frozenset()
        self.blocks: set[tuple[int, int]] = set()
        """Pairs (the smaller id first) one of whom has tried to block the other."""
        self.timers: set[tuple[int, int]] = set()
        """Pairs whose chat may have a timer."""
        self.cleared: set[tuple[int, int]] = set()
        """(user, peer): he may have deleted the chat, with messages that his device did not know."""
        self.emptied: set[tuple[int, int]] = set()
        """(user, peer) of chats that had no messages for a while: no list of pinned chats names them then."""
        self.deleted_service: set[str] = set()
        """Service messages somebody has tried to delete."""
        self.links: dict[int, list[str]] = {}
        self.forbidden: set[int] = set()
        """Groups in which plain members may have been forbidden to write."""
        self.settings = self.deeds = self.reactions = 0

    def sending(self, token: str, sender: int, device: str, peer: int, random_id: int) -> Sent:
        before = self.acks.get((device, peer), 0)
        sent = Sent(token, sender, device, peer, random_id, len(self.sent), before)
        sent.first = self.epoch
        sent.mortal = pair(sender, peer) in self.timers
        sent.everybody = self.everybody
        self.sent[token] = sent
        return sent

    def acknowledged(self, sent: Sent, msg_id: int) -> None:
        if sent.msg_id and sent.msg_id != msg_id:
            self.again.append(f"{sent.token} was acknowledged as {sent.msg_id} and as {msg_id}")
        if not sent.msg_id:
            key = (sent.device, sent.peer)
            self.acks[key] = self.acks.get(key, 0) + 1
            sent.last = self.epoch
        sent.msg_id = msg_id

    def editing(self, sent: Sent) -> str:
        text = f"{sent.token}~{len(sent.revisions) + 1}"
        sent.revisions.append(text)
        sent.editing = True
        self.edits += 1
        return text

    def edited(self, sent: Sent, text: str, done: bool) -> None:
        sent.editing = False
        if done:
            sent.last_edit = text
        else:
            sent.unsure.add(text)

    def deleting(self, tokens: list[str], user: int, revoke: bool) -> None:
        self.deletions += 1
        self.deleted_service.update(token for token in tokens if token.startswith("!"))
        for sent in self._known(tokens):
            sent.deleting |= sent.holders if revoke else {user}
            sent.deleters[user] = sent.deleters.get(user, 0) + 1

    def deleted(self, tokens: list[str], user: int, revoke: bool) -> None:
        for sent in self._known(tokens):
            # Who deletes for both what he has deleted for himself already names a message that he does not have.
            sure = revoke and sent.deleters[user] == 1
            sent.deleted |= sent.holders if sure else {user}

    def read(self, user: int, peer: int, max_id: int) -> None:
        self.reads[user, peer] = max(self.reads.get((user, peer), 0), max_id)

    def clearing(self, peer: int, user: int, revoke: bool) -> None:
        """He deletes a chat, and it may hold more than his device knows of."""
        self.cleared.add((user, peer))
        if revoke and peer > 0:
            self.cleared.add((peer, user))
        elif revoke:
            self.cleared.update((one, peer) for one in self.everybody)

    def timing(self, user: int, peer: int) -> None:
        """Messages that are on their way may still get a timer."""
        self.timers.add(pair(user, peer))
        for sent in self.sent.values():
            if pair(sent.sender, sent.peer) == pair(user, peer):
                sent.mortal = sent.mortal or not sent.msg_id

    def may_be_gone(self, sent: Sent) -> bool:
        """Has somebody done what may have taken a message from its sender?"""
        group = self.groups.get(sent.peer)
        ended = group is not None and group.ended
        return bool(sent.deleting) or sent.mortal or ended or (sent.sender, sent.peer) in self.cleared

    def unscheduling(self, token: str, now: bool) -> None:
        for sent in self._known([token]):
            sent.unscheduled = sent.unscheduled or not now

    def may_refuse(self, sent: Sent, error: str) -> bool:
        """May the server refuse this message, or an edit of it, for what people did?"""
        if error == "REPLY_MESSAGE_ID_INVALID":
            return bool(sent.reply)
        if sent.peer > 0:
            return error in BLOCKED and pair(sent.sender, sent.peer) in self.blocks
        if error in WRITE_FORBIDDEN:
            return sent.peer in self.forbidden
        known = self.member(sent.peer, sent.sender, sent.first, self.epoch)
        return error in ("CHAT_FORBIDDEN", "CHAT_ID_INVALID") and known is not True

    def blocking(self, user: int, peer: int) -> None:
        self.blocks.add(pair(user, peer))

    def blocked(self, user: int, peer: int) -> bool:
        """May one of them have blocked the other at some time?"""
        return pair(user, peer) in self.blocks

    # -- groups -------------------------------------------------------------------------------------------------------

    def lull(self, rosters: dict[int, frozenset[int]]) -> None:
        """Nothing is under way at the server, and this is who is in its groups: another epoch begins."""
        self.epoch += 1
        for chat, here in rosters.items():
            group = self.groups.get(chat)
            if group is None:
                group = self.groups[chat] = Group(chat, began=self.epoch)
            group.here.append(here)

    def touching(self, chat: int, user: int) -> Callable[[], None]:
        """Somebody tries to change whether `user` is in a group; the result is called when that is over."""
        first = self.epoch
        spans = self._group(chat).touched.setdefault(user, [])
        span = (first, NEVER)
        spans.append(span)

        def over() -> None:
            if span in spans:
                spans[spans.index(span)] = (first, self.epoch)

        return over

    def forbidding(self, chat: int) -> None:
        self.forbidden.add(chat)

    def ending(self, chat: int) -> None:
        self._group(chat).ended = True

    def _group(self, chat: int) -> Group:
        if chat not in self.groups:
            self.groups[chat] = Group(chat, began=self.epoch + 1)
        return self.groups[chat]

    def member(self, chat: int, user: int, first: int, last: int) -> bool | None:
        """Was he in the group (or not) through all of these epochs? None: nobody can say."""
        group = self.groups.get(chat)
        if group is None or first < group.began or group.ended:
            return None
        if any(begin <= last and first <= end for begin, end in group.touched.get(user, ())):
            return None
        return user in group.here[first - group.began]

    def steady(self, chat: int, user: int, since: int) -> bool:
        """Has he been in it since that epoch?"""
        return self.member(chat, user, since, self.epoch) is True

    def always(self, chat: int, user: int) -> bool:
        """Has he been in it as long as it is, without a doubt?"""
        group = self.groups.get(chat)
        if group is None or group.ended or group.touched.get(user):
            return False
        return bool(group.here) and all(user in here for here in group.here)

    def hidden(self, token: str, peer: int, user: int) -> bool:
        """May he have been out of the group when this was edited? Then he is not told, and does not see it until he
        is back: the text is stored once for all."""
        sent = self.sent.get(token)
        return (
            sent is not None
            and sent.peer == peer < 0
            and bool(sent.revisions)
            and not self.always(peer, user)
        )

    def brought(self, chat: int) -> set[int]:
        """Who may have been given older messages of a group."""
        return self.groups[chat].brought if chat in self.groups else set()

    def _known(self, tokens: list[str]) -> list[Sent]:
        return [self.sent[token] for token in tokens if token in self.sent]
