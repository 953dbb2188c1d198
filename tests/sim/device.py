"""A device of a user: a Telegram client as the documentation wants it, with its own copy of the user's box.

It applies an update only when it is the next by pts; what is ahead of a gap waits for getDifference; what is behind is
known already. It asks for the difference on every new line and every new session. What it may never see is reported
the moment it sees it: a message told twice, an edit of a message it was never told of, a gap on a line on which nothing
was lost.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import Any

from tests.sim.link import Call
from tests.sim.oracle import Oracle, Sent
from tests.sim.tastes import RETRY_SECONDS, Tastes, peer_of
from tests.sim.world import FIXED_CODE, World
from tgserve.testing.virtual import Line
from tgserve.tl import functions as f
from tgserve.tl import types as t

SERVICE_USER = 777000
SEND_REFUSED = (
    "YOU_BLOCKED_USER",
    "USER_IS_BLOCKED",
    "CHAT_FORBIDDEN",
    "CHAT_WRITE_FORBIDDEN",
    "CHAT_ID_INVALID",
)
REACTION_REFUSED = ("MESSAGE_ID_INVALID", "MESSAGE_NOT_MODIFIED", *SEND_REFUSED)
PIN_REFUSED = ("MESSAGE_ID_INVALID", "REPLY_MESSAGE_ID_INVALID", "CHAT_ADMIN_REQUIRED", *SEND_REFUSED)
GAP_SECONDS = 0.5
STALE_SECONDS = 100


@dataclass(frozen=True, slots=True)
class Held:
    """A message in the device's copy of the box."""

    text: str
    """A service message is written as `!kind details`."""
    out: bool
    peer: int
    sender: int
    pinned: bool = False
    mention: bool = False
    """It names this user, and he has not seen it yet."""
    named: bool = False
    """It names this user."""
    reactions: tuple[tuple[str, int, bool], ...] = ()
    """(emoji, how often, by this user too?) in the order of the emoji."""
    reply: int = field(default=0, compare=False)
    """What it answers, by its number in this box; the server stops telling when that is gone."""


Box = dict[int, Held]
"""By the number in the user's box."""


