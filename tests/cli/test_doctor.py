"""doctor: each fault is named, and what is right is called so. The way in is tried against real listeners."""

import contextlib
import json
import socket
import struct
import threading
import time

import pytest

from cli import examining, probing, publickey
from tests.cli.test_daemon import data, server, tgserve  # noqa: F401
from tests.server.test_doors import certificate
from tgserve.config import Config, HttpConfig
from tgserve.mtproto.rsa import RsaKey


@contextlib.contextmanager
def listener(answer):
    """A TCP server that hands each connection to `answer`; its port."""
    with socket.create_server(("127.0.0.1", 0)) as sock:

        def serve():
            with contextlib.suppress(OSError):
                while True:
                    with sock.accept()[0] as peer:
                        answer(peer)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield sock.getsockname()[1]


def res_pq(fingerprint, ahead=0.0):
    def answer(peer):
        nonce = peer.recv(100)[-16:]
        body = struct.pack("<I", probing.RES_PQ) + nonce + bytes(16) + b"\x08" + bytes(8) + bytes(3)
        body += struct.pack("<IiQ", probing.VECTOR, 1, fingerprint)
        packet = struct.pack("<qqi", 0, int(time.time() + ahead) << 32, len(body)) + body
        peer.sendall(bytes((len(packet) // 4,)) + packet)

    return answer


@pytest.mark.parametrize(
    ("answer", "fault"),
    [
        (lambda peer: peer.close(), "speaks no MTProto"),
        (lambda peer: peer.sendall(b"\x02SSH-2.0-x"), "not as a server of this kind"),
        (lambda peer: peer.sendall(b"HTTP/1.1 400 Bad Request\r\n\r\n"), "MTProto"),
    ],
)
def test_somebody_else_is_there(answer, fault):
    with listener(answer) as port:
        found = probing.ask("127.0.0.1", port, 60)
    assert fault in found.fault or "not as a server" in found.fault


def until_it_goes(peer):
    while peer.recv(100):
        pass


def test_nobody_is_there():
    with socket.create_server(("127.0.0.1", 0)) as sock:
        port = sock.getsockname()[1]
    assert "closed" in probing.ask("127.0.0.1", port).fault
    with listener(until_it_goes) as silent:
        assert "no answer" in probing.ask("127.0.0.1", silent, 0.2).fault


def test_another_key_and_another_clock():
    ours = 0xD09D1D85DE64FD85
    with listener(res_pq(5)) as port:
        found = examining._tried("127.0.0.1", port, ours, needed=True)
        assert found.state == "bad" and "another key (0000000000000005" in found.text
    with listener(res_pq(ours, 120)) as port:
        found = examining._tried("127.0.0.1", port, ours, needed=True)
        assert found.state == "bad" and "+1" in found.text and "clock" in found.text
    with listener(res_pq(ours)) as port:
        assert examining._tried("127.0.0.1", port, ours, needed=False).state == "good"


def test_a_running_server(tgserve, server, data):  # noqa: F811
    report = json.loads(tgserve("doctor", "--json").stdout)
    by = {(one["subject"], one["state"]) for one in report["findings"]}
    assert report["bad"] == 0 and ("keys", "good") in by and ("server", "good") in by
    way = [one for one in report["findings"] if one["subject"] == "way in"]
    assert any("answers with our key" in one["text"] for one in way)
    assert any(":443" in one["text"] and one["state"] == "note" for one in way)
    shown = tgserve("doctor", "--address", "127.0.0.1:9", code=1).stdout
    assert "bad" in shown and "closed" in shown and "set public_host" in shown
    assert "is not HOST:PORT" in tgserve("doctor", "--address", "nonsense", code=1).stdout


def test_keys_that_others_may_read(tmp_path):
    assert next(examining.keys(tmp_path / "none")).state == "bad"
    folder = tmp_path / "keys"
    folder.mkdir(mode=0o700)
    assert "No such file" in list(examining.keys(tmp_path))[-1].text
    for name in ("rsa.pem", "secret.key"):
        (folder / name).write_text("x")
        (folder / name).chmod(0o600)
    assert [one.state for one in examining.keys(tmp_path)] == ["good"]
    (folder / "secret.key").chmod(0o644)
    (found,) = examining.keys(tmp_path)
    assert found.state == "bad" and "chmod 600" in found.advice


def test_certificates(tmp_path):
    certificate(tmp_path)
    config = Config(data=tmp_path, http=HttpConfig(certificate="cert.pem", key="key.pem"))
    (found,) = examining.certificate(config)
    assert found.state == "note" and "runs out in 8 d" in found.text
    (tmp_path / "cert.pem").write_text("no")
    assert next(examining.certificate(config)).state == "bad"


def test_a_disk_that_is_full_slow_or_memory(tmp_path, monkeypatch):
    good = {one.text.split(" ")[0]: one.state for one in examining.disk(tmp_path)}
    assert set(good.values()) <= {"good", "note", "bad"}
    monkeypatch.setattr(examining, "LEAST_FREE_BYTES", 1 << 60)
    monkeypatch.setattr(examining, "SLOW_FLUSH_SECONDS", -1.0)
    monkeypatch.setattr(examining, "_file_system", lambda path: "nfs4")
    found = list(examining.disk(tmp_path))
    assert [one.state for one in found] == ["bad", "bad", "note"] and not list(tmp_path.iterdir())


def test_settings_that_cannot_be_read(tmp_path):
    (tmp_path / "tgserve.toml").write_text("lisen = 1")
    assert next(one for one in examining.all_of(tmp_path) if one.subject == "settings").state == "bad"


def test_fingerprints_are_compared_as_the_server_says_them():
    key = RsaKey.generate()
    assert publickey.parse(key.public_pem()).fingerprint & (1 << 64) - 1 == key.fingerprint
