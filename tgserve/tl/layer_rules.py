"""The exceptions to mapping by field name. Tables first (types), then one function each, sorted by TL name.

Upgrades take the values of a superseded definition (dict by attribute; absent ones are None or False) and return what
the current fields must be beyond the generic mapping, or a whole object. Downgrades take a current object and return
values for fields of the older definition, or another object to send. Rules look at which fields are there, never at
layer numbers: one function serves every older shape of its name.
"""

from __future__ import annotations

from collections.abc import Callable
from math import isfinite
from typing import Any

from tgserve.tl import functions as f
from tgserve.tl import keyboards
from tgserve.tl import legacy_types as old
from tgserve.tl import types as t
from tgserve.tl.base import TLObject

Values = dict[str, Any]
Key = tuple[bool, str]
Upgrade = Callable[[Values], Values | TLObject]
Downgrade = Callable[[Any], Values | TLObject]

UPGRADES: dict[Key, Upgrade] = {}
"""(is a function, name) of a superseded definition."""
DOWNGRADES: dict[Key, Downgrade] = {}
"""(is a function, name) of a current definition; asked in layers that know the name in an older shape."""
SUBSTITUTES: dict[str, Callable[[Any], TLObject]] = {}
"""By name of a current constructor: what stands for it in layers that do not know the name."""
RESULTS: dict[str, Callable[[Any], Any]] = {}
"""By name of a current method: its result as older layers have it, where the result type itself has changed."""
RESCUES: dict[str, Callable[[Any], TLObject]] = {}
"""By name of a current constructor: what to send when something within has no form in the layer."""


def upgrade(*names: str) -> Callable[[Upgrade], Upgrade]:
    def add(rule: Upgrade) -> Upgrade:
        UPGRADES.update({(False, name): rule for name in names})
        return rule

    return add


def method(*names: str) -> Callable[[Upgrade], Upgrade]:
    def add(rule: Upgrade) -> Upgrade:
        UPGRADES.update({(True, name): rule for name in names})
        return rule

    return add


def downgrade(*names: str) -> Callable[[Downgrade], Downgrade]:
    def add(rule: Downgrade) -> Downgrade:
        DOWNGRADES.update({(False, name): rule for name in names})
        return rule

    return add


def text(value: str) -> t.TextWithEntities:
    return t.TextWithEntities(text=value, entities=[])


def clamp(value: int) -> int:
    """Into TL's int (32 bits, signed)."""
    return max(-(1 << 31), min(value, (1 << 31) - 1))


def bare_id(peer: Any) -> int:
    """user_id, chat_id or channel_id of a Peer or InputPeer; 0 when it has none."""
    found: int = getattr(peer, peer.__slots__[0], 0) if peer is not None and peer.__slots__ else 0
    return found


def user_peer(user: Any) -> TLObject:
    """InputUser -> InputPeer."""
    if isinstance(user, t.InputUser):
        return t.InputPeerUser(user_id=user.user_id, access_hash=user.access_hash)
    if isinstance(user, t.InputUserFromMessage):
        return t.InputPeerUserFromMessage(peer=user.peer, msg_id=user.msg_id, user_id=user.user_id)
    return t.InputPeerSelf() if isinstance(user, t.InputUserSelf) else t.InputPeerEmpty()


def channel_peer(channel: Any) -> TLObject:
    """InputChannel -> InputPeer."""
    if isinstance(channel, t.InputChannel):
        return t.InputPeerChannel(channel_id=channel.channel_id, access_hash=channel.access_hash)
    if isinstance(channel, t.InputChannelFromMessage):
        return t.InputPeerChannelFromMessage(
            peer=channel.peer, msg_id=channel.msg_id, channel_id=channel.channel_id
        )
    return t.InputPeerEmpty()


def peer_user(peer: Any) -> TLObject:
    """InputPeer -> InputUser."""
    if isinstance(peer, t.InputPeerUser):
        return t.InputUser(user_id=peer.user_id, access_hash=peer.access_hash)
    return t.InputUserSelf() if isinstance(peer, t.InputPeerSelf) else t.InputUserEmpty()


