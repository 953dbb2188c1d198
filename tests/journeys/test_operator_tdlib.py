"""What TDLib, and with it most phones, makes of the operator's commands."""

from __future__ import annotations

import json

import pytest

from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS


@pytest.fixture(params=VERSIONS)
def ann(request, daemon, libraries, new_phone, tmp_path):
    library = libraries[request.param]
    proxy = Socks(daemon.host, daemon.port)
    client = library.client(tmp_path / "0", proxy)
    client.phone = new_phone()
    client.start()
    client.sign_up(client.phone, daemon.code, "Ann")
    yield client
    if client.id in library.clients:
        client.close()
    proxy.close()


def signed_out(client):
    """It has learnt so of its own accord, and is over."""
    client._state("LoggingOut")
    client._state("Closed")
    client.library.clients.pop(client.id, None)


def test_a_terminated_session_is_logged_out(ann, daemon):
    daemon.run("session", "terminate", "--all-of", ann.phone, "--yes")
    signed_out(ann)


def test_a_banned_account_is_logged_out(ann, daemon):
    daemon.run("user", "ban", ann.phone, "--yes")
    signed_out(ann)


def test_changes_come_at_once(ann, daemon):
    me = ann.call("getMe")["id"]
    daemon.run("user", "edit", ann.phone, "--first-name", "Anna", "--scam")

    def changed(update):
        user = update.get("user", {})
        return update["@type"] == "updateUser" and user["id"] == me and user["first_name"] == "Anna"

    ann.wait(changed)
    seen = ann.call("getUser", user_id=me)
    status = seen.get("verification_status") or seen
    assert status["is_scam"]


def test_imported_messages_are_marked_so(ann, no_errors, daemon, tmp_path):
    (tmp_path / "in").mkdir()
    message = {
        "id": 5,
        "type": "message",
        "date_unixtime": "1556712000",
        "from": "Old Friend",
        "text": "hello",
    }
    whole = {"name": "Old", "type": "private_group", "id": 1, "messages": [message]}
    (tmp_path / "in/result.json").write_text(json.dumps(whole))
    made = ann.call(
        "createNewSupergroupChat",
        title="Old times",
        is_forum=False,
        is_channel=False,
        description="",
        for_import=False,
    )
    group = made["type"]["supergroup_id"]
    daemon.run("channel", "import", str(tmp_path / "in"), "--into", str(group))

    def came(update):
        return update["@type"] == "updateNewMessage" and update["message"].get("import_info")

    found = ann.wait(came)["message"]
    info = found["import_info"]
    assert (info["sender_name"], info["date"]) == ("Old Friend", 1556712000)
    assert found["content"]["text"]["text"] == "hello" and not found.get("forward_info")
