"""Every error a client can be told, and the three kinds of failure the house knows.

RpcError comes from the catalogue below and is answered as `rpc_error`; ProtocolError is the peer breaking MTProto and
is answered as a transport error or by closing; StoreError is ours. Anything else is a bug: logged, counted, INTERNAL.
One line each: code, name, meaning. `%d` in a name takes the number given at the raise. docs/errors.md comes from here.
"""

from __future__ import annotations


class RpcError(Exception):
    """An answer of the catalogue: `code` as HTTP's, `name` as clients match it, exactly."""

    def __init__(self, code: int, name: str) -> None:
        super().__init__(name)
        self.code = code
        self.name = name


class ProtocolError(Exception):
    """The peer broke MTProto. `code` is the transport error to send (-404, -429, -444) or None to just close."""

    def __init__(self, reason: str, code: int | None = None) -> None:
        super().__init__(reason)
        self.code = code


class StoreError(Exception):
    """The store could not do what was asked (full, read-only, foreign, damaged)."""


class StoreFull(StoreError):
    """No space left: nothing of the transaction was kept."""


class ChunkLost(StoreError):
    """No copy of a chunk can be read."""


class ErrorKind:
    """A line of the catalogue; calling it makes the exception to raise."""

    __slots__ = ("code", "meaning", "name")

    def __init__(self, code: int, name: str, meaning: str) -> None:
        self.code = code
        self.name = name
        self.meaning = meaning
        CATALOGUE[name] = self

    def __call__(self, number: int | None = None) -> RpcError:
        return RpcError(self.code, self.name if number is None else self.name % number)


CATALOGUE: dict[str, ErrorKind] = {}

