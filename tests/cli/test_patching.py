"""`client patch` and `client endpoints`: what is replaced, that nothing moves, and every reason to refuse."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from cli import patching, publickey
from cli.output import Refused
from tgserve.mtproto.rsa import RsaKey

ROOT = Path(__file__).resolve().parents[2]
ADDRESSES = [
    b"149.154.175.50",
    b"149.154.167.51",
    b"149.154.175.100",
    b"149.154.171.5",
    b"2001:b28:f23d:f001::a",
]


@pytest.fixture(scope="module")
def ours():
    return RsaKey.generate().public_pem()


@pytest.fixture(scope="module")
def theirs():
    return RsaKey.generate().public_pem()


@pytest.fixture(autouse=True)
def known(monkeypatch, theirs):
    number = publickey.parse(theirs).fingerprint & (1 << 64) - 1
    monkeypatch.setattr(patching, "KNOWN_KEYS", {number: "production"})


def program(pem, addresses=ADDRESSES, hosts=(b"dns.google", b"tcdnb.azureedge.net")):
    parts = [b"\x7fELF", pem.strip().encode(), *addresses, *hosts, b"10.0.0.0", b"149.154.is.text", b"end"]
    return b"\0".join(parts) + b"\0"


def test_everything_is_replaced_and_nothing_moves(ours, theirs):
    before = program(theirs)
    after, report = patching.patch(before, ours, "203.0.113.5")
    assert len(after) == len(before)
    assert patching.PEM.search(after).group(1).split() == patching.PEM.search(ours.encode()).group(1).split()
    assert after.count(b"203.0.113.5\0") == 4 and b"::1\0" in after and b"10.0.0.0\0" in after
    assert (report.addresses, report.loopback, report.hosts) == (4, 1, ["dns.google", "tcdnb.azureedge.net"])
    assert b"dns.google" not in after and b"xx.invalid\0" in after
    for at in (b"10.0.0.0", b"149.154.is.text", b"end"):
        assert before.index(at) == after.index(at)


def test_an_address_that_fits_some_places_only(ours, theirs):
    after, report = patching.patch(program(theirs), ours, "203.113.100.254", "2001:db8::1")
    assert (report.addresses, report.loopback) == (2, 3)
    assert after.count(b"127.0.0.1\0") == 3 and b"2001:db8::1\0" in after and b"203.113.100.254\0" in after


def test_line_breaks_of_the_old_key_stay(ours, theirs):
    letters = "".join(theirs.strip().splitlines()[1:-1])
    odd = "-----BEGIN RSA PUBLIC KEY-----\n" + "\n".join(
        letters[at : at + 50] for at in range(0, len(letters), 50)
    )
    odd += "\n-----END RSA PUBLIC KEY-----"
    before = program(odd)
    after, _ = patching.patch(before, ours, "203.0.113.5")
    assert [at for at, char in enumerate(before) if char == 10] == [
        at for at, char in enumerate(after) if char == 10
    ]


@pytest.mark.parametrize(
    ("make", "reason"),
    [
        (lambda o, t: program("no key here"), "no Telegram key"),
        (lambda o, t: program(o), "this server's key already"),
        (lambda o, t: program(t, addresses=[]), "addresses are not in this file"),
        (lambda o, t: program(t, addresses=[b"149.154.1.5"] * 3), "fits into none"),
        (lambda o, t: b"PK\x03\x04" + program(t), "an archive"),
        (lambda o, t: program(RsaKey.generate().public_pem()), "not one of Telegram's"),
    ],
)
def test_what_does_not_fit_is_refused_with_the_reason(ours, theirs, make, reason):
    with pytest.raises(Refused, match=reason):
        patching.patch(make(ours, theirs), ours, "203.113.100.254")


@pytest.mark.parametrize("address", ["chat.example.org", "203.0.113", "::1"])
def test_names_and_nonsense_are_no_addresses(ours, theirs, address):
    with pytest.raises(Refused, match="is not an IPv4 address"):
        patching.patch(program(theirs), ours, address)


def test_a_small_key_is_left_and_named(ours, theirs):
    small = "-----BEGIN RSA PUBLIC KEY-----\nMIGJAoGBAMA4Su==\n-----END RSA PUBLIC KEY-----"
    after, report = patching.patch(program(theirs) + small.encode(), ours, "203.0.113.5")
    assert small.encode() in after and "updates" in report.notes[0]


def tgserve(*arguments, code=0):
    done = subprocess.run(
        [sys.executable, "-m", "tgserve", *map(str, arguments)], cwd=ROOT, capture_output=True, text=True
    )
    assert done.returncode == code, done.stdout + done.stderr
    return done


def test_the_command(tmp_path):
    data = tmp_path / "data"
    tgserve("init", "--data", data)
    stock = tmp_path / "client"
    stock.write_bytes(b"nothing of ours")
    refused = tgserve("client", "patch", stock, "--data", data, "--address", "203.0.113.5", code=1)
    assert "no Telegram key" in refused.stderr and not (tmp_path / "client.patched").exists()
    assert "no such file" in tgserve("client", "patch", tmp_path / "x", "--data", data, code=1).stderr
    (tmp_path / "client.patched").write_text("mine")
    assert "--force" in tgserve("client", "patch", stock, "--data", data, code=1).stderr
    shown = tgserve("client", "endpoints", "--data", data, "--address", "203.0.113.5:4430").stdout
    assert shown.splitlines() == [f"{dc} 203.0.113.5 4430" for dc in range(1, 6)]
    told = json.loads(
        tgserve("client", "endpoints", "--data", data, "--address", "203.0.113.5:1", "--json").stdout
    )
    assert told["port"] == 1
    named = tgserve("client", "endpoints", "--data", data, "--address", "chat.example:1", code=1)
    assert "is not an IP address" in named.stderr
