"""What one slot tells another through the outbox, applied in order and once.

A new kind needs a line in AnyOutbox here and a handler registered with store.on_outbox.
"""

from __future__ import annotations

from tgserve.store import records as r
from tgserve.store.node_records import Node
from tgserve.store.records import Record
from tgserve.store.waiting_records import Later


class Deliver(Record, tag=True, frozen=True):
    """A message of `author` arrives in `user`'s box, in the chat `peer` as the user names it."""

    user: int
    peer: int
    author: int
    author_msg_id: int
    date: int
    flags: int = 0
    silent: bool = False
    version: int = 0
    """Of the group, as its sender knew it: who has left since takes nothing of it. 0 = not in a group."""
    leaves: int = 0
    """MEMBER_LEFT or MEMBER_KICKED: this message is the last the receiver gets of the group."""


class DeliverAll(Record, tag=True, frozen=True):
    """A message of `author` arrives in the group `chat`: a Deliver for each of `users`. Sent by Txn.spread; each shard
    gets one, with those users whose slots it has."""

    users: tuple[int, ...]
    chat: int
    author: int
    author_msg_id: int
    date: int
    flags: int = 0
    silent: bool = False
    version: int = 0

    def to(self, user: int) -> Deliver:
        """The same for one of them."""
        return Deliver(
            user,
            self.chat,
            self.author,
            self.author_msg_id,
            self.date,
            self.flags,
            self.silent,
            self.version,
        )


class DeliverEdit(Record, tag=True, frozen=True):
    user: int
    author: int
    author_msg_id: int
    date: int = 0
    version: int = 0
    """As in Deliver."""


class DeliverDelete(Record, tag=True, frozen=True):
    """Delete for both sides: the receiver's rows of these messages go."""

    user: int
    author: int
    author_msg_ids: tuple[int, ...]
    date: int = 0
    chat: int = 0
    """To the author, of messages in a group: everybody else in it is to lose them then."""
    by: int = 0
    """Who deletes there, and has done so in his own box."""


class SpreadDelete(Record, tag=True, frozen=True):
    """To a group's slot, the bodies being gone: all who are or were in it, but `by` and the author, lose the rows."""

    chat: int
    author: int
    author_msg_ids: tuple[int, ...]
    date: int
    by: int


class DeliverRead(Record, tag=True, frozen=True):
    """`reader` has read `user`'s messages up to author_msg_id (in `user`'s own numbering)."""

    user: int
    reader: int
    author_msg_id: int
    date: int = 0
    peer: int = 0
    """The group it was read in; 0 = the private chat."""


class DeliverContentsRead(Record, tag=True, frozen=True):
    user: int
    author_msg_ids: tuple[int, ...]
    date: int = 0


class ReleaseBodies(Record, tag=True, frozen=True):
    """A box has dropped its rows of these bodies."""

    author: int
    author_msg_ids: tuple[int, ...]


class ConfirmPhone(Record, tag=True, frozen=True):
    phone: str
    user_id: int


class ConfirmName(Record, tag=True, frozen=True):
    name: str
    peer: int


class ReleaseName(Record, tag=True, frozen=True):
    name: str
    peer: int


class SignedIn(Record, tag=True, frozen=True):
    """A key was bound to a user: the user's slot lists it, writes the notice from 777000 and tells the devices."""

    user_id: int
    hash: int
    auth: r.UserAuth
    first: bool = False


class SignedOut(Record, tag=True, frozen=True):
    user_id: int
    hash: int


class RevokeAuth(Record, tag=True, frozen=True):
    """The user's slot ended a session: the key's slot unbinds it."""

    auth_key_id: int
    user_id: int
    hash: int = 0


class KeyJoined(Record, tag=True, frozen=True):
    """A key was signed in by an exported authorisation: it belongs to session `hash` and ends with it."""

    user_id: int
    hash: int
    auth_key_id: int


class SessionSeen(Record, tag=True, frozen=True):
    """A signed-in key's client told something new of itself: the session list shows it."""

    user_id: int
    hash: int
    auth: r.UserAuth


class ContactAdded(Record, tag=True, frozen=True):
    """`owner` has `user_id` as contact (or no longer): the other side's `mutual` follows."""

    owner: int
    user_id: int
    present: bool


class TellUserChanged(Record, tag=True, frozen=True):
    """A profile changed: a user who knows this one is told."""

    user_id: int
    changed: int
    what: str


class ReleasePhone(Record, tag=True, frozen=True):
    """An account gave this number up (deleted, or it has another one now)."""

    phone: str
    user_id: int


