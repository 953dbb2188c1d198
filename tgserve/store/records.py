"""What is stored: one record a row. Plain data, no TL objects: what rules look at is a field, the rest TL bytes.

Rules: records are msgspec arrays, so a field is only ever added at the end and with a default; a change of meaning
needs FORMAT += 1 and a migration. Peers are one signed number as in the Bot API: a user is its id, a basic group is
-id, a channel is -(10**12 + id). Times are Unix seconds, `*_bytes` and fields named in TL terms are TL bytes stamped
with `layer`.
"""

from __future__ import annotations

import msgspec

CHANNEL_BASE = 10**12


class Record(msgspec.Struct, array_like=True, gc=False, frozen=True):
    """Immutable: change one with msgspec.structs.replace."""


# -- accounts -----------------------------------------------------------------------------------------------------


class User(Record, frozen=True):
    """An account. `version` grows with every change, caches compare it."""

    id: int
    phone: str
    first_name: str
    last_name: str = ""
    username: str = ""
    about: str = ""
    created: int = 0
    deleted: bool = False
    banned: bool = False
    bot: bool = False
    support: bool = False
    verified: bool = False
    last_online: int = 0
    version: int = 0
    birthday: tuple[int, int, int] = (0, 0, 0)
    contacts_hash: int = 0
    color: int = -1
    """Accent colour of the name (help.getPeerColors), -1 = as the id says; then an emoji behind it, 0 = none."""
    color_emoji: int = 0
    profile_color: int = -1
    profile_emoji: int = 0


class PhoneClaim(Record, frozen=True):
    """Who owns a phone number. Unconfirmed claims older than a minute may be taken over (DISK.md, claims)."""

    user_id: int
    claimed: int
    confirmed: bool = False
    banned: bool = False


class NameClaim(Record, frozen=True):
    """Who owns a username (peer as above); confirmed when the owner's record carries it."""

    peer: int
    claimed: int
    confirmed: bool = False
    name: str = ""


class LoginCode(Record, frozen=True):
    """A code on its way; bound to phone, hash and key (SECURITY 5.2). `signed_in` keeps a used code repeatable for a
    short while on the same key (clients resend signIn after a reconnect)."""

    code: str
    phone_code_hash: str
    auth_key_id: int
    expires: int
    tries: int = 0
    sent: int = 0
    proven: bool = False
    used_at: int = 0
    user_id: int = 0


class Tally(Record, frozen=True):
    """A rolling count for flood limits: `count` events since `since`."""

    count: int
    since: int


class Auth(Record, frozen=True):
    """An auth key and what is signed in on it. `key` is sealed (SECURITY 7.1). user_id 0 = nobody."""

    key: bytes
    created: int
    user_id: int = 0
    signed_in: int = 0
    hash: int = 0
    layer: int = 0
    api_id: int = 0
    device_model: str = ""
    system_version: str = ""
    app_version: str = ""
    lang_code: str = ""
    lang_pack: str = ""
    ip: str = ""
    active: int = 0
    revoked: bool = False
    password_pending: bool = False
    temporary: tuple[int, ...] = ()
    """Ids of the temporary keys bound to this one that may still live."""
    pending_user: int = 0
    """With password_pending: whose code was proven on this key; the password is still owed (SECURITY 5.7)."""
    pending_since: int = 0


class TempBinding(Record, frozen=True):
    """A temporary key that is bound: it survives a restart so that its client is not sent through a new exchange."""

    key: bytes
    perm_auth_key_id: int
    expires: int


class UserAuth(Record, frozen=True):
    """One line of a user's session list, keyed by its hash; the copy of Auth that the list shows."""

    auth_key_id: int
    created: int
    active: int
    api_id: int = 0
    device_model: str = ""
    platform: str = ""
    system_version: str = ""
    app_name: str = ""
    app_version: str = ""
    ip: str = ""
    country: str = ""
    region: str = ""
    first: bool = False
    """Made by the sign-up: never counts as fresh (SECURITY 5.6)."""
    joined: tuple[int, ...] = ()
    """Keys signed in by auth.importAuthorization from this session: they end with it."""
    unconfirmed: bool = False
    """A new login that no other device has said yes to."""
    calls_disabled: bool = False
    secrets_disabled: bool = False


class Exported(Record, frozen=True):
    """An exported authorisation, keyed by the hash of its bytes (SECURITY 5.9)."""

    user_id: int
    expires: int
    dc_id: int = 0
    hash: int = 0
    """The exporting session's hash: the importing key joins that session."""


class Contact(Record, frozen=True):
    """`phone` as the owner imported it; `mutual` is kept by the outbox of the other side."""

    first_name: str
    last_name: str = ""
    phone: str = ""
    mutual: bool = False
    added: int = 0
    note: bytes = b""
    close: bool = False
    """One of the owner's close friends."""


class Blocked(Record, frozen=True):
    date: int


class PrivacyRules(Record, frozen=True):
    """Rules of one privacy key in the order they are tried: (kind, ids); kinds are services/privacy.py's."""

    rules: tuple[tuple[str, tuple[int, ...]], ...]


