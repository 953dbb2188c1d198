"""Stock TDLib, pointed at our server: in a copy of the library the three RSA keys and all built-in addresses are replaced
(nothing can leave the machine), and a proxy on loopback leads every connection to us. Its ERROR log lines are the conformance oracle: `errors()` hands them out.
"""

from __future__ import annotations

import ctypes
import itertools
import json
import re
import threading
import time
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

from cli import patching
from tests.journeys.socks import Socks
from tests.wheels import wheel

VERSIONS = ["1.8.69", "1.8.46"]


class Library:
    """A patched copy of one TDLib version, loaded once in this process; `client()` makes as many clients as needed."""

    def __init__(self, version: str, pem: str, folder: Path) -> None:
        self.version = version
        with zipfile.ZipFile(wheel("tdjson", version)) as archive:
            name = next(n for n in archive.namelist() if "/libtdjson" in n)
            copy = folder / f"libtdjson-{version}.so"
            copy.write_bytes(patching.patch(archive.read(name), pem, "127.0.0.1")[0])
        self.lib = ctypes.CDLL(str(copy))
        self.lib.td_receive.restype = ctypes.c_char_p
        self.lib.td_receive.argtypes = [ctypes.c_double]
        self.lib.td_send.argtypes = [ctypes.c_int, ctypes.c_char_p]
        self.lib.td_execute.restype = ctypes.c_char_p
        self.lib.td_execute.argtypes = [ctypes.c_char_p]
        self.log = folder / f"tdlib-{version}.log"
        stream = {
            "@type": "logStreamFile",
            "path": str(self.log),
            "max_file_size": 1 << 28,
            "redirect_stderr": False,
        }
        self.execute({"@type": "setLogStream", "log_stream": stream})
        self.execute({"@type": "setLogVerbosityLevel", "new_verbosity_level": 2})
        self.clients: dict[int, Client] = {}
        threading.Thread(target=self._receive, daemon=True).start()

    def execute(self, request: dict[str, Any]) -> None:
        self.lib.td_execute(json.dumps(request).encode())

    def _receive(self) -> None:
        while True:
            data = self.lib.td_receive(1.0)
            if data:
                event = json.loads(data)
                client = self.clients.get(event.get("@client_id", 0))
                if client is not None:
                    client.on_event(event)

    def client(self, folder: Path, proxy: Socks) -> Client:
        return Client(self, folder, proxy)

    def errors(self) -> list[str]:
        """TDLib's own ERROR lines about what the server answered."""
        if not self.log.exists():
            return []
        lines = self.log.read_text(errors="replace").splitlines()
        return [line for line in lines if re.match(r"\[ ?[01]\]", line)]


class TdError(Exception):
    pass


