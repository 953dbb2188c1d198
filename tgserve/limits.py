"""Every limit, with its unit last in the name and its reason below it. Relations between them are asserted at import.

Those an operator may change stand in config.LimitsConfig, which takes its defaults from here. The protocol's own
numbers are not for changing: clients are built on them.
"""

from __future__ import annotations

from typing import Final

KIB: Final = 1 << 10
MIB: Final = 1 << 20
MINUTE: Final = 60
HOUR: Final = 3600
DAY: Final = 86_400

# -- transport ------------------------------------------------------------------------------------------------------

FRAME_BYTES: Final = MIB + 4 * KIB
"""One packet (SECURITY 2.2). A file part is 512 KiB, a container 1 MiB: nothing honest is larger."""
HTTP_HEADER_BYTES: Final = 8 * KIB
"""Request line and headers; the limit most HTTP servers have."""
UNSENT_BYTES: Final = 4 * MIB
"""Written but not taken by a slow client (SECURITY 2.9); then its socket is closed, the session lives on."""
FIRST_PACKET_SECONDS: Final = 60
"""A socket that has not shown a valid packet by then is closed (SECURITY 2.9)."""
IDLE_SECONDS: Final = 180
"""No byte for this long closes the socket. Clients ping every 60 s or more often."""
PING_DISCONNECT_SECONDS: Final = 300
"""Cap of ping_delay_disconnect: Web A asks for 60,000 (CLIENTS C.9)."""
LISTEN_BACKLOG: Final = 4096
"""A community that reconnects at once after a restart must not be refused by the kernel."""
CONNECTIONS_PER_ADDRESS: Final = 512
"""Open sockets of one address (SECURITY 2.8). A household or an office behind NAT stays far below; TDLib takes 16."""
WEB_CONNECTIONS: Final = 1000
"""Open sockets that ask for pages instead of MTProto."""

# -- key exchange ---------------------------------------------------------------------------------------------------

HANDSHAKES_PER_ADDRESS_PER_MINUTE: Final = 60
"""Each costs 6 ms of CPU (SECURITY 1.18). Telegram Desktop makes up to 10 at its first start."""
HANDSHAKES_PER_MINUTE: Final = 3000
"""Of all addresses together: half a core."""
HANDSHAKES_OPEN: Final = 4096
"""Exchanges begun and not ended that are remembered at once (SECURITY 1.13)."""
HANDSHAKE_SECONDS: Final = 600
"""A repeated step within this time gets the identical answer (SECURITY 1.13)."""
TEMP_KEY_SECONDS: Final = DAY
"""A temporary key lives no longer, whatever it asked for (SECURITY 1.16)."""

# -- sessions -------------------------------------------------------------------------------------------------------

MSG_ID_PAST_SECONDS: Final = 300
MSG_ID_FUTURE_SECONDS: Final = 30
"""The window of the client's message ids (SECURITY 3.6)."""
SALT_SECONDS: Final = 1800
"""Every salt is current for this long and good for as long again (SECURITY 3.5)."""
CONTAINER_MESSAGES: Final = 1024
"""Accepted in one container (SECURITY 3.9); we send at most 1020."""
SERVICE_IDS: Final = 8192
"""Ids in one msgs_ack, msgs_state_req or msg_resend_req (SECURITY 3.10)."""
GUNZIP_BYTES: Final = 4 * MIB
"""gzip_packed is inflated no further (SECURITY 3.11)."""
TL_DEPTH: Final = 32
"""Objects inside objects (SECURITY 3.12)."""
ACK_SECONDS: Final = 1
"""A received message is acknowledged at the latest after this (SECURITY 4A-2)."""
SESSION_SECONDS: Final = 600
"""A session without a socket keeps what is unacknowledged for this long."""
SESSION_UNACKED_BYTES: Final = 4 * MIB
"""Kept for one session; beyond it updates are dropped, the client catches up by getDifference."""
SESSIONS_PER_KEY: Final = 64
"""TDLib opens 8 for uploads beside its main ones; each is a few KiB."""
SESSION_OFFLINE_BYTES: Final = 256 * KIB
"""Updates queued for a session without a socket; beyond it the session is forgotten, and the client, told of a new
one, asks for the difference."""
SESSIONS: Final = 200_000
"""Of the whole process; beyond it those longest without a socket are forgotten."""
KEYS_CACHED: Final = 100_000
"""Auth keys in memory without a session; about 1 KiB each."""
REPLAY_SECONDS: Final = 600
"""The message ids of a session that was destroyed are refused for this long (SECURITY 3.7)."""
HTTP_WAIT_SECONDS: Final = 25
"""A POST is answered at the latest after this; http_wait may ask for less."""
CALLS_AT_ONCE: Final = 1024
"""Calls of one session that have begun and not ended: a container full."""
UNSIGNED_CALL_BYTES: Final = 16 * KIB
"""A call before login: none needs more (SECURITY 5.1)."""
AFTER_SECONDS: Final = 15
"""invokeAfterMsg waits this long for a call it names; then MSG_WAIT_TIMEOUT, which clients know."""