# -- messages -----------------------------------------------------------------------------------------------------


class Reply(Record, frozen=True):
    """What a message answers: the message's reference (author box, id there) so that each viewer's own id is found."""

    author: int
    author_msg_id: int
    quote_text: str = ""
    quote_entities: bytes = b""
    quote_offset: int = 0
    top_author: int = 0
    top_msg_id: int = 0


class Body(Record, frozen=True):
    """A message as its author wrote it, stored once, in the author's slot under (author box, author_msg_id).

    `author` is the sender's user id, `text` UTF-8; `entities` is a TL Vector<MessageEntity>, `media`, `action`, `fwd`,
    `markup`, `extra` boxed TL objects, all of layer `layer`, empty when absent. `min_layer`: sessions from this layer
    on may get those bytes as they are; older ones get them re-encoded.
    """

    author: int
    date: int
    text: bytes = b""
    layer: int = 0
    min_layer: int = 0
    entities: bytes = b""
    media: bytes = b""
    action: bytes = b""
    fwd: bytes = b""
    markup: bytes = b""
    reply: Reply | None = None
    edit_date: int = 0
    edit_hide: bool = False
    silent: bool = False
    noforwards: bool = False
    invert_media: bool = False
    grouped_id: int = 0
    ttl_period: int = 0
    via_bot: int = 0
    effect: int = 0
    holders: int = 0
    """How many boxes still have a row for this body; the last one to go takes the body with it."""
    peer: int = 0
    """The chat it was sent to, as the author names it."""
    users: tuple[int, ...] = ()
    """Users named inside entities, fwd, media or action: a viewer is given them beside the message."""


class Row(Record, frozen=True):
    """A message in a user's box, keyed by (user, msg_id): thin, it says where the body is."""

    peer: int
    author: int
    author_msg_id: int
    flags: int = 0


ROW_OUT = 1
ROW_MENTIONED = 2
ROW_MEDIA_UNREAD = 4
ROW_FROM_SELF = 8
"""Saved Messages: peer and author are the owner."""
ROW_SCHEDULED = 32
"""Its author had it sent later."""
ROW_PINNED = 16
"""Pinned in its chat; it has a PINS entry."""


class BoxHead(Record, frozen=True):
    """The counters of a box; raised only inside the transaction that uses the numbers."""

    pts: int = 1
    msg_id: int = 0
    qts: int = 1
    date: int = 0
    oldest_pts: int = 1
    """Events with pts above this one are all still there (retention)."""
    sub: int = 0
    """Number of events since `pts` that do not raise it."""


class Dialog(Record, frozen=True):
    top_message: int = 0
    top_date: int = 0
    read_inbox_max: int = 0
    read_outbox_max: int = 0
    unread_count: int = 0
    unread_mentions: int = 0
    unread_mark: bool = False
    pinned: int = 0
    """Place among the pinned dialogs, growing towards the top; 0 = not pinned."""
    folder: int = 0
    draft: bytes = b""
    """TL draftMessage of `draft_layer`, or empty."""
    draft_layer: int = 0
    draft_date: int = 0
    notify: bytes = b""
    notify_layer: int = 0
    ttl_period: int = 0
    hidden: bool = False
    """History was cleared and the chat removed from the list: comes back with the next message."""
    settings_hidden: bool = False
    count: int = 0
    """How many messages the chat holds for this user."""
    left_at: int = 0
    """The group's version when the user left it or was removed: what was sent to him before that, and comes later, is
    dropped. 0 = never left."""
    left_date: int = 0
    """When that was; edits made later are not shown. 0 = is in it (again)."""


# -- events: what getDifference can tell, keyed by (user, pts, sub) ------------------------------------------------


class Event(Record, tag=True, frozen=True):
    """Base of what the event log holds. `sub` 0 raised pts; others tell devices of a change that has no pts."""


class NewMessage(Event, frozen=True):
    msg_id: int


class EditMessage(Event, frozen=True):
    msg_id: int


class DeleteMessages(Event, frozen=True):
    msg_ids: tuple[int, ...]


class ReadInbox(Event, frozen=True):
    peer: int
    max_id: int
    still_unread: int


class ReadOutbox(Event, frozen=True):
    peer: int
    max_id: int


class ReadContents(Event, frozen=True):
    msg_ids: tuple[int, ...]
    date: int


class DraftChanged(Event, frozen=True):
    peer: int


class DialogPinned(Event, frozen=True):
    peer: int
    pinned: bool


class PinnedOrder(Event, frozen=True):
    peers: tuple[int, ...]
    folder: int = 0


class DialogUnreadMark(Event, frozen=True):
    peer: int
    unread: bool


class NotifyChanged(Event, frozen=True):
    peer: int


class PeerBlocked(Event, frozen=True):
    peer: int
    blocked: bool


class ContactChanged(Event, frozen=True):
    """A contact of mine was added, renamed or removed; the viewer must draw the user again."""

    user_id: int