class ContactGone(Record, tag=True, frozen=True):
    """`user_id` deleted the account: `owner` has it as contact no more."""

    owner: int
    user_id: int


class ChatAct(Record, tag=True, frozen=True):
    """What `user` did to a group, as a service message of his: written in his box and delivered to `to`."""

    user: int
    chat: int
    version: int
    date: int
    action: bytes
    layer: int
    min_layer: int
    users: tuple[int, ...]
    to: tuple[int, ...]
    new: tuple[int, ...] = ()
    """Members who have come by this; they are given the last `forward` messages of the actor's box."""
    forward: int = 0
    gone: int = 0
    """Who has left by this, in the way `leaves` says."""
    leaves: int = 0
    files: tuple[tuple[int, int, int], ...] = ()
    """As Body.files: photos in the action, which the message holds."""


class DeliverPins(Record, tag=True, frozen=True):
    """Messages of a chat were pinned for everybody, or unpinned: (author, author_msg_id) each."""

    user: int
    peer: int
    messages: tuple[tuple[int, int], ...]
    pinned: bool
    date: int


class DeliverScene(Record, tag=True, frozen=True):
    """How a chat looks was changed by its other side for both. `what`: wallpaper theme; an empty value removes it."""

    user: int
    peer: int
    what: str
    value: bytes
    date: int


class DeliverTimer(Record, tag=True, frozen=True):
    """The other side set how long messages of the chat live, in seconds; 0 = for ever."""

    user: int
    peer: int
    period: int
    date: int


class HoldBodies(Record, tag=True, frozen=True):
    """One more box holds these bodies: that of `user`, which loses its rows again when the bodies are gone."""

    author: int
    author_msg_ids: tuple[int, ...]
    user: int = 0
    date: int = 0


class Bring(Record, tag=True, frozen=True):
    """Older messages of a group for a newcomer, oldest first: (author, author_msg_id, date) each."""

    user: int
    chat: int
    messages: tuple[tuple[int, int, int], ...]
    date: int
    version: int


class TellChatChanged(Record, tag=True, frozen=True):
    user: int
    chat: int
    what: str
    date: int


class ChatDeleted(Record, tag=True, frozen=True):
    """The group is gone for everybody: its messages leave `user`'s box."""

    user: int
    chat: int
    version: int
    date: int


class SeatChanged(Record, tag=True, frozen=True):
    """`user` is a member of a channel now, or no longer: the list of his chats follows and his devices are told."""

    user: int
    channel: int
    here: bool
    date: int
    read_max: int = 0
    """What he finds there counts as read."""
    version: int = 0
    """Of the channel: an older word does not undo a newer one."""


class TellChannelChanged(Record, tag=True, frozen=True):
    """A member's place or rights have changed: his devices draw the channel again."""

    user: int
    channel: int
    date: int


class TellChannelRequests(Record, tag=True, frozen=True):
    """Somebody asks to come in, or was answered: an admin's devices are told."""

    user: int
    channel: int
    date: int


class AccountGone(Record, tag=True, frozen=True):
    """The account `user` was deleted: it leaves this channel."""

    user: int
    channel: int
    date: int


class ChannelReadBy(Record, tag=True, frozen=True):
    """A member has read a supergroup up to here."""

    channel: int
    reader: int
    max_id: int
    date: int


class ChannelAuthorRead(Record, tag=True, frozen=True):
    """What `user` wrote in a supergroup has been read up to here."""

    user: int
    channel: int
    max_id: int
    date: int


class ChannelMentioned(Record, tag=True, frozen=True):
    """`user` is named, or answered, by a message in a channel; with `gone`: that message is deleted."""

    user: int
    channel: int
    msg_id: int
    gone: bool = False


class ChannelReacted(Record, tag=True, frozen=True):
    """Whether reactions to a message of `user` in a supergroup wait to be seen by him."""

    user: int
    channel: int
    msg_id: int
    waits: bool


class ChannelReactionsSeen(Record, tag=True, frozen=True):
    """`user` has seen the reactions to these messages of his."""

    user: int
    channel: int
    msg_ids: tuple[int, ...]


class ChannelWritten(Record, tag=True, frozen=True):
    """`user` has sent into a channel what he had as a draft there."""

    user: int
    channel: int
    date: int
    topic: int = 0


class Reacted(Record, tag=True, frozen=True):
    """`user` has reacted to a message: his own box hears of it. `kinds` is all he has given it now."""

    user: int
    author: int
    author_msg_id: int
    kinds: tuple[str, ...]
    date: int
    recent: bool = False
    """Remember what he chose among his latest."""


