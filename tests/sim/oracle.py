"""What was done, as the users know it: what they sent, what was acknowledged, what must therefore be there."""

from __future__ import annotations

from dataclasses import dataclass, field


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
    """Its device lost it before an answer came: it may be there or not."""

    @property
    def texts(self) -> set[str]:
        return {self.token, *self.revisions}

    @property
    def holders(self) -> set[int]:
        return {self.sender, self.peer}


class Oracle:
    def __init__(self) -> None:
        self.sent: dict[str, Sent] = {}
        self.acks: dict[tuple[str, int], int] = {}
        self.reads: dict[tuple[int, int], int] = {}
        self.edits = self.deletions = 0
        self.again: list[str] = []

    def sending(self, token: str, sender: int, device: str, peer: int, random_id: int) -> Sent:
        before = self.acks.get((device, peer), 0)
        sent = Sent(token, sender, device, peer, random_id, len(self.sent), before)
        self.sent[token] = sent
        return sent

    def acknowledged(self, sent: Sent, msg_id: int) -> None:
        if sent.msg_id and sent.msg_id != msg_id:
            self.again.append(f"{sent.token} was acknowledged as {sent.msg_id} and as {msg_id}")
        if not sent.msg_id:
            key = (sent.device, sent.peer)
            self.acks[key] = self.acks.get(key, 0) + 1
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

    def _known(self, tokens: list[str]) -> list[Sent]:
        return [self.sent[token] for token in tokens if token in self.sent]