class Client:
    """One TDLib instance: `call` asks and waits, `wait` waits for an update that fits."""

    def __init__(self, library: Library, folder: Path, proxy: Socks) -> None:
        self.library = library
        self.folder = folder
        self.proxy = proxy
        self.id = int(library.lib.td_create_client_id())
        self.updates: list[dict[str, Any]] = []
        self.news = threading.Condition()
        self.answers: dict[int, dict[str, Any]] = {}
        self.numbers = itertools.count(1)
        self.seen = 0
        library.clients[self.id] = self

    def on_event(self, event: dict[str, Any]) -> None:
        with self.news:
            extra = event.get("@extra")
            if extra is None:
                self.updates.append(event)
            else:
                self.answers[extra] = event
            self.news.notify_all()

    def send(self, kind: str, **arguments: Any) -> int:
        number = next(self.numbers)
        request = {"@type": kind, "@extra": number, **arguments}
        self.library.lib.td_send(self.id, json.dumps(request).encode())
        return number

    def call(self, kind: str, *, timeout: float = 60, **arguments: Any) -> dict[str, Any]:
        number = self.send(kind, **arguments)
        with self.news:
            if not self.news.wait_for(lambda: number in self.answers, timeout):
                raise TimeoutError(f"{kind} was not answered within {timeout} s")
            answer = self.answers.pop(number)
        if answer["@type"] == "error":
            raise TdError(f"{kind}: {answer['code']} {answer['message']}")
        return answer

    def wait(
        self, fits: Callable[[dict[str, Any]], bool], timeout: float = 60, since: int = 0
    ) -> dict[str, Any]:
        """The first update from index `since` on that fits."""
        until = time.monotonic() + timeout
        at = since
        with self.news:
            while True:
                while at < len(self.updates):
                    if fits(self.updates[at]):
                        return self.updates[at]
                    at += 1
                if not self.news.wait(max(0.0, until - time.monotonic())) and time.monotonic() >= until:
                    raise TimeoutError(
                        "no such update; last: " + ", ".join(u["@type"] for u in self.updates[-12:])
                    )

    def _state(self, name: str, since: int = 0) -> None:
        def fits(update: dict[str, Any]) -> bool:
            return (
                update["@type"] == "updateAuthorizationState"
                and update["authorization_state"]["@type"] == f"authorizationState{name}"
            )

        self.wait(fits, 60, since)

    def start(self, *, pfs: bool = False) -> None:
        """Through the proxy to the point where TDLib asks for a phone number (or is signed in already)."""
        self.send(
            "setTdlibParameters",
            database_directory=str(self.folder / "db"),
            files_directory=str(self.folder / "files"),
            use_message_database=True,
            use_chat_info_database=True,
            use_file_database=True,
            use_secret_chats=True,
            api_id=1,
            api_hash="0123456789abcdef0123456789abcdef",
            system_language_code="en",
            device_model="journey",
            application_version="1",
        )
        proxy = {
            "server": "127.0.0.1",
            "port": self.proxy.port,
            "type": {"@type": "proxyTypeSocks5", "username": "", "password": ""},
        }
        try:
            self.call("addProxy", proxy={"@type": "proxy", **proxy}, enable=True)
        except TdError:  # before 1.8.56 the fields stood beside each other
            self.call("addProxy", **proxy, enable=True)
        if pfs:
            self.call("setOption", name="use_pfs", value={"@type": "optionValueBoolean", "value": True})

    def begin(self, phone: str, code: Callable[[str], str], first_name: str) -> None:
        """A new account, in an app that is open."""
        self.start()
        self.phone = phone
        self.me = self.sign_up(phone, code, first_name)
        self.go_online()

    def sign_up(self, phone: str, code: Callable[[str], str], first_name: str) -> dict[str, Any]:
        self._state("WaitPhoneNumber")
        self.call("setAuthenticationPhoneNumber", phone_number=phone)
        self._state("WaitCode")
        self.call("checkAuthenticationCode", code=code(phone))
        self._state("WaitRegistration")
        self.call("registerUser", first_name=first_name, last_name="T")
        self._state("Ready")
        return self.call("getMe")

    def sign_in(self, phone: str, code: Callable[[str], str]) -> dict[str, Any]:
        self._state("WaitPhoneNumber")
        self.call("setAuthenticationPhoneNumber", phone_number=phone)
        self._state("WaitCode")
        self.call("checkAuthenticationCode", code=code(phone))
        self._state("Ready")
        return self.call("getMe")

    def go_online(self) -> None:
        """As an app in the foreground: TDLib sends typing only to people it sees online."""
        self.call("setOption", name="online", value={"@type": "optionValueBoolean", "value": True})

    def send_text(self, chat_id: int, text: str) -> dict[str, Any]:
        """Send and wait until the server has it; the message as the server numbered it."""
        mark = len(self.updates)
        content = {"@type": "inputMessageText", "text": {"@type": "formattedText", "text": text}}
        draft = self.call("sendMessage", chat_id=chat_id, input_message_content=content)

        def sent(update: dict[str, Any]) -> bool:
            return update["@type"] in ("updateMessageSendSucceeded", "updateMessageSendFailed") and (
                update["old_message_id"] == draft["id"]
            )

        done = self.wait(sent, 60, mark)
        assert done["@type"] == "updateMessageSendSucceeded", done
        return dict(done["message"])

    def wait_text(self, text: str, timeout: float = 60) -> dict[str, Any]:
        def fits(update: dict[str, Any]) -> bool:
            if update["@type"] != "updateNewMessage":
                return False
            content = update["message"]["content"]
            return content["@type"] == "messageText" and content["text"]["text"] == text

        return dict(self.wait(fits, timeout)["message"])

    def close(self) -> None:
        mark = len(self.updates)
        self.send("close")
        self._state("Closed", mark)
        self.library.clients.pop(self.id, None)


def befriend(one: Client, other: Client) -> int:
    """`one` imports `other` by phone and opens the chat; the chat id."""
    contact = {"@type": "contact", "phone_number": other.phone, "first_name": other.me["first_name"]}
    try:
        found = one.call("importContacts", contacts=[{**contact, "@type": "importedContact"}])
    except Exception:
        found = one.call("importContacts", contacts=[contact])
    assert found["user_ids"] == [other.me["id"]]
    return int(one.call("createPrivateChat", user_id=other.me["id"], force=True)["id"])