class DeliverReactions(Record, tag=True, frozen=True):
    """The reactions to a message in `user`'s box have changed."""

    user: int
    author: int
    author_msg_id: int
    date: int


class DropReactors(Record, tag=True, frozen=True):
    """A body is gone: the rows of who had reacted to it follow, a slice at a time."""

    author: int
    author_msg_id: int


class ForgetGiven(Record, tag=True, frozen=True):
    """What `user` had reacted to, or voted in (number 0), is gone."""

    user: int
    owner: int
    number: int


class TakeBack(Record, tag=True, frozen=True):
    """The account `user` is gone, and its reaction to a message with it."""

    user: int
    author: int
    author_msg_id: int
    date: int


class PollPlaced(Record, tag=True, frozen=True):
    """A message with the poll was written."""

    poll: int
    author: int
    author_msg_id: int
    peer: int
    date: int


class PollUnplaced(Record, tag=True, frozen=True):
    """A message with the poll is gone."""

    poll: int
    author: int
    author_msg_id: int


class Voted(Record, tag=True, frozen=True):
    """`user` voted in a poll, or took the vote back: his own box hears of it."""

    user: int
    poll: int
    date: int
    given: bool


class TellPoll(Record, tag=True, frozen=True):
    """A poll in `user`'s box was closed or changed."""

    user: int
    poll: int
    date: int


class TakeVoteBack(Record, tag=True, frozen=True):
    """The account `user` is gone, and its vote with it."""

    user: int
    poll: int


class DropVotes(Record, tag=True, frozen=True):
    """A poll is nowhere any more: its votes follow, a slice at a time."""

    poll: int


class MediaHeld(Record, tag=True, frozen=True):
    """`count` more (or, negative, fewer) messages, profiles or sets hold a photo or document."""

    media: int
    count: int


class HoldChunks(Record, tag=True, frozen=True):
    """Somebody keeps these chunks (an id twice: two holders)."""

    ids: tuple[bytes, ...]


class DropChunks(Record, tag=True, frozen=True):
    """Somebody keeps them no longer."""

    ids: tuple[bytes, ...]


class ChannelFromGroup(Record, tag=True, frozen=True):
    """A basic group becomes a supergroup: make it, with these members (user, is admin). `action` is the TL of its first
    service message."""

    channel: int
    chat: int
    title: str
    creator: int
    date: int
    hash: str
    action: bytes
    layer: int
    min_layer: int
    members: tuple[tuple[int, bool], ...]
    about: str = ""
    banned: int = 0
    noforwards: bool = False
    ttl_period: int = 0
    photo: r.Shot | None = None


class ThreadReadBy(Record, tag=True, frozen=True):
    """`reader` has read a thread up to here: its authors shall hear of it."""

    channel: int
    topic: int
    reader: int
    max_id: int
    date: int


class ThreadAuthorRead(Record, tag=True, frozen=True):
    """Somebody has read what `user` wrote in a thread."""

    user: int
    channel: int
    topic: int
    max_id: int
    date: int


class FillGeneral(Record, tag=True, frozen=True):
    """A supergroup has become a forum: what was written above `after`, up to `upto`, goes to General."""

    channel: int
    after: int
    upto: int


class ScheduledMoved(Record, tag=True, frozen=True):
    """A post that waited in its author's slot, as those of channels once did, comes into the channel's list."""

    channel: int
    later: Later
    date: int


class ForwardPost(Record, tag=True, frozen=True):
    """A channel's post goes into its discussion group; `body` as it shall stand there."""

    group: int
    channel: int
    post: int
    body: r.Body
    date: int


class PostForwarded(Record, tag=True, frozen=True):
    """How many comments a post has, as its discussion group counts them; at first where they begin."""

    channel: int
    post: int
    group: int
    root: int
    replies: int = 0
    max_id: int = 0
    recent: tuple[int, ...] = ()


class PostEdited(Record, tag=True, frozen=True):
    """A channel's post was edited: so is the copy in its discussion group."""

    group: int
    channel: int
    post: int
    root: int
    body: r.Body
    date: int


class PostDeleted(Record, tag=True, frozen=True):
    """A channel's posts are gone: their copies in its discussion group (`roots`) go too."""

    group: int
    channel: int
    roots: tuple[int, ...]
    date: int


class LinkGroup(Record, tag=True, frozen=True):
    """A channel has made `group` its discussion group: the group follows, if `me` may."""

    group: int
    channel: int
    me: int
    date: int