class Device(Tastes):
    def __init__(self, world: World, oracle: Oracle, phone: str, number: int, key: bytes) -> None:
        super().__init__(world, f"{phone[-2:]}/{number}", key)
        self.oracle = oracle
        self.phone = phone
        self.pts = 0
        self.date = 0
        self.box: Box = {}
        self.read_in: dict[int, int] = {}
        self.read_out: dict[int, int] = {}
        self.asking = False
        """getDifference is on its way."""
        self.ask_again = False
        self.settled_once = False
        """A difference was received on this line: from here on pts come without a gap."""
        self.gaps = 0
        self.count = 0
        self.retries = 0
        self._waiting: list[tuple[int, int, Callable[[], None]]] = []
        self._told: dict[int, Any] = {}
        """Reactions that were told while updates waited: what those say of them is older."""

    # -- signing in --------------------------------------------------------------------------------------------------

    async def ask(self, request: Any) -> Any:
        """The answer to a call; `RuntimeError` with the error's name."""
        future = self.world.loop.create_future()

        def answered(value: Any, error: str) -> None:
            if not future.done():
                if error:
                    future.set_exception(RuntimeError(error))
                else:
                    future.set_result(value)

        self.call(request, answered)
        return await future

    async def sign_in(self, name: str) -> int:
        """Sign up, or sign in when the phone has an account. The user's id."""
        settings = t.CodeSettings()
        sent = await self.ask(
            f.auth.SendCode(phone_number=self.phone, api_id=1, api_hash="x", settings=settings)
        )
        answer = await self.ask(
            f.auth.SignIn(
                phone_number=self.phone, phone_code_hash=sent.phone_code_hash, phone_code=FIXED_CODE
            )
        )
        if isinstance(answer, t.AuthAuthorizationSignUpRequired):
            answer = await self.ask(
                f.auth.SignUp(
                    phone_number=self.phone,
                    phone_code_hash=sent.phone_code_hash,
                    first_name=name,
                    last_name="",
                )
            )
        self.me = answer.user.id
        state = await self.ask(f.updates.GetState())
        self.pts, self.date = 1, state.date
        self._difference()
        return self.me

    # -- what the user does ------------------------------------------------------------------------------------------

    def send(self, peer: int, *, reply: int = 0, mention: int = 0, clear_draft: bool = False) -> Sent:
        """Send the next message, as an answer to one, naming somebody, or with what is written in the chat's field."""
        self.count += 1
        sent = self.oracle.sending(f"{self.name}#{self.count}", self.me, self.name, peer, self.ids.i64() or 1)
        request = f.messages.SendMessage(peer=self.peers[peer], message=sent.token, random_id=sent.random_id)
        if reply:
            request.reply_to = t.InputReplyToMessage(reply_to_msg_id=reply)
            sent.reply = self.box[reply].text.partition("~")[0]
        if mention:
            sent.names = mention
            named = self.input_user(mention)
            request.entities = [t.InputMessageEntityMentionName(offset=0, length=1, user_id=named)]
        if clear_draft:
            request.clear_draft = True
            self.begin(("draft", peer))
        self._send_message(sent, request)
        return sent

    def _send_message(self, sent: Sent, request: f.messages.SendMessage) -> None:
        def answered(answer: Any, error: str) -> None:
            if error and self.oracle.may_refuse(sent, error):
                sent.given_up = True  # an earlier try may have got through
                if request.clear_draft:
                    self.end(("draft", sent.peer), None)
                return
            if error:
                self._refused("send", error, lambda: self._send_message(sent, request), sent)
                return
            if request.clear_draft:
                self.end(("draft", sent.peer), call, "")
            if isinstance(answer, t.Updates):
                self.oracle.acknowledged(sent, _message_id(answer, sent.random_id))
                self.updates(answer)
                return
            self.oracle.acknowledged(sent, answer.id)
            held = Held(sent.token, sent.peer != self.me, sent.peer, self.me, reply=request_reply(request))
            self._in_order(answer.pts, answer.pts_count, lambda: self._new(answer.id, held))

        call = self.call(request, answered, sent)

    def edit(self, sent: Sent) -> None:
        text = self.oracle.editing(sent)

        def go() -> None:
            request = f.messages.EditMessage(peer=self.peers[sent.peer], id=sent.msg_id, message=text)
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if error in ("MESSAGE_ID_INVALID", "MESSAGE_NOT_MODIFIED", "MESSAGE_AUTHOR_REQUIRED"):
                self.oracle.edited(sent, text, error == "MESSAGE_NOT_MODIFIED")
                if error != "MESSAGE_NOT_MODIFIED" and not self.oracle.may_be_gone(sent):
                    self.world.wrong(f"{self.name}: edit of {sent.token} refused: {error}")
            elif error and self.oracle.may_refuse(sent, error):
                self.oracle.edited(sent, text, False)
            elif error:
                self._refused("edit", error, go, None)
            else:
                self.oracle.edited(sent, text, True)
                self.updates(answer)

        go()

    def delete(self, msg_ids: list[int], revoke: bool) -> None:
        tokens = [self.box[msg_id].text.partition("~")[0] for msg_id in msg_ids]
        chats = {self.box[msg_id].peer for msg_id in msg_ids if self.box[msg_id].peer < 0}
        since = self.oracle.epoch
        self.oracle.deleting(tokens, self.me, revoke)

        def go() -> None:
            self.call(f.messages.DeleteMessages(id=msg_ids, revoke=revoke), answered)

        def answered(answer: Any, error: str) -> None:
            if error == "MESSAGE_DELETE_FORBIDDEN" and chats:
                return  # nothing of it was done, or all by an earlier try
            if error:
                self._refused("delete", error, go, None)
                return
            sure = all(self.oracle.steady(chat, self.me, since) for chat in chats)
            self.oracle.deleted(tokens, self.me, revoke and sure)
            self._in_order(
                answer.pts, answer.pts_count, lambda: self._gone(msg_ids if answer.pts_count else [])
            )

        go()

    def read(self, peer: int, max_id: int) -> None:
        mark = ("mark", peer)
        self.begin(mark)
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.call(f.messages.ReadHistory(peer=self.peers[peer], max_id=max_id), answered))

        def answered(answer: Any, error: str) -> None:
            if error:
                self._refused("read", error, go, None)
                return
            self.oracle.read(self.me, peer, max_id)
            self.end(mark, calls[-1] if len(calls) == 1 else None, False)
            self._in_order(answer.pts, answer.pts_count, lambda: self._read_inbox(peer, max_id))

        go()

    def see_mentions(self, peer: int) -> None:
        """Everything that names him in a chat is seen."""

        def go() -> None:
            self.call(f.messages.ReadMentions(peer=self.peers[peer]), answered)

        def answered(answer: Any, error: str) -> None:
            if error:
                self._refused("readMentions", error, go, None)
            elif answer.pts_count:
                seen = [i for i, one in self.box.items() if one.peer == peer and one.mention]
                # which ones the server took is not told: those that stood before pts
                self._in_order(answer.pts, answer.pts_count, lambda: self._seen(seen))

        go()

    def pin(self, msg_id: int, pinned: bool, alone: bool) -> None:
        """A message of a chat, for all in it or for oneself `alone`."""
        peer = self.box[msg_id].peer
        request = f.messages.UpdatePinnedMessage(
            peer=self.peers[peer], id=msg_id, unpin=not pinned, pm_oneside=alone
        )

        def go() -> None:
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if error in PIN_REFUSED:
                return
            if error:
                self._refused("pin", error, go, None)
                return
            self.updates(answer)

        go()

    def react(self, msg_id: int, emoji: str) -> None:
        """To a message; without an emoji: not any more."""
        kinds: list[Any] = [t.ReactionEmoji(emoticon=emoji)] if emoji else []
        request = f.messages.SendReaction(
            peer=self.peers[self.box[msg_id].peer], msg_id=msg_id, reaction=kinds
        )
        self.oracle.reactions += 1

        def go() -> None:
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if error in REACTION_REFUSED:
                return
            if error:
                self._refused("react", error, go, None)
                return
            self.updates(answer)

        go()

    def clear(self, peer: int, revoke: bool) -> None:
        """Delete a chat: what stands in it now goes."""
        there = [i for i, one in self.box.items() if one.peer == peer]
        max_id = max(there, default=0)
        if not max_id:
            return
        tokens = [self.box[i].text.partition("~")[0] for i in there]
        # the server may have more of it below max_id than this device knows
        self.oracle.clearing(peer, self.me, revoke)
        self.oracle.deleting(tokens, self.me, revoke)
        keys: tuple[Any, ...] = (("mark", peer), ("pins", 0), ("pins", 1))
        for key in keys:
            self.begin(key)

        def go() -> None:
            request = f.messages.DeleteHistory(peer=self.peers[peer], max_id=max_id, revoke=revoke)
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if error:
                self._refused("deleteHistory", error, go, None)
                return
            self.oracle.deleted(tokens, self.me, False)

            def gone() -> None:
                self._gone([i for i, one in self.box.items() if one.peer == peer and i <= max_id])

            self._in_order(answer.pts, answer.pts_count, gone if answer.pts_count else _nothing)
            if answer.offset:
                go()
                return
            for key in keys:
                self.end(key, None)

        go()

    def schedule(self, peer: int, date: int) -> Sent:
        """Have the next message sent at `date`."""
        self.count += 1
        sent = self.oracle.sending(f"{self.name}#{self.count}", self.me, self.name, peer, self.ids.i64() or 1)
        sent.later = date
        request = f.messages.SendMessage(
            peer=self.peers[peer], message=sent.token, random_id=sent.random_id, schedule_date=date
        )

        def go() -> None:
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if error and self.oracle.may_refuse(sent, error):
                return
            if error:
                self._refused("schedule", error, go, None)
                return
            sent.kept = True
            if isinstance(answer, t.Updates):
                self.updates(answer)
                return
            # its time had come: it was sent as any other
            held = Held(sent.token, peer != self.me, peer, self.me)
            self._in_order(answer.pts, answer.pts_count, lambda: self._new(answer.id, held))

        go()
        return sent

    def unschedule(self, peer: int, number: int, now: bool) -> None:
        """Delete a scheduled message, or send it now."""
        kind = f.messages.SendScheduledMessages if now else f.messages.DeleteScheduledMessages
        self.oracle.unscheduling(self.soft["scheduled", peer, number], now)
        self.change(
            ("scheduled", peer, number),
            kind(peer=self.peers[peer], id=[number]),
            (),
            ("MESSAGE_ID_INVALID", *SEND_REFUSED),
        )

    def archive(self, peer: int, into: bool) -> None:
        """Into the archive, or out of it."""
        number = int(into)
        moved: list[Any] = [t.InputFolderPeer(peer=self.peers[peer], folder_id=number)]

        def go() -> None:
            self.call(f.folders.EditPeerFolders(folder_peers=moved), answered)

        def answered(answer: Any, error: str) -> None:
            if error:
                self._refused("archive", error, go, None)
            else:
                self.updates(answer)

        go()

    def set_timer(self, peer: int, period: int) -> None:
        """How long messages of a chat live."""
        self.oracle.timing(self.me, peer)
        self.change(
            ("ttl", peer),
            f.messages.SetHistoryTTL(peer=self.peers[peer], period=period),
            (),
            ("CHAT_NOT_MODIFIED", "CHAT_ADMIN_REQUIRED", "CHAT_SEND_PLAIN_FORBIDDEN", *SEND_REFUSED),
        )

    def _refused(self, what: str, error: str, again: Callable[[], None], sent: Sent | None) -> None:
        """Only a server in trouble may refuse these; then the same is asked again later."""
        if self.again(error, again):
            self.retries += 1
            if sent is not None:
                sent.refused = True
        else:
            self.world.wrong(f"{self.name}: {what} refused with {error}")

    def restart_app(self, keep_unsent: bool) -> None:
        """The app is killed and started again: box and pts are on its own disk, sessions are not; messages that were
        never acknowledged are kept for another try, or lost with the app."""
        self.world.note(f"{self.name} app restarts")
        self.cut()
        self.session = None
        self.calls.clear()
        if not keep_unsent:
            for call in self.drop_calls(lambda call: True):
                if isinstance(call.about, Sent):
                    call.about.given_up = True
        else:
            self.drop_calls(lambda call: isinstance(call.request, f.updates.GetDifference))
        self.asking = self.ask_again = False
        self._waiting.clear()
        self._told.clear()
        if not keep_unsent:
            self.restarted()

    # -- pts ---------------------------------------------------------------------------------------------------------

    def overtaken(self, call: Call) -> None:
        if isinstance(call.about, Sent):
            call.about.refused = True

    def loose(self, call: Call) -> None:
        if isinstance(call.about, Sent):
            call.about.loose = True
            if self.chains:  # those before it may wait for one another, and this one waits for none
                call.about.refused = True

    def connected(self) -> None:
        self.settled_once = False
        self._difference()

    def disconnected(self) -> None:
        self.settled_once = False

    def session_began(self) -> None:
        self._difference()

    def updates(self, update: Any) -> None:
        if isinstance(update, t.UpdatesTooLong):
            self._difference()
        elif isinstance(update, t.UpdateShort):
            self._update(update.update)
        elif isinstance(update, t.Updates):
            if update.date > self.date - STALE_SECONDS or not self._known(update.updates):
                self.chats_told(update.chats)
            for one in update.updates:
                self._update(one)
            if self.settled_once and not self.harmed and not self.asking:
                self.date = update.date
        else:
            self.world.wrong(f"{self.name}: unexpected {type(update).__name__}")

    def _update(self, update: Any) -> None:
        if hasattr(update, "pts_count"):
            self._in_order(update.pts, update.pts_count, lambda: self._apply(update))
        elif isinstance(update, t.UpdateMessageReactions):
            self._reacted(update)
        else:
            self.setting(update)

    def _reacted(self, update: t.UpdateMessageReactions) -> None:
        told = reactions_of(update.reactions)
        if self._waiting:
            self._told[update.msg_id] = told
        if update.msg_id in self.box:
            self.box[update.msg_id] = replace(self.box[update.msg_id], reactions=told)

    def _known(self, updates: list[Any]) -> bool:
        """Was all of it told before? What stands beside an old push is as old: one whose acknowledgement was lost comes
        again under another msg_id after some minutes."""
        numbered = [one for one in updates if getattr(one, "pts_count", 0)]
        return bool(numbered) and all(one.pts <= self.pts for one in numbered)

    def chats_told(self, chats: list[Any]) -> None:
        """Groups as they are now."""

    def _in_order(self, pts: int, count: int, apply: Callable[[], None]) -> None:
        """Now, when it is the next; never, when it is known; later, when something before it is missing."""
        if not self.me or not self.pts:
            return
        if self.asking:
            self._waiting.append((pts, count, apply))
        elif self.pts + count == pts:
            self.pts = pts
            apply()
            self._go_on()
        elif self.pts + count < pts:
            self._gap(pts, count, apply)
        elif pts - count < self.pts < pts:
            self.world.wrong(f"{self.name}: pts {pts} (of {count}) overlaps {self.pts}")

    def _gap(self, pts: int, count: int, apply: Callable[[], None]) -> None:
        """Answers stand behind the pushes of their commit, so for a moment gaps are allowed."""
        self.gaps += 1
        self._waiting.append((pts, count, apply))
        line = self.line if self.settled_once else None
        self.world.loop.call_later(GAP_SECONDS, self._still_gap, line, self.pts)

    def _still_gap(self, line: Line | None = None, pts: int = 0) -> None:
        if not self._waiting or self.asking or self.stopped:
            return
        if line is not None and pts != self.pts:
            self.world.loop.call_later(GAP_SECONDS, self._still_gap, line, self.pts)
            return  # that gap is closed, this one is younger
        if line is not None and line is self.line and not self.harmed:
            self.world.wrong(
                f"{self.name}: on a sound line nothing came between pts {self.pts} and {self._waiting[0][0]}"
            )
        self._difference()

    def _go_on(self) -> None:
        """Take what waited and has its turn now."""
        waiting, self._waiting = sorted(self._waiting, key=lambda one: one[:2]), []
        told, self._told = self._told, {}
        for pts, count, apply in waiting:
            if self.pts + count == pts:
                self.pts = pts
                before = {one: self.box.get(one) for one in told}
                apply()
                for one, was in before.items():
                    now = self.box.get(one)
                    if now is not None and now is not was:
                        self.box[one] = replace(now, reactions=told[one])
            elif self.pts + count < pts:
                self._waiting.append((pts, count, apply))
        if self._waiting:
            self._told = {**told, **self._told}
            self.world.loop.call_later(GAP_SECONDS, self._still_gap)

    # -- getDifference -----------------------------------------------------------------------------------------------

    def _difference(self) -> None:
        if not self.me or self.stopped:
            return
        if self.asking:
            self.ask_again = True
            return
        self.asking = True
        line = self.line
        self.call(
            f.updates.GetDifference(pts=self.pts, date=self.date, qts=0),
            lambda answer, error: self._missed(answer, error, line),
        )

    def _missed(self, answer: Any, error: str, line: Any) -> None:
        if not self.asking:
            return
        self.asking = False
        if error:
            if not (error in ("INTERNAL", "STORE_FULL") and self.world.trouble()):
                self.world.wrong(f"{self.name}: getDifference({self.pts}): {error}")
                return
            self.world.loop.call_later(RETRY_SECONDS, self._difference)
            return
        if isinstance(answer, t.UpdatesDifferenceTooLong):
            self.world.wrong(f"{self.name}: differenceTooLong")
            return
        more = False
        if isinstance(answer, t.UpdatesDifferenceEmpty):
            self.date = answer.date
        else:
            more = isinstance(answer, t.UpdatesDifferenceSlice)
            state = answer.intermediate_state if more else answer.state
            self.chats_told(answer.chats)
            for message in answer.new_messages:
                self._message(message)
            for update in answer.other_updates:
                if hasattr(update, "pts_count"):
                    self._apply(update)
                else:
                    self._update(update)
            if state.pts < self.pts:
                self.world.wrong(f"{self.name}: the difference leads back from {self.pts} to {state.pts}")
            self.world.note(
                f"{self.name} difference {self.pts}..{state.pts}: {[m.id for m in answer.new_messages]}"
            )
            self.pts, self.date = state.pts, state.date
        if more or self.ask_again:
            self.ask_again = False
            self._difference()
            return
        if line is self.line and line is not None:
            self.settled_once = True
        self._go_on()

    # -- the box -----------------------------------------------------------------------------------------------------

    def _apply(self, update: Any) -> None:
        self.world.note(f"{self.name} applies {type(update).__name__} {update.pts}")
        kind = type(update)
        if kind is t.UpdateNewMessage:
            self._message(update.message)
        elif kind is t.UpdateEditMessage:
            message = update.message
            if message.id not in self.box:
                self.world.wrong(f"{self.name}: edit of message {message.id}, which was never told")
            self.box[message.id] = held(message, self.me)
        elif kind is t.UpdateDeleteMessages:
            self._gone(update.messages)
        elif kind is t.UpdateReadHistoryInbox:
            self._read_inbox(peer_of(update.peer), update.max_id)
        elif kind is t.UpdateReadHistoryOutbox:
            peer = peer_of(update.peer)
            self.read_out[peer] = max(self.read_out.get(peer, 0), update.max_id)
        elif kind is t.UpdateReadMessagesContents:
            self._seen(update.messages)
        elif kind is t.UpdatePinnedMessages:
            for msg_id in update.messages:
                if msg_id in self.box:
                    self.box[msg_id] = replace(self.box[msg_id], pinned=update.pinned)
        elif kind is t.UpdateFolderPeers:
            self.archived_told({peer_of(one.peer): one.folder_id for one in update.folder_peers})

    def _message(self, message: Any) -> None:
        self._new(message.id, held(message, self.me))

    def _new(self, msg_id: int, message: Held) -> None:
        if msg_id in self.box:
            self.world.wrong(f"{self.name}: message {msg_id} ({message.text}) was told twice")
        self.box[msg_id] = message

    def _gone(self, msg_ids: list[int]) -> None:
        for msg_id in msg_ids:
            gone = self.box.pop(msg_id, None)
            if gone is not None and not any(one.peer == gone.peer for one in self.box.values()):
                self.oracle.emptied.add((self.me, gone.peer))

    def _seen(self, msg_ids: list[int]) -> None:
        for msg_id in msg_ids:
            if msg_id in self.box:
                self.box[msg_id] = replace(self.box[msg_id], mention=False)

    def _read_inbox(self, peer: int, max_id: int) -> None:
        self.read_in[peer] = max(self.read_in.get(peer, 0), max_id)

    @property
    def busy(self) -> bool:
        return bool(self.open_calls or self.asking or self._waiting or self.line is None or self.waiting)

    def mentions(self, peer: int) -> int:
        return sum(1 for one in self.box.values() if one.peer == peer and one.mention)

    def input_user(self, user: int) -> t.AnyInputUser:
        named = self.peers[user]
        if isinstance(named, t.InputPeerUser):
            return t.InputUser(user_id=user, access_hash=named.access_hash)
        return t.InputUserSelf()

    def unread(self, peer: int) -> int:
        mark = self.read_in.get(peer, 0)
        return sum(
            1
            for i, one in self.box.items()
            if one.peer == peer and not one.out and i > mark and peer != self.me
        )


