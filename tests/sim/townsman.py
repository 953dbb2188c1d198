"""A device in a city of channels: its copies of them, and what its user does in them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from tests.sim.member import LINK, Member
from tests.sim.place import Place
from tests.sim.tastes import RETRY_SECONDS
from tests.sim.town import OUT, REFUSED, City, Latest, Post, Town
from tgserve.store.records import CHANNEL_BASE
from tgserve.tl import functions as f
from tgserve.tl import types as t

Done = Callable[[Any, str], None]
SWEEP_SECONDS = 1.0
"""How long the server may go on with what an app asked for that is gone."""
ANSWERS = (b"y", b"n", b"z")
NO_PLACE = ("MSG_ID_INVALID", "REPLY_MESSAGE_ID_INVALID", "TOPIC_ID_INVALID", "TOPIC_DELETED", "TOPIC_CLOSED")
"""What it answers, or the topic it belongs to, is gone."""
NO_PART = ("FILE_PART_0_MISSING", "FILE_PARTS_INVALID")
"""An earlier try has taken it; apps send it again."""
STALE = ("FILE_REFERENCE_EXPIRED", "FILE_REFERENCE_INVALID", "FILE_REFERENCE_EMPTY")
READ_TRIES = 5
LATER_REFUSED = ("SCHEDULE_TOO_MUCH",)
NO_ADMIN = ("RIGHT_FORBIDDEN", "USER_ADMIN_INVALID", "USER_NOT_MUTUAL_CONTACT", "USER_KICKED")
_QUIET = (
    t.UpdateMessageID,
    t.UpdateMessagePoll,
    t.UpdateChannelReadMessagesContents,
    t.UpdateReadChannelOutbox,
    t.UpdateReadChannelDiscussionOutbox,
    t.UpdateChannelMessageViews,
    t.UpdateChannelMessageForwards,
    t.UpdatePinnedForumTopic,
    t.UpdatePinnedForumTopics,
)
"""Has no pts in the channel's box; who shows it asks for it."""
_PLACED = (
    t.UpdateNewChannelMessage,
    t.UpdateEditChannelMessage,
    t.UpdateDeleteChannelMessages,
    t.UpdatePinnedChannelMessages,
    t.UpdateReadChannelInbox,
    t.UpdateReadChannelDiscussionInbox,
)