# -- accounts -------------------------------------------------------------------------------------------------------

CODE_DIGITS: Final = 5
CODE_SECONDS: Final = 300
"""A login code dies after this (SECURITY 5.2)."""
CODE_TRIES: Final = 5
"""Wrong tries until a code is dead (SECURITY 5.2)."""
INVITE_SECONDS: Final = 7 * DAY
"""An invitation to sign up is good for so long."""
INVITE_TRIES_PER_ADDRESS_PER_HOUR: Final = 60
"""Codes shown by one address where invitations are taken: 10^8 numbers, a few of which are good."""
INVITE_TRIES_PER_HOUR: Final = 1000
"""The same over all addresses, for numbers without an account: with ten open invitations one in 10^4 hours."""
CODE_TRIES_PER_PHONE_PER_HOUR: Final = 10
"""Over all keys and addresses: 10 of 100,000 guesses an hour."""
CODE_REPEAT_SECONDS: Final = 120
"""A used code still answers the same key the same way: clients resend signIn after a reconnect (CLIENTS B.7)."""
CODES_PER_PHONE_PER_HOUR: Final = 10
CODES_PER_ADDRESS_PER_HOUR: Final = 60
CODES_PER_KEY_PER_HOUR: Final = 20
"""Codes sent (SECURITY 5.3); resending counts too. Offices share an address."""
NAME_CHARS: Final = 64
ABOUT_CHARS: Final = 70
USERNAME_CHARS_MIN: Final = 5
USERNAME_CHARS: Final = 32
CONTACTS_PER_IMPORT: Final = 1000
CONTACTS: Final = 5000
IMPORTS_PER_DAY: Final = 10_000
"""Phone numbers looked up by one account (SECURITY 5.5); an address book fits, a scan of a number range does not."""
FRESH_SESSION_SECONDS: Final = DAY
"""A session younger than this may not end others (SECURITY 5.6), or give groups away."""
FRESH_PASSWORD_SECONDS: Final = DAY
"""A password younger than this gives no group away (SECURITY 5.7)."""
TAKEOUT_SECONDS: Final = 30 * DAY
"""An export that was never finished is over by then."""
ACCOUNT_TTL_DAYS: Final = 365
"""An account unused for so long is deleted, unless its owner has set another time; Telegram's default."""
CONTACT_TOKEN_SECONDS: Final = DAY
"""A link to oneself without username and number is good for this long."""
EXPORTED_AUTH_SECONDS: Final = 300
"""auth.exportAuthorization is good for this long, once."""
PASSWORD_TRIES_PER_HOUR: Final = 20
"""Passwords shown for one account, over all keys (SECURITY 5.7); whoever may try has proven a login code before."""
PASSWORD_TRIES_PER_KEY_PER_HOUR: Final = 8
SRP_SECONDS: Final = 600
"""A challenge of account.getPassword is good for this long, once."""
PASSWORD_PENDING_SECONDS: Final = DAY
"""How long after the login code the password may follow: somebody may have to look for the recovery e-mail."""
PASSWORD_RESET_SECONDS: Final = 7 * DAY
"""From asking to forget the password to its end; every device of the account is told meanwhile."""
EMAIL_CODE_DIGITS: Final = 6
EMAIL_CODE_SECONDS: Final = HOUR
EMAIL_CODE_TRIES: Final = 5
EMAIL_CODES_PER_HOUR: Final = 5
LOGIN_EMAIL_RESET_SECONDS: Final = 7 * DAY
"""From asking for login codes by SMS instead of e-mail until they are; every device is told meanwhile."""
LOGIN_TOKEN_SECONDS: Final = 30
"""A QR code is good for this long, once (SECURITY 5.8)."""
LOGIN_TOKENS: Final = 20_000
"""QR codes shown at once, in memory."""