class UnlinkGroup(Record, tag=True, frozen=True):
    """`channel` belongs no more to `other` (one of them is a channel, the other its discussion group)."""

    channel: int
    other: int
    me: int
    date: int


class BotSeated(Record, tag=True, frozen=True):
    """`user`, who has come into a channel or gone, is a bot."""

    channel: int
    user: int


class AwaitPost(Record, tag=True, frozen=True):
    """`user` has a channel in his archive, where a new post finds him; not before second `quiet_until`, when he has
    silenced it that long."""

    channel: int
    user: int
    quiet_until: int = 0


class WakeArchived(Record, tag=True, frozen=True):
    """There is something new in a channel that `user` had in his archive. `kind` names the defaults it follows."""

    user: int
    channel: int
    kind: str
    date: int


class TellScheduled(Record, tag=True, frozen=True):
    """In the list of a channel's scheduled posts number `number` has changed, or is `gone` (and message `msg_id` now):
    `user` may post there."""

    user: int
    channel: int
    number: int
    date: int
    gone: bool = False
    msg_id: int = 0


class WakeNext(Record, tag=True, frozen=True):
    """Those behind user number `after` who have the channel in their archives are to be told of a post."""

    channel: int
    after: int
    kind: str
    author: int
    date: int


class ToNode(Record, tag=True, frozen=True):
    """For another node, in order: `data` is the msgpack of an AnyOutbox whose target is homed there."""

    dc: int
    data: bytes


class FromNode(Record, tag=True, frozen=True):
    """What node `dc` had for us, in the slot of the user it came from. `body`: the message it is about, as BODIES has
    it."""

    dc: int
    data: bytes
    body: bytes = b""


class NodeKnown(Record, tag=True, frozen=True):
    """The keeper tells the other nodes of a new one."""

    node: Node


class EndJoined(Record, tag=True, frozen=True):
    """A session ended at its home: keys that joined it here by an exported authorisation are signed out."""

    user_id: int
    hash: int


class TokenTaken(Record, tag=True, frozen=True):
    """`user` has registered a push token (or, with `gone`, given it up): of the others only `keep` still use it."""

    token: int
    user: int
    keep: tuple[int, ...] = ()
    gone: bool = False


class TokenLost(Record, tag=True, frozen=True):
    """Somebody else uses this push token now: `user` is not told anything there any more."""

    token: int
    user: int


AnyOutbox = (
    Deliver
    | DeliverAll
    | DeliverEdit
    | DeliverDelete
    | SpreadDelete
    | DeliverRead
    | DeliverContentsRead
    | ReleaseBodies
    | ConfirmPhone
    | ConfirmName
    | ReleaseName
    | SignedIn
    | SignedOut
    | RevokeAuth
    | KeyJoined
    | SessionSeen
    | ContactAdded
    | TellUserChanged
    | ReleasePhone
    | ContactGone
    | DeliverPins
    | DeliverTimer
    | DeliverScene
    | ChatAct
    | HoldBodies
    | Bring
    | TellChatChanged
    | ChatDeleted
    | SeatChanged
    | TellChannelChanged
    | TellChannelRequests
    | AccountGone
    | ChannelReadBy
    | ChannelAuthorRead
    | ChannelMentioned
    | ChannelReacted
    | ChannelReactionsSeen
    | ChannelWritten
    | Reacted
    | DeliverReactions
    | DropReactors
    | ForgetGiven
    | TakeBack
    | PollPlaced
    | PollUnplaced
    | Voted
    | TellPoll
    | TakeVoteBack
    | DropVotes
    | MediaHeld
    | HoldChunks
    | DropChunks
    | ChannelFromGroup
    | ThreadReadBy
    | ThreadAuthorRead
    | FillGeneral
    | ForwardPost
    | PostForwarded
    | PostEdited
    | PostDeleted
    | LinkGroup
    | UnlinkGroup
    | AwaitPost
    | BotSeated
    | WakeArchived
    | WakeNext
    | TellScheduled
    | ScheduledMoved
    | ToNode
    | FromNode
    | EndJoined
    | NodeKnown
    | TokenTaken
    | TokenLost
)


class OutboxRow(Record, frozen=True):
    """One payload on its way (or parked in the target's slot because its handler failed)."""

    source_slot: int
    target_slot: int
    payload: AnyOutbox


class Parcel(Record, frozen=True):
    """What one group commit of a shard has for another shard, in order."""

    items: tuple[OutboxRow, ...]
