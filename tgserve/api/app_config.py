"""help.getAppConfig: limits and switches that official clients read, as JSON of TL (core.telegram.org/api/config).

What this server does not offer (Premium, stars, stories, ads) is switched off where clients have a switch.
"""

from __future__ import annotations

from typing import Any, Final

from tgserve import limits
from tgserve.stock import games
from tgserve.tl import types as t

VALUES: Final[dict[str, Any]] = {
    "about_length_limit_default": limits.ABOUT_CHARS,
    "about_length_limit_premium": limits.ABOUT_CHARS,
    "autologin_domains": [],
    "autologin_token": "",
    "boosts_per_sent_gift": 0,
    "bot_preview_medias_max": 0,
    "caption_length_limit_default": limits.CAPTION_CHARS,
    "caption_length_limit_premium": limits.CAPTION_CHARS,
    "channels_limit_default": 500,
    "channels_limit_premium": 500,
    "channels_public_limit_default": 10,
    "channels_public_limit_premium": 10,
    "chat_read_mark_expire_period": 604_800,
    "chat_read_mark_size_threshold": 100,
    "chatlist_invites_limit_default": limits.CHATLIST_INVITES,
    "chatlist_invites_limit_premium": limits.CHATLIST_INVITES,
    "chatlists_joined_limit_default": limits.CHATLISTS_JOINED,
    "chatlists_joined_limit_premium": limits.CHATLISTS_JOINED,
    "dialog_filters_chats_limit_default": 100,
    "dialog_filters_chats_limit_premium": 100,
    "dialog_filters_enabled": True,
    "dialog_filters_limit_default": 10,
    "dialog_filters_limit_premium": 10,
    "dialog_filters_tooltip": False,
    "dialogs_folder_pinned_limit_default": 100,
    "dialogs_folder_pinned_limit_premium": 100,
    "dialogs_pinned_limit_default": limits.PINNED_DIALOGS,
    "dialogs_pinned_limit_premium": limits.PINNED_DIALOGS,
    "emojies_animated_zoom": 0.625,
    "emojies_send_dice": ["🎲", "🎯", "🏀", "⚽", "⚽️", "🎰", "🎳"],
    "emojies_send_dice_success": {
        emoji: {"value": value, "frame_start": frame} for emoji, (value, frame) in games.LUCKY.items()
    },
    "emojies_sounds": {},  # an object: TDLib refuses an array (CLIENTS A.19)
    "forum_upgrade_participants_min": 200,
    "gif_search_emojies": [],
    "giveaway_gifts_purchase_available": False,
    "groupcall_video_participants_max": 1000,
    "hidden_members_group_size_min": 100,
    "ignore_restriction_reasons": [],
    "keep_alive_service": True,
    "background_connection": True,
    "message_animated_emoji_max": 100,
    "new_noncontact_peers_require_premium_without_ownpremium": False,
    "pm_read_date_expire_period": 604_800,
    "poll_answers_max": limits.POLL_ANSWERS,
    "poll_close_period_max": limits.POLL_CLOSE_SECONDS,
    "premium_bot_username": "",
    "premium_gift_attach_menu_icon": False,
    "premium_gift_text_field_icon": False,
    "premium_invoice_slug": "",
    "premium_promo_order": [],
    "premium_purchase_blocked": True,
    "qr_login_camera": True,
    "qr_login_code": "primary",
    "quote_length_max": 1024,
    "reactions_in_chat_max": 3,
    "reactions_uniq_max": limits.REACTION_KINDS,
    "reactions_user_max_default": limits.REACTIONS_PER_USER,
    "reactions_user_max_premium": limits.REACTIONS_PER_USER,
    "restriction_add_platforms": [],
    "ringtone_duration_max": 5,
    "ringtone_saved_count_max": 100,
    "ringtone_size_max": 307_200,
    "round_video_encoding": {
        "diameter": 384,
        "video_bitrate": 1000,
        "audio_bitrate": 64,
        "max_size": 12_582_912,
    },
    "saved_gifs_limit_default": 200,
    "saved_gifs_limit_premium": 200,
    "stargifts_blocked": True,
    "stars_gifts_enabled": False,
    "stars_paid_messages_available": False,
    "stars_purchase_blocked": True,
    "stickers_emoji_cache_time": 86_400,
    "stickers_emoji_suggest_only_api": False,
    "stickers_faved_limit_default": 5,
    "stickers_faved_limit_premium": 5,
    "stories_entities": "disabled",
    "stories_export_nopublic_link": False,
    "stories_posting": "disabled",
    "stories_venue_search_username": "",
    "story_caption_length_limit_default": 200,
    "story_caption_length_limit_premium": 200,
    "telegram_antispam_group_size_min": 200,
    "telegram_antispam_user_id": "0",
    "test": 1,
    "topics_pinned_limit": 5,
    "transcribe_audio_trial_weekly_number": 0,
    "upload_markup_video": False,
    "upload_max_fileparts_default": 4000,
    "upload_max_fileparts_premium": 4000,
    "url_auth_domains": [],
    "video_ignore_alt_documents": True,
    "weather_search_username": "",
    "whitelisted_domains": [],
}


def as_tl(value: Any) -> t.AnyJSONValue:
    """A Python value as TL's JSON. Objects stay objects, also when empty."""
    if value is None:
        return t.JsonNull()
    if isinstance(value, bool):
        return t.JsonBool(value=value)
    if isinstance(value, (int, float)):
        return t.JsonNumber(value=float(value))
    if isinstance(value, str):
        return t.JsonString(value=value)
    if isinstance(value, dict):
        return t.JsonObject(
            value=[t.JsonObjectValue(key=key, value=as_tl(item)) for key, item in value.items()]
        )
    return t.JsonArray(value=[as_tl(item) for item in value])
