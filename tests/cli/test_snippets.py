"""Snippets: this server's key and address in a program that its language accepts."""

import shutil
import subprocess

import pytest
from cryptography.hazmat.primitives.serialization import load_pem_public_key

from cli import endpoint, publickey
from cli.commands.client import LIBRARIES, render
from cli.output import Refused
from tgserve.config import parse
from tgserve.mtproto.rsa import RsaKey


@pytest.fixture(scope="module")
def key():
    return RsaKey.generate()


@pytest.fixture(scope="module")
def at(key):
    return endpoint.Endpoint("192.0.2.7", 4431, 2, key.public_pem().strip())


def test_the_numbers_of_a_key_without_a_crypto_library(key):
    found = publickey.parse(key.public_pem())
    numbers = load_pem_public_key(key.public_pem().encode()).public_numbers()
    assert (found.n, found.e) == (numbers.n, numbers.e)
    assert found.fingerprint % 2**64 == key.fingerprint % 2**64


@pytest.mark.parametrize(
    "pem", ["", "-----BEGIN RSA PUBLIC KEY-----\nAAAA\n-----END RSA PUBLIC KEY-----", "MIIB", "%%"]
)
def test_other_files_are_refused(pem):
    with pytest.raises(Refused, match="PKCS#1"):
        publickey.parse(pem)


@pytest.mark.parametrize("library", LIBRARIES)
def test_every_snippet_is_filled(library, at):
    code = render(library, at)
    assert "192.0.2.7" in code and "4431" in code
    marks = ("@HOST@", "@PORT@", "@PEM@", "@DC@", "@FINGERPRINT@", "@N_HEX@", "@N_DEC@", "@E@")
    assert not [mark for mark in marks if mark in code]
    assert len(code) > 800


@pytest.mark.parametrize("library", ["telethon", "kurigram", "tdlib"])
def test_python_compiles(library, at):
    compile(render(library, at), library, "exec")


@pytest.mark.skipif(not shutil.which("node"), reason="Node is not installed")
@pytest.mark.parametrize(("library", "ending"), [("mtcute", "mjs"), ("gramjs", "js")])
def test_node_takes_it(library, ending, at, tmp_path):
    file = tmp_path / f"chat.{ending}"
    file.write_text(render(library, at))
    done = subprocess.run(["node", "--check", str(file)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr


def test_where_clients_are_sent():
    everywhere = parse('listen = "0.0.0.0:4430"')
    public = parse('listen = "0.0.0.0:4430"\npublic_host = "203.0.113.5"\npublic_port = 443')
    assert (endpoint.of_config(everywhere, "").host, endpoint.of_config(everywhere, "").port) == (
        "127.0.0.1",
        4430,
    )
    assert (endpoint.of_config(public, "").host, endpoint.of_config(public, "").port) == ("203.0.113.5", 443)