def peer_channel(peer: Any) -> TLObject:
    """InputPeer -> InputChannel."""
    if isinstance(peer, t.InputPeerChannel):
        return t.InputChannel(channel_id=peer.channel_id, access_hash=peer.access_hash)
    return t.InputChannelEmpty()


PEERS_TAKEN = {"InputUser": peer_user, "InputChannel": peer_channel}
"""Kurigram writes an InputPeer wherever a method takes an InputUser or InputChannel, and is understood."""


def _paid_privacy(anonymous: bool) -> TLObject:
    return t.PaidReactionPrivacyAnonymous() if anonymous else t.PaidReactionPrivacyDefault()


def _vote_up(vote: Any) -> Any:
    peer = t.PeerUser(user_id=vote.user_id)
    if isinstance(vote, old.MessageUserVote):
        return t.MessagePeerVote(peer=peer, option=vote.option, date=vote.date)
    if isinstance(vote, old.MessageUserVoteMultiple):
        return t.MessagePeerVoteMultiple(peer=peer, options=vote.options, date=vote.date)
    return t.MessagePeerVoteInputOption(peer=peer, date=vote.date)


def _vote_down(vote: Any) -> Any:
    if isinstance(vote, t.MessagePeerVote):
        return old.MessageUserVote(user_id=bare_id(vote.peer), option=vote.option, date=vote.date)
    if isinstance(vote, t.MessagePeerVoteMultiple):
        return old.MessageUserVoteMultiple(user_id=bare_id(vote.peer), options=vote.options, date=vote.date)
    return old.MessageUserVoteInputOption(user_id=bare_id(vote.peer), date=vote.date)


EMPTIES: dict[str, Callable[[], TLObject]] = {
    "BusinessBotRights": t.BusinessBotRights,
    "ButtonType": t.ButtonTypeDefault,
    "ChatReactions": t.ChatReactionsNone,
    "EmailVerifyPurpose": t.EmailVerifyPurposePassport,
    "InputChannel": t.InputChannelEmpty,
    "InputChatTheme": t.InputChatThemeEmpty,
    "InputPeer": t.InputPeerEmpty,
    "InputUser": t.InputUserEmpty,
    "PaidReactionPrivacy": t.PaidReactionPrivacyDefault,
    "Peer": lambda: t.PeerUser(user_id=0),
    "Reaction": t.ReactionEmpty,
    "StarsAmount": lambda: t.StarsAmount(amount=0, nanos=0),
    "StatsAbsValueAndPrev": lambda: t.StatsAbsValueAndPrev(current=0.0, previous=0.0),
    "StatsGraph": lambda: t.StatsGraphError(error=""),
    "StoriesStealthMode": t.StoriesStealthMode,
    "TextWithEntities": lambda: text(""),
}
"""What fills a required field that the other layer's definition has not, by boxed type."""

