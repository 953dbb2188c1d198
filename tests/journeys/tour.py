"""What a person looks at in the settings, a chat and a profile, as TDLib's requests: (name, arguments), a screen a list.

`$chat`, `$user`, `$me`, `$message` stand for the ids of the story. A version that lacks a request leaves it out.
"""

from __future__ import annotations

from typing import Any

Step = tuple[str, dict[str, Any]]


def _kind(name: str, /, **fields: Any) -> dict[str, Any]:
    return {"@type": name, **fields}


def _each(name: str, field: str, kinds: list[str], **more: Any) -> list[Step]:
    return [(name, {field: _kind(kind), **more}) for kind in kinds]


SCOPES = [f"notificationSettingsScope{scope}" for scope in ("PrivateChats", "GroupChats", "ChannelChats")]
PRIVACY = [
    "ShowStatus",
    "ShowProfilePhoto",
    "ShowLinkInForwardedMessages",
    "ShowPhoneNumber",
    "ShowBio",
    "ShowBirthdate",
    "ShowProfileAudio",
    "AllowChatInvites",
    "AllowCalls",
    "AllowPeerToPeerCalls",
    "AllowFindingByPhoneNumber",
    "AllowPrivateVoiceAndVideoNoteMessages",
    "AutosaveGifts",
    "AllowUnpaidMessages",
]
TOP = [
    "Users",
    "Bots",
    "Groups",
    "Channels",
    "InlineBots",
    "Calls",
    "ForwardChats",
    "WebAppBots",
    "GuestBots",
]
FILTERS = [
    "Audio",
    "Document",
    "Photo",
    "PhotoAndVideo",
    "Url",
    "Video",
    "VoiceNote",
    "Animation",
    "Mention",
    "UnreadMention",
    "Pinned",
]

