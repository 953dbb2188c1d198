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


class Shot(Record, frozen=True):
    """The photo of a person or chat, as much of it as is drawn with every mention of them: the photo's id, the bytes of
    photoStrippedSize, whether it moves."""

    id: int
    stripped: bytes = b""
    film: bool = False


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
    photo: Shot | None = None
    """The first of PROFILE_PHOTOS."""
    fallback: Shot | None = None
    """Shown to those who may not see the photo, or when there is none."""
    personal_channel: int = 0
    """Peer number of the channel named in the profile; drawn only while it is public and the user's own."""
    scam: bool = False
    """The operator's marks, shown beside the name."""
    fake: bool = False


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
    by_email: bool = False
    """The code went to the account's e-mail address."""
    email: str = ""
    """An address that is to be the account's: once `email_code` is shown, and the code proven."""
    email_code: str = ""
    email_expires: int = 0
    email_tries: int = 0
    email_proven: bool = False
    held: bool = False
    """Not sent: an address is wanted first."""
    invite: bytes = b""
    """Instead of the code the digits of this invitation were shown."""


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
    photo: Shot | None = None
    """How the owner wants to see this person."""


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
    foreign: bytes = b""
    """Instead of all that, for a message of another chat: TL messageReplyHeader of the body's layer."""


class Reacted(Record, frozen=True):
    """One of the latest reactions to a message; `kind` as in reaction_records.Reactor."""

    user: int
    kind: str
    date: int
    number: int
    big: bool = False


class Reactions(Record, frozen=True):
    """What drawing a message needs of its reactions; who has given them is in REACTORS."""

    counts: tuple[tuple[str, int], ...] = ()
    """Most given first, then as they came."""
    recent: tuple[Reacted, ...] = ()
    """Newest first."""
    users: int = 0
    number: int = 0
    """Of the last reaction that came."""
    seen: int = 0
    """The author has seen those up to this number."""


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
    signer: int = 0
    """Who wrote it, when `author` is a channel: posts, and what admins write anonymously."""
    signature: str = ""
    """The name a channel's post is signed with."""
    topic: int = 0
    """In a channel: the message its thread or forum topic begins with."""
    mentions: tuple[int, ...] = ()
    """In a channel: who is named in it, and who is answered."""
    reactions: Reactions | None = None
    """None: it never had any."""
    poll: int = 0
    """Id of the poll it shows; `media` is the poll as it was sent, without results."""
    files: tuple[tuple[int, int, int], ...] = ()
    """Photos and documents in `media` (or in `action`): id, where its access_hash and the file_reference behind it
    stand, where its dc_id does. Each viewer is given his own (render/media.py)."""
    media_ttl: int = 0
    """View-once media: seconds it is shown for after it was opened."""
    media_after: bytes = b""
    """With media_ttl: what `media` becomes then."""
    in_topic: bool = False
    """`topic` is a topic of a forum, not the first message of a thread."""


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
    muted_until: int = -1
    """As `notify` says, Unix seconds; -1 = the chat follows the default of its kind."""
    unread_reactions: int = 0
    """My messages in it that have reactions I have not seen."""


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
    peers: tuple[int, ...] = ()
    """Chats that are in it by name."""
    slug: str = ""
    """The link it was made of."""
    known: tuple[int, ...] = ()
    """Chats of that link that its owner has joined or waved away."""


class Folders(Record, frozen=True):
    """Folders of a user in the order shown, and where the list of all chats stands among them."""

    items: tuple[Folder, ...] = ()
    all_chats_at: int = 0
    tags: bool = False


MEMBER_LEFT = 1
MEMBER_KICKED = 2
"""How somebody went from a group: Deliver.leaves, and Member.gone (group_records.py)."""
