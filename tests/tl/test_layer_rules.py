"""The rules written by hand: calls of old layers as today's, objects as old layers had them."""

import struct

import pytest

from tests.tl import samples
from tgserve.tl import functions as f
from tgserve.tl import layer_rules, layers
from tgserve.tl import legacy_types as old
from tgserve.tl import types as t
from tgserve.tl.codec import string
from tgserve.tl.definitions import schema

SCHEMA = schema()
PEER = layers.encode(t.InputPeerUser(user_id=7, access_hash=9))
CHANNEL = layers.encode(t.InputChannel(channel_id=5, access_hash=6))


def call(id, *parts):
    return layers.decode_request(struct.pack("<I", id) + b"".join(parts))


def ints(*values):
    return struct.pack(f"<{len(values)}i", *values)


def test_send_message_until_158_names_the_message_it_answers_by_ids():
    made = call(0x1CC20387, ints(1 | 1 << 9), PEER, ints(44, 40), string(b"hi"), struct.pack("<q", 3))
    assert made == f.messages.SendMessage(
        peer=t.InputPeerUser(user_id=7, access_hash=9),
        message="hi",
        random_id=3,
        reply_to=t.InputReplyToMessage(reply_to_msg_id=44, top_msg_id=40),
    )
    topic_only = call(0x1CC20387, ints(1 << 9), PEER, ints(40), string(b"hi"), struct.pack("<q", 3))
    assert topic_only.reply_to == t.InputReplyToMessage(reply_to_msg_id=40, top_msg_id=40)
    plain = call(0x0D9D75A4, ints(1 << 1), PEER, string(b"hi"), struct.pack("<q", 3))
    assert plain.reply_to is None and plain.no_webpage is True


@pytest.mark.parametrize("number", [162, 173, 179, 181, 199, 200, 204, 207, 216, 218, 225, 229, 232])
def test_send_message_of_every_layer_is_todays(number):
    definition = SCHEMA[SCHEMA.names(number)[True, "messages.sendMessage"]]
    for seed in range(5):
        made = layers.decode_request(
            samples.layer(number).body(definition, samples.random.Random(seed), share=0.3)
        )
        assert type(made) is f.messages.SendMessage


def test_forum_calls_moved_from_channels_to_messages():
    made = call(0x0DE560D1, ints(0), CHANNEL, ints(1, 2, 3, 4))
    assert made == f.messages.GetForumTopics(
        peer=t.InputPeerChannel(channel_id=5, access_hash=6),
        offset_date=1,
        offset_id=2,
        offset_topic=3,
        limit=4,
    )
    made = call(0x34435F2D, CHANNEL, ints(9))
    assert made == f.messages.DeleteTopicHistory(
        peer=t.InputPeerChannel(channel_id=5, access_hash=6), top_msg_id=9
    )


def test_app_config_without_hash():
    assert call(0x98914110) == f.help.GetAppConfig(hash=0)


def test_colours_toggles_and_reports():
    assert call(0x7CEFA15D, ints(1 << 2 | 1), ints(3), struct.pack("<q", 8)) == f.account.UpdateColor(
        color=t.PeerColor(color=3, background_emoji_id=8)
    )
    made = call(0x1F69B606, CHANNEL, bytes.fromhex("b5757299"))
    assert made == f.channels.ToggleSignatures(
        channel=t.InputChannel(channel_id=5, access_hash=6), signatures_enabled=True
    )
    reason = layers.encode(t.InputReportReasonSpam())
    made = call(0x8953AB4E, PEER, bytes.fromhex("15c4b51c"), ints(1, 77), reason, string(b"text"))
    assert made.id == [77] and made.option == b"inputReportReasonSpam" and made.message == "text"


