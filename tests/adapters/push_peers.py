"""Push services in threads of their own: they check who sends, keep what they are given, and answer as documented."""

from __future__ import annotations

import asyncio
import base64
import datetime
import hashlib
import hmac
import json
import ssl
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any, ClassVar

import http_ece
import jwt
from aiohttp import web
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from hypercorn.asyncio import serve
from hypercorn.config import Config as Hypercorn

from tests.adapters.peers import Peer
from tests.ports import free_port

NOW = 1_800_000_000


def pem(key: Any) -> str:
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()


def unpadded(data: bytes) -> str:
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def padded(text: str) -> bytes:
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


class Google(Peer):
    """The token endpoint of OAuth 2.0 and FCM's messages:send."""

    def __init__(self) -> None:
        super().__init__()
        self.key = rsa.generate_private_key(65537, 2048)
        self.granted: list[str] = []
        self.valid: set[str] = set()
        self.messages: list[dict[str, Any]] = []
        self.dead: set[str] = {"dead-token"}
        self.now: Callable[[], float] = lambda: NOW

    def account(self, **changes: Any) -> str:
        return json.dumps(
            {
                "type": "service_account",
                "project_id": "club",
                "private_key_id": "k1",
                "private_key": pem(self.key),
                "client_email": "push@club.example",
                "token_uri": f"{self.url}/token",
                **changes,
            }
        )

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/token", self.token), web.post("/v1/projects/club/messages:send", self.send)]

    async def token(self, request: web.Request) -> web.Response:
        form = await request.post()
        assert form["grant_type"] == "urn:ietf:params:oauth:grant-type:jwt-bearer"
        try:
            claims = jwt.decode(
                str(form["assertion"]),
                self.key.public_key(),
                algorithms=["RS256"],
                audience=f"{self.url}/token",
                issuer="push@club.example",
                options={"verify_exp": False, "verify_iat": False},
            )
        except jwt.InvalidTokenError as fault:
            return web.json_response({"error": "invalid_grant", "error_description": str(fault)}, status=400)
        assert claims["scope"] == "https://www.googleapis.com/auth/firebase.messaging"
        assert claims["exp"] - claims["iat"] == 3600 and abs(claims["iat"] - self.now()) < 100_000
        access = f"access-{len(self.granted)}"
        self.granted.append(access)
        self.valid.add(access)
        return web.json_response({"access_token": access, "expires_in": 3599, "token_type": "Bearer"})

    async def send(self, request: web.Request) -> web.Response:
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.valid:
            return self.error(401, "UNAUTHENTICATED", "")
        message = (await request.json())["message"]
        if message["token"] in self.dead:
            return self.error(404, "NOT_FOUND", "UNREGISTERED")
        assert all(isinstance(value, str) for value in message["data"].values()), "data are texts"
        self.messages.append(message)
        return web.json_response({"name": f"projects/club/messages/{len(self.messages)}"})

    @staticmethod
    def error(status: int, word: str, code: str, message: str = "", **headers: str) -> web.Response:
        kind = "type.googleapis.com/google.firebase.fcm.v1.FcmError"
        details = [{"@type": kind, "errorCode": code}] if code else []
        body = {"error": {"code": status, "message": message, "status": word, "details": details}}
        return web.json_response(body, status=status, headers=headers)