CHAT_LIST: list[Step] = [
    ("loadChats", {"chat_list": _kind("chatListMain"), "limit": 30}),
    ("loadChats", {"chat_list": _kind("chatListArchive"), "limit": 30}),
    ("getChats", {"chat_list": _kind("chatListMain"), "limit": 30}),
    ("searchChats", {"query": "a", "limit": 10}),
    ("searchChatsOnServer", {"query": "ann", "limit": 10}),
    ("searchPublicChats", {"query": "annie"}),
    ("searchContacts", {"query": "", "limit": 50}),
    ("getContacts", {}),
    *_each("getTopChats", "category", [f"topChatCategory{name}" for name in TOP], limit=10),
    ("getRecentlyOpenedChats", {"limit": 10}),
    ("getRecommendedChatFolders", {}),
    ("getChatFolderDefaultIconName", {"folder": _kind("chatFolder", name=_kind("chatFolderName"))}),
    ("getArchiveChatListSettings", {}),
    ("getCreatedPublicChats", {"type": _kind("publicChatTypeHasUsername")}),
    ("getCreatedPublicChats", {"type": _kind("publicChatTypeIsLocationBased")}),
    ("getRecommendedChats", {}),
    ("getSuitableDiscussionChats", {}),
    ("getSuitablePersonalChats", {}),
    ("getInactiveSupergroupChats", {}),
    ("loadActiveStories", {"story_list": _kind("storyListMain")}),
    ("loadActiveStories", {"story_list": _kind("storyListArchive")}),
]
CHAT: list[Step] = [
    ("openChat", {"chat_id": "$chat"}),
    ("getChat", {"chat_id": "$chat"}),
    ("getUserFullInfo", {"user_id": "$user"}),
    ("getUserFullInfo", {"user_id": "$me"}),
    ("getChatHistory", {"chat_id": "$chat", "from_message_id": 0, "offset": 0, "limit": 50}),
    ("getChatPinnedMessage", {"chat_id": "$chat"}),
    ("getChatScheduledMessages", {"chat_id": "$chat"}),
    *[
        (
            "searchChatMessages",
            {
                "chat_id": "$chat",
                "query": "",
                "from_message_id": 0,
                "offset": 0,
                "limit": 20,
                "filter": _kind(f"searchMessagesFilter{name}"),
            },
        )
        for name in FILTERS
    ],
    *[
        ("getChatMessageCount", {"chat_id": "$chat", "filter": _kind(f"searchMessagesFilter{name}")})
        for name in ("Photo", "Document", "Url", "Pinned")
    ],
    (
        "searchChatMessages",
        {"chat_id": "$chat", "query": "hello", "from_message_id": 0, "offset": 0, "limit": 20},
    ),
    ("getChatMessageByDate", {"chat_id": "$chat", "date": 1_700_000_000}),
    (
        "getChatSparseMessagePositions",
        {"chat_id": "$chat", "filter": _kind("searchMessagesFilterPhoto"), "limit": 100},
    ),
    ("getChatMessageCalendar", {"chat_id": "$chat", "filter": _kind("searchMessagesFilterPhoto")}),
    ("searchMessages", {"query": "hello", "offset": "", "limit": 20}),
    ("searchCallMessages", {"offset": "", "limit": 20}),
    ("getGroupsInCommon", {"user_id": "$user", "offset_chat_id": 0, "limit": 20}),
    ("getUserProfilePhotos", {"user_id": "$user", "offset": 0, "limit": 10}),
    ("getChatAvailableMessageSenders", {"chat_id": "$chat"}),
    ("getChatSponsoredMessages", {"chat_id": "$chat"}),
    ("getMessageAvailableReactions", {"chat_id": "$chat", "message_id": "$message", "row_size": 8}),
    ("getMessageProperties", {"chat_id": "$chat", "message_id": "$message"}),
    ("getMessageReadDate", {"chat_id": "$chat", "message_id": "$message"}),
    ("getMessageLink", {"chat_id": "$chat", "message_id": "$message"}),
    ("getSavedAnimations", {}),
    ("getFavoriteStickers", {}),
    ("getRecentStickers", {"is_attached": False}),
    ("getInstalledStickerSets", {"sticker_type": _kind("stickerTypeRegular")}),
    ("getInstalledStickerSets", {"sticker_type": _kind("stickerTypeMask")}),
    ("getInstalledStickerSets", {"sticker_type": _kind("stickerTypeCustomEmoji")}),
    ("getArchivedStickerSets", {"sticker_type": _kind("stickerTypeRegular"), "limit": 10}),
    ("getTrendingStickerSets", {"sticker_type": _kind("stickerTypeRegular"), "limit": 10}),
    ("getTrendingStickerSets", {"sticker_type": _kind("stickerTypeCustomEmoji"), "limit": 10}),
    (
        "getStickers",
        {"sticker_type": _kind("stickerTypeRegular"), "query": "👍", "limit": 10, "chat_id": "$chat"},
    ),
    (
        "searchStickers",
        {"sticker_type": _kind("stickerTypeRegular"), "emojis": "👍", "query": "", "limit": 10},
    ),
    ("searchStickerSets", {"sticker_type": _kind("stickerTypeRegular"), "query": "cat"}),
    ("searchEmojis", {"text": "smile", "input_language_codes": ["en"]}),
    ("getKeywordEmojis", {"text": "smile", "input_language_codes": ["en"]}),
    ("getEmojiCategories", {"type": _kind("emojiCategoryTypeDefault")}),
    ("getEmojiCategories", {"type": _kind("emojiCategoryTypeEmojiStatus")}),
    ("getEmojiCategories", {"type": _kind("emojiCategoryTypeChatPhoto")}),
    ("getEmojiCategories", {"type": _kind("emojiCategoryTypeRegularStickers")}),
    ("getAttachmentMenuBot", {"bot_user_id": "$user"}),
    ("getLinkPreview", {"text": _kind("formattedText", text="https://example.org")}),
    ("loadQuickReplyShortcuts", {}),
    ("getSavedNotificationSound", {"notification_sound_id": 1}),
    ("getChatBoostStatus", {"chat_id": "$chat"}),
    ("getChatActiveStories", {"chat_id": "$user"}),
    ("getChatPostedToChatPageStories", {"chat_id": "$user", "from_story_id": 0, "limit": 10}),
    (
        "getReceivedGifts",
        {"owner_id": _kind("messageSenderUser", user_id="$user"), "offset": "", "limit": 10},
    ),
    ("getGiftCollections", {"owner_id": _kind("messageSenderUser", user_id="$user")}),
    ("getChatStoryAlbums", {"chat_id": "$user"}),
    ("getUserProfileAudios", {"user_id": "$user", "offset": 0, "limit": 10}),
    ("closeChat", {"chat_id": "$chat"}),
]
SAVED: list[Step] = [
    ("createPrivateChat", {"user_id": "$me", "force": True}),
    ("loadSavedMessagesTopics", {"limit": 20}),
    ("getSavedMessagesTags", {"saved_messages_topic_id": 0}),
    (
        "searchSavedMessages",
        {"saved_messages_topic_id": 0, "query": "note", "from_message_id": 0, "offset": 0, "limit": 20},
    ),
]
ACCOUNT: list[Step] = [
    ("getMe", {}),
    ("getAccountTtl", {}),
    ("getActiveSessions", {}),
    ("getConnectedWebsites", {}),
    ("getPasswordState", {}),
    ("getTemporaryPasswordState", {}),
    ("getLoginPasskeys", {}),
    ("getDefaultMessageAutoDeleteTime", {}),
    ("getPasskeyParameters", {}),
    ("getCountries", {}),
    ("getCountryCode", {}),
    ("getPhoneNumberInfo", {"phone_number_prefix": "4915"}),
    ("getCloseFriends", {}),
    ("getBlockedMessageSenders", {"block_list": _kind("blockListMain"), "offset": 0, "limit": 50}),
    ("getBlockedMessageSenders", {"block_list": _kind("blockListStories"), "offset": 0, "limit": 50}),
    *_each("getUserPrivacySettingRules", "setting", [f"userPrivacySetting{name}" for name in PRIVACY]),
    ("getReadDatePrivacySettings", {}),
    ("getNewChatPrivacySettings", {}),
    ("canSendMessageToUser", {"user_id": "$user"}),
    ("getDefaultProfilePhotoCustomEmojiStickers", {}),
    ("getDefaultChatPhotoCustomEmojiStickers", {}),
    ("getDefaultBackgroundCustomEmojiStickers", {}),
    ("getDefaultEmojiStatuses", {}),
    ("getRecentEmojiStatuses", {}),
    ("getThemedEmojiStatuses", {}),
    ("getUpgradedGiftEmojiStatuses", {}),
    ("getDefaultChatEmojiStatuses", {}),
    ("getThemedChatEmojiStatuses", {}),
    ("getDisallowedChatEmojiStatuses", {}),
    ("getCustomEmojiReactionAnimations", {}),
    ("getPremiumStickers", {"limit": 20}),
    ("getPremiumStickerExamples", {}),
    ("getPremiumLimit", {"limit_type": _kind("premiumLimitTypePinnedChatCount")}),
    ("getPremiumFeatures", {"source": _kind("premiumSourceSettings")}),
    ("getPremiumState", {}),
    ("getBusinessFeatures", {}),
    ("getBusinessConnectedBot", {}),
    ("getBusinessChatLinks", {}),
    ("getTimeZones", {}),
    ("getSupportUser", {}),
    ("getSupportName", {}),
    ("canPurchaseFromStore", {"purpose": _kind("storePaymentPurposePremiumSubscription")}),
    ("getStarPaymentOptions", {}),
    ("getStarGiftPaymentOptions", {"user_id": "$user"}),
    ("getStarGiveawayPaymentOptions", {}),
    (
        "getStarTransactions",
        {
            "owner_id": _kind("messageSenderUser", user_id="$me"),
            "subscription_id": "",
            "offset": "",
            "limit": 10,
        },
    ),
    ("getStarSubscriptions", {"only_expiring": False, "offset": ""}),
    ("getAvailableGifts", {}),
    ("getTonTransactions", {"offset": "", "limit": 10}),
    ("getPremiumGiftPaymentOptions", {}),
    ("getBankCardInfo", {"bank_card_number": "4242424242424242"}),
    ("getSavedOrderInfo", {}),
    ("getApplicationConfig", {}),
    ("getNetworkStatistics", {"only_current": True}),
    ("getStorageStatisticsFast", {}),
]
SETTINGS: list[Step] = [
    *_each("getScopeNotificationSettings", "scope", SCOPES),
    *_each("getChatNotificationSettingsExceptions", "scope", SCOPES, compare_sound=True),
    ("getSavedNotificationSounds", {}),
    ("getAutoDownloadSettingsPresets", {}),
    ("getAutosaveSettings", {}),
    ("getInstalledBackgrounds", {"for_dark_theme": False}),
    ("getInstalledBackgrounds", {"for_dark_theme": True}),
    ("getGiftChatThemes", {"offset": "", "limit": 10}),
    ("getLocalizationTargetInfo", {"only_local": False}),
    ("getEmojiReaction", {"emoji": "👍"}),
    ("canPostStory", {"chat_id": "$me"}),
    ("getChatsToPostStories", {}),
    ("getChatArchivedStories", {"chat_id": "$me", "from_story_id": 0, "limit": 10}),
    ("getProxies", {}),
    ("getChatsForChatFolderInviteLink", {"chat_folder_id": 2}),
    ("getRecentInlineBots", {}),
    ("getSearchSponsoredChats", {"query": "ann"}),
    ("getSearchedForTags", {"tag_prefix": "#", "limit": 5}),
    ("getPublicPostSearchLimits", {"query": "news"}),
    ("searchPublicMessagesByTag", {"tag": "#news", "offset": "", "limit": 5}),
    ("searchPublicStoriesByTag", {"tag": "#news", "offset": "", "limit": 5}),
    ("getGroupCallStreams", {"group_call_id": 1}),
    ("getVideoChatAvailableParticipants", {"chat_id": "$chat"}),
]
CHANGES: list[Step] = [
    ("setOption", {"name": "online", "value": _kind("optionValueBoolean", value=True)}),
    ("setName", {"first_name": "Anne", "last_name": "Tour"}),
    ("setBio", {"bio": "on tour"}),
    ("setAccountTtl", {"ttl": _kind("accountTtl", days=365)}),
    ("setInactiveSessionTtl", {"inactive_session_ttl_days": 90}),
    (
        "setUserPrivacySettingRules",
        {
            "setting": _kind("userPrivacySettingShowStatus"),
            "rules": _kind("userPrivacySettingRules", rules=[_kind("userPrivacySettingRuleAllowContacts")]),
        },
    ),
    (
        "setScopeNotificationSettings",
        {
            "scope": _kind("notificationSettingsScopePrivateChats"),
            "notification_settings": _kind("scopeNotificationSettings", mute_for=0, show_preview=True),
        },
    ),
    (
        "setChatNotificationSettings",
        {
            "chat_id": "$chat",
            "notification_settings": _kind("chatNotificationSettings", mute_for=3600, show_preview=True),
        },
    ),
    ("resetAllNotificationSettings", {}),
    ("toggleChatIsMarkedAsUnread", {"chat_id": "$chat", "is_marked_as_unread": True}),
    ("toggleChatIsMarkedAsUnread", {"chat_id": "$chat", "is_marked_as_unread": False}),
    ("toggleChatIsPinned", {"chat_list": _kind("chatListMain"), "chat_id": "$chat", "is_pinned": True}),
    ("addChatToList", {"chat_id": "$chat", "chat_list": _kind("chatListArchive")}),
    ("addChatToList", {"chat_id": "$chat", "chat_list": _kind("chatListMain")}),
    (
        "setMessageSenderBlockList",
        {"sender_id": _kind("messageSenderUser", user_id="$user"), "block_list": _kind("blockListMain")},
    ),
    ("setMessageSenderBlockList", {"sender_id": _kind("messageSenderUser", user_id="$user")}),
    ("setDefaultMessageAutoDeleteTime", {"message_auto_delete_time": _kind("messageAutoDeleteTime", time=0)}),
    ("setReadDatePrivacySettings", {"settings": _kind("readDatePrivacySettings", show_read_date=True)}),
    ("setChatMessageAutoDeleteTime", {"chat_id": "$chat", "message_auto_delete_time": 86400}),
    (
        "addMessageReaction",
        {
            "chat_id": "$chat",
            "message_id": "$message",
            "reaction_type": _kind("reactionTypeEmoji", emoji="👍"),
        },
    ),
    ("pinChatMessage", {"chat_id": "$chat", "message_id": "$message", "only_for_self": True}),
    ("unpinAllChatMessages", {"chat_id": "$chat"}),
    ("removeTopChat", {"category": _kind("topChatCategoryUsers"), "chat_id": "$chat"}),
    ("hideSuggestedAction", {"action": _kind("suggestedActionCheckPhoneNumber")}),
    (
        "sendPhoneNumberCode",
        {"phone_number": "+99966777", "type": _kind("phoneNumberCodeTypeChange")},
    ),
    (
        "setReactionNotificationSettings",
        {
            "notification_settings": _kind(
                "reactionNotificationSettings",
                message_reaction_source=_kind("reactionNotificationSourceAll"),
                story_reaction_source=_kind("reactionNotificationSourceAll"),
            )
        },
    ),
]
SCREENS = {
    "chat list": CHAT_LIST,
    "chat": CHAT,
    "saved messages": SAVED,
    "account": ACCOUNT,
    "settings": SETTINGS,
    "changes": CHANGES,
}