# 303: the client must go to another DC
PHONE_MIGRATE = ErrorKind(303, "PHONE_MIGRATE_%d", "this phone number belongs to DC %d")
USER_MIGRATE = ErrorKind(303, "USER_MIGRATE_%d", "this account belongs to DC %d")
NETWORK_MIGRATE = ErrorKind(303, "NETWORK_MIGRATE_%d", "what was asked for is done at DC %d")
FILE_MIGRATE = ErrorKind(303, "FILE_MIGRATE_%d", "this file lies at DC %d")
# 400: the call was wrong
INPUT_METHOD_INVALID = ErrorKind(400, "INPUT_METHOD_INVALID", "no such method in any layer this server knows")
INPUT_CONSTRUCTOR_INVALID = ErrorKind(
    400, "INPUT_CONSTRUCTOR_INVALID", "an unknown constructor inside the call"
)
INPUT_FETCH_ERROR = ErrorKind(
    400, "INPUT_FETCH_ERROR", "the call ends early, or a count or string exceeds it"
)
INPUT_FETCH_FAIL = ErrorKind(400, "INPUT_FETCH_FAIL", "the call could not be read to its end")
INPUT_REQUEST_TOO_LONG = ErrorKind(400, "INPUT_REQUEST_TOO_LONG", "the call is larger than this server reads")
METHOD_NOT_AVAILABLE = ErrorKind(
    400, "METHOD_INVALID", "a method of the schema that this server does not offer"
)
CONNECTION_NOT_INITED = ErrorKind(400, "CONNECTION_NOT_INITED", "initConnection must come first")
CONNECTION_LAYER_INVALID = ErrorKind(
    400, "CONNECTION_LAYER_INVALID", "invokeWithLayer outside the layers known here"
)
MSG_WAIT_FAILED = ErrorKind(400, "MSG_WAIT_FAILED", "a call this one waited for has failed")
MSG_WAIT_TIMEOUT = ErrorKind(400, "MSG_WAIT_TIMEOUT", "a call this one waited for did not come in time")
LIMIT_INVALID = ErrorKind(400, "LIMIT_INVALID", "the limit is negative or too large")
API_ID_INVALID = ErrorKind(400, "API_ID_INVALID", "api_id must be positive")
DATA_INVALID = ErrorKind(400, "DATA_INVALID", "the data given is not what the method takes")
SETTINGS_INVALID = ErrorKind(400, "SETTINGS_INVALID", "the settings cannot be used as they are")
PHONE_NUMBER_INVALID = ErrorKind(400, "PHONE_NUMBER_INVALID", "not a phone number")
PHONE_NUMBER_OCCUPIED = ErrorKind(400, "PHONE_NUMBER_OCCUPIED", "the phone number has an account already")
PHONE_NUMBER_UNOCCUPIED = ErrorKind(400, "PHONE_NUMBER_UNOCCUPIED", "the phone number has no account")
PHONE_NUMBER_BANNED = ErrorKind(400, "PHONE_NUMBER_BANNED", "the operator has banned this phone number")
PHONE_CODE_EMPTY = ErrorKind(400, "PHONE_CODE_EMPTY", "no code was given")
PHONE_CODE_INVALID = ErrorKind(400, "PHONE_CODE_INVALID", "the code is wrong")
PHONE_CODE_EXPIRED = ErrorKind(400, "PHONE_CODE_EXPIRED", "the code is too old or was withdrawn")
PHONE_CODE_HASH_EMPTY = ErrorKind(400, "PHONE_CODE_HASH_EMPTY", "phone_code_hash is missing")
PHONE_NOT_OCCUPIED = ErrorKind(400, "PHONE_NOT_OCCUPIED", "nobody here has this phone number")
FIRSTNAME_INVALID = ErrorKind(400, "FIRSTNAME_INVALID", "the first name is empty or too long")
LASTNAME_INVALID = ErrorKind(400, "LASTNAME_INVALID", "the last name is too long")
ABOUT_TOO_LONG = ErrorKind(400, "ABOUT_TOO_LONG", "the about text is too long")
BIRTHDAY_INVALID = ErrorKind(400, "BIRTHDAY_INVALID", "there is no such day")
USERNAME_INVALID = ErrorKind(
    400, "USERNAME_INVALID", "a username is 5..32 of a-z, 0-9 and _, and begins with a letter"
)
USERNAME_OCCUPIED = ErrorKind(400, "USERNAME_OCCUPIED", "the username is taken")
USERNAME_NOT_OCCUPIED = ErrorKind(400, "USERNAME_NOT_OCCUPIED", "nobody has this username")
USERNAMES_ACTIVE_TOO_MUCH = ErrorKind(
    400, "USERNAMES_ACTIVE_TOO_MUCH", "this chat has as many usernames as it may have"
)
USERNAME_NOT_MODIFIED = ErrorKind(400, "USERNAME_NOT_MODIFIED", "the username is already this one")
USER_ID_INVALID = ErrorKind(400, "USER_ID_INVALID", "no such user, or a wrong access hash")
PEER_ID_NOT_SUPPORTED = ErrorKind(
    400, "PEER_ID_NOT_SUPPORTED", "not with people of another data centre of this server"
)
PEER_ID_INVALID = ErrorKind(400, "PEER_ID_INVALID", "no such peer, or a wrong access hash")
CHAT_ID_INVALID = ErrorKind(400, "CHAT_ID_INVALID", "no such group, or you are not in it")
CHAT_TITLE_EMPTY = ErrorKind(400, "CHAT_TITLE_EMPTY", "a group needs a title")
CHAT_ABOUT_TOO_LONG = ErrorKind(400, "CHAT_ABOUT_TOO_LONG", "the group's description is too long")
CHAT_ABOUT_NOT_MODIFIED = ErrorKind(400, "CHAT_ABOUT_NOT_MODIFIED", "the description is already this one")
CHAT_NOT_MODIFIED = ErrorKind(400, "CHAT_NOT_MODIFIED", "the group is already so")
TTL_PERIOD_INVALID = ErrorKind(400, "TTL_PERIOD_INVALID", "messages cannot be made to vanish after this time")
CHAT_TOO_BIG = ErrorKind(400, "CHAT_TOO_BIG", "the group is too large for this")
USERS_TOO_MUCH = ErrorKind(400, "USERS_TOO_MUCH", "the group is full")
USER_ALREADY_PARTICIPANT = ErrorKind(400, "USER_ALREADY_PARTICIPANT", "the user is in the group already")
USER_NOT_PARTICIPANT = ErrorKind(400, "USER_NOT_PARTICIPANT", "the user is not in the group")
BANNED_RIGHTS_INVALID = ErrorKind(400, "BANNED_RIGHTS_INVALID", "these rights cannot be set for all")
INVITE_HASH_EMPTY = ErrorKind(400, "INVITE_HASH_EMPTY", "no invite hash was given")
INVITE_HASH_INVALID = ErrorKind(400, "INVITE_HASH_INVALID", "no such invite link")
INVITE_HASH_EXPIRED = ErrorKind(400, "INVITE_HASH_EXPIRED", "the invite link is revoked, expired or used up")
INVITE_REQUEST_SENT = ErrorKind(400, "INVITE_REQUEST_SENT", "you have asked to join: an admin will answer")
ADMIN_ID_INVALID = ErrorKind(400, "ADMIN_ID_INVALID", "no such admin, or a wrong access hash")
SEARCH_WITH_LINK_NOT_SUPPORTED = ErrorKind(
    400, "SEARCH_WITH_LINK_NOT_SUPPORTED", "by a link or by words, not by both"
)
INVITE_REVOKED_MISSING = ErrorKind(400, "INVITE_REVOKED_MISSING", "only a revoked link can be deleted")
CHAT_INVITE_PERMANENT = ErrorKind(400, "CHAT_INVITE_PERMANENT", "the primary link has no limits")
INVITES_TOO_MUCH = ErrorKind(400, "INVITES_TOO_MUCH", "the group has too many invite links")
EXPIRE_DATE_INVALID = ErrorKind(400, "EXPIRE_DATE_INVALID", "the link would have expired already")
USAGE_LIMIT_INVALID = ErrorKind(400, "USAGE_LIMIT_INVALID", "so many uses cannot be set")
HIDE_REQUESTER_MISSING = ErrorKind(400, "HIDE_REQUESTER_MISSING", "nobody has asked to join with this id")
CHANNEL_INVALID = ErrorKind(400, "CHANNEL_INVALID", "no such channel, or a wrong access hash")
CHANNEL_TOO_BIG = ErrorKind(400, "CHANNEL_TOO_BIG", "the channel has more than 1,000 members")
PARTICIPANTS_TOO_FEW = ErrorKind(
    400, "PARTICIPANTS_TOO_FEW", "only a large supergroup becomes one of its admins"
)
CHANNEL_PRIVATE = ErrorKind(
    400, "CHANNEL_PRIVATE", "you are no member of this channel, or were removed from it"
)
CHANNELS_TOO_MUCH = ErrorKind(400, "CHANNELS_TOO_MUCH", "you are in too many channels and supergroups")
USER_BANNED_IN_CHANNEL = ErrorKind(400, "USER_BANNED_IN_CHANNEL", "you may not write in this supergroup")
SEND_AS_PEER_INVALID = ErrorKind(400, "SEND_AS_PEER_INVALID", "you may not send as this peer")
PERSISTENT_TIMESTAMP_EMPTY = ErrorKind(400, "PERSISTENT_TIMESTAMP_EMPTY", "no pts was given")
USER_ADMIN_INVALID = ErrorKind(400, "USER_ADMIN_INVALID", "you may not change what this admin may do")
USER_CREATOR = ErrorKind(400, "USER_CREATOR", "this is the creator of the channel")
USER_KICKED = ErrorKind(400, "USER_KICKED", "this user was removed from the channel")
CHAT_PUBLIC_REQUIRED = ErrorKind(
    400, "CHAT_PUBLIC_REQUIRED", "a private supergroup has no door at which to ask, but its invite links"
)
USER_BLOCKED = ErrorKind(400, "USER_BLOCKED", "this user has blocked you")
USER_CHANNELS_TOO_MUCH = ErrorKind(
    403, "USER_CHANNELS_TOO_MUCH", "this user is in too many channels and supergroups"
)
CHAT_ADMIN_INVITE_REQUIRED = ErrorKind(
    403, "CHAT_ADMIN_INVITE_REQUIRED", "you may not bring people in, so nobody from outside becomes an admin"
)
ADMINS_TOO_MUCH = ErrorKind(400, "ADMINS_TOO_MUCH", "there are too many admins")
ADMIN_RANK_INVALID = ErrorKind(400, "ADMIN_RANK_INVALID", "a title of an admin is up to 16 characters")
ADMIN_RANK_EMOJI_NOT_ALLOWED = ErrorKind(
    400, "ADMIN_RANK_EMOJI_NOT_ALLOWED", "a title of an admin has no emoji in it"
)
PARTICIPANT_ID_INVALID = ErrorKind(400, "PARTICIPANT_ID_INVALID", "no such participant")
RIGHT_FORBIDDEN = ErrorKind(403, "RIGHT_FORBIDDEN", "you cannot give a right that you do not have")
BROADCAST_REQUIRED = ErrorKind(400, "BROADCAST_REQUIRED", "this is for channels only")
MEGAGROUP_GEO_REQUIRED = ErrorKind(
    400, "MEGAGROUP_GEO_REQUIRED", "this is for groups that were made at a place, of which there are none"
)
GRAPH_INVALID_RELOAD = ErrorKind(
    400, "GRAPH_INVALID_RELOAD", "graphs come with the statistics here, none is waited for"
)
CHANNELS_ADMIN_LOCATED_TOO_MUCH = ErrorKind(
    400, "CHANNELS_ADMIN_LOCATED_TOO_MUCH", "groups at a place cannot be made here"
)
FORUM_ENABLED = ErrorKind(400, "FORUM_ENABLED", "this is a forum: switch its topics off first")
BOOSTS_REQUIRED = ErrorKind(400, "BOOSTS_REQUIRED", "this needs boosts, and there are none here")
MEGAGROUP_REQUIRED = ErrorKind(400, "MEGAGROUP_REQUIRED", "this is for supergroups only")
SECONDS_INVALID = ErrorKind(
    400, "SECONDS_INVALID", "slow mode takes 0, 5, 10, 30, 60, 300, 900 or 3600 seconds"
)
CHAT_LINK_EXISTS = ErrorKind(400, "CHAT_LINK_EXISTS", "a public or linked supergroup cannot hide its history")
CHAT_DISCUSSION_UNALLOWED = ErrorKind(
    400, "CHAT_DISCUSSION_UNALLOWED", "a forum cannot be the discussion group of a channel"
)
CHANNEL_FORUM_MISSING = ErrorKind(400, "CHANNEL_FORUM_MISSING", "this supergroup is no forum")
TOPIC_ID_INVALID = ErrorKind(400, "TOPIC_ID_INVALID", "no such topic")
TOPIC_TITLE_EMPTY = ErrorKind(400, "TOPIC_TITLE_EMPTY", "a topic needs a title")
TOPIC_NOT_MODIFIED = ErrorKind(400, "TOPIC_NOT_MODIFIED", "the topic is already so")
TOPIC_CLOSED = ErrorKind(400, "TOPIC_CLOSED", "the topic is closed")
TOPIC_DELETED = ErrorKind(400, "TOPIC_DELETED", "the topic is gone")
TOPIC_CLOSE_SEPARATELY = ErrorKind(
    400, "TOPIC_CLOSE_SEPARATELY", "nothing else changes when a topic is closed"
)
TOPIC_HIDE_SEPARATELY = ErrorKind(400, "TOPIC_HIDE_SEPARATELY", "nothing else changes when a topic is hidden")
TOPICS_EMPTY = ErrorKind(400, "TOPICS_EMPTY", "no topics are named")
GENERAL_MODIFY_ICON_FORBIDDEN = ErrorKind(
    400, "GENERAL_MODIFY_ICON_FORBIDDEN", "General has an icon of its own"
)
PINNED_TOO_MUCH = ErrorKind(400, "PINNED_TOO_MUCH", "too many pinned topics")
PINNED_TOPIC_NOT_MODIFIED = ErrorKind(400, "PINNED_TOPIC_NOT_MODIFIED", "the topic is already pinned, or not")
BROADCAST_ID_INVALID = ErrorKind(400, "BROADCAST_ID_INVALID", "this is no channel")
MEGAGROUP_ID_INVALID = ErrorKind(400, "MEGAGROUP_ID_INVALID", "this is no supergroup")
MEGAGROUP_PREHISTORY_HIDDEN = ErrorKind(
    400, "MEGAGROUP_PREHISTORY_HIDDEN", "a group that hides its history cannot be a discussion group"
)
LINK_NOT_MODIFIED = ErrorKind(400, "LINK_NOT_MODIFIED", "the discussion group is already this one")
CHANNELS_ADMIN_PUBLIC_TOO_MUCH = ErrorKind(
    400, "CHANNELS_ADMIN_PUBLIC_TOO_MUCH", "you have too many public channels"
)
SLOWMODE_WAIT = ErrorKind(420, "SLOWMODE_WAIT_%d", "slow mode: wait so many seconds before the next message")
EFFECT_ID_INVALID = ErrorKind(400, "EFFECT_ID_INVALID", "no such effect, or none may be sent in this chat")
SLOWMODE_MULTI_MSGS_DISABLED = ErrorKind(
    400, "SLOWMODE_MULTI_MSGS_DISABLED", "slow mode: one message at a time, albums aside"
)
CONTACT_ID_INVALID = ErrorKind(400, "CONTACT_ID_INVALID", "this user cannot be a contact")
CONTACT_NAME_EMPTY = ErrorKind(400, "CONTACT_NAME_EMPTY", "a contact needs a name")
CONTACTS_TOO_MUCH = ErrorKind(400, "CONTACTS_TOO_MUCH", "the address book is full")
MESSAGE_EMPTY = ErrorKind(400, "MESSAGE_EMPTY", "the message has no text")
MESSAGE_TOO_LONG = ErrorKind(400, "MESSAGE_TOO_LONG", "the message is too long")
MESSAGE_ID_INVALID = ErrorKind(400, "MESSAGE_ID_INVALID", "no such message of yours")
MESSAGE_IDS_EMPTY = ErrorKind(400, "MESSAGE_IDS_EMPTY", "no message ids were given")
MESSAGE_NOT_MODIFIED = ErrorKind(400, "MESSAGE_NOT_MODIFIED", "the edit changes nothing")
MESSAGE_EDIT_TIME_EXPIRED = ErrorKind(400, "MESSAGE_EDIT_TIME_EXPIRED", "too late to edit this message")
MEDIA_INVALID = ErrorKind(400, "MEDIA_INVALID", "this kind of media cannot be sent here")
REACTION_INVALID = ErrorKind(400, "REACTION_INVALID", "there is no such reaction, or not in this chat")
REACTIONS_TOO_MANY = ErrorKind(
    400, "REACTIONS_TOO_MANY", "more reactions than one may give, or a message may have"
)
TITLE_INVALID = ErrorKind(400, "TITLE_INVALID", "the title is too long")
POLL_QUESTION_INVALID = ErrorKind(400, "POLL_QUESTION_INVALID", "a poll's question has 1 to 255 characters")
POLL_ANSWERS_INVALID = ErrorKind(400, "POLL_ANSWERS_INVALID", "a poll has 2 to 12 answers")
POLL_ANSWER_INVALID = ErrorKind(400, "POLL_ANSWER_INVALID", "a poll's answer has 1 to 100 characters")
POLL_OPTION_INVALID = ErrorKind(400, "POLL_OPTION_INVALID", "an answer's option has 1 to 100 bytes")
POLL_OPTION_DUPLICATE = ErrorKind(400, "POLL_OPTION_DUPLICATE", "two answers have the same option")
POLL_PERIOD_INVALID = ErrorKind(400, "POLL_PERIOD_INVALID", "a poll cannot close at that time")
POLL_UNSUPPORTED = ErrorKind(400, "POLL_UNSUPPORTED", "polls of this kind are not made here")
QUIZ_CORRECT_ANSWERS_EMPTY = ErrorKind(400, "QUIZ_CORRECT_ANSWERS_EMPTY", "a quiz has a right answer")
QUIZ_CORRECT_ANSWERS_TOO_MUCH = ErrorKind(400, "QUIZ_CORRECT_ANSWERS_TOO_MUCH", "a quiz has one right answer")
QUIZ_CORRECT_ANSWER_INVALID = ErrorKind(
    400, "QUIZ_CORRECT_ANSWER_INVALID", "the right answer is none of the answers"
)
QUIZ_MULTIPLE_INVALID = ErrorKind(400, "QUIZ_MULTIPLE_INVALID", "one answer only may be given in a quiz")
QUIZ_SOLUTION_INVALID = ErrorKind(
    400, "QUIZ_SOLUTION_INVALID", "a solution is a quiz's, of up to 200 characters"
)
MESSAGE_POLL_CLOSED = ErrorKind(400, "MESSAGE_POLL_CLOSED", "the poll is closed")
OPTION_INVALID = ErrorKind(400, "OPTION_INVALID", "the poll has no such answer")
OPTIONS_TOO_MUCH = ErrorKind(400, "OPTIONS_TOO_MUCH", "one answer only may be given in this poll")
REVOTE_NOT_ALLOWED = ErrorKind(400, "REVOTE_NOT_ALLOWED", "the vote cannot be changed")
RANDOM_ID_EMPTY = ErrorKind(400, "RANDOM_ID_EMPTY", "random_id is 0 or missing")
RANDOM_ID_INVALID = ErrorKind(400, "RANDOM_ID_INVALID", "as many random ids as messages are needed")
RANDOM_LENGTH_INVALID = ErrorKind(400, "RANDOM_LENGTH_INVALID", "so many random bytes are not given")
REPLY_MESSAGE_ID_INVALID = ErrorKind(400, "REPLY_MESSAGE_ID_INVALID", "the message replied to is not there")
ENTITY_BOUNDS_INVALID = ErrorKind(400, "ENTITY_BOUNDS_INVALID", "a formatting entity lies outside the text")
ENTITIES_TOO_LONG = ErrorKind(400, "ENTITIES_TOO_LONG", "too many formatting entities")
OFFSET_INVALID = ErrorKind(400, "OFFSET_INVALID", "add_offset goes further than this server walks")
QUOTE_TEXT_INVALID = ErrorKind(
    400, "QUOTE_TEXT_INVALID", "the quoted text does not occur in the message replied to"
)
MEDIA_EMPTY = ErrorKind(400, "MEDIA_EMPTY", "no media was given")
FILE_PARTS_INVALID = ErrorKind(400, "FILE_PARTS_INVALID", "the number of parts does not fit the file")
FILE_PART_INVALID = ErrorKind(400, "FILE_PART_INVALID", "no file has a part with this number")
FILE_PART_EMPTY = ErrorKind(400, "FILE_PART_EMPTY", "a part of a file has bytes")
FILE_PART_TOO_BIG = ErrorKind(400, "FILE_PART_TOO_BIG", "a part of a file has 512 KiB at most")
FILE_PART_SIZE_INVALID = ErrorKind(
    400, "FILE_PART_SIZE_INVALID", "parts have whole KiB of which 512 KiB is a multiple, but for the last one"
)
FILE_PART_SIZE_CHANGED = ErrorKind(
    400, "FILE_PART_SIZE_CHANGED", "parts of a file are of one size, but for the last one"
)
FILE_PART_LENGTH_INVALID = ErrorKind(
    400, "FILE_PART_LENGTH_INVALID", "the last part is larger than the others"
)
FILE_PART_MISSING = ErrorKind(400, "FILE_PART_%d_MISSING", "part %d of the file was not sent")
MD5_CHECKSUM_INVALID = ErrorKind(
    400, "MD5_CHECKSUM_INVALID", "the file is not the one whose checksum was given"
)
FILE_ID_INVALID = ErrorKind(400, "FILE_ID_INVALID", "the file has no number")
FILE_TOO_LARGE = ErrorKind(400, "FILE_TOO_LARGE", "files as large as this are not taken here")
FILE_EMTPY = ErrorKind(400, "FILE_EMTPY", "the file has no bytes")  # as Telegram spells it
FILE_QUOTA_EXCEEDED = ErrorKind(400, "FILE_QUOTA_EXCEEDED", "you have uploaded as much as you may for now")
FILE_REFERENCE_EMPTY = ErrorKind(400, "FILE_REFERENCE_EMPTY", "no file reference was given")
FILE_REFERENCE_EXPIRED = ErrorKind(
    400, "FILE_REFERENCE_EXPIRED", "fetch the message again for a new file reference"
)
FILE_REFERENCE_INVALID = ErrorKind(400, "FILE_REFERENCE_INVALID", "this file reference was not given to you")
FILE_REFERENCE_EXPIRED_AT = ErrorKind(
    400, "FILE_REFERENCE_%d_EXPIRED", "as FILE_REFERENCE_EXPIRED, item %d of an album"
)
FILE_REFERENCE_INVALID_AT = ErrorKind(
    400, "FILE_REFERENCE_%d_INVALID", "as FILE_REFERENCE_INVALID, item %d of an album"
)
LOCATION_INVALID = ErrorKind(400, "LOCATION_INVALID", "there is no such file, or no such size of it")
MEDIA_GROUPED_INVALID = ErrorKind(
    400, "MEDIA_GROUPED_INVALID", "an album does not mix files or music with pictures"
)
MULTI_MEDIA_TOO_LONG = ErrorKind(400, "MULTI_MEDIA_TOO_LONG", "an album has ten items at most")
MEDIA_NEW_INVALID = ErrorKind(400, "MEDIA_NEW_INVALID", "the message cannot get this media")
MEDIA_PREV_INVALID = ErrorKind(400, "MEDIA_PREV_INVALID", "the media of this message stays as it is")
TTL_MEDIA_INVALID = ErrorKind(400, "TTL_MEDIA_INVALID", "media cannot be shown for so long, or not here")
EXTERNAL_URL_INVALID = ErrorKind(400, "EXTERNAL_URL_INVALID", "files are not fetched from elsewhere here")
CDN_METHOD_INVALID = ErrorKind(400, "CDN_METHOD_INVALID", "there is no CDN here")
WEBFILE_NOT_AVAILABLE = ErrorKind(400, "WEBFILE_NOT_AVAILABLE", "files of other sites are not fetched here")
MEDIA_CAPTION_TOO_LONG = ErrorKind(400, "MEDIA_CAPTION_TOO_LONG", "the caption is too long")
IMAGE_PROCESS_FAILED = ErrorKind(400, "IMAGE_PROCESS_FAILED", "the image is damaged, or no image at all")
PHOTO_EXT_INVALID = ErrorKind(400, "PHOTO_EXT_INVALID", "files of this kind are no photos")
PHOTO_INVALID_DIMENSIONS = ErrorKind(
    400, "PHOTO_INVALID_DIMENSIONS", "the photo is too large, or too long and narrow"
)
PHOTO_CROP_SIZE_SMALL = ErrorKind(
    400, "PHOTO_CROP_SIZE_SMALL", "the photo of a person or chat is at least 160 x 160"
)
PHOTO_SAVE_FILE_INVALID = ErrorKind(
    400, "PHOTO_SAVE_FILE_INVALID", "the file is too large to make a photo of"
)
SHA256_HASH_INVALID = ErrorKind(400, "SHA256_HASH_INVALID", "the hash has not the length of one")
STICKER_FILE_INVALID = ErrorKind(400, "STICKER_FILE_INVALID", "the file is no sticker")
STICKER_PNG_NOPNG = ErrorKind(400, "STICKER_PNG_NOPNG", "the sticker is no picture in webp or PNG")
STICKER_PNG_DIMENSIONS = ErrorKind(
    400, "STICKER_PNG_DIMENSIONS", "the longer side is 512, a custom emoji 100 x 100"
)
STICKER_TGS_NOTGS = ErrorKind(
    400, "STICKER_TGS_NOTGS", "the sticker is no animation, or breaks the rules of such"
)
STICKER_VIDEO_NOWEBM = ErrorKind(400, "STICKER_VIDEO_NOWEBM", "the sticker is no silent video in VP9")
STICKER_VIDEO_BIG = ErrorKind(400, "STICKER_VIDEO_BIG", "the sticker's video is too large, wide or long")
VIDEO_CONTENT_TYPE_INVALID = ErrorKind(400, "VIDEO_CONTENT_TYPE_INVALID", "files of this kind are no videos")
VIDEO_FILE_INVALID = ErrorKind(400, "VIDEO_FILE_INVALID", "the video is damaged, or has no pictures")
PHOTO_ID_INVALID = ErrorKind(400, "PHOTO_ID_INVALID", "no such photo that could be shown here")
EMOJI_MARKUP_INVALID = ErrorKind(
    400, "EMOJI_MARKUP_INVALID", "no such emoji or sticker, or no colours behind it"
)
BOT_INVALID = ErrorKind(400, "BOT_INVALID", "there is no such bot of yours")
PHOTO_FILE_MISSING = ErrorKind(400, "PHOTO_FILE_MISSING", "no file was given to make a photo of")
CONTACT_MISSING = ErrorKind(400, "CONTACT_MISSING", "this user is none of your contacts")
GEO_POINT_INVALID = ErrorKind(400, "GEO_POINT_INVALID", "there is no such place on Earth")
EMOTICON_INVALID = ErrorKind(400, "EMOTICON_INVALID", "this emoji cannot be thrown")
CHAT_FORWARDS_RESTRICTED = ErrorKind(400, "CHAT_FORWARDS_RESTRICTED", "the message may not be forwarded")
SCHEDULE_DATE_INVALID = ErrorKind(400, "SCHEDULE_DATE_INVALID", "messages cannot be scheduled for this time")
FILTER_ID_INVALID = ErrorKind(400, "FILTER_ID_INVALID", "folders have numbers from 2 to 255")
FILTER_TITLE_EMPTY = ErrorKind(400, "FILTER_TITLE_EMPTY", "a folder needs a name")
FILTER_INCLUDE_EMPTY = ErrorKind(400, "FILTER_INCLUDE_EMPTY", "a folder that no chat can be in")
FILTER_INCLUDE_TOO_MUCH = ErrorKind(400, "FILTER_INCLUDE_TOO_MUCH", "too many chats in one folder")
DIALOG_FILTERS_TOO_MUCH = ErrorKind(400, "DIALOG_FILTERS_TOO_MUCH", "too many folders")
SCHEDULE_DATE_TOO_LATE = ErrorKind(
    400, "SCHEDULE_DATE_TOO_LATE", "messages are scheduled for a year ahead at most"
)
SCHEDULE_TOO_MUCH = ErrorKind(400, "SCHEDULE_TOO_MUCH", "too many scheduled messages in one chat")
SCHEDULE_STATUS_PRIVATE = ErrorKind(
    400, "SCHEDULE_STATUS_PRIVATE", "this user does not show you when he is online"
)
TTL_PERIOD_INVALID = ErrorKind(400, "TTL_PERIOD_INVALID", "messages cannot live for so long")
FOLDER_ID_INVALID = ErrorKind(400, "FOLDER_ID_INVALID", "no such folder")
MESSAGE_NOT_READ_YET = ErrorKind(400, "MESSAGE_NOT_READ_YET", "the message has not been read yet")
MESSAGE_TOO_OLD = ErrorKind(400, "MESSAGE_TOO_OLD", "too long ago to tell when it was read")
INPUT_USER_DEACTIVATED = ErrorKind(400, "INPUT_USER_DEACTIVATED", "the account of this user was deleted")
PERSISTENT_TIMESTAMP_INVALID = ErrorKind(
    400, "PERSISTENT_TIMESTAMP_INVALID", "pts is ahead of the server or negative"
)
RANGES_INVALID = ErrorKind(400, "RANGES_INVALID", "no such ranges of messages")
PINNED_DIALOGS_TOO_MUCH = ErrorKind(400, "PINNED_DIALOGS_TOO_MUCH", "too many pinned dialogs")
YOU_BLOCKED_USER = ErrorKind(400, "YOU_BLOCKED_USER", "you have blocked this user")
USER_IS_BLOCKED = ErrorKind(403, "USER_IS_BLOCKED", "this user has blocked you")
QUERY_TOO_SHORT = ErrorKind(400, "QUERY_TOO_SHORT", "the search text is too short")
FILTER_NOT_SUPPORTED = ErrorKind(400, "FILTER_NOT_SUPPORTED", "this list cannot be had by that filter")
MSG_ID_INVALID = ErrorKind(400, "MSG_ID_INVALID", "no such message of yours")
HASHTAG_INVALID = ErrorKind(400, "HASHTAG_INVALID", "this is no hashtag")
SEARCH_QUERY_EMPTY = ErrorKind(400, "SEARCH_QUERY_EMPTY", "the search text is empty")
CONNECTION_ID_INVALID = ErrorKind(400, "CONNECTION_ID_INVALID", "no such business connection")
NOT_ELIGIBLE = ErrorKind(400, "NOT_ELIGIBLE", "there is no such programme here")
NOT_JOINED = ErrorKind(400, "NOT_JOINED", "there is no such programme here")
BANK_CARD_NUMBER_INVALID = ErrorKind(400, "BANK_CARD_NUMBER_INVALID", "no such bank card")
COLLECTIBLE_INVALID = ErrorKind(400, "COLLECTIBLE_INVALID", "no such collectible")
PAYMENT_UNSUPPORTED = ErrorKind(400, "PAYMENT_UNSUPPORTED", "nothing is paid for here")
THEME_INVALID = ErrorKind(400, "THEME_INVALID", "no such theme")
HASH_INVALID = ErrorKind(400, "HASH_INVALID", "no session of yours has this hash")
DC_ID_INVALID = ErrorKind(400, "DC_ID_INVALID", "no such DC")
TTL_DAYS_INVALID = ErrorKind(400, "TTL_DAYS_INVALID", "so many days cannot be set")
AUTH_TOKEN_INVALID = ErrorKind(400, "AUTH_TOKEN_INVALID", "the login token is wrong, used or expired")
PASSWORD_EMPTY = ErrorKind(400, "PASSWORD_EMPTY", "the account has no password")
PASSWORD_HASH_INVALID = ErrorKind(400, "PASSWORD_HASH_INVALID", "the password is wrong")
USER_BOT = ErrorKind(400, "USER_BOT", "a bot can only be an admin of a channel")
BOT_METHOD_INVALID = ErrorKind(400, "BOT_METHOD_INVALID", "bots cannot call this method")
USER_BOT_REQUIRED = ErrorKind(400, "USER_BOT_REQUIRED", "only bots can call this method")
PHONE_NUMBER_APP_SIGNUP_FORBIDDEN = ErrorKind(
    400, "PHONE_NUMBER_APP_SIGNUP_FORBIDDEN", "the operator lets nobody make an account"
)
START_PARAM_INVALID = ErrorKind(
    400, "START_PARAM_INVALID", "a start parameter is up to 64 letters, digits, - and _"
)
USER_IS_BOT = ErrorKind(400, "USER_IS_BOT", "bots cannot write to bots")
ACCESS_TOKEN_INVALID = ErrorKind(400, "ACCESS_TOKEN_INVALID", "no bot has this token")
PRIVACY_VALUE_INVALID = ErrorKind(
    400, "PRIVACY_VALUE_INVALID", "a privacy rule that means nothing, or too many"
)
PRIVACY_KEY_INVALID = ErrorKind(400, "PRIVACY_KEY_INVALID", "no such privacy key")
AUTH_BYTES_INVALID = ErrorKind(
    400, "AUTH_BYTES_INVALID", "the exported authorisation is wrong, used or expired"
)
ENCRYPTED_MESSAGE_INVALID = ErrorKind(400, "ENCRYPTED_MESSAGE_INVALID", "the binding message does not fit")
EXPIRES_AT_INVALID = ErrorKind(400, "EXPIRES_AT_INVALID", "the temporary key's expiry does not fit")
TEMP_AUTH_KEY_ALREADY_BOUND = ErrorKind(
    400, "TEMP_AUTH_KEY_ALREADY_BOUND", "the temporary key is bound to another key"
)
TEMP_AUTH_KEY_EMPTY = ErrorKind(400, "TEMP_AUTH_KEY_EMPTY", "the call must come over a temporary key")
PACK_TITLE_INVALID = ErrorKind(400, "PACK_TITLE_INVALID", "a set has a title of 1..64 characters")
PACK_SHORT_NAME_INVALID = ErrorKind(
    400, "PACK_SHORT_NAME_INVALID", "a set's name is letters, digits and single _, and begins with a letter"
)
PACK_SHORT_NAME_OCCUPIED = ErrorKind(400, "PACK_SHORT_NAME_OCCUPIED", "another set has this name")
PACK_TYPE_INVALID = ErrorKind(400, "PACK_TYPE_INVALID", "a set is of masks or of custom emoji, not both")
SHORT_NAME_INVALID = ErrorKind(400, "SHORT_NAME_INVALID", "no set can have this name")
SHORT_NAME_OCCUPIED = ErrorKind(400, "SHORT_NAME_OCCUPIED", "another set has this name")
STICKERS_EMPTY = ErrorKind(400, "STICKERS_EMPTY", "a set begins with a sticker")
STICKERS_TOO_MUCH = ErrorKind(400, "STICKERS_TOO_MUCH", "the set is full")
STICKERSETS_TOO_MUCH = ErrorKind(400, "STICKERSETS_TOO_MUCH", "you have as many sets as one may have")
STICKER_INVALID = ErrorKind(400, "STICKER_INVALID", "the document is in none of your sets")
DOCUMENT_INVALID = ErrorKind(400, "DOCUMENT_INVALID", "no such custom emoji")
STICKER_DOCUMENT_INVALID = ErrorKind(400, "STICKER_DOCUMENT_INVALID", "no such document")
STICKER_EMOJI_INVALID = ErrorKind(400, "STICKER_EMOJI_INVALID", "a sticker stands for 1..20 emoji")
STICKER_ID_INVALID = ErrorKind(400, "STICKER_ID_INVALID", "the document is no sticker")
STICKER_MASK_COORDS_INVALID = ErrorKind(
    400, "STICKER_MASK_COORDS_INVALID", "a mask sits at point 0..3 of a face, and only masks do"
)
STICKER_THUMB_INVALID = ErrorKind(400, "STICKER_THUMB_INVALID", "this cannot be the icon of the set")
WEBPAGE_URL_INVALID = ErrorKind(400, "WEBPAGE_URL_INVALID", "this is no address of a page")
WEBPAGE_NOT_FOUND = ErrorKind(400, "WEBPAGE_NOT_FOUND", "there is no preview of this page")
EMOJI_INVALID = ErrorKind(400, "EMOJI_INVALID", "no look of chats goes by this emoji")
WALLPAPER_INVALID = ErrorKind(400, "WALLPAPER_INVALID", "no such wallpaper")
WALLPAPER_FILE_INVALID = ErrorKind(400, "WALLPAPER_FILE_INVALID", "the file cannot be a wallpaper")
WALLPAPER_MIME_INVALID = ErrorKind(400, "WALLPAPER_MIME_INVALID", "wallpapers are JPEG, PNG or patterns")
WALLPAPER_NOT_FOUND = ErrorKind(400, "WALLPAPER_NOT_FOUND", "the message sets no wallpaper")
THEME_FILE_INVALID = ErrorKind(400, "THEME_FILE_INVALID", "the file cannot be a theme")
THEME_MIME_INVALID = ErrorKind(400, "THEME_MIME_INVALID", "files of this kind are no themes")
THEME_TITLE_INVALID = ErrorKind(400, "THEME_TITLE_INVALID", "a theme has a title of 1..128 characters")
THEME_SLUG_INVALID = ErrorKind(400, "THEME_SLUG_INVALID", "a theme's name is 5..64 letters, digits and _")
THEME_SLUG_OCCUPIED = ErrorKind(400, "THEME_SLUG_OCCUPIED", "another theme has this name")
RINGTONE_INVALID = ErrorKind(400, "RINGTONE_INVALID", "the document is no notification sound")
RINGTONE_MIME_INVALID = ErrorKind(400, "RINGTONE_MIME_INVALID", "notification sounds are audio files")
GIF_ID_INVALID = ErrorKind(400, "GIF_ID_INVALID", "the document is no silent video")
STICKERSET_INVALID = ErrorKind(406, "STICKERSET_INVALID", "no such sticker set")
LANG_PACK_INVALID = ErrorKind(400, "LANG_PACK_INVALID", "no such language pack")
LANG_CODE_NOT_SUPPORTED = ErrorKind(400, "LANG_CODE_NOT_SUPPORTED", "no such language")
AUTH_TOKEN_INVALIDX = ErrorKind(400, "AUTH_TOKEN_INVALIDX", "no such login token, or it has run out long ago")
AUTH_TOKEN_EXPIRED = ErrorKind(400, "AUTH_TOKEN_EXPIRED", "the login token has run out")
AUTH_TOKEN_ALREADY_ACCEPTED = ErrorKind(
    400, "AUTH_TOKEN_ALREADY_ACCEPTED", "the login token was used already"
)
AUTH_TOKEN_EXCEPTION = ErrorKind(
    400, "AUTH_TOKEN_EXCEPTION", "the other device is signed in to this account already"
)
PASSWORD_MISSING = ErrorKind(400, "PASSWORD_MISSING", "this needs two-step verification to be on")
PASSWORD_TOO_FRESH = ErrorKind(
    400, "PASSWORD_TOO_FRESH_%d", "the password is younger than a day: wait so many seconds"
)
SESSION_TOO_FRESH = ErrorKind(
    400, "SESSION_TOO_FRESH_%d", "this session is younger than a day: wait so many seconds"
)
PASSWORD_RECOVERY_NA = ErrorKind(400, "PASSWORD_RECOVERY_NA", "no recovery e-mail was set")
PASSWORD_RECOVERY_EXPIRED = ErrorKind(400, "PASSWORD_RECOVERY_EXPIRED", "the recovery code is too old")
SRP_ID_INVALID = ErrorKind(
    400, "SRP_ID_INVALID", "srp_id is unknown, used or too old: account.getPassword again"
)
SRP_PASSWORD_CHANGED = ErrorKind(400, "SRP_PASSWORD_CHANGED", "the password was changed meanwhile")
SRP_A_INVALID = ErrorKind(400, "SRP_A_INVALID", "A is no value an honest client sends")
NEW_SALT_INVALID = ErrorKind(400, "NEW_SALT_INVALID", "the salts are not those of account.getPassword")
NEW_SETTINGS_INVALID = ErrorKind(400, "NEW_SETTINGS_INVALID", "the new password settings mean nothing")
NEW_SETTINGS_EMPTY = ErrorKind(400, "NEW_SETTINGS_EMPTY", "no new password settings were given")
NEW_PASSWORD_BAD = ErrorKind(400, "NEW_PASSWORD_BAD", "new_password_hash is no verifier")
EMAIL_INVALID = ErrorKind(400, "EMAIL_INVALID", "not an e-mail address")
EMAIL_UNCONFIRMED = ErrorKind(
    400, "EMAIL_UNCONFIRMED_%d", "a code of %d digits was sent to the e-mail address"
)
EMAIL_HASH_EXPIRED = ErrorKind(400, "EMAIL_HASH_EXPIRED", "no e-mail address is waiting to be confirmed")
EMAIL_NOT_ALLOWED = ErrorKind(400, "EMAIL_NOT_ALLOWED", "login codes are not sent by e-mail here")
CODE_INVALID = ErrorKind(400, "CODE_INVALID", "the code is wrong")
RESET_REQUEST_MISSING = ErrorKind(400, "RESET_REQUEST_MISSING", "no password reset was asked for")
TOKEN_EMPTY = ErrorKind(400, "TOKEN_EMPTY", "a push token is needed")
TOKEN_INVALID = ErrorKind(400, "TOKEN_INVALID", "this is no push token of that type")
TOKEN_TYPE_INVALID = ErrorKind(400, "TOKEN_TYPE_INVALID", "there is no such type of push token")
WEBPUSH_TOKEN_INVALID = ErrorKind(
    400, "WEBPUSH_TOKEN_INVALID", "the endpoint of the web push is no address to push to"
)
WEBPUSH_KEY_INVALID = ErrorKind(
    400, "WEBPUSH_KEY_INVALID", "the p256dh key of the web push is no point of P-256"
)
WEBPUSH_AUTH_INVALID = ErrorKind(
    400, "WEBPUSH_AUTH_INVALID", "the auth secret of the web push is not 16 bytes"
)
IMPORT_TOKEN_INVALID = ErrorKind(400, "IMPORT_TOKEN_INVALID", "the contact link is wrong or has run out")
RANK_INVALID = ErrorKind(400, "RANK_INVALID", "a rank is 16 characters without emoji at most")
PEERS_LIST_EMPTY = ErrorKind(400, "PEERS_LIST_EMPTY", "no chats were named")
INVITE_SLUG_EMPTY = ErrorKind(400, "INVITE_SLUG_EMPTY", "no link to a folder was given")
INVITE_SLUG_EXPIRED = ErrorKind(400, "INVITE_SLUG_EXPIRED", "no such link to a folder, or it has ended")
CHATLISTS_TOO_MUCH = ErrorKind(400, "CHATLISTS_TOO_MUCH", "too many folders joined by link")
EMAIL_VERIFY_EXPIRED = ErrorKind(
    400, "EMAIL_VERIFY_EXPIRED", "the code for the e-mail address is too old, or none was sent"
)
EMAIL_INSTALL_MISSING = ErrorKind(
    400, "EMAIL_INSTALL_MISSING", "the account has no e-mail address for login codes"
)
TASK_ALREADY_EXISTS = ErrorKind(400, "TASK_ALREADY_EXISTS", "this was asked for already and will be done")
TAKEOUT_INVALID = ErrorKind(400, "TAKEOUT_INVALID", "no such export session")
TAKEOUT_REQUIRED = ErrorKind(403, "TAKEOUT_REQUIRED", "this is answered inside an export session only")
COLOR_INVALID = ErrorKind(400, "COLOR_INVALID", "help.getPeerColors does not offer this colour")
# 401: sign in first
AUTH_KEY_UNREGISTERED = ErrorKind(401, "AUTH_KEY_UNREGISTERED", "this key is not signed in")
AUTH_KEY_PERM_EMPTY = ErrorKind(401, "AUTH_KEY_PERM_EMPTY", "bind the temporary key first")
AUTH_KEY_INVALID = ErrorKind(401, "AUTH_KEY_INVALID", "the key is not known")
SESSION_REVOKED = ErrorKind(401, "SESSION_REVOKED", "the session was ended on another device")
SESSION_PASSWORD_NEEDED = ErrorKind(
    401, "SESSION_PASSWORD_NEEDED", "the account has a password: auth.checkPassword"
)
USER_DEACTIVATED = ErrorKind(401, "USER_DEACTIVATED", "the account was deleted")
USER_DEACTIVATED_BAN = ErrorKind(401, "USER_DEACTIVATED_BAN", "the operator has banned this account")
# 403: not allowed
PREMIUM_ACCOUNT_REQUIRED = ErrorKind(403, "PREMIUM_ACCOUNT_REQUIRED", "there is no Premium here")
MESSAGE_AUTHOR_REQUIRED = ErrorKind(403, "MESSAGE_AUTHOR_REQUIRED", "only the author may do this")
MESSAGE_DELETE_FORBIDDEN = ErrorKind(403, "MESSAGE_DELETE_FORBIDDEN", "you may not delete this message")
CHAT_WRITE_FORBIDDEN = ErrorKind(403, "CHAT_WRITE_FORBIDDEN", "you may not write here")
CHAT_GUEST_SEND_FORBIDDEN = ErrorKind(
    403, "CHAT_GUEST_SEND_FORBIDDEN", "only members of this discussion group may comment"
)
CHAT_FORBIDDEN = ErrorKind(403, "CHAT_FORBIDDEN", "you are no longer in this group")
CHAT_ADMIN_REQUIRED = ErrorKind(400, "CHAT_ADMIN_REQUIRED", "only admins of the group may do this")
CHAT_SEND_WEBPAGE_FORBIDDEN = ErrorKind(
    403, "CHAT_SEND_WEBPAGE_FORBIDDEN", "links may not be sent with previews here"
)
CHAT_SEND_PLAIN_FORBIDDEN = ErrorKind(403, "CHAT_SEND_PLAIN_FORBIDDEN", "texts may not be sent here")
CHAT_SEND_MEDIA_FORBIDDEN = ErrorKind(403, "CHAT_SEND_MEDIA_FORBIDDEN", "media may not be sent here")
CHAT_SEND_STICKERS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_STICKERS_FORBIDDEN", "stickers may not be sent here")
CHAT_SEND_GIFS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_GIFS_FORBIDDEN", "animations may not be sent here")
CHAT_SEND_GAME_FORBIDDEN = ErrorKind(403, "CHAT_SEND_GAME_FORBIDDEN", "games may not be sent here")
CHAT_SEND_PHOTOS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_PHOTOS_FORBIDDEN", "photos may not be sent here")
CHAT_SEND_VIDEOS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_VIDEOS_FORBIDDEN", "videos may not be sent here")
CHAT_SEND_ROUNDVIDEOS_FORBIDDEN = ErrorKind(
    403, "CHAT_SEND_ROUNDVIDEOS_FORBIDDEN", "video messages may not be sent here"
)
CHAT_SEND_AUDIOS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_AUDIOS_FORBIDDEN", "music may not be sent here")
CHAT_SEND_VOICES_FORBIDDEN = ErrorKind(
    403, "CHAT_SEND_VOICES_FORBIDDEN", "voice messages may not be sent here"
)
CHAT_SEND_DOCS_FORBIDDEN = ErrorKind(403, "CHAT_SEND_DOCS_FORBIDDEN", "files may not be sent here")
VOICE_MESSAGES_FORBIDDEN = ErrorKind(
    400, "VOICE_MESSAGES_FORBIDDEN", "this user takes no voice and video messages from you"
)
CHAT_SEND_POLL_FORBIDDEN = ErrorKind(403, "CHAT_SEND_POLL_FORBIDDEN", "polls may not be sent here")
POLL_VOTE_REQUIRED = ErrorKind(403, "POLL_VOTE_REQUIRED", "who has voted is shown to voters")
BROADCAST_FORBIDDEN = ErrorKind(403, "BROADCAST_FORBIDDEN", "the voters are anonymous")
USER_PRIVACY_RESTRICTED = ErrorKind(
    403, "USER_PRIVACY_RESTRICTED", "this user does not want to be added to groups"
)
# 406 and 420
FRESH_RESET_AUTHORISATION_FORBIDDEN = ErrorKind(
    406, "FRESH_RESET_AUTHORISATION_FORBIDDEN", "a session younger than a day may not end others"
)
FRESH_CHANGE_PHONE_FORBIDDEN = ErrorKind(
    406, "FRESH_CHANGE_PHONE_FORBIDDEN", "a session younger than a day may not change the phone number"
)
CONFIRM_WAIT = ErrorKind(
    420, "2FA_CONFIRM_WAIT_%d", "the account has a password: deleted without it in %d seconds"
)
PHONE_NUMBER_FLOOD = ErrorKind(400, "PHONE_NUMBER_FLOOD", "too many codes for this number")
FLOOD_WAIT = ErrorKind(420, "FLOOD_WAIT_%d", "try again in %d seconds")
# 500: ours
INTERNAL = ErrorKind(500, "INTERNAL", "a fault of this server; it is logged with the call's id")
STORE_FULL = ErrorKind(500, "STORE_FULL", "the server's disk is full; nothing was stored")
