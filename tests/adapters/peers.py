"""HTTP providers in a thread of their own: they check who asks, keep what they are given, and answer as documented."""

from __future__ import annotations

import asyncio
import ssl
import threading
from collections.abc import Awaitable, Callable
from typing import Any

from aiohttp import web

from tgserve.adapters.http import basic

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


class Peer:
    """Subclasses add routes. `received` is (phone digits, text); `answers` are given before any other, in order;
    `slow` seconds pass before an answer."""

    auth: dict[str, str] | None = None

    def __init__(self, tls: ssl.SSLContext | None = None) -> None:
        self.received: list[tuple[str, str]] = []
        self.requests: list[web.Request] = []
        self.answers: list[web.Response] = []
        self.slow = 0.0
        self._tls = tls
        self._ready = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def routes(self) -> list[web.RouteDef]:
        raise NotImplementedError

    @property
    def url(self) -> str:
        return f"{'https' if self._tls else 'http'}://127.0.0.1:{self.port}"

    def start(self) -> Peer:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.run(self._serve())

    async def _serve(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._end = asyncio.Event()

        @web.middleware
        async def guarded(request: web.Request, handler: Handler) -> web.StreamResponse:
            self.requests.append(request)
            if self.slow:
                await asyncio.sleep(self.slow)
            if self.auth is not None and request.headers.get("Authorization") != self.auth["Authorization"]:
                return self.refused()
            if self.answers:
                return self.answers.pop(0)
            return await handler(request)

        app = web.Application(middlewares=[guarded])
        app.add_routes(self.routes())
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=self._tls)
        await site.start()
        self.port = runner.addresses[0][1]
        self._ready.set()
        await self._end.wait()
        await runner.cleanup()

    def refused(self) -> web.Response:
        return web.json_response({"message": "who are you"}, status=401)


class Twilio(Peer):
    """Docs: Messages resource, and the error dictionary."""

    auth = basic("AC0123", "secret")

    def routes(self) -> list[web.RouteDef]:
        return [
            web.get("/2010-04-01/Accounts/AC0123.json", self.account),
            web.post("/2010-04-01/Accounts/AC0123/Messages.json", self.message),
        ]

    def refused(self) -> web.Response:
        return self.fault(20003, "Authenticate", 401)

    @staticmethod
    def fault(code: int, message: str, status: int = 400, **headers: str) -> web.Response:
        said = {"code": code, "message": message, "more_info": "https://...", "status": status}
        return web.json_response(said, status=status, headers=headers)

    async def account(self, request: web.Request) -> web.Response:
        return web.json_response({"sid": "AC0123", "status": "active"})

    async def message(self, request: web.Request) -> web.Response:
        form = await request.post()
        to = str(form.get("To", ""))
        if form.get("From") != "+15005550006" and form.get("MessagingServiceSid") != "MG7":
            return self.fault(21212, "Invalid From Number")
        if not to.startswith("+") or to == "+999000000":
            return self.fault(21211, f"The 'To' number {to} is not a valid phone number.")
        self.received.append((to[1:], str(form["Body"])))
        return web.json_response({"sid": "SM0042", "status": "queued", "error_code": None}, status=201)


class Vonage(Peer):
    """Docs: SMS API and its errors; always 200."""

    status = "0"
    error = ""

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/sms/json", self.message), web.get("/account/get-balance", self.balance)]

    async def balance(self, request: web.Request) -> web.Response:
        good = (request.query.get("api_key"), request.query.get("api_secret")) == ("abcd", "secret")
        return web.json_response({"value": 10.28}) if good else web.json_response({}, status=401)

    async def message(self, request: web.Request) -> web.Response:
        form = await request.post()
        if (form.get("api_key"), form.get("api_secret")) != ("abcd", "secret"):
            return self.answer("4", "Bad Credentials")
        if not {"from", "to", "text"} <= set(form):
            return self.answer("2", "Missing from, to or text")
        if self.status != "0":
            return self.answer(self.status, self.error.format(to=form["to"]))
        text = str(form["text"])
        if not text.isascii() and form.get("type") != "unicode":
            text = text.encode("ascii", "replace").decode()
        self.received.append((str(form["to"]), text))
        return self.answer("0", "")

    @staticmethod
    def answer(status: str, error: str) -> web.Response:
        part: dict[str, Any] = {"status": status}
        part |= {"error-text": error} if error else {"message-id": "0A00", "remaining-balance": "3.1"}
        return web.json_response({"message-count": "1", "messages": [part]})


class Phone(Peer):
    """The app on a phone, or (`root`) a server of it."""

    auth = basic("sms", "secret")

    def __init__(self, root: str = "") -> None:
        super().__init__()
        self.path = root + ("/messages" if root else "/message")
        self.states = ["Pending", "Sent"]
        self.error = ""
        self.bodies: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post(self.path, self.message), web.get(self.path + "/{id}", self.state)]

    async def message(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.bodies.append(body)
        (phone,) = body["phoneNumbers"]
        if not phone.startswith("+"):
            return web.json_response({"message": "failed to validate phone"}, status=400)
        self.received.append((phone[1:], body["textMessage"]["text"]))
        return web.json_response({"id": "zXDY", "state": "Pending", "recipients": []}, status=202)

    async def state(self, request: web.Request) -> web.Response:
        if request.match_info["id"] != "zXDY":
            return web.json_response({"message": "not found"}, status=404)
        state = self.states.pop(0) if len(self.states) > 1 else self.states[0]
        recipient = {"phoneNumber": "+999661234", "state": state, "error": self.error or None}
        return web.json_response({"id": "zXDY", "state": state, "recipients": [recipient]})
