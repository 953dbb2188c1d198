"""What a bot may call: the methods that Telegram's documentation says bots can use. Everything else is a person's.

Of methods that need no login a bot may call all: clients ask them before they know who they are.
"""

from __future__ import annotations

_NAMES = """
    auth.bindTempAuthKey auth.dropTempAuthKeys auth.exportAuthorization auth.importAuthorization
    auth.importBotAuthorization auth.logOut channels.deleteMessages channels.editAdmin channels.editBanned
    channels.editPhoto channels.editTitle channels.getChannels channels.getFullChannel channels.getMessages
    channels.getParticipant channels.getParticipants channels.leaveChannel channels.setStickers
    contacts.resolveUsername help.setBotUpdatesStatus help.getConfig help.getCdnConfig help.getAppConfig
    messages.createForumTopic messages.editForumTopic messages.deleteTopicHistory
    messages.updatePinnedForumTopic messages.deleteChatUser messages.deleteMessages messages.editChatAbout
    messages.editChatDefaultBannedRights messages.editChatParticipantRank messages.editChatPhoto
    messages.editChatTitle messages.editMessage messages.exportChatInvite messages.editExportedChatInvite
    messages.hideChatJoinRequest messages.forwardMessages messages.getChats messages.getCustomEmojiDocuments
    messages.getDocumentByHash messages.getForumTopicsByID messages.getFullChat messages.getMessages
    messages.getStickerSet messages.sendMedia messages.sendMessage messages.sendMultiMedia
    messages.sendReaction messages.setTyping messages.unpinAllMessages messages.updatePinnedMessage
    messages.uploadMedia messages.editInlineBotMessage messages.setBotCallbackAnswer
    messages.setInlineBotResults messages.getGameHighScores messages.setGameScore photos.getUserPhotos
    photos.uploadProfilePhoto photos.updateProfilePhoto stickers.addStickerToSet stickers.changeSticker
    stickers.changeStickerPosition stickers.checkShortName stickers.createStickerSet
    stickers.deleteStickerSet stickers.removeStickerFromSet stickers.renameStickerSet
    stickers.replaceSticker stickers.setStickerSetThumb stickers.suggestShortName
    updates.getChannelDifference updates.getDifference updates.getState upload.getFile upload.getFileHashes
    upload.getCdnFile upload.getCdnFileHashes upload.saveBigFilePart upload.saveFilePart users.getFullUser
    users.getUsers
"""
BOTS_MAY = frozenset(_NAMES.split())


def may(name: str) -> bool:
    return name in BOTS_MAY or name.partition(".")[0] in ("bots", "help", "langpack")