class Browser(Peer):
    """A push service and the browser behind it: checks who sends (VAPID) and decrypts (RFC 8291)."""

    def __init__(self) -> None:
        super().__init__()
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.secret = bytes(range(16))
        self.opened: list[dict[str, Any]] = []
        self.headers: list[dict[str, str]] = []
        self.sizes: list[int] = []

    def token(self, path: str = "push/one") -> str:
        point = self.key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)
        keys = {"p256dh": unpadded(point), "auth": unpadded(self.secret)}
        return json.dumps({"endpoint": f"{self.url}/{path}", "keys": keys})

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/push/{name}", self.take), web.post("/gone/{name}", self.gone)]

    async def gone(self, request: web.Request) -> web.Response:
        return web.Response(status=410)

    async def take(self, request: web.Request) -> web.Response:
        scheme, _, rest = request.headers["Authorization"].partition(" ")
        fields = dict(part.strip().split("=", 1) for part in rest.split(","))
        assert scheme == "vapid" and request.headers["Content-Encoding"] == "aes128gcm"
        public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), padded(fields["k"]))
        claims = jwt.decode(
            fields["t"], public, algorithms=["ES256"], audience=self.url, options={"verify_exp": False}
        )
        assert claims["sub"].startswith(("mailto:", "https://"))
        body = await request.read()
        plain = http_ece.decrypt(body, private_key=self.key, auth_secret=self.secret, version="aes128gcm")
        self.headers.append(dict(request.headers))
        self.sizes.append(len(body))
        self.opened.append(json.loads(plain))
        return web.Response(status=201, headers={"Location": f"{self.url}/receipt/1"})


class Distributor(Peer):
    """Simple push: PUT, or POST alone as UnifiedPush has it."""

    def __init__(self, *, puts: bool = True) -> None:
        super().__init__()
        self.puts = puts
        self.woken: list[tuple[str, str]] = []

    def routes(self) -> list[web.RouteDef]:
        return [
            web.put("/up/{name}", self.put),
            web.post("/up/{name}", self.wake),
            web.route("*", "/gone/{name}", self.gone),
        ]

    async def put(self, request: web.Request) -> web.Response:
        return await self.wake(request) if self.puts else web.Response(status=405)

    async def gone(self, request: web.Request) -> web.Response:
        return web.Response(status=404)

    async def wake(self, request: web.Request) -> web.Response:
        text = (await request.read()).decode()
        assert text.startswith("version=") and text[8:].isdigit()
        self.woken.append((request.method, text))
        return web.Response(status=200)


class Hook(Peer):
    """A program of the operator's that checks the signature."""

    secret = b"between us"

    def __init__(self) -> None:
        super().__init__()
        self.bodies: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/hook", self.take)]

    async def take(self, request: web.Request) -> web.Response:
        body = await request.read()
        signed = request.headers["X-Tgserve-Timestamp"].encode() + b"." + body
        expected = hmac.new(self.secret, signed, hashlib.sha256).hexdigest()
        if not hmac.compare_digest(expected, request.headers["X-Tgserve-Signature"]):
            return web.Response(status=403)
        found = json.loads(body)
        if found["token"] == "dead-token":
            return web.Response(status=410)
        self.bodies.append(found)
        return web.Response(status=204)


class Ntfy(Peer):
    """ntfy's publishing as JSON."""

    auth: ClassVar[dict[str, str]] = {"Authorization": "Bearer tk_secret"}

    def __init__(self) -> None:
        super().__init__()
        self.messages: list[dict[str, Any]] = []

    def routes(self) -> list[web.RouteDef]:
        return [web.post("/", self.take), web.get("/v1/health", self.health)]

    async def health(self, request: web.Request) -> web.Response:
        return web.json_response({"healthy": True})

    async def take(self, request: web.Request) -> web.Response:
        found = await request.json()
        assert found["topic"] and 1 <= found["priority"] <= 5
        self.messages.append(found)
        return web.json_response({"id": f"m{len(self.messages)}", "event": "message"})


