"""Pages and TLS on the port of MTProto, and the way back; who is counted for which address."""

from __future__ import annotations

import asyncio
import ssl
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

from tests.server.conftest import MakeServer
from tests.waiting import until
from tgserve.config import HttpConfig
from tgserve.testing.server import TestServer

# req_pq_multi in a plain packet: any nonce is answered by resPQ
REQ_PQ = (
    bytes(8)
    + (7 << 32).to_bytes(8, "little")
    + (20).to_bytes(4, "little")
    + bytes.fromhex("f18e7ebe")
    + bytes(16)
)
RES_PQ = bytes.fromhex("63241605")
API = f"POST /apiw1 HTTP/1.1\r\nHost: x\r\nContent-Length: {len(REQ_PQ)}\r\n\r\n".encode() + REQ_PQ
PAGE = b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"


def certificate(folder: Path, name: str = "here.test") -> None:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(subject)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=9))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    folder.mkdir(exist_ok=True)
    (folder / "cert.pem").write_bytes(made.public_bytes(serialization.Encoding.PEM))
    (folder / "key.pem").write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
        )
    )


class Browser:
    """One connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.reader, self.writer = reader, writer

    async def ask(self, request: bytes) -> tuple[int, dict[str, str], bytes]:
        self.writer.write(request)
        head = (await asyncio.wait_for(self.reader.readuntil(b"\r\n\r\n"), 60)).decode()
        lines = head.split("\r\n")
        headers = {
            name.lower(): value.strip() for name, _, value in (line.partition(":") for line in lines[1:])
        }
        body = await asyncio.wait_for(self.reader.readexactly(int(headers.get("content-length", "0"))), 60)
        return int(lines[0].split()[1]), headers, body


async def browser(server: TestServer, context: ssl.SSLContext | None = None) -> Browser:
    name = "here.test" if context else None
    return Browser(
        *await asyncio.open_connection(server.host, server.port, ssl=context, server_hostname=name)
    )


def trusting(folder: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(folder / "cert.pem"))


@pytest.mark.asyncio
async def test_a_page_then_mtproto_then_a_page_on_one_connection(make_server: MakeServer) -> None:
    async with make_server(name="Harbour & Co") as server:
        one = await browser(server)
        for _ in range(3):
            status, headers, body = await one.ask(PAGE)
            assert status == 200 and b"<h1>Harbour &amp; Co</h1>" in body
            assert headers["server"] == "tgserve" and headers["x-content-type-options"] == "nosniff"
            assert "default-src 'none'" in headers["content-security-policy"]
            status, _, body = await one.ask(API)
            assert status == 200 and RES_PQ in body
        assert (await one.ask(b"GET /nothing HTTP/1.1\r\nHost: x\r\n\r\n"))[0] == 404
        assert len(server.app.gateway.connections) == 1
        one.writer.close()
        await until(lambda: not server.app.gateway.connections)
        assert not server.app.gateway.sockets.enter("x") > 1


@pytest.mark.asyncio
async def test_many_at_once_while_the_pages_are_loaded(make_server: MakeServer) -> None:
    async with make_server() as server:
        several = [await browser(server) for _ in range(20)]
        answers = await asyncio.gather(*(one.ask(PAGE) for one in several))
        assert {status for status, _, _ in answers} == {200}


@pytest.mark.asyncio
async def test_without_pages_there_is_nothing(make_server: MakeServer) -> None:
    async with make_server(http=HttpConfig(enabled=False)) as server:
        one = await browser(server)
        assert (await one.ask(PAGE))[0] == 404


@pytest.mark.asyncio
async def test_tls_has_everything_inside(make_server: MakeServer, tmp_path: Path) -> None:
    certificate(tmp_path / "tls")
    paths = HttpConfig(certificate=str(tmp_path / "tls/cert.pem"), key=str(tmp_path / "tls/key.pem"))
    async with make_server(http=paths) as server:
        one = await browser(server, trusting(tmp_path / "tls"))
        assert (await one.ask(API))[2].find(RES_PQ) >= 0
        assert (await one.ask(PAGE))[0] == 200
        assert (await one.ask(API))[2].find(RES_PQ) >= 0
        plain = await browser(server)
        assert (await plain.ask(API))[2].find(RES_PQ) >= 0
        abridged = await browser(server, trusting(tmp_path / "tls"))
        abridged.writer.write(b"\xef" + bytes([len(REQ_PQ) // 4]) + REQ_PQ)
        assert RES_PQ in await asyncio.wait_for(abridged.reader.read(200), 60)
        assert len(server.app.gateway.connections) == 3
        for each in (one, plain, abridged):
            each.writer.close()
        await until(lambda: not server.app.gateway.connections)
        # a client that does not trust it, and one that speaks no TLS behind the first bytes, cost nothing
        with pytest.raises(ssl.SSLError):
            await browser(server, ssl.create_default_context())
        broken = await browser(server)
        broken.writer.write(bytes.fromhex("160301004001") + bytes(200))
        assert await asyncio.wait_for(broken.reader.read(), 60) is not None
        await until(lambda: not server.app.gateway.connections)


@pytest.mark.asyncio
async def test_a_renewed_certificate_is_taken_without_a_restart(
    make_server: MakeServer, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("tgserve.server.doors.LOOK_SECONDS", 0.0)
    certificate(tmp_path / "tls")
    paths = HttpConfig(certificate=str(tmp_path / "tls/cert.pem"), key=str(tmp_path / "tls/key.pem"))
    async with make_server(http=paths) as server:
        old = trusting(tmp_path / "tls")
        assert (await (await browser(server, old)).ask(PAGE))[0] == 200
        (tmp_path / "tls/cert.pem").write_text("half")
        assert (await (await browser(server, old)).ask(PAGE))[0] == 200
        certificate(tmp_path / "tls")
        assert (await (await browser(server, trusting(tmp_path / "tls"))).ask(PAGE))[0] == 200


@pytest.mark.asyncio
async def test_2_8_who_comes_through_a_proxy_is_counted_as_who_it_is(make_server: MakeServer) -> None:
    async with make_server(trusted_proxies=("127.0.0.1",)) as server:
        one = await browser(server)
        header = b"PROXY TCP4 203.0.113.7 10.0.0.1 5000 443\r\n"
        assert (await one.ask(header + PAGE))[0] == 200
        assert (await one.ask(API))[0] == 200
        (connection,) = server.app.gateway.connections
        assert connection.counted == "203.0.113.7"


@pytest.mark.asyncio
async def test_metrics_and_health_are_for_near_networks_alone(make_server: MakeServer) -> None:
    async with make_server(trusted_proxies=("127.0.0.1",)) as server:
        near = await browser(server)
        status, headers, body = await near.ask(b"GET /metrics HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == 200 and headers["content-type"].startswith("text/plain; version=0.0.4")
        assert b"tgserve_connections 1.0" in body
        status, _, body = await near.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert (status, body) == (200, b'{"status": "ok"}')
        for path in (b"/metrics", b"/healthz"):
            far = b"GET " + path + b" HTTP/1.1\r\nHost: x\r\nX-Forwarded-For: 203.0.113.9\r\n\r\n"
            assert (await near.ask(far))[0] == 404
        for disk in server.app.services.chunks.disks.values():
            disk.health = "missing"
        status, _, body = await near.ask(b"GET /healthz HTTP/1.1\r\nHost: x\r\n\r\n")
        assert status == 503 and b"no disk" in body