class UserChanged(Event, frozen=True):
    """Name, username, phone or photo of a user I know has changed. `what` names the update: name phone photo."""

    user_id: int
    what: str


class NewAuthorization(Event, frozen=True):
    hash: int
    date: int
    device: str
    location: str
    unconfirmed: bool = True


class PeerSettingsChanged(Event, frozen=True):
    peer: int


class PrivacyChanged(Event, frozen=True):
    """The rules of one privacy key of mine; `key` is one of services/privacy.py's KEYS."""

    key: str


class DefaultNotifyChanged(Event, frozen=True):
    """How loud a kind of chats is by default: users chats broadcasts."""

    kind: str


class ScheduledChanged(Event, frozen=True):
    """A message was scheduled in a chat, or a scheduled one was edited."""

    peer: int
    number: int


class ScheduledGone(Event, frozen=True):
    """A scheduled message was deleted, or sent: then it is message `msg_id` now."""

    peer: int
    number: int
    msg_id: int = 0


class TimerChanged(Event, frozen=True):
    """How long messages of a chat live."""

    peer: int


class FolderChanged(Event, frozen=True):
    """A folder of the user's was made, changed or deleted."""

    number: int


class FoldersChanged(Event, frozen=True):
    """The order of the folders, or what is not one folder's own. `what`: order tags."""

    what: str


class Archived(Event, frozen=True):
    """Chats went into the archive (folder 1) or out of it (0)."""

    peers: tuple[int, ...]
    folder: int


class MessagesPinned(Event, frozen=True):
    """Messages of a chat were pinned in it, or unpinned."""

    peer: int
    msg_ids: tuple[int, ...]
    pinned: bool


class ChatChanged(Event, frozen=True):
    """A group's members, rights or settings changed. `what`: members admin rights about requests settings."""

    peer: int
    what: str


AnyEvent = (
    NewMessage
    | EditMessage
    | DeleteMessages
    | ReadInbox
    | ReadOutbox
    | ReadContents
    | DraftChanged
    | DialogPinned
    | PinnedOrder
    | DialogUnreadMark
    | NotifyChanged
    | PeerBlocked
    | ContactChanged
    | UserChanged
    | NewAuthorization
    | PeerSettingsChanged
    | PrivacyChanged
    | DefaultNotifyChanged
    | MessagesPinned
    | FolderChanged
    | ScheduledChanged
    | ScheduledGone
    | TimerChanged
    | FoldersChanged
    | Archived
    | ChatChanged
)


class LoggedEvent(Record, frozen=True):
    """A row of the event log: the event, the second it happened, how far it raised pts."""

    event: AnyEvent
    date: int
    pts_count: int = 1


# -- outbox: what one slot tells another, applied in order and once -------------------------------------------------


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
    auth: UserAuth
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
    auth: UserAuth


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


class DeliverPins(Record, tag=True, frozen=True):
    """Messages of a chat were pinned for everybody, or unpinned: (author, author_msg_id) each."""

    user: int
    peer: int
    messages: tuple[tuple[int, int], ...]
    pinned: bool
    date: int


class DeliverTimer(Record, tag=True, frozen=True):
    """The other side set how long messages of the chat live, in seconds; 0 = for ever."""

    user: int
    peer: int
    period: int
    date: int


class HoldBodies(Record, tag=True, frozen=True):
    """One more box is about to hold these bodies."""

    author: int
    author_msg_ids: tuple[int, ...]


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


AnyOutbox = (
    Deliver
    | DeliverEdit
    | DeliverDelete
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
    | ChatAct
    | HoldBodies
    | TellChatChanged
    | ChatDeleted
)


class OutboxRow(Record, frozen=True):
    """One payload on its way (or parked in the target's slot because its handler failed)."""

    source_slot: int
    target_slot: int
    payload: AnyOutbox


class Parcel(Record, frozen=True):
    """What one group commit of a shard has for another shard, in order."""

    items: tuple[OutboxRow, ...]


class OutboxHead(Record, frozen=True):
    """`seq`: the last parcel number given out towards a shard."""

    seq: int = 0


class AppliedMark(Record, frozen=True):
    """What the target has applied of a source shard: parcels up to `seq`, and `done` items of the one after it."""

    seq: int = 0
    done: int = 0


class ShardHome(Record, frozen=True):
    """Who an environment is. `epochs`: for each slot a 4-byte big-endian number, 0 = not here; the highest of all
    environments owns the slot (DISK.md 3)."""

    number: int
    store: str
    epochs: bytes


# -- folders -------------------------------------------------------------------------------------------------------


class Folder(Record, frozen=True):
    """A folder as its owner's client made it: TL dialogFilter of `layer`."""

    number: int
    data: bytes
    layer: int


class Folders(Record, frozen=True):
    """Folders of a user in the order shown, and where the list of all chats stands among them."""

    items: tuple[Folder, ...] = ()
    all_chats_at: int = 0
    tags: bool = False


MEMBER_LEFT = 1
MEMBER_KICKED = 2
"""How somebody went from a group: Deliver.leaves, and Member.gone (group_records.py)."""
