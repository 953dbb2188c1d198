"""A tour of all screens and an idle while, by stock TDLib: every request answered, no ERROR line, nothing in a loop.

`TGSERVE_IDLE_SECONDS=120` idles as long as a person who only looks; the default fits continuous integration.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any

import pytest

from tests.journeys.daemon import Daemon
from tests.journeys.socks import Socks
from tests.journeys.tdlib import VERSIONS, Client, TdError, befriend
from tests.journeys.tour import SCREENS

IDLE_SECONDS = float(os.environ.get("TGSERVE_IDLE_SECONDS", "20"))
PER_MINUTE = 6
"""More calls of one method in an idle minute of two clients are a loop."""
ANSWER_SECONDS = 60
UNKNOWN = re.compile(r"Unknown class")
SERVERS_ERROR = re.compile(r"\b\d+ ([A-Z][A-Z0-9]*(?:_[A-Z0-9]+)+)$")
"""As the server names errors; TDLib's own are sentences."""
TRUE_REFUSALS = {
    "getBankCardInfo": {"BANK_CARD_NUMBER_INVALID"},
    "getSupportUser": {"METHOD_INVALID"},
    "getSupportName": {"METHOD_INVALID"},
    "canPurchaseFromStore": {"METHOD_INVALID"},
    "getPasskeyParameters": {"METHOD_INVALID"},
    "sendPhoneNumberCode": {"METHOD_INVALID", "PHONE_NUMBER_INVALID"},
    "setDefaultMessageAutoDeleteTime": {"METHOD_INVALID"},
    "setChatMessageAutoDeleteTime": {"METHOD_INVALID"},
}
"""What is refused on purpose, or not served yet: the client shows that nothing happened, and goes on."""


def fill(value: Any, ids: dict[str, int]) -> Any:
    if isinstance(value, dict):
        return {key: fill(one, ids) for key, one in value.items()}
    if isinstance(value, list):
        return [fill(one, ids) for one in value]
    return ids.get(value, value) if isinstance(value, str) else value


def walk(client: Client, ids: dict[str, int]) -> tuple[set[str], list[str]]:
    """The requests this version does not know, and what went wrong with the others."""
    unknown, wrong = set(), []
    for screen, steps in SCREENS.items():
        for name, arguments in steps:
            try:
                client.call(name, timeout=ANSWER_SECONDS, **fill(arguments, ids))
            except TimeoutError as error:
                wrong.append(f"{screen}: {error}")
            except TdError as error:
                if UNKNOWN.search(str(error)):
                    unknown.add(f"{name} {arguments}")
                elif (found := SERVERS_ERROR.search(str(error))) and found[1] not in TRUE_REFUSALS.get(
                    name, ()
                ):
                    wrong.append(f"{screen}: {error}")
    return unknown, wrong


def settled(daemon: Daemon) -> dict[str, int]:
    """All calls so far, once what the last screens asked for is over: that is no loop. One goes on after half a minute."""
    called = daemon.calls()
    for _ in range(10):
        before = called
        time.sleep(3)
        called = daemon.calls()
        if called == before:
            break
    return called


@pytest.fixture(scope="module")
def unknown() -> dict[str, set[str]]:
    """By version, what it does not know of the tour."""
    return {}


@pytest.mark.parametrize("version", VERSIONS)
def test_tour_of_all_screens_and_an_idle_while(
    version, daemon, libraries, no_errors, new_phone, tmp_path, unknown
):
    library, proxy = libraries[version], Socks(daemon.host, daemon.port)
    people = []
    for name in ("Ann", "Bob"):
        client = library.client(tmp_path / name, proxy)
        client.begin(new_phone(), daemon.code, name)
        people.append(client)
    ann, bob = people
    try:
        chat = befriend(ann, bob)
        befriend(bob, ann)
        sent = ann.send_text(chat, "hello Bob")
        bob.wait_text("hello Bob")
        faults = daemon.figures("tgserve_rpc_errors_total", "code").get("500", 0)
        ids = {"$chat": chat, "$user": bob.me["id"], "$me": ann.me["id"], "$message": sent["id"]}
        unknown[version], wrong = walk(ann, ids)
        assert not wrong, "\n".join(wrong)
        before = settled(daemon)
        time.sleep(IDLE_SECONDS)
        called = {name: count - before.get(name, 0) for name, count in daemon.calls().items()}
        bound = PER_MINUTE * max(IDLE_SECONDS, 60) / 60
        assert not {name: count for name, count in called.items() if count > bound}
        assert daemon.figures("tgserve_rpc_errors_total", "code").get("500", 0) == faults
    finally:
        for client in people:
            client.close()
        proxy.close()


def test_every_step_of_the_tour_is_known_to_a_version(unknown):
    if len(unknown) < len(VERSIONS):
        pytest.skip("the tours were not run before")
    assert not set.intersection(*unknown.values()), "misspelt, or gone from TDLib"