CONVERSIONS: dict[tuple[str, str], Callable[[Any], Any]] = {
    ("Bool", "true"): bool,
    ("true", "Bool"): bool,
    ("double", "int"): lambda v: clamp(int(v)) if isfinite(v) else 0,
    ("long", "int"): lambda v: clamp(v),
    ("int", "double"): float,
    ("int", "string"): str,
    ("string", "int"): lambda v: int(v) if v.isdecimal() and len(v) < 10 else 0,
    ("int", "RecentStory"): lambda v: t.RecentStory(max_id=v),
    ("RecentStory", "int"): lambda v: v.max_id or 0,
    ("Bool", "PaidReactionPrivacy"): lambda v: (
        t.PaidReactionPrivacyAnonymous() if v else t.PaidReactionPrivacyDefault()
    ),
    ("true", "PaidReactionPrivacy"): lambda v: (
        t.PaidReactionPrivacyAnonymous() if v else t.PaidReactionPrivacyDefault()
    ),
    ("PaidReactionPrivacy", "Bool"): lambda v: isinstance(v, t.PaidReactionPrivacyAnonymous),
    ("long", "Peer"): lambda v: t.PeerUser(user_id=v),
    ("Peer", "long"): bare_id,
    ("long", "StarsAmount"): lambda v: t.StarsAmount(amount=v, nanos=0),
    ("StarsAmount", "long"): lambda v: v.amount,
    ("string", "Reaction"): lambda v: t.ReactionEmoji(emoticon=v),
    ("Reaction", "string"): lambda v: getattr(v, "emoticon", ""),
    ("string", "Vector<Reaction>"): lambda v: [t.ReactionEmoji(emoticon=v)] if v else [],
    ("string", "TextWithEntities"): text,
    ("TextWithEntities", "string"): lambda v: v.text,
    ("string", "Vector<TextWithEntities>"): lambda v: [text(v)],
    ("Vector<string>", "ChatReactions"): lambda v: t.ChatReactionsSome(
        reactions=[t.ReactionEmoji(emoticon=emoticon) for emoticon in v]
    ),
    ("InputUser", "InputPeer"): user_peer,
    ("InputPeer", "InputUser"): peer_user,
    ("Document", "Vector<Document>"): lambda v: [v],
    ("Vector<Document>", "Document"): lambda v: v[0] if v else t.DocumentEmpty(id=0),
    ("Peer", "Vector<Peer>"): lambda v: [v],
    ("Vector<Peer>", "Peer"): lambda v: v[0] if v else t.PeerUser(user_id=0),
    ("InputPeer", "Vector<InputPeer>"): lambda v: [v],
    ("int", "Vector<int>"): lambda v: [v],
    ("true", "int"): lambda v: 0 if v else None,
    ("int", "true"): lambda v: v is not None,
    ("true", "BusinessBotRights"): lambda v: t.BusinessBotRights(reply=v),
    ("Bool", "BusinessBotRights"): lambda v: t.BusinessBotRights(reply=v),
    ("BusinessBotRights", "true"): lambda v: v.reply,
    ("string", "EmailVerification"): lambda v: t.EmailVerificationCode(code=v),
    ("string", "ChatTheme"): lambda v: t.ChatTheme(emoticon=v),
    ("ChatTheme", "string"): lambda v: getattr(v, "emoticon", ""),
    ("string", "InputChatTheme"): lambda v: t.InputChatTheme(emoticon=v) if v else t.InputChatThemeEmpty(),
    ("int", "StarGiftAttributeRarity"): lambda v: t.StarGiftAttributeRarity(permille=v),
    ("StarGiftAttributeRarity", "int"): lambda v: getattr(v, "permille", 1),
    ("MessageUserVote", "MessagePeerVote"): _vote_up,
    ("MessagePeerVote", "MessageUserVote"): _vote_down,
    ("MessageExtendedMedia", "Vector<MessageExtendedMedia>"): lambda v: [v],
    ("Vector<MessageExtendedMedia>", "MessageExtendedMedia"): lambda v: (
        v[0] if v else t.MessageExtendedMediaPreview()
    ),
    ("UserStories", "PeerStories"): lambda v: t.PeerStories(
        peer=t.PeerUser(user_id=v.user_id), max_read_id=v.max_read_id, stories=v.stories
    ),
    ("PeerStories", "UserStories"): lambda v: old.UserStories(
        user_id=bare_id(v.peer), max_read_id=v.max_read_id, stories=v.stories
    ),
    ("KeyboardButtonRow", "KeyboardInlineButtonRow"): lambda v: t.KeyboardInlineButtonRow(
        buttons=[keyboards.inline_up(button) for button in v.buttons]
    ),
    ("KeyboardInlineButtonRow", "KeyboardButtonRow"): lambda v: t.KeyboardButtonRow(
        buttons=[keyboards.inline_down(button) for button in v.buttons]
    ),
}
"""(type of the source, type of the target) of a field both definitions have. Vectors go by element."""