# -- messages -------------------------------------------------------------------------------------------------------

TEXT_CHARS: Final = 4096
CAPTION_CHARS: Final = 1024
"""UTF-16 code units, as clients count."""
ENTITIES: Final = 100
MESSAGES_PER_CALL: Final = 100
"""Ids in getMessages, deleteMessages, forwardMessages; rows of a history page."""
DIALOGS_PER_CALL: Final = 100
PINNED_DIALOGS: Final = 5
EDIT_SECONDS: Final = 2 * DAY
"""Others' eyes have seen a message by then; Saved Messages may be edited for ever."""
FOLDER_PEERS: Final = 100
"""Chats that a folder, or a link to one, names."""
CHATLIST_INVITES: Final = 20
"""Links to one folder."""
CHATLISTS_JOINED: Final = 10
"""Folders that a user has by others' links: as many as he may have at all."""
TIMER_SECONDS: Final = 366 * DAY
"""The longest life that a chat's timer can give its messages."""
RANDOM_ID_SECONDS: Final = 7 * DAY
"""A repeated send with the same random_id is recognised for at least this long."""
DIFFERENCE_EVENTS: Final = 500
"""Events in one updates.getDifference; more come as slices."""
EVENTS_KEPT: Final = 20_000
EVENTS_KEPT_SECONDS: Final = 30 * DAY
"""Event log of one box; a client further behind gets differenceTooLong and loads its dialogs anew."""
SENT_KEPT_SECONDS: Final = 30 * DAY
"""So long a send that is repeated (random_id) is known to be one, and is answered as the first time."""
GROUP_MEMBERS: Final = 200
"""A basic group's; each message is a row in every member's box. Clients know the number (chat_size_max)."""
RANK_CHARS: Final = 16
"""A word beside a member's name."""
GROUP_TITLE_CHARS: Final = 128
GROUP_ABOUT_CHARS: Final = 255
GROUP_FORWARD: Final = 100
"""Of the latest messages that a new member may be given."""
TOPICS_PINNED: Final = 5
READERS_SHOWN: Final = 100
"""In larger groups nobody is told who has read a message (as Telegram's chat_read_mark_size_threshold)."""
REACTIONS_OFFERED: Final = 100
"""Kinds of reactions a group may list."""
REACTIONS_PER_USER: Final = 1
"""On one message; clients know the number (reactions_user_max_default)."""
REACTION_KINDS: Final = 11
"""Different ones on one message (reactions_uniq_max)."""
TAG_TITLE_CHARS: Final = 12
POLL_QUESTION_CHARS: Final = 255
POLL_ANSWERS: Final = 12
"""Clients know the number (poll_answers_max)."""
POLL_ANSWER_CHARS: Final = 100
POLL_OPTION_BYTES: Final = 100
POLL_SOLUTION_CHARS: Final = 200
POLL_CLOSE_SECONDS: Final = 2_628_000
"""How long a poll that closes by itself may be open at most (poll_close_period_max), 5 seconds at least."""
OPINIONS_PAGE: Final = 100
"""Reactors or voters that one call lists."""
INVITES_PER_GROUP: Final = 200
INVITE_USES: Final = 99_999
TYPING_SECONDS: Final = 6
"""How long clients show `typing`, by their own timer."""
ONLINE_SECONDS: Final = 300
"""Shown as online for this long after the last sign of life; help.getConfig has clients repeat it every 210 s."""
CALLS_PER_MINUTE: Final = 1200
"""Calls of one user in all, where the method has no budget of its own (SECURITY 6.15)."""

# -- pictures -------------------------------------------------------------------------------------------------------

