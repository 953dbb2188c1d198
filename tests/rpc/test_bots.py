"""What bots may call: names that exist, and nothing of a person's own."""

from __future__ import annotations

from tgserve import api
from tgserve.api import catalogue
from tgserve.rpc.bots import BOTS_MAY, may
from tgserve.rpc.registry import METHODS, Who


def test_every_name_is_a_method() -> None:
    api.load()
    known = {row.name for row in catalogue.rows()}
    assert not BOTS_MAY - known


def test_what_is_a_persons_own_is_not_a_bots() -> None:
    api.load()
    served = {method.request.NAME for method in METHODS.values() if method.who is not Who.BOT}
    persons = {name for name in served if not may(name)}
    for name in (
        "messages.getDialogs",
        "messages.getHistory",
        "messages.search",
        "messages.startBot",
        "messages.importChatInvite",
        "contacts.getContacts",
        "contacts.importContacts",
        "channels.joinChannel",
        "channels.createChannel",
        "account.updateProfile",
        "account.getPassword",
        "account.deleteAccount",
        "auth.acceptLoginToken",
        "auth.sendCode",
    ):
        assert name in persons, name
    assert not {name for name in served - persons if name.startswith(("account.", "contacts.get"))}