RENAMED: dict[str, tuple[str, str]] = {
    "account.updateConnectedBot": ("can_reply", "rights"),
    "account.verifyEmail": ("code", "verification"),
    "botBusinessConnection": ("can_reply", "rights"),
    "channels.reportSpam": ("user_id", "participant"),
    "channels.toggleSignatures": ("enabled", "signatures_enabled"),
    "connectedBot": ("can_reply", "rights"),
    "inputInvoiceStarGift": ("user_id", "peer"),
    "inputMediaStory": ("user_id", "peer"),
    "inputReplyToStory": ("user_id", "peer"),
    "messageActionRequestedPeer": ("peer", "peers"),
    "messageActionSetChatTheme": ("emoticon", "theme"),
    "invoice": ("recurring_terms_url", "terms_url"),
    "messageMediaDocument": ("alt_document", "alt_documents"),
    "messageMediaStory": ("user_id", "peer"),
    "messageReplyStoryHeader": ("user_id", "peer"),
    "messages.sendBotRequestedPeer": ("requested_peer", "requested_peers"),
    "messages.setChatTheme": ("emoticon", "theme"),
    "messages.translateText": ("msg_id", "id"),
    "payments.updateStarGiftPrice": ("resell_stars", "resell_amount"),
    "reactionCount": ("chosen", "chosen_order"),
    "starGiftAttributeBackdrop": ("rarity_permille", "rarity"),
    "starGiftAttributeModel": ("rarity_permille", "rarity"),
    "starGiftAttributePattern": ("rarity_permille", "rarity"),
    "starsTransaction": ("stars", "amount"),
    "stories.allStories": ("user_stories", "peer_stories"),
    "updateMessagePollVote": ("user_id", "peer"),
    "updateReadStories": ("user_id", "peer"),
    "updateSentStoryReaction": ("user_id", "peer"),
    "updateStory": ("user_id", "peer"),
    "userFull": ("theme_emoticon", "theme"),
    "webPageAttributeStory": ("user_id", "peer"),
}
"""Fields that go by another name today: TL name -> (old name, current name). Their types convert as above."""


# Methods: old call -> current call ------------------------------------------------------------------------------


@method(
    "messages.prolongWebView",
    "messages.requestWebView",
    "messages.saveDraft",
    "messages.sendInlineBotResult",
    "messages.sendMedia",
    "messages.sendMessage",
    "messages.sendMultiMedia",
    "messages.sendScreenshotNotification",
)
def _reply_to(v: Values) -> Values:
    """Until layer 158: reply_to_msg_id and top_msg_id instead of InputReplyTo."""
    if "reply_to" in v:
        return {}
    top: int | None = v.get("top_msg_id")
    replied: int | None = v.get("reply_to_msg_id") or top
    if not replied:
        return {}
    return {"reply_to": t.InputReplyToMessage(reply_to_msg_id=replied, top_msg_id=top)}


@method("account.addNoPaidMessagesException")
def _add_no_paid_messages_exception(v: Values) -> TLObject:
    return f.account.ToggleNoPaidMessagesException(user_id=v["user_id"], refund_charged=v["refund_charged"])


@method("account.updateColor")
def _update_color(v: Values) -> Values:
    color, emoji = v.get("color"), v.get("background_emoji_id")
    given = color is not None or emoji is not None
    return {"color": t.PeerColor(color=color, background_emoji_id=emoji) if given else None}


@method("channels.clickSponsoredMessage")
def _click_sponsored_message(v: Values) -> TLObject:
    return f.messages.ClickSponsoredMessage(
        random_id=v["random_id"], media=v.get("media", False), fullscreen=v.get("fullscreen", False)
    )


SUCCESSORS: dict[str, str] = {"channels.createForumTopic": f.messages.CreateForumTopic.NAME}
"""Methods that have another name now: an older session's call is served under the new one."""


@method("channels.createForumTopic")
def _create_forum_topic(v: Values) -> TLObject:
    return f.messages.CreateForumTopic(
        peer=channel_peer(v["channel"]),  # type: ignore[arg-type]
        title=v["title"],
        icon_color=v["icon_color"],
        icon_emoji_id=v["icon_emoji_id"],
        random_id=v["random_id"],
        send_as=v["send_as"],
    )


def _to_peer(name: str, make: Callable[..., TLObject], *fields: str) -> None:
    """A `channels.` method that became a `messages.` one with a peer, the rest alike."""

    def rule(v: Values) -> TLObject:
        return make(peer=channel_peer(v["channel"]), **{field: v[field] for field in fields})

    method(name)(rule)
    SUCCESSORS[name] = make.NAME  # type: ignore[attr-defined]