def certificate(folder: Path) -> tuple[Path, Path]:
    """(certificate, key) of a server on this machine that signs for itself."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    today = datetime.datetime.now(datetime.UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(today - datetime.timedelta(days=1))
        .not_valid_after(today + datetime.timedelta(days=30))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName("localhost")]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    cert_file, key_file = folder / "cert.pem", folder / "key.pem"
    cert_file.write_bytes(made.public_bytes(Encoding.PEM))
    key_file.write_text(pem(key))
    return cert_file, key_file


class Apple:
    """APNs: HTTP/2 over TLS, provider tokens by ES256."""

    def __init__(self, folder: Path) -> None:
        self.cert, self._key_file = certificate(folder)
        self.key = ec.generate_private_key(ec.SECP256R1())
        self.taken: list[tuple[dict[str, str], dict[str, Any]]] = []
        self.answers: list[tuple[int, str]] = []
        self.tokens: list[str] = []
        self.now = NOW
        self.dead = {"de" * 32: (410, "Unregistered"), "ba" * 32: (400, "BadDeviceToken")}
        self._ready = threading.Event()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    @property
    def url(self) -> str:
        return f"https://localhost:{self.port}"

    def options(self, **changes: Any) -> dict[str, Any]:
        return {
            "key": pem(self.key),
            "key_id": "ABCDE12345",
            "team_id": "TEAM123456",
            "topic": "org.example.club",
            "url": self.url,
            "sandbox_url": f"{self.url}/sandbox",
            "ca": str(self.cert),
            **changes,
        }

    def start(self) -> Apple:
        self._thread.start()
        assert self._ready.wait(60)
        return self

    def stop(self) -> None:
        self._loop.call_soon_threadsafe(self._end.set)
        self._thread.join(10)

    async def _serve(self) -> None:
        self._loop, self._end = asyncio.get_running_loop(), asyncio.Event()
        self.port = free_port()
        config = Hypercorn()
        config.bind = [f"127.0.0.1:{self.port}"]
        config.certfile, config.keyfile = str(self.cert), str(self._key_file)
        config.alpn_protocols = ["h2"]
        config.graceful_timeout = 0.1
        config.errorlog = config.accesslog = None
        running = asyncio.create_task(serve(self._app, config, shutdown_trigger=self._end.wait))
        while not running.done():
            try:
                _, writer = await asyncio.open_connection("127.0.0.1", self.port)
                writer.close()
                break
            except OSError:
                await asyncio.sleep(0.02)
        self._ready.set()
        await running

    async def _app(self, scope: Any, receive: Any, send: Any) -> None:
        if scope["type"] == "lifespan":
            while True:
                word = (await receive())["type"].rpartition(".")[2]
                await send({"type": f"lifespan.{word}.complete"})
                if word == "shutdown":
                    return
        data, more = b"", True
        while more:
            event = await receive()
            data, more = data + event.get("body", b""), event.get("more_body", False)
        status, reason = self._judge(scope, data)
        headers = [(b"apns-id", b"11111111-2222")] + ([(b"retry-after", b"7")] if status == 429 else [])
        await send({"type": "http.response.start", "status": status, "headers": headers})
        body = json.dumps({"reason": reason}).encode() if reason else b""
        await send({"type": "http.response.body", "body": body})

    def _judge(self, scope: Any, data: bytes) -> tuple[int, str]:
        headers = {name.decode(): value.decode() for name, value in scope["headers"]}
        if scope["http_version"] != "2" or scope["method"] != "POST":
            return 405, "MethodNotAllowed"
        token = headers.get("authorization", "").removeprefix("bearer ")
        try:
            head = jwt.get_unverified_header(token)
            claims = jwt.decode(
                token, self.key.public_key(), algorithms=["ES256"], options={"verify_iat": False}
            )
        except jwt.InvalidTokenError:
            return 403, "InvalidProviderToken"
        if head["kid"] != "ABCDE12345" or claims["iss"] != "TEAM123456":
            return 403, "InvalidProviderToken"
        if not self.now - 3600 <= claims["iat"] <= self.now + 60:
            return 403, "ExpiredProviderToken"
        if token not in self.tokens:
            self.tokens.append(token)
        if self.answers:
            return self.answers.pop(0)
        kind, topic = headers["apns-push-type"], headers["apns-topic"]
        if topic != ("org.example.club.voip" if kind == "voip" else "org.example.club"):
            return 400, "DeviceTokenNotForTopic"
        if kind == "background" and headers["apns-priority"] != "5":
            return 400, "BadPriority"
        if len(data) > (5120 if kind == "voip" else 4096):
            return 413, "PayloadTooLarge"
        device = scope["path"].rpartition("/")[2]
        if device in self.dead:
            return self.dead[device]
        self.taken.append((headers | {":path": scope["path"]}, json.loads(data)))
        return 200, ""


def trusting(cert: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(cert))