def _message_id(answer: Any, random_id: int) -> int:
    """Which message the long form of an answer to sendMessage is about."""
    ids = [
        one.id for one in answer.updates if isinstance(one, t.UpdateMessageID) and one.random_id == random_id
    ]
    return ids[0] if len(ids) == 1 else -1


def request_reply(request: Any) -> int:
    return request.reply_to.reply_to_msg_id if request.reply_to is not None else 0


def _nothing() -> None:
    """For pts that bring no change."""


def held(message: Any, me: int) -> Held:
    """A message object as a device keeps it."""
    peer = peer_of(message.peer_id)
    sender = message.from_id.user_id if getattr(message, "from_id", None) is not None else 0
    if not sender:
        sender = me if message.out else peer
    reply = getattr(message.reply_to, "reply_to_msg_id", 0) or 0
    told = reactions_of(message.reactions)
    named = message.mentioned
    mention = named and message.media_unread
    if isinstance(message, t.MessageService):
        return Held(
            service_text(message.action), message.out, peer, sender, False, mention, named, told, reply
        )
    return Held(message.message or "", message.out, peer, sender, message.pinned, mention, named, told, reply)


def reactions_of(reactions: Any) -> tuple[tuple[str, int, bool], ...]:
    """What a messageReactions says."""
    if reactions is None:
        return ()
    told = [(one.reaction.emoticon, one.count, one.chosen_order is not None) for one in reactions.results]
    return tuple(sorted(told))


def service_text(action: Any) -> str:
    """What was done, in words that do not differ from member to member."""
    about = [getattr(action, name, None) for name in ("title", "user_id", "users", "period", "inviter_id")]
    return f"!{type(action).__name__[13:]} {[one for one in about if one is not None]}"


__all__ = ["Call", "Device", "Held", "held"]
