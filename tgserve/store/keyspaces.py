"""EVERY keyspace: name, tag byte, typed key, record. A row's key is slot (2 bytes) + tag (1 byte) + the packed parts.

Rules: parts are big-endian, so that ranges run in order; a tag is never reused; changing a line here demands
FORMAT += 1 and a migration (tests compare the table's fingerprint with format.py). The comment after each line says
whose slot it lives in.
"""

from __future__ import annotations

from tgserve.store import account_records as a
from tgserve.store import backup_records as b
from tgserve.store import channel_records as c
from tgserve.store import chatlist_records as cl
from tgserve.store import chunk_records as ck
from tgserve.store import events as ev
from tgserve.store import group_records as g
from tgserve.store import media_records as m
from tgserve.store import node_records as n
from tgserve.store import payloads as pl
from tgserve.store import photo_records as ph
from tgserve.store import provider_records as pr
from tgserve.store import push_records as pu
from tgserve.store import reaction_records as rr
from tgserve.store import records as r
from tgserve.store import sticker_records as s
from tgserve.store import thread_records as th
from tgserve.store import waiting_records as w
from tgserve.store.packing import BYTES, I64, STR, U32, U64, Keyspace

# accounts: slot of the user id
USERS = Keyspace("users", 0x01, (I64,), r.User)  # user
USER_AUTHS = Keyspace("user_auths", 0x02, (I64, I64), r.UserAuth)  # user: (user, hash)
CONTACTS = Keyspace("contacts", 0x03, (I64, I64), r.Contact)  # user: (owner, contact)
BLOCKED = Keyspace("blocked", 0x04, (I64, I64), r.Blocked)  # user: (owner, peer)
KNOWN_BY = Keyspace("known_by", 0x05, (I64, I64), bytes)  # user: (user, who has him as contact)
USER_SETTINGS = Keyspace("user_settings", 0x06, (I64, STR), bytes)  # user: (user, name) -> TL or text bytes
PRIVACY = Keyspace("privacy", 0x07, (I64, STR), r.PrivacyRules)  # user: (user, privacy key)
PASSWORDS = Keyspace("passwords", 0x08, (I64,), a.Password)  # user
BOTS = Keyspace("bots", 0x15, (I64,), a.Bot)  # user
LEAVING = Keyspace("leaving", 0x09, (I64,), a.Leaving)  # user: deleted accounts that still have rows
# providers of SMS, push and mail: slot of the kind
PROVIDERS = Keyspace("providers", 0x0A, (STR, STR), pr.ProviderRow)  # kind: (kind, name)
# pushes
PUSH_DEVICES = Keyspace("push_devices", 0x0C, (I64, U64), pu.PushDevice)  # user: (user, number of the token)
PUSH_TOKENS = Keyspace("push_tokens", 0x0D, (U64,), pu.PushToken)  # number of the token
PUSH_QUEUE = Keyspace(
    "push_queue", 0x0E, (I64, U64, U64), pu.PushWaiting
)  # user: (user, number of the token, number)
PUSH_MARKS = Keyspace("push_marks", 0x0F, (I64,), pu.PushMark)  # owner of a box, 0 for all
# slot of the name
PHONES = Keyspace("phones", 0x10, (STR,), r.PhoneClaim)  # phone digits
NAMES = Keyspace("names", 0x11, (STR,), r.NameClaim)  # lower-case username
LOGIN_CODES = Keyspace(
    "login_codes", 0x12, (STR, U64), r.LoginCode
)  # phone: (digits, auth_key_id that asked)
TALLIES = Keyspace("tallies", 0x13, (STR,), r.Tally)  # what is counted: "code:<phone>", "code_ip:<ip>" ...
EXPORTED = Keyspace("exported", 0x14, (BYTES,), r.Exported)  # hash of the exported bytes
# who may sign up: slot of the text "sign-up"
SIGNUP_INVITES = Keyspace("signup_invites", 0x16, (BYTES,), a.SignupInvite)  # keyed hash of its digits
SIGNED_UP = Keyspace("signed_up", 0x17, (BYTES, STR), bytes)  # (hash, phone digits) -> date, 4 B
# slot of the auth key
AUTHS = Keyspace("auths", 0x18, (U64,), r.Auth)  # auth_key_id
TEMP_BINDINGS = Keyspace("temp_bindings", 0x19, (U64,), r.TempBinding)  # temporary auth_key_id
# boxes: slot of the user
BOXES = Keyspace("boxes", 0x20, (I64,), r.BoxHead)  # user
BODIES = Keyspace("bodies", 0x21, (I64, U32), r.Body)  # author: (author, msg_id)
ROWS = Keyspace("rows", 0x22, (I64, U32), r.Row)  # user: (user, msg_id)
PEER_ROWS = Keyspace("peer_rows", 0x23, (I64, I64, U32), bytes)  # user: (user, peer, msg_id) -> packed row
BACKREFS = Keyspace(
    "backrefs", 0x24, (I64, I64, U32), bytes
)  # user: (user, author, author_msg_id) -> own msg_id, 4 B
SENT = Keyspace("sent", 0x25, (I64, I64), bytes)  # sender: (sender, random_id) -> a repeat's answer, 12 B
DIALOGS = Keyspace("dialogs", 0x26, (I64, I64), r.Dialog)  # user: (user, peer)
EVENTS = Keyspace("events", 0x27, (I64, U32, U32), ev.LoggedEvent)  # user: (user, pts, sub)
READ_DATES = Keyspace(
    "read_dates", 0x28, (I64, I64, U32), bytes
)  # author: (author, reader, max_id) -> date, 4 B
SCHEDULED = Keyspace("scheduled", 0x2B, (I64, I64, U32), w.Later)  # user: (user, peer, number)
DUE = Keyspace("due", 0x2C, (I64, U32, U32, U32), bytes)  # user: (user, when, kind, number) -> peer, 8 B
FOLDERS = Keyspace("folders", 0x2A, (I64,), r.Folders)  # user
PINS = Keyspace(
    "pins", 0x29, (I64, I64, U32), bytes
)  # user: (user, peer, msg_id) of a pinned message -> nothing
# of the target's slot
PARKED = Keyspace(
    "parked", 0x73, (U32, U64), pl.OutboxRow
)  # (source slot, number): items whose handler failed
# environment-wide rows live in the pseudo slot 0xFFFF
OUTBOX = Keyspace("outbox", 0x70, (U32, U64), pl.Parcel)  # (target shard, parcel number)
OUTBOX_HEAD = Keyspace("outbox_head", 0x71, (U32,), r.OutboxHead)  # (target shard)
APPLIED = Keyspace("applied", 0x72, (U32,), r.AppliedMark)  # (source shard)
HOME = Keyspace("home", 0x7E, (), r.ShardHome)
META = Keyspace("meta", 0x7F, (STR,), bytes)
# basic groups: slot of the group's peer number
GROUPS = Keyspace("groups", 0x30, (I64,), g.Group)  # chat: (chat)
MEMBERS = Keyspace("members", 0x31, (I64, I64), g.Member)  # chat: (chat, user)
INVITES = Keyspace("invites", 0x32, (I64, STR), g.Invite)  # chat: (chat, hash)
IMPORTERS = Keyspace("importers", 0x33, (I64, I64), g.Importer)  # chat: (chat, user)
GROUP_READS = Keyspace(
    "group_reads", 0x34, (I64, I64, I64, U32), bytes
)  # author: (me, chat, reader, max_id) -> date
# channels: slot of the channel's peer number (their messages: boxes above, with the channel as owner and peer)
CHANNELS = Keyspace("channels", 0x38, (I64,), c.Channel)  # channel: (channel)
PARTICIPANTS = Keyspace("participants", 0x39, (I64, I64), c.Participant)  # channel: (channel, user)
BY_ROLE = Keyspace("by_role", 0x3A, (I64, U32, I64), bytes)  # channel: (channel, role, user) -> nothing
JOINED = Keyspace("joined", 0x3B, (I64, I64), bytes)  # user: (user, channel) -> date, 4 B
POST_STATS = Keyspace("post_stats", 0x3C, (I64, U32), c.PostStats)  # channel: (channel, msg_id)
CHANNEL_MENTIONS = Keyspace(
    "channel_mentions", 0x3D, (I64, I64, U32), bytes
)  # user: (user, channel, msg_id) of an unread mention -> nothing
ADMIN_LOG = Keyspace("admin_log", 0x3E, (I64, U64), c.LogEntry)  # channel: (channel, number)
DAYS = Keyspace("days", 0x37, (I64, U32), c.Day)  # channel: (channel, day since 1970)
PASSED_ON = Keyspace(
    "passed_on", 0x7C, (I64, U32, I64, U32), bytes
)  # channel: (channel, post, channel it was forwarded to, message there) -> nothing
ARCHIVED_BY = Keyspace(
    "archived_by", 0x35, (I64, I64), bytes
)  # channel: (channel, user) who has it in his archive -> second until which it is silent there, 4 B
# threads: slot of the channel
TOPICS = Keyspace("topics", 0x3F, (I64, U32), th.Topic)  # channel: (channel, topic)
TOPIC_ORDER = Keyspace(
    "topic_order", 0x36, (I64, U32), bytes
)  # channel: (channel, place; thread_records.place_of) -> topic, 4 B
THREAD_ROWS = Keyspace(
    "thread_rows", 0x78, (I64, U32, U32), bytes
)  # channel: (channel, first message, msg_id) -> who it is shown as being from, who wrote it, 16 B
THREADS = Keyspace("threads", 0x79, (I64, U32), th.Thread)  # channel: (channel, first message)
TOPIC_HEADS = Keyspace(
    "topic_heads", 0x7A, (I64, I64, U32), th.TopicHead
)  # user: (user, channel, first message)
# reactions: slot of the body's box
REACTORS = Keyspace("reactors", 0x40, (I64, U32, I64), rr.Reactor)  # box: (box, msg_id, user)
REACTED = Keyspace(
    "reacted", 0x41, (I64, U32, STR, U32), bytes
)  # box: (box, msg_id, kind, number) -> user, 8 B
UNREAD_REACTIONS = Keyspace(
    "unread_reactions", 0x42, (I64, I64, U32), bytes
)  # author: (user, peer, msg_id) of a message with reactions he has not seen -> nothing
GIVEN = Keyspace(
    "given", 0x43, (I64, I64, U32), bytes
)  # user: (user, box, msg_id) he has reacted to, or (user, poll, 0) he has voted in -> nothing
# polls: slot of the poll's id
POLL_PLACES = Keyspace("poll_places", 0x44, (I64, I64, U32), bytes)  # poll: (poll, box, msg_id) -> peer, 8 B
POLLS = Keyspace("polls", 0x45, (I64,), rr.Poll)  # poll
VOTES = Keyspace("votes", 0x46, (I64, I64), rr.Vote)  # poll: (poll, user)
VOTED = Keyspace(
    "voted", 0x47, (I64, U32, U32), bytes
)  # poll: (poll, place of the answer, number) -> user, 8 B
# uploads: slot of the user
UPLOADS = Keyspace("uploads", 0x58, (I64, I64), m.Upload)  # user: (user, file_id)
UPLOAD_PARTS = Keyspace(
    "upload_parts", 0x59, (I64, I64, U32), bytes
)  # user: (user, file_id, part) -> chunk, size
UPLOAD_USE = Keyspace("upload_use", 0x5A, (I64,), m.UploadUse)  # user
# photos and documents: slot of the id
MEDIA = Keyspace("media", 0x5B, (I64,), m.Media)  # media
MEDIA_PIECES = Keyspace("media_pieces", 0x5C, (I64, U32), bytes)  # media: (media, page) -> chunk ids
MEDIA_USES = Keyspace("media_uses", 0x5D, (I64,), m.MediaUse)  # media
MEDIA_IDLE = Keyspace(
    "media_idle", 0x5E, (U32, I64), bytes
)  # media: (since, media) that nobody holds -> nothing
# chunks of files: slot of the chunk's id
CHUNKS = Keyspace("chunks", 0x50, (BYTES,), ck.Chunk)  # id
CHUNKS_LOOSE = Keyspace(
    "chunks_loose", 0x51, (U32, BYTES), bytes
)  # id: (since, id) that nobody holds -> nothing
CHUNK_DISKS = Keyspace(
    "chunk_disks", 0x52, (STR, U32), ck.ChunkDisk
)  # of the text "disks": ("disks", number)
CHUNK_SCRUB = Keyspace("chunk_scrub", 0x53, (STR,), ck.ScrubMark)  # of the text "disks": ("disks")
BACKUP_MARKS = Keyspace("backup_marks", 0x7D, (STR,), b.BackupMark)  # of the text "backups": ("backups")
# sticker sets: slot of the text "sticker sets"
STICKER_SETS = Keyspace("sticker_sets", 0x64, (I64,), s.StickerSet)  # set
SET_NAMES = Keyspace("set_names", 0x65, (STR,), bytes)  # lower-case short name -> set, 8 B
SETS_OF = Keyspace("sets_of", 0x66, (I64, I64), bytes)  # (owner, set) -> nothing
SHELVES = Keyspace("shelves", 0x67, (I64, STR), s.Shelf)  # user: (user, name of the shelf)
STOCK = Keyspace("stock", 0x68, (STR,), bytes)  # of the text "stock": name of a picture -> its document, 8 B
PREVIEWS = Keyspace("previews", 0x69, (STR,), s.Preview)  # of its hash
SCENES = Keyspace("scenes", 0x6A, (I64,), s.Scene)  # of the text "scenes": wallpaper or theme
SCENE_NAMES = Keyspace("scene_names", 0x6B, (STR,), bytes)  # of the text "scenes": slug -> id, 8 B
# photos of people: slot of the user
PROFILE_PHOTOS = Keyspace("profile_photos", 0x60, (I64, U32), ph.OwnPhoto)  # user: (user, number)
# shared folders: slot of who shares
CHATLISTS = Keyspace("chatlists", 0x48, (I64, U32, STR), cl.SharedFolder)  # user: (owner, folder, slug)
LOGIN_EMAILS = Keyspace("login_emails", 0x49, (I64,), a.LoginEmail)  # user
# other nodes: slot of the text "nodes"
NODES = Keyspace("nodes", 0x1A, (U32,), n.Node)  # dc
INVITATIONS = Keyspace("invitations", 0x1B, (BYTES,), n.Invitation)  # hash of the secret
NODE_QUEUE = Keyspace("node_queue", 0x1C, (U32, U64), bytes)  # (dc, number) -> msgpack of a payload
STREAMS = Keyspace("streams", 0x1D, (U32,), n.Stream)  # dc
VISITORS = Keyspace("visitors", 0x1E, (I64,), n.Visitor)  # user homed elsewhere
