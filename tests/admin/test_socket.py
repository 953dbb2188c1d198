"""The admin socket: who gets in, and that every line is answered."""

import asyncio
import json
import os

import pytest

from tgserve import __version__, limits
from tgserve.admin import registry, socket
from tgserve.admin.registry import Refusal
from tgserve.admin.socket import AdminServer
from tgserve.errors import StoreFull


@pytest.fixture
def talk(tmp_path, monkeypatch):
    """Send lines to a server whose commands are stand-ins; the answers, the hello first."""

    async def status(daemon, params):
        return daemon

    monkeypatch.setitem(registry.HANDLERS, "user.code", status)

    def run(*lines, path=tmp_path / "admin.sock", fault=None):
        async def failing(daemon, params):
            raise fault

        if fault is not None:
            monkeypatch.setitem(registry.HANDLERS, "user.code", failing)

        async def main():
            server = AdminServer(path, object())
            await server.start()
            mode = path.stat().st_mode & 0o777
            reader, writer = await asyncio.open_unix_connection(
                str(path)
                if len(str(path)) < 100
                else f"/proc/self/fd/{os.open(path.parent, os.O_RDONLY)}/{path.name}"
            )
            answers = []
            hello = await reader.readline()
            if hello:
                answers.append(json.loads(hello))
            for line in lines:
                writer.write(line if isinstance(line, bytes) else json.dumps(line).encode() + b"\n")
                answer = await reader.readline()
                answers.append(json.loads(answer) if answer else None)
            writer.close()
            await server.stop()
            assert not path.exists()
            return mode, answers

        return asyncio.run(asyncio.wait_for(main(), 60))

    return run


CODE = {"command": "user.code", "params": {"phone": "999661234"}}


def test_the_first_line_names_the_version_and_the_file_is_private(talk):
    mode, (hello,) = talk()
    assert mode == 0o600
    assert hello == {"tgserve": __version__, "admin": 1, "pid": os.getpid()}


@pytest.mark.parametrize(
    ("line", "text"),
    [
        (b"hello\n", "Expecting value"),
        (b"[]\n", "`command` is needed"),
        (b'{"command": 3}\n', "`command` is needed"),
        ({"command": "nonsense"}, "there is no command `nonsense`"),
        ({"command": "user.code"}, "a field is missing"),
        ({"command": "user.code", "params": {"phone": 5}}, "phone: str is needed"),
        (b"\xff\xfe\n", "decode"),
    ],
)
def test_what_cannot_be_read_is_answered_and_the_connection_kept(talk, line, text):
    _, (_, first, second) = talk(line, {"command": "nonsense"})
    assert first["error"]["kind"] == "malformed" and text in first["error"]["text"]
    assert second["error"]["kind"] == "malformed"


@pytest.mark.parametrize("fault", [Refusal("there is no code"), StoreFull("no space")])
def test_refusals_are_answers(talk, fault):
    _, (_, answer) = talk(CODE, fault=fault)
    assert answer["error"]["kind"] == "refused" and str(fault) in answer["error"]["text"]


def test_a_line_beyond_the_limit_ends_the_connection(talk):
    _, answers = talk(b"x" * (limits.ADMIN_LINE_BYTES + 10) + b"\n")
    assert answers[1:] == [None]


def test_strangers_are_not_even_greeted(talk, monkeypatch):
    """The socket's mode keeps other users out; should somebody open it up, the peer's user id does."""
    monkeypatch.setattr(socket, "_UCRED", Stranger())
    assert talk()[1] == []


class Stranger:
    size = socket._UCRED.size

    def unpack(self, raw):
        return 1, os.geteuid() + 1, 1


def test_a_dead_ones_socket_file_is_replaced(talk, tmp_path):
    (tmp_path / "admin.sock").write_text("left over")
    assert talk()[1][0]["admin"] == 1


def test_a_directory_deeper_than_a_socket_address(talk, tmp_path):
    deep = tmp_path / ("d" * 60) / ("e" * 60)
    deep.mkdir(parents=True)
    assert talk(path=deep / "admin.sock")[1][0]["admin"] == 1
