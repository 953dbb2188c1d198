"""Files over stock TDLib: photo, album, large file, voice, counters of a chat's media; its ERROR log stays empty."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.journeys.tdlib import Client, befriend
from tests.journeys.test_media import LARGE, picture
from tests.waiting import until_now


def local(path: Path) -> dict[str, Any]:
    return {"@type": "inputFileLocal", "path": str(path)}


def text(words: str) -> dict[str, Any]:
    return {"@type": "formattedText", "text": words}


def photo(version: str, path: Path, words: str = "") -> dict[str, Any]:
    """The fields moved into an object of their own in between."""
    if version == "1.8.46":
        return {"@type": "inputMessagePhoto", "photo": local(path), "caption": text(words)}
    return {
        "@type": "inputMessagePhoto",
        "photo": {"@type": "inputPhoto", "photo": local(path), "width": 900, "height": 600},
        "caption": text(words),
    }


def voice(version: str, path: Path) -> dict[str, Any]:
    fields = {"duration": 7, "waveform": "AQID"}
    if version == "1.8.46":
        return {"@type": "inputMessageVoiceNote", "voice_note": local(path), **fields}
    return {
        "@type": "inputMessageVoiceNote",
        "voice_note": {"@type": "inputVoiceNote", "voice_note": local(path), **fields},
    }


def document(version: str, path: Path) -> dict[str, Any]:
    if version == "1.8.46":
        return {"@type": "inputMessageDocument", "document": local(path)}
    return {
        "@type": "inputMessageDocument",
        "document": {"@type": "inputDocument", "document": local(path)},
    }


def deliver(client: Client, kind: str, timeout: float = 60, **arguments: Any) -> list[dict[str, Any]]:
    """Send; the messages as the server numbered them."""
    mark = len(client.updates)
    made = client.call(kind, timeout=timeout, **arguments)
    drafts = made["messages"] if made["@type"] == "messages" else [made]
    found = []
    for draft in drafts:

        def done(update: dict[str, Any], draft: dict[str, Any] = draft) -> bool:
            return (
                update["@type"] in ("updateMessageSendSucceeded", "updateMessageSendFailed")
                and update["old_message_id"] == draft["id"]
            )

        update = client.wait(done, timeout, mark)
        assert update["@type"] == "updateMessageSendSucceeded", update
        found.append(update["message"])
    return found


def heard(client: Client, kind: str, count: int = 1, timeout: float = 60) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []

    def fits(update: dict[str, Any]) -> bool:
        return update["@type"] == "updateNewMessage" and update["message"]["content"]["@type"] == kind

    at = 0
    while len(found) < count:
        client.wait(fits, timeout, at)
        while at < len(client.updates) and len(found) < count:
            if fits(client.updates[at]):
                found.append(client.updates[at]["message"])
            at += 1
    return found


def download(client: Client, file: dict[str, Any], timeout: float = 120) -> bytes:
    done = client.call(
        "downloadFile", timeout=timeout, file_id=file["id"], priority=1, offset=0, limit=0, synchronous=True
    )
    assert done["local"]["is_downloading_completed"], done
    return Path(done["local"]["path"]).read_bytes()


@pytest.fixture
def files(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "sent"
    folder.mkdir()
    for number in range(3):
        (folder / f"{number}.jpg").write_bytes(picture(900, 600, (number * 50, 9, 9)).read())
    (folder / "large.bin").write_bytes(os.urandom(LARGE))
    (folder / "voice.ogg").write_bytes(b"OggS" + os.urandom(9000))
    yield folder


@pytest.mark.parametrize(("version", "other"), [("1.8.69", "1.8.46"), ("1.8.46", "1.8.69")])
def test_files_of_every_kind(person, no_errors, files, version, other):
    ann, bob = person(version, "Ann"), person(other, "Bob")
    chat = befriend(ann, bob)
    (mine,) = deliver(
        ann, "sendMessage", chat_id=chat, input_message_content=photo(version, files / "0.jpg", "look")
    )
    assert mine["content"]["caption"]["text"] == "look"
    (came,) = heard(bob, "messagePhoto")
    sizes = came["content"]["photo"]["sizes"]
    assert came["content"]["photo"]["minithumbnail"]["width"] <= 40
    assert [size["type"] for size in sizes] == ["s", "m", "x", "y"]
    assert max(size["width"] for size in sizes) == 900
    assert download(bob, sizes[-1]["photo"])[:2] == b"\xff\xd8"
    assert download(bob, sizes[1]["photo"])[:2] == b"\xff\xd8"

    contents = [photo(version, files / f"{number}.jpg") for number in (1, 2)]
    album = deliver(ann, "sendMessageAlbum", chat_id=chat, input_message_contents=contents)
    assert album[0]["media_album_id"] == album[1]["media_album_id"] != "0"
    pair = heard(bob, "messagePhoto", 3)[1:]
    assert len({one["media_album_id"] for one in pair}) == 1

    deliver(ann, "sendMessage", chat_id=chat, input_message_content=document(version, files / "large.bin"))
    (came,) = heard(bob, "messageDocument")
    assert came["content"]["document"]["file_name"] == "large.bin"
    data = download(bob, came["content"]["document"]["document"])
    assert hashlib.sha256(data).digest() == hashlib.sha256((files / "large.bin").read_bytes()).digest()

    deliver(ann, "sendMessage", chat_id=chat, input_message_content=voice(version, files / "voice.ogg"))
    (note,) = heard(bob, "messageVoiceNote")
    assert not note["content"]["is_listened"]
    mark = len(ann.updates)
    bob.call("openMessageContent", chat_id=note["chat_id"], message_id=note["id"])
    ann.wait(lambda u: u["@type"] == "updateMessageContentOpened" and u["chat_id"] == chat, since=mark)

    back = came["chat_id"]
    kinds = {"Photo": 3, "Document": 1, "VoiceNote": 1, "PhotoAndVideo": 3, "Video": 0, "Url": 0}

    def counts() -> dict[str, int]:
        return {
            kind: bob.call(
                "getChatMessageCount",
                chat_id=back,
                filter={"@type": f"searchMessagesFilter{kind}"},
                return_local=False,
            )["count"]
            for kind in kinds
        }

    until_now(lambda: counts() == kinds, pause=0.5)
    found = bob.call(
        "searchChatMessages",
        chat_id=back,
        query="",
        from_message_id=0,
        offset=0,
        limit=10,
        filter={"@type": "searchMessagesFilterPhoto"},
    )
    assert len(found["messages"]) == 3
    mark = len(bob.updates)
    ann.call(
        "editMessageMedia",
        chat_id=chat,
        message_id=mine["id"],
        input_message_content=photo(version, files / "2.jpg", "changed"),
    )
    bob.wait(lambda u: u["@type"] == "updateMessageContent" and u["chat_id"] == back, 30, mark)
    forwarded = deliver(
        bob,
        "forwardMessages",
        chat_id=bob.call("createPrivateChat", user_id=bob.me["id"], force=True)["id"],
        from_chat_id=back,
        message_ids=[came["id"]],
    )
    assert forwarded[0]["content"]["document"]["file_name"] == "large.bin"


def test_a_client_closed_in_mid_upload_goes_on(person, no_errors, files):
    """TDLib keeps what it was sending and resumes it when it is opened again."""
    ann = person("1.8.69", "Ann")
    me = ann.call("createPrivateChat", user_id=ann.me["id"], force=True)["id"]
    ann.proxy.hold(LARGE // 2)
    made = ann.call("sendMessage", chat_id=me, input_message_content=document("1.8.69", files / "large.bin"))
    ann.wait(
        lambda u: u["@type"] == "updateFile" and 0 < u["file"]["remote"]["uploaded_size"] < LARGE,
        60,
    )
    assert made["sending_state"]["@type"] == "messageSendingStatePending"
    ann.close()
    ann.proxy.let_go()
    again = ann.library.client(ann.folder, ann.proxy)
    again.start()
    again._state("Ready")
    done = again.wait(lambda u: u["@type"] == "updateMessageSendSucceeded", 120)
    file = done["message"]["content"]["document"]["document"]
    assert file["size"] == LARGE
    threading.Thread(target=again.close).start()
    with pytest.raises(TimeoutError):
        again.wait(lambda u: u["@type"] == "updateMessageSendFailed", 0.1)


def test_a_view_once_photo_is_gone_after_it_was_opened(person, no_errors, files):
    ann, bob = person("1.8.69", "Ann"), person("1.8.69", "Bob")
    chat = befriend(ann, bob)
    content = photo("1.8.69", files / "0.jpg")
    content["self_destruct_type"] = {"@type": "messageSelfDestructTypeImmediately"}
    deliver(ann, "sendMessage", chat_id=chat, input_message_content=content)
    (came,) = heard(bob, "messagePhoto")
    assert came["content"]["is_secret"]
    mark = len(ann.updates)
    bob.call("openMessageContent", chat_id=came["chat_id"], message_id=came["id"])
    ann.wait(
        lambda u: u["@type"] == "updateMessageContent" and u["new_content"]["@type"] == "messageExpiredPhoto",
        30,
        mark,
    )