_to_peer("channels.deleteTopicHistory", f.messages.DeleteTopicHistory, "top_msg_id")
_to_peer("channels.editCreator", f.messages.EditChatCreator, "user_id", "password")
_to_peer(
    "channels.editForumTopic",
    f.messages.EditForumTopic,
    "topic_id",
    "title",
    "icon_emoji_id",
    "closed",
    "hidden",
)
_to_peer(
    "channels.getForumTopics",
    f.messages.GetForumTopics,
    *("q", "offset_date", "offset_id", "offset_topic", "limit"),
)
_to_peer("channels.getForumTopicsByID", f.messages.GetForumTopicsByID, "topics")
_to_peer("channels.getFutureCreatorAfterLeave", f.messages.GetFutureChatCreatorAfterLeave)
_to_peer("channels.getSponsoredMessages", f.messages.GetSponsoredMessages)
_to_peer("channels.reorderPinnedForumTopics", f.messages.ReorderPinnedForumTopics, "force", "order")
_to_peer("channels.updatePinnedForumTopic", f.messages.UpdatePinnedForumTopic, "topic_id", "pinned")


@method("channels.reportSponsoredMessage")
def _report_sponsored_message(v: Values) -> TLObject:
    return f.messages.ReportSponsoredMessage(random_id=v["random_id"], option=v["option"])


@method("channels.viewSponsoredMessage")
def _view_sponsored_message(v: Values) -> TLObject:
    return f.messages.ViewSponsoredMessage(random_id=v["random_id"])


@method("contacts.toggleStoriesHidden")
def _toggle_stories_hidden(v: Values) -> TLObject:
    return f.stories.TogglePeerStoriesHidden(peer=user_peer(v["id"]), hidden=v["hidden"])  # type: ignore[arg-type]


@method("messages.report", "stories.report")
def _report(v: Values) -> Values:
    """Until layer 185 a reason was given at once; its name stands for the option chosen today."""
    changed: Values = {"option": v["reason"].NAME.encode()} if "reason" in v else {}
    if "user_id" in v:
        changed["peer"] = user_peer(v["user_id"])
    return changed


@method("payments.canPurchasePremium")
def _can_purchase_premium(v: Values) -> TLObject:
    return f.payments.CanPurchaseStore(purpose=v["purpose"])


@method("payments.convertStarGift", "payments.saveStarGift")
def _own_star_gift(v: Values) -> Values:
    return {"stargift": t.InputSavedStarGiftUser(msg_id=v["msg_id"])} if "msg_id" in v else {}


@method("payments.getPaymentForm", "payments.sendPaymentForm", "payments.validateRequestedInfo")
def _invoice(v: Values) -> Values:
    return {"invoice": t.InputInvoiceMessage(peer=v["peer"], msg_id=v["msg_id"])} if "peer" in v else {}


@method("stories.getAllReadUserStories")
def _get_all_read_user_stories(v: Values) -> TLObject:
    return f.stories.GetAllReadPeerStories()


@method(
    "stories.canSendStory",
    "stories.deleteStories",
    "stories.editStory",
    "stories.exportStoryLink",
    "stories.getPinnedStories",
    "stories.getStoriesArchive",
    "stories.getStoriesByID",
    "stories.getStoriesViews",
    "stories.getStoryViewsList",
    "stories.incrementStoryViews",
    "stories.readStories",
    "stories.sendReaction",
    "stories.sendStory",
    "stories.togglePinned",
)
def _story_peer(v: Values) -> Values:
    """Layer 162 knew stories of users only: somebody's by user_id, else one's own."""
    if "peer" in v:
        return {}
    return {"peer": user_peer(v["user_id"]) if "user_id" in v else t.InputPeerSelf()}


# Results whose type has changed: current value -> older layers' -------------------------------------------------


def _first(name: str) -> Callable[[Any], Any]:
    """The one field that used to be the whole answer; None when the constructor has it not."""
    return lambda value: getattr(value, name, None)


