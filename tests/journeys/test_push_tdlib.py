"""Encrypted pushes as stock TDLib 1.8.69 reads them: registered by it, opened by it, shown by it."""

from __future__ import annotations

import json
import time

import pytest

from tests.adapters.push_peers import Hook
from tests.journeys.tdlib import befriend
from tests.waiting import until_now


@pytest.fixture
def hook(daemon):
    """The operator's own program takes FCM tokens: what the app is given is the same as by FCM."""
    peer = Hook()
    peer.start()
    options = ["-o", f"url={peer.url}/hook", "-o", "secret=between us", "-o", "types=2"]
    daemon.run("push", "add", "phones", "--adapter", "webhook", *options)
    yield peer
    daemon.run("push", "remove", "phones", "--yes", "--force")
    peer.stop()


def taken(hook, count):
    until_now(lambda: len(hook.bodies) >= count)
    return hook.bodies[count - 1]


def notified(client, text):
    def fits(update):
        if update["@type"] != "updateNotificationGroup":
            return False
        return any(text in json.dumps(one, ensure_ascii=False) for one in update["added_notifications"])

    return fits


def away(client):
    client.call("setNetworkType", type={"@type": "networkTypeNone"})
    time.sleep(0.5)


def test_tdlib_opens_and_shows_what_it_is_pushed(person, no_errors, hook):
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    chat = befriend(ann, bob)
    befriend(bob, ann)
    for name, value in (("notification_group_count_max", 10), ("notification_group_size_max", 10)):
        bob.call("setOption", name=name, value={"@type": "optionValueInteger", "value": value})
    bob.call("setOption", name="online", value={"@type": "optionValueBoolean", "value": False})
    token = {"@type": "deviceTokenFirebaseCloudMessaging", "token": "fcm-of-bob", "encrypt": True}
    receiver = bob.call("registerDevice", device_token=token, other_user_ids=[])
    assert receiver["id"]
    away(bob)

    ann.send_text(chat, "Bring the blue folder")
    body = taken(hook, 1)
    assert body["token"] == "fcm-of-bob" and list(body["payload"]) == ["p"], "nothing but the encrypted form"
    assert "blue" not in json.dumps(body) and "Ann" not in json.dumps(body)
    payload = json.dumps(body["payload"])
    assert bob.call("getPushReceiverId", payload=payload)["id"] == receiver["id"]
    mark = len(bob.updates)
    assert bob.call("processPushNotification", payload=payload)["@type"] == "ok"
    shown = bob.wait(notified(bob, "Bring the blue folder"), 20, mark)
    assert shown["chat_id"] == ann.me["id"]

    photo = {
        "@type": "inputMessageLocation",
        "location": {"@type": "location", "latitude": 52.5, "longitude": 13.4},
    }
    ann.call("sendMessage", chat_id=chat, input_message_content=photo)
    mark = len(bob.updates)
    assert bob.call("processPushNotification", payload=json.dumps(taken(hook, 2)["payload"]))["@type"] == "ok"
    bob.wait(notified(bob, "pushMessageContentLocation"), 20, mark)


def test_tdlib_understands_every_kind_of_push(person, no_errors, hook):
    """In plain form too: groups, mentions, reads and deletions are taken without asking the server."""
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    chat = befriend(ann, bob)
    befriend(bob, ann)
    for name, value in (("notification_group_count_max", 10), ("notification_group_size_max", 10)):
        bob.call("setOption", name=name, value={"@type": "optionValueInteger", "value": value})
    bob.call("setOption", name="online", value={"@type": "optionValueBoolean", "value": False})
    group = ann.call("createNewBasicGroupChat", user_ids=[bob.me["id"]], title="Club")["chat_id"]
    bob.wait(lambda u: u["@type"] == "updateNewChat" and u["chat"]["id"] == group)
    token = {"@type": "deviceTokenFirebaseCloudMessaging", "token": "fcm-plain", "encrypt": False}
    bob.call("registerDevice", device_token=token, other_user_ids=[])
    away(bob)

    ann.send_text(group, "to all of the club")
    body = taken(hook, 1)["payload"]
    assert body["loc_key"] == "CHAT_MESSAGE_TEXT" and body["loc_args"][1:] == ["Club", "to all of the club"]
    mark = len(bob.updates)
    assert bob.call("processPushNotification", payload=json.dumps(body))["@type"] == "ok"
    shown = bob.wait(notified(bob, "to all of the club"), 20, mark)
    assert shown["chat_id"] == group

    sent = ann.send_text(chat, "a mistake")
    body = taken(hook, 2)["payload"]
    assert bob.call("processPushNotification", payload=json.dumps(body))["@type"] == "ok"
    mark = len(bob.updates)
    ann.call("deleteMessages", chat_id=chat, message_ids=[sent["id"]], revoke=True)
    body = taken(hook, 3)["payload"]
    assert body["loc_key"] == "MESSAGE_DELETED"
    assert bob.call("processPushNotification", payload=json.dumps(body))["@type"] == "ok"
    bob.wait(
        lambda u: (
            u["@type"] == "updateNotificationGroup"
            and u["chat_id"] == ann.me["id"]
            and u["removed_notification_ids"]
        ),
        20,
        mark,
    )