PHOTO_BYTES: Final = 20 * MIB
"""A file to be made a photo of. Official clients send some 100 KiB; a screenshot as PNG can be large."""
PHOTO_SIDES: Final = 10_000
"""Width and height together (SECURITY 6.9), as at Telegram: 25 megapixels, 100 MB decoded."""
PHOTO_RATIO: Final = 20
"""The longer side by the shorter one."""
PROFILE_PHOTOS: Final = 200
"""Of one person; with one more the oldest goes."""
PROFILE_FILM_BYTES: Final = 4 * MIB
PROFILE_FILM_SIDE: Final = 1280
PROFILE_FILM_MS: Final = 10_500
"""A moving profile photo: square, ten seconds as clients cut it."""
PORTRAIT_SIDE: Final = 160
"""Width and height of a profile photo at least."""
STICKER_BYTES: Final = 512 * KIB
STICKER_TGS_BYTES: Final = 64 * KIB
STICKER_JSON_BYTES: Final = 4 * MIB
"""An animation, inflated."""
STICKER_WEBM_BYTES: Final = 256 * KIB
STICKER_SECONDS: Final = 3
FILM_SIDE: Final = 8192
FILM_PROBE_BYTES: Final = 2 * MIB
FILM_READ_BYTES: Final = 64 * MIB
"""Of a video, to find its length and first picture: the index at either end, and a few frames."""
IMAGING_CHILDREN: Final = 2
"""Processes that decode, started when they are first needed; about 40 MB each."""
IMAGING_BYTES: Final = 1024 * MIB
"""Address space of such a process."""
IMAGING_CPU_SECONDS: Final = 15
"""Of one job: the largest lawful photo takes 2."""
IMAGING_LIFE_CPU_SECONDS: Final = HOUR
IMAGING_SECONDS: Final = 30
"""One job, by the clock on the wall; then its process is killed."""
IMAGING_WAITING: Final = 200
"""Jobs that wait for a process; a further one is told to come again."""

# -- store ----------------------------------------------------------------------------------------------------------

VALUE_BYTES: Final = 100_000
TRANSACTION_BYTES: Final = 10_000_000
"""What other engines (FoundationDB) take as well."""
GROUP_JOBS: Final = 4000
"""Transactions that share one commit; more add latency and save nothing (PERFORMANCE 4)."""

# -- chunks ---------------------------------------------------------------------------------------------------------

CHUNK_BYTES: Final = 512 * KIB
"""The largest part a client uploads, and what files are cut into."""
CHUNK_GRACE_SECONDS: Final = 2 * DAY
"""A chunk nobody holds is kept for this long: longer than any upload takes and abandoned parts are kept."""
CHUNK_RESERVE_BYTES: Final = 512 * MIB
"""Left free on a disk for chunks: the store needs room to go on when media have filled the rest."""
PACK_BYTES: Final = 128 * MIB
"""A pack is closed at this size: 8,000 files a terabyte, and no more than this is copied to empty one."""

# -- files ----------------------------------------------------------------------------------------------------------

FILE_PART_BYTES: Final = 512 * KIB
"""The largest part of an upload; every smaller one divides it (SECURITY 6.7)."""
FILE_PARTS: Final = 4000
"""Of one file: 2,000 MiB."""
FILE_PARTS_MOST: Final = 8000
"""Where the operator lets files be larger: 4,000 MiB."""
SMALL_FILE_BYTES: Final = 10 * MIB
"""upload.saveFilePart is for files up to this size; larger ones have no checksum and use saveBigFilePart."""
UPLOAD_SECONDS: Final = DAY
"""Parts that nothing came after are dropped; chunks nobody holds live longer (docs/DISK.md 11)."""
UPLOADS_OPEN_MIB: Final = 8000
"""Of one user, on their way in: two of the largest files."""
UPLOADS_DAY_MIB: Final = 100_000
"""Of one user in one day."""
FILE_READ_BYTES: Final = MIB
"""One upload.getFile (SECURITY 6.8)."""
FILE_REFERENCE_SECONDS: Final = DAY
"""A file reference is good for one to two of these; then the client fetches the message again (SECURITY 6.5)."""
MEDIA_IDLE_SECONDS: Final = DAY
"""A photo or document that nothing names is dropped: uploaded and never sent, or its last message is gone."""
ALBUM_ITEMS: Final = 10
MEDIA_TTL_SECONDS: Final = 60
"""Self-destructing media is shown for a minute at most."""
MEDIA_TTL_ONCE: Final = 0x7FFFFFFF
"""As ttl_seconds: gone as soon as it was opened."""
LIVE_SECONDS: Final = DAY
"""The longest live location with an end."""
LIVE_FOR_EVER: Final = 0x7FFFFFFF

# -- operator's side ------------------------------------------------------------------------------------------------

ADMIN_LINE_BYTES: Final = MIB
"""One request or answer on the admin socket."""
ADMIN_SECONDS: Final = 30
"""A command waits this long for the daemon's answer."""
SMS_SECONDS: Final = 10
"""One try of an SMS provider."""
SMS_TRIES: Final = 3
SMS_PER_MINUTE: Final = 60
"""Of the whole server: a guard of the operator's bill."""
STOP_SECONDS: Final = 10
"""From SIGTERM to the end: running calls are finished, then cut."""


