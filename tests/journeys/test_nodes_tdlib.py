"""Stock TDLib over two nodes: sent on to the node of its account, messages and files across; its ERROR log stays
empty."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import Any

import pytest

from tests.journeys import nodes
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Client, Library, befriend
from tests.journeys.test_media import picture
from tests.journeys.test_media_tdlib import deliver, document, local


@pytest.mark.parametrize("version", VERSIONS)
def test_two_people_of_two_nodes(version: str, tmp_path: Path):
    with nodes.pair(tmp_path) as (two, four):
        four.run("user", "create", "+99966220002", "Bob")
        library = Library(version, two.pem, tmp_path)
        proxy = Socks(two.host, two.port)
        proxy.also = {two.port: (two.host, two.port), four.port: (four.host, four.port)}
        people: list[Client] = []
        try:
            ann, bob = (library.client(tmp_path / name, proxy) for name in ("ann", "bob"))
            people += [ann, bob]
            # Both know the built-in addresses alone, which lead to DC 2.
            ann.start()
            bob.start()
            ann.phone, bob.phone = "+99966220001", "+99966220002"
            ann.me = ann.sign_up(ann.phone, two.code, "Ann")
            bob.me = bob.sign_in(bob.phone, four.code)
            assert (ann.me["id"] >> 35, bob.me["id"] >> 35) == (0, 4)
            assert four.calls()["auth.signIn"] == 1
            chat = befriend(ann, bob)
            ann.send_text(chat, "hello across")
            heard = bob.wait_text("hello across")
            back = heard["chat_id"]
            assert bob.call("getUser", user_id=ann.me["id"])["first_name"] == "Ann"
            mark = len(ann.updates)
            bob.call("openChat", chat_id=back)
            bob.call("viewMessages", chat_id=back, message_ids=[heard["id"]], force_read=True)
            ann.wait(lambda u: u["@type"] == "updateChatReadOutbox" and u["chat_id"] == chat, since=mark)
            bob.send_text(back, "and back")
            ann.wait_text("and back")
            # A file of each: it lies at its sender's node, and the other one goes there for it.
            for sender, reader, place, home in ((bob, ann, back, four), (ann, bob, chat, two)):
                data = os.urandom(400_000)
                path = tmp_path / f"of {sender.me['first_name']}.bin"
                path.write_bytes(data)
                mark = len(reader.updates)
                deliver(sender, "sendMessage", chat_id=place, input_message_content=document(version, path))

                def came(update: dict[str, Any]) -> bool:
                    return (
                        update["@type"] == "updateNewMessage"
                        and update["message"]["content"]["@type"] == "messageDocument"
                    )

                file = reader.wait(came, since=mark)["message"]["content"]["document"]["document"]
                before = home.calls().get("auth.importAuthorization", 0)
                loaded = reader.call(
                    "downloadFile",
                    file_id=file["id"],
                    priority=1,
                    offset=0,
                    limit=0,
                    synchronous=True,
                    timeout=60,
                )
                content = Path(loaded["local"]["path"]).read_bytes()
                assert hashlib.sha256(content).digest() == hashlib.sha256(data).digest()
                assert home.calls()["auth.importAuthorization"] > before
            # His face, fetched at his node by the few bytes in the user object.
            face = tmp_path / "face.jpg"
            face.write_bytes(picture(640, 640).getvalue())
            mark = len(ann.updates)
            bob.call("setProfilePhoto", photo={"@type": "inputChatPhotoStatic", "photo": local(face)})

            def faced(update: dict[str, Any]) -> bool:
                return update["@type"] == "updateUser" and "profile_photo" in update["user"]

            shot = ann.wait(faced, since=mark)["user"]["profile_photo"]["big"]
            loaded = ann.call(
                "downloadFile",
                file_id=shot["id"],
                priority=1,
                offset=0,
                limit=0,
                synchronous=True,
                timeout=60,
            )
            assert Path(loaded["local"]["path"]).read_bytes()[:2] == b"\xff\xd8"
            ann.call("getUserFullInfo", user_id=bob.me["id"])
            assert library.errors() == []
        finally:
            for client in people:
                client.close()
            proxy.close()
        for daemon in (two, four):
            assert daemon.faults() == []
            assert daemon.stop() == 0
            daemon.run("check")