RESULTS.update(
    {
        "account.verifyEmail": lambda value: True,
        "auth.logOut": lambda value: True,
        "channels.deleteHistory": lambda value: True,
        "channels.inviteToChannel": _first("updates"),
        "channels.joinChannel": _first("updates"),
        "help.getAppConfig": _first("config"),
        "messages.addChatUser": _first("updates"),
        "messages.createChat": _first("updates"),
        "messages.getDialogFilters": _first("filters"),
        "messages.getMessageReadParticipants": lambda value: [each.user_id for each in value],
        "messages.getPeerSettings": _first("settings"),
        "messages.getWebPage": _first("webpage"),
        "messages.getWebPagePreview": _first("media"),
        "messages.importChatInvite": _first("updates"),
        "messages.report": lambda value: True,
        "stats.getMessagePublicForwards": lambda value: t.MessagesMessagesSlice(
            count=value.count,
            messages=[one.message for one in value.forwards],
            topics=[],
            chats=value.chats,
            users=value.users,
        ),
        "messages.requestAppWebView": lambda value: old.AppWebViewResultUrl(url=value.url),
        "messages.requestSimpleWebView": lambda value: old.SimpleWebViewResultUrl(url=value.url),
        "phone.sendGroupCallMessage": lambda value: True,
        "stories.canSendStory": lambda value: True,
        "stories.getPeerMaxIDs": lambda value: [each.max_id or 0 for each in value],
        "stories.report": lambda value: True,
        "users.getFullUser": _first("full_user"),
    }
)


# Objects --------------------------------------------------------------------------------------------------------

SUBSTITUTES["auth.sentCodeTypeSmsPhrase"] = lambda o: t.AuthSentCodeTypeSms(length=0)
SUBSTITUTES["auth.sentCodeTypeSmsWord"] = lambda o: t.AuthSentCodeTypeSms(length=0)


@downgrade("stats.broadcastStats")
def _broadcast_stats(o: t.StatsBroadcastStats) -> Values:
    """Until layer 162 posts had no reactions in them, and there were no stories."""
    posts = [one for one in o.recent_posts_interactions if isinstance(one, t.PostInteractionCountersMessage)]
    return {
        "recent_message_interactions": [
            old.MessageInteractionCounters(msg_id=one.msg_id, views=one.views, forwards=one.forwards)
            for one in posts
        ]
    }


@method("stats.getMessagePublicForwards")
def _public_forwards(v: Values) -> Values:
    """Until layer 167 the last message of the page before was named by itself."""
    last = v.get("offset_peer")
    if not isinstance(last, t.InputPeerChannel) or not v.get("offset_id"):
        return {}
    return {"offset": f"{-(10**12) - last.channel_id}_{v['offset_id']}"}


@downgrade("config")
def _config(o: t.Config) -> Values:
    """Until layer 152 limits of the app stood here; today help.getAppConfig has them."""
    return {
        "saved_gifs_limit": 200,
        "stickers_faved_limit": 5,
        "pinned_dialogs_count_max": 5,
        "pinned_infolder_count_max": 100,
    }


SUBSTITUTES["dialogFilterChatlist"] = lambda o: t.DialogFilter(
    id=o.id,
    title=o.title,
    emoticon=o.emoticon,
    color=o.color,
    pinned_peers=o.pinned_peers,
    include_peers=o.include_peers,
    exclude_peers=[],
)


@upgrade("draftMessage")
def _draft_message(v: Values) -> Values | TLObject:
    return _reply_to(v)


@downgrade("draftMessage")
def _draft_message_down(o: t.DraftMessage) -> Values:
    """Until layer 162 a draft named the message it answers by its id alone."""
    return {"reply_to_msg_id": getattr(o.reply_to, "reply_to_msg_id", None)}


@downgrade("emojiStatus")
def _emoji_status(o: t.EmojiStatus) -> Values | TLObject:
    """Until layer 195 a status that ends was a constructor of its own."""
    return {} if o.until is None else old.EmojiStatusUntil(document_id=o.document_id, until=o.until)


SUBSTITUTES["emojiStatusCollectible"] = lambda o: t.EmojiStatus(document_id=o.document_id, until=o.until)


@upgrade("emojiStatusUntil")
def _emoji_status_until(v: Values) -> TLObject:
    return t.EmojiStatus(document_id=v["document_id"], until=v["until"])