# -- channels -------------------------------------------------------------------------------------------------------

CHANNEL_MEMBERS: Final = 200_000
CHANNELS_PER_USER: Final = 500
INVITED_AT_ONCE: Final = 200
"""Users in one channels.inviteToChannel."""
PUBLIC_CHANNELS: Final = 10
CHANNEL_USERNAMES: Final = 20
"""Of one channel, with those that are not active."""
CHANNEL_ABOUT_CHARS: Final = 255
CHANNEL_ADMINS: Final = 50
ADMIN_LOG_SECONDS: Final = 48 * HOUR
"""Lines of an admin log older than this go as new ones come."""
PARTICIPANTS_PER_PAGE: Final = 200
CHANNEL_BEHIND: Final = 1_000
"""Events a device may be behind in a channel before it is told to load the chat anew."""
CHANNEL_DIFFERENCE: Final = 100
"""Events in one answer of updates.getChannelDifference."""
CHANNEL_TIMEOUT_SECONDS: Final = 30
"""After which a client looks at an open channel again that it is no member of."""
CHANNEL_STATISTICS_MEMBERS: Final = 10
"""From how many on a channel's admins are shown its statistics: of fewer they would speak of single people."""
GIGAGROUP_MEMBERS: Final = 200
"""From how many on a supergroup may become one in which only admins write (PARTICIPANTS_TOO_FEW). There is no way back,
so a small one is spared the mistake: taking its members' rights to write does the same and can be undone. It is a basic
group's size; Telegram allows it near 200,000, where it lifts a limit that here it does not."""
EMPTIED_MEMBERS: Final = 1000
"""Of a channel whose history may be deleted for everybody at once (CHANNEL_TOO_BIG), as Telegram's."""
CHANNEL_GUESTS: Final = 200
"""Of a channel: who look at it without being in it and are told at once what happens there."""


def check_relations() -> None:
    """Fail at import when one limit makes another senseless."""
    relations = {
        "a container fits a frame": FRAME_BYTES > MIB,
        "a slow client can take one frame": UNSENT_BYTES > FRAME_BYTES,
        "what is inflated may be larger than a frame": GUNZIP_BYTES >= FRAME_BYTES,
        "two salts cover the message id window": SALT_SECONDS > MSG_ID_PAST_SECONDS,
        "a session outlives its message id window": SESSION_SECONDS >= MSG_ID_PAST_SECONDS,
        "a resend fits the session": SESSION_UNACKED_BYTES >= FRAME_BYTES,
        "pings come before the idle limit": IDLE_SECONDS > 2 * MINUTE,
        "a new socket may take a whole exchange": FIRST_PACKET_SECONDS <= IDLE_SECONDS <= HANDSHAKE_SECONDS,
        "a code dies before its tries per hour run out": CODE_TRIES <= CODE_TRIES_PER_PHONE_PER_HOUR,
        "a used code is repeatable while it would live": CODE_REPEAT_SECONDS <= CODE_SECONDS,
        "guessing is hopeless": 10**CODE_DIGITS >= 1000 * CODE_TRIES_PER_PHONE_PER_HOUR,
        "a message fits a value": TEXT_CHARS * 4 + ENTITIES * 64 < VALUE_BYTES < TRANSACTION_BYTES,
        "a slice is shorter than the log": DIFFERENCE_EVENTS < EVENTS_KEPT,
        "one group of one-value transactions is one engine transaction": GROUP_JOBS * 2 * KIB
        <= TRANSACTION_BYTES,
        "a decoded photo fits its process three times": PHOTO_SIDES**2 // 4 * 4 * 3 < IMAGING_BYTES,
        "all tries of an SMS end before its code": SMS_SECONDS * SMS_TRIES < CODE_SECONDS,
    }
    broken = [name for name, holds in relations.items() if not holds]
    if broken:
        raise AssertionError(f"limits.py: {'; '.join(broken)}")


check_relations()

# previews of web pages (SECURITY 6.10)
FETCH_SECONDS: Final = 8
"""One page, with all its redirects."""
FETCH_HOPS: Final = 3
FETCHES_AT_ONCE: Final = 16
URL_CHARS: Final = 2048
PREVIEW_SECONDS: Final = DAY
"""How long is believed what was found at an address."""