def test_every_superseded_method_that_still_has_a_name_or_a_rule_is_todays_method():
    """What is left must be known here: removed methods without a successor of the same result."""
    left = set()
    for definition in samples.definitions(legacy=True):
        if definition.function:
            made = layers.decode_request(samples.sample(definition, 1, 0.5))
            if made.ID not in SCHEMA.current_lines:
                left.add(definition.name)
    assert left == {
        "channels.deleteUserHistory",
        "folders.deleteFolder",
        "help.getAppChangelog",
        "messages.getAllChats",
        "messages.getStatsURL",
        "payments.getUserStarGifts",
        "payments.requestRecurringPayment",
        "stats.getBroadcastRevenueStats",
        "stats.getBroadcastRevenueTransactions",
        "stats.getBroadcastRevenueWithdrawalUrl",
        "stories.applyBoost",
        "stories.canApplyBoost",
        "stories.getBoostersList",
        "stories.getBoostsStatus",
        "stories.getUserStories",
        "users.getIsPremiumRequiredToContact",
        "users.getStoriesMaxIDs",
    }


def test_rules_name_what_the_schema_has():
    names = {(d.function, d.name) for d in samples.definitions()}
    old_names = {(d.function, d.name) for d in samples.definitions(legacy=True)}
    assert set(layer_rules.UPGRADES) <= old_names
    assert set(layer_rules.DOWNGRADES) <= names & old_names
    assert {(False, name) for name in (*layer_rules.SUBSTITUTES, *layer_rules.RESCUES)} <= names
    assert {(True, name) for name in layer_rules.RESULTS} <= names
    types = {p.type for d in (*samples.definitions(), *samples.definitions(legacy=True)) for p in d.fields}
    assert {type_ for pair in layer_rules.CONVERSIONS for type_ in pair} <= types | {
        f"Vector<{x}>" for x in types
    } | {samples.element(x) for x in types}
    for name, (before, now) in layer_rules.RENAMED.items():
        fields = {p.name for d in samples.definitions() if d.name == name for p in d.fields}
        gone = {p.name for d in samples.definitions(legacy=True) if d.name == name for p in d.fields}
        assert now in fields and before in gone, name


def back(obj, number):
    return layers.decode(layers.encode(obj, number))


def text(value):
    return t.TextWithEntities(text=value, entities=[])


def test_texts_with_entities_were_strings():
    poll = t.Poll(
        id=1, question=text("q"), answers=[t.PollAnswer(text=text("a"), option=b"0")], hash=5, quiz=True
    )
    assert (
        back(poll, 173)
        == back(poll, 200)
        == t.Poll(
            id=1, question=text("q"), answers=[t.PollAnswer(text=text("a"), option=b"0")], hash=0, quiz=True
        )
    )
    data = layers.encode(poll, 173)
    assert string(b"q") in data and layers.encode(text("q"))[:4] not in data
    folder = t.DialogFilter(id=2, title=text("Work"), pinned_peers=[], include_peers=[], exclude_peers=[])
    assert back(folder, 195) == folder


def test_a_poll_of_an_old_client_names_right_answers_by_place():
    media = t.InputMediaPoll(
        poll=t.Poll(
            id=0,
            question=text("q"),
            answers=[t.PollAnswer(text=text("a"), option=b"0"), t.PollAnswer(text=text("b"), option=b"1")],
            hash=0,
        ),
        correct_answers=[1],
    )
    assert back(media, 223) == media
    assert struct.pack("<II", 0x1CB5C415, 1) + string(b"1") in layers.encode(media, 223)