class Townsman(Member):
    city: City

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self.places: dict[int, Place] = {}
        self.sweeps: list[Callable[[], None]] = []
        """Deletions of many posts under way: each marks what it may have caught so far."""

    @property
    def busy(self) -> bool:
        return bool(super().busy or any(place.busy for place in self.places.values()))

    def restart_app(self, keep_unsent: bool) -> None:
        super().restart_app(False)  # deeds go with the app, but not what the server makes of them
        for swept in self.sweeps:
            swept()
            self.world.loop.call_later(SWEEP_SECONDS, swept)
        self.sweeps.clear()
        for place in self.places.values():
            place.restarted()

    # -- what is told ------------------------------------------------------------------------------------------------

    def chats_told(self, chats: list[Any]) -> None:
        super().chats_told([one for one in chats if not isinstance(one, t.Channel | t.ChannelForbidden)])
        for one in chats:
            if isinstance(one, t.Channel) and not one.min:
                peer = t.InputPeerChannel(channel_id=one.id, access_hash=one.access_hash or 0)
                self.peers[-CHANNEL_BASE - one.id] = peer

    def place(self, channel: int) -> Place | None:
        """Its copy of a channel of this city."""
        place = self.places.get(channel)
        town = self.city.of(channel) if place is None else None
        if town is not None:
            place = self.places[channel] = Place(self, town)
        return place

    def _update(self, update: Any) -> None:
        if isinstance(update, t.UpdateChannel | t.UpdateChannelTooLong):
            place = self.place(-CHANNEL_BASE - update.channel_id)
            if place is not None and isinstance(update, t.UpdateChannel):
                place.look()
            elif place is not None:
                self.city.too_long += 1
                place.missed()
        elif isinstance(update, _PLACED):
            told: Any = update
            message = getattr(told, "message", None)
            number = message.peer_id.channel_id if message is not None else told.channel_id
            place = self.place(-CHANNEL_BASE - number)
            if place is not None:
                place.update(update)
        elif not isinstance(update, _QUIET) and not isinstance(_peer(update), t.PeerChannel):
            super()._update(update)

    # -- what its user does ------------------------------------------------------------------------------------------

    def do(self, request: Any, done: Done | None = None, also: tuple[str, ...] = ()) -> None:
        """A deed; who does it hears how it ended. `also`: more errors that others' deeds excuse."""
        self.city.done[type(request).__name__] += 1

        def go() -> None:
            self.call(request, answered)

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error not in REFUSED and error not in also:
                self.world.wrong(f"{self.name}: {type(request).__name__} refused with {error}")
            told = getattr(answer, "updates", None)
            if isinstance(answer, t.Updates):
                self.updates(answer)
            elif isinstance(told, t.Updates):
                self.updates(told)
            if done is not None:
                done(answer, error)

        go()

    def token(self) -> str:
        self.count += 1
        return f"{self.name}#{self.count}"

    def _sent(self, post: Post) -> Done:
        """What becomes of a message that is sent."""

        def done(answer: Any, error: str) -> None:
            if error:
                post.refused = True
                return
            if post.later:
                post.kept = True
                return
            ids = [one.id for one in answer.updates if isinstance(one, t.UpdateMessageID)]
            if len(ids) != 1:
                self.world.wrong(f"{post.token} was answered without its id")
            post.msg_id = ids[0]

        return done

    def _aim(self, request: Any, reply: int, named: int, later: int) -> None:
        if reply:
            request.reply_to = t.InputReplyToMessage(reply_to_msg_id=reply)
        if named and named != self.me:
            user = self.input_user(named)
            request.entities = [t.InputMessageEntityMentionName(offset=0, length=1, user_id=user)]
        if later:
            request.schedule_date = later

    def post(self, place: Place, *, reply: int = 0, top: int = 0, named: int = 0, later: int = 0) -> None:
        """A message, as an answer to one, in the thread of `top`, naming somebody, or at a time."""
        post = place.town.attempt(self.token(), self.me, top)
        post.later = later
        request = f.messages.SendMessage(peer=place.peer, message=post.token, random_id=self.ids.i64() or 1)
        self._aim(request, reply, named, later)
        self.do(request, self._sent(post), (*NO_PLACE, *LATER_REFUSED))

    def comment(self, place: Place, msg_id: int) -> None:
        """On a post, by one who is not in the group where its comments stand."""
        square = place.town.partner
        assert square is not None

        def found(answer: Any, error: str) -> None:
            if error:
                return
            self.chats_told(answer.chats)
            top = answer.messages[0].id
            post = square.attempt(self.token(), self.me, top)
            request = f.messages.SendMessage(
                peer=self.peers[square.channel], message=post.token, random_id=self.ids.i64() or 1
            )
            self._aim(request, top, 0, 0)
            self.do(request, self._sent(post), NO_PLACE)

        self.do(f.messages.GetDiscussionMessage(peer=place.peer, msg_id=msg_id), found, NO_PLACE)

    def send_file(self, place: Place, file: bytes, *, reply: int = 0, top: int = 0) -> None:
        post = place.town.attempt(self.token(), self.me, top)
        post.file = file
        file_id, random_id = self.ids.i64() or 1, self.ids.i64() or 1
        sent = self._sent(post)

        def upload() -> None:
            self.do(f.upload.SaveFilePart(file_id=file_id, file_part=0, bytes=file), send)

        def send(answer: Any, error: str) -> None:
            if error:
                post.refused = True
                return
            named = t.InputFile(id=file_id, parts=1, name="f", md5_checksum="")
            media = t.InputMediaUploadedDocument(file=named, mime_type="a/b", attributes=[])
            request = f.messages.SendMedia(
                peer=place.peer, media=media, message=post.token, random_id=random_id
            )
            self._aim(request, reply, 0, 0)
            self.do(request, done, (*NO_PLACE, *NO_PART))

        def done(answer: Any, error: str) -> None:
            if error in NO_PART:
                upload()
            else:
                sent(answer, error)

        upload()

    def read_file(self, place: Place, msg_id: int) -> None:
        """What lies in the file of a message is what was sent."""
        post = next((one for one in place.town.posts.values() if one.msg_id == msg_id), None)
        if post is None or not post.file:
            return
        file, stay = post.file, place.stay
        tries = 0

        def excused() -> bool:
            return post.deleting or stay != place.stay or not place.inside

        def look() -> None:
            request = f.channels.GetMessages(channel=place.input, id=[t.InputMessageID(id=msg_id)])
            self.do(request, found)

        def found(answer: Any, error: str) -> None:
            document = (
                getattr(getattr(answer.messages[0], "media", None), "document", None) if not error else None
            )
            if document is None:
                if not excused() and error not in OUT:
                    self.world.wrong(f"{self.name}: {post.token} has lost its file: {error}")
                return
            where = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            self.do(
                f.upload.GetFile(location=where, offset=0, limit=1 << 20), got, (*STALE, "LOCATION_INVALID")
            )

        def got(answer: Any, error: str) -> None:
            nonlocal tries
            tries += 1
            if not error and answer.bytes != file:
                self.world.wrong(f"{self.name}: the file of {post.token} is another")
            elif error in STALE and tries < READ_TRIES:
                look()
            elif error and not excused():
                self.world.wrong(f"{self.name}: the file of {post.token} cannot be read: {error}")

        look()

    def forward(self, place: Place, msg_id: int, to: Place) -> None:
        """A file goes on to another channel, without its words."""
        request = f.messages.ForwardMessages(
            from_peer=place.peer,
            id=[msg_id],
            random_id=[self.ids.i64() or 1],
            to_peer=to.peer,
            drop_author=True,
            drop_media_captions=True,
        )
        self.do(request, None, ("MESSAGE_IDS_EMPTY", *NO_PLACE))

    def edit_post(self, place: Place, post: Post) -> None:
        text = f"{post.token}~{len(post.texts)}"
        post.texts.append(text)
        post.barred[text] = place.town.barred()
        post.sure = ""
        post.murky |= post.editing > 0
        post.editing += 1

        def done(answer: Any, error: str) -> None:
            post.editing -= 1
            if not error and not post.murky:
                post.sure = text

        self.do(f.messages.EditMessage(peer=place.peer, id=post.msg_id, message=text), done)

    def delete_posts(self, place: Place, posts: list[Post]) -> None:
        for post in posts:
            post.deleting = True
        ids = [post.msg_id for post in posts]

        def done(answer: Any, error: str) -> None:
            if error:
                return
            for post in posts:
                post.gone = True
            if answer.pts_count:
                place.turn(answer.pts, answer.pts_count, lambda: place.gone(ids))

        self.do(f.channels.DeleteMessages(channel=place.input, id=ids), done)

    def _sweep(self, posts: Callable[[], list[Post]]) -> Callable[[], None]:
        """Many are to be deleted: what marks all that is there."""

        def swept() -> None:
            for post in posts():
                post.deleting = True

        swept()
        self.sweeps.append(swept)
        return swept

    def _swept(self, swept: Callable[[], None], ended: bool) -> None:
        swept()
        if ended and swept in self.sweeps:  # not when it was asked again by an app that has ended since
            self.sweeps.remove(swept)

    def delete_all_of(self, place: Place, user: int) -> None:
        """All that somebody has written."""
        town = place.town

        def theirs() -> list[Post]:
            return [post for post in town.posts.values() if post.author == user]

        there = [post for post in theirs() if post.msg_id]
        swept = self._sweep(theirs)
        request = f.channels.DeleteParticipantHistory(channel=place.input, participant=self.peers[user])

        def done(answer: Any, error: str) -> None:
            self._swept(swept, bool(error) or not answer.offset)  # those sent meanwhile too
            if error:
                return
            if answer.offset:
                self.do(request, done)
                return
            for post in there:
                post.gone = True
            place.missed()

        self.do(request, done, NO_ADMIN)

    # -- reading -----------------------------------------------------------------------------------------------------

    def read_all(self, place: Place) -> None:
        max_id = max(place.posts)

        def done(answer: Any, error: str) -> None:
            if not error:
                place.mark = max(place.mark, max_id)

        self.do(f.channels.ReadHistory(channel=place.input, max_id=max_id), done)

    def read_thread(self, place: Place, top: int) -> None:
        max_id = max((msg_id for msg_id, one in place.posts.items() if one.top == top), default=top)

        def done(answer: Any, error: str) -> None:
            if not error:
                place.read(top, max_id)

        request = f.messages.ReadDiscussion(peer=place.peer, msg_id=top, read_max_id=max_id)
        self.do(request, done, NO_PLACE)

    def look_at(self, place: Place, posts: list[Post]) -> None:
        """Posts are on the screen: that counts as a view of each, once."""
        for post in posts:
            post.looks += 1

        def done(answer: Any, error: str) -> None:
            for post in posts if not error else ():
                post.viewers.add(self.me)

        ids = [post.msg_id for post in posts]
        self.do(f.messages.GetMessagesViews(peer=place.peer, id=ids, increment=True), done)

    # -- opinions ----------------------------------------------------------------------------------------------------

    def ask_all(self, place: Place, reply: int = 0, top: int = 0) -> None:
        """A poll."""
        post = place.town.attempt(self.token(), self.me, top)
        post.votes = {}
        answers: list[Any] = [t.PollAnswer(text=_words(one.decode()), option=one) for one in ANSWERS]
        poll = t.Poll(id=0, question=_words(post.token), answers=answers, hash=0)
        request = f.messages.SendMedia(
            peer=place.peer,
            media=t.InputMediaPoll(poll=poll),
            message="",
            random_id=self.ids.i64() or 1,
        )
        self._aim(request, reply, 0, 0)
        self.do(request, self._sent(post), NO_PLACE)

    def vote(self, place: Place, post: Post, option: bytes | None) -> None:
        assert post.votes is not None
        mine = post.votes.setdefault(self.me, Latest({None}))
        known = set(mine.possible)
        shut = post.closed
        over = mine.begin(option)

        def done(answer: Any, error: str) -> None:
            if not error and shut and option not in known:
                self.world.wrong(f"{self.name} has voted in {post.token} after it was closed")
            if shut:
                mine.possible, mine.under_way = known, mine.under_way - 1
            else:
                over(not error)

        options = [option] if option is not None else []
        request = f.messages.SendVote(peer=place.peer, msg_id=post.msg_id, options=options)
        self.do(request, done, ("MESSAGE_POLL_CLOSED",))

    def close_poll(self, place: Place, post: Post) -> None:
        post.closing = True
        poll = t.Poll(id=0, question=_words(""), answers=[], hash=0, closed=True)

        def done(answer: Any, error: str) -> None:
            post.closed |= not error

        media = t.InputMediaPoll(poll=poll)
        self.do(f.messages.EditMessage(peer=place.peer, id=post.msg_id, media=media), done)

    def like(self, place: Place, post: Post, emoji: str) -> None:
        over = post.reactions.setdefault(self.me, Latest({""})).begin(emoji)
        kinds: list[Any] = [t.ReactionEmoji(emoticon=emoji)] if emoji else []
        request = f.messages.SendReaction(peer=place.peer, msg_id=post.msg_id, reaction=kinds)
        self.do(request, lambda answer, error: over(not error))

    # -- who is in it, and what it is --------------------------------------------------------------------------------

    def enter(self, town: Town) -> None:
        def done(answer: Any, error: str) -> None:
            place = self.place(town.channel)
            if place is not None:
                place.look()

        self.do(f.messages.ImportChatInvite(hash=town.link.removeprefix(LINK)), done)

    def leave(self, place: Place) -> None:
        place.town.unsteady.add(self.me)
        over = place.town.admins.setdefault(self.me, Latest({False})).begin(False)

        def done(answer: Any, error: str) -> None:
            over(not error)
            place.look()

        self.do(f.channels.LeaveChannel(channel=place.input), done)

    def keep_out(self, place: Place, user: int, out: bool) -> None:
        """Of the creator: keep somebody out, or let him in again."""
        town = place.town
        town.unsteady.add(user)
        over = town.admins.setdefault(user, Latest({False})).begin(False)
        if not out:
            town.removed.discard(user)
            town.lifting[user] += 1
            town.lifted[user] += 1
        begun = town.lifted[user]
        rights = t.ChatBannedRights(view_messages=out, until_date=0)
        request = f.channels.EditBanned(
            channel=place.input, participant=self.peers[user], banned_rights=rights
        )

        def done(answer: Any, error: str) -> None:
            over(out and not error)
            if not out:
                town.lifting[user] -= 1
            elif not error and begun == town.lifted[user] and not town.lifting[user]:
                town.removed.add(user)  # else the one that lifts it may have been done behind this one

        self.do(request, done, NO_ADMIN)

    def make_admin(self, place: Place, user: int, admin: bool) -> None:
        """Of the creator."""
        town = place.town
        if admin:  # lets him in, when he was out
            town.removed.discard(user)
            town.lifting[user] += 1
            town.lifted[user] += 1
        else:
            town.unsteady.add(user)
        over = town.admins.setdefault(user, Latest({False})).begin(admin)
        rights = t.ChatAdminRights(
            post_messages=admin, delete_messages=admin, pin_messages=admin, change_info=admin
        )
        request = f.channels.EditAdmin(
            channel=place.input, user_id=self.input_user(user), admin_rights=rights
        )
        self.do(request, lambda answer, error: over(not error), NO_ADMIN)

    def rename_town(self, place: Place) -> None:
        town, title = place.town, f"title {self.token()}"
        town.titles[title] = False
        over = town.title.begin(title)

        def done(answer: Any, error: str) -> None:
            town.titles[title] |= not error
            if town.title.murky:
                town.mixed.add(title)
            over(not error)

        self.do(f.channels.EditTitle(channel=place.input, title=title), done)

    def begin_topic(self, place: Place) -> None:
        post = Post(self.token(), self.me)
        place.town.topics[post.token] = post
        request = f.messages.CreateForumTopic(
            peer=place.peer, title=post.token, random_id=self.ids.i64() or 1
        )
        self.do(request, self._sent(post))

    def close_topic(self, place: Place, top: int, closed: bool) -> None:
        request = f.messages.EditForumTopic(peer=place.peer, topic_id=top, closed=closed)
        self.do(request, None, ("TOPIC_NOT_MODIFIED", *NO_PLACE))

    def delete_topic(self, place: Place, topic: Post) -> None:
        """With all that stands in it."""
        town = place.town
        topic.deleting = True
        request = f.messages.DeleteTopicHistory(peer=place.peer, top_msg_id=topic.msg_id)

        def inside() -> list[Post]:
            return [post for post in town.posts.values() if post.top == topic.msg_id]

        there = [post for post in inside() if post.msg_id]
        swept = self._sweep(inside)

        def done(answer: Any, error: str) -> None:
            self._swept(swept, bool(error) or not answer.offset)
            if error:
                return
            if answer.offset:
                self.do(request, done, NO_PLACE)
                return
            for post in there:
                post.gone = True
            topic.gone = True
            place.missed()

        self.do(request, done, NO_PLACE)

    def pin_post(self, place: Place, msg_id: int, unpin: bool) -> None:
        request = f.messages.UpdatePinnedMessage(peer=place.peer, id=msg_id, unpin=unpin)
        self.do(request)

    def see_named(self, place: Place) -> None:
        self.do(f.messages.ReadMentions(peer=place.peer))


def _words(text: str) -> t.TextWithEntities:
    return t.TextWithEntities(text=text, entities=[])


def _peer(update: Any) -> Any:
    """The chat that an update is about."""
    message = getattr(update, "message", None)
    peer = getattr(update, "peer", None) or getattr(message, "peer_id", None)
    return getattr(peer, "peer", peer)


__all__ = ["RETRY_SECONDS", "Townsman"]