@upgrade("inputInvoiceStars")
def _input_invoice_stars(v: Values) -> Values:
    option = v["option"]
    return {
        "purpose": t.InputStorePaymentStarsTopup(
            stars=option.stars, currency=option.currency, amount=option.amount
        )
    }


@downgrade("inputInvoiceStars")
def _input_invoice_stars_down(o: t.InputInvoiceStars) -> Values:
    purpose: Any = o.purpose
    if not isinstance(purpose, t.InputStorePaymentStarsTopup):
        return {}
    return {
        "option": t.StarsTopupOption(stars=purpose.stars, currency=purpose.currency, amount=purpose.amount)
    }


@upgrade("inputMediaPoll")
def _input_media_poll(v: Values) -> Values:
    """Until layer 223 the right answers were given by their option bytes; since, by their places."""
    right = v["correct_answers"]
    if right is None:
        return {}
    options = [getattr(answer, "option", None) for answer in v["poll"].answers]
    return {"correct_answers": [options.index(option) for option in right if option in options]}


@downgrade("inputMediaPoll")
def _input_media_poll_down(o: t.InputMediaPoll) -> Values:
    if o.correct_answers is None:
        return {}
    poll: Any = o.poll
    places = range(len(poll.answers))
    right = [getattr(poll.answers[place], "option", b"") for place in o.correct_answers if place in places]
    return {"correct_answers": right}


@upgrade("inputStorePaymentStars")
def _input_store_payment_stars(v: Values) -> TLObject:
    return t.InputStorePaymentStarsTopup(stars=v["stars"], currency=v["currency"], amount=v["amount"])


for _kind in keyboards.REPLY_TYPES:
    UPGRADES[False, _kind] = keyboards.reply_up(_kind)
DOWNGRADES[False, "keyboardButton"] = keyboards.reply_down


@upgrade("messageActionGiftCode", "messageActionGiftPremium", "payments.checkedGiftCode")
def _months_to_days(v: Values) -> Values:
    return {"days": clamp(v["months"] * 30)} if "months" in v else {}


@downgrade("messageActionGiftCode", "messageActionGiftPremium", "payments.checkedGiftCode")
def _days_to_months(o: Any) -> Values:
    return {"months": max(1, o.days // 30)}


@upgrade("messageActionSetSameChatWallPaper")
def _same_wall_paper(v: Values) -> TLObject:
    return t.MessageActionSetChatWallPaper(same=True, wallpaper=v["wallpaper"])


SUBSTITUTES["peerColorCollectible"] = lambda o: t.PeerColor(background_emoji_id=o.background_emoji_id)


@upgrade("updateChannelPinnedTopic")
def _channel_pinned_topic(v: Values) -> TLObject:
    peer = t.PeerChannel(channel_id=v["channel_id"])
    return t.UpdatePinnedForumTopic(peer=peer, topic_id=v["topic_id"], pinned=v["pinned"])


@upgrade("updateChannelPinnedTopics")
def _channel_pinned_topics(v: Values) -> TLObject:
    return t.UpdatePinnedForumTopics(peer=t.PeerChannel(channel_id=v["channel_id"]), order=v["order"])


@upgrade("updateGroupCall")
def _group_call(v: Values) -> Values:
    return {"peer": t.PeerChat(chat_id=v["chat_id"])} if v.get("chat_id") is not None else {}


@downgrade("updateGroupCall")
def _group_call_down(o: t.UpdateGroupCall) -> Values:
    return {"chat_id": None if o.peer is None else bare_id(o.peer)}


SUBSTITUTES["updatePinnedForumTopic"] = lambda o: old.UpdateChannelPinnedTopic(
    channel_id=bare_id(o.peer), topic_id=o.topic_id, pinned=o.pinned
)
SUBSTITUTES["updatePinnedForumTopics"] = lambda o: old.UpdateChannelPinnedTopics(
    channel_id=bare_id(o.peer), order=o.order
)

RESCUES["updateShort"] = lambda o: t.Updates(updates=[], users=[], chats=[], date=o.date, seq=0)
"""An update the layer does not know, sent alone: nothing of it can be told."""