def test_keyboards_before_229_had_a_constructor_for_each_button():
    rows = [
        t.KeyboardInlineButtonRow(
            buttons=[
                t.KeyboardInlineButton(text="a", type=t.InlineButtonTypeCallback(data=b"1")),
                t.KeyboardInlineButton(text="b", type=t.InlineButtonTypeUrl(url="https://example.org")),
                t.KeyboardInlineButton(
                    text="c", type=t.InlineButtonTypeSwitchInline(query="q", same_peer=True)
                ),
                t.KeyboardInlineButton(text="d", type=t.InlineButtonTypeWebView(url="https://example.org")),
                t.KeyboardInlineButton(text="e", type=t.InlineButtonTypeUserProfile(user_id=4)),
                t.KeyboardInlineButton(text="f", type=t.InlineButtonTypeBuy()),
                t.KeyboardInlineButton(text="g", type=t.InlineButtonTypeGame()),
                t.KeyboardInlineButton(text="h", type=t.InlineButtonTypeCopy(copy_text="x")),
                t.KeyboardInlineButton(text="i", type=t.InlineButtonTypeUrlAuth(url="u", button_id=3)),
            ]
        )
    ]
    inline = t.ReplyInlineMarkup(rows=rows)
    for number in (189, 200, 221, 228):
        data = layers.encode(inline, number)
        samples.layer(number).check(data)
        assert layers.decode(data) == inline
    reply = t.ReplyKeyboardMarkup(
        rows=[
            t.KeyboardButtonRow(
                buttons=[
                    t.KeyboardButton(text="a", type=t.ButtonTypeDefault()),
                    t.KeyboardButton(text="b", type=t.ButtonTypeRequestPhone()),
                    t.KeyboardButton(text="c", type=t.ButtonTypeRequestGeoLocation()),
                    t.KeyboardButton(text="d", type=t.ButtonTypeRequestPoll(quiz=True)),
                    t.KeyboardButton(text="e", type=t.ButtonTypeSimpleWebView(url="u")),
                    t.KeyboardButton(
                        text="f",
                        type=t.ButtonTypeRequestPeer(
                            button_id=1, peer_type=t.RequestPeerTypeUser(bot=False), max_quantity=1
                        ),
                    ),
                ]
            )
        ],
        resize=True,
    )
    for number in (152, 167, 200, 221, 228):
        data = layers.encode(reply, number)
        samples.layer(number).check(data)
        assert layers.decode(data) == reply
    assert layers.decode(
        layers.encode(old.KeyboardButtonUrl(text="x", url="y"), 200)
    ) == old.KeyboardButtonUrl(text="x", url="y"), "an inline button alone keeps its class"


def test_drafts_emoji_statuses_topics_and_stories():
    draft = t.DraftMessage(message="m", date=1, reply_to=t.InputReplyToMessage(reply_to_msg_id=5))
    assert back(draft, 152) == draft
    ends = t.EmojiStatus(document_id=1, until=2)
    assert back(ends, 195) == ends and layers.encode(ends, 195)[:4] == old.EmojiStatusUntil.ID.to_bytes(
        4, "little"
    )
    assert back(t.EmojiStatus(document_id=1), 195) == t.EmojiStatus(document_id=1)
    pinned = t.UpdatePinnedForumTopic(peer=t.PeerChannel(channel_id=8), topic_id=3, pinned=True)
    assert back(pinned, 214) == pinned
    story = t.MessageMediaStory(peer=t.PeerUser(user_id=4), id=3)
    assert back(story, 162) == story
    full = {
        "id": 1,
        "settings": t.PeerSettings(),
        "notify_settings": t.PeerNotifySettings(),
        "common_chats_count": 0,
    }
    assert back(t.UserFull(**full, theme=t.ChatTheme(emoticon="x")), 200).theme == t.ChatTheme(emoticon="x")
    assert (
        back(t.UpdateGroupCall(call=t.GroupCallDiscarded(id=1, access_hash=2, duration=3)), 216).peer is None
    )


def test_notification_sounds_since_144_and_one_reaction_in_old_layers():
    settings = t.PeerNotifySettings(
        mute_until=5, other_sound=t.NotificationSoundDefault(), stories_muted=True
    )
    for number in (152, 158):
        assert back(settings, number) == t.PeerNotifySettings(
            mute_until=5, other_sound=t.NotificationSoundDefault()
        )
    assert back(settings, 162) == settings
    count = t.ReactionCount(reaction=t.ReactionEmoji(emoticon="x"), count=2, chosen_order=0)
    assert back(count, 144) == count
