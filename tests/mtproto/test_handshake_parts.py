"""What the key exchange is made of: RSA key, group, envelope; SECURITY 1.5, 1.7, 1.12."""

import pickle
from hashlib import sha1
from struct import pack

import gmpy2
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric import rsa as library
from telethon.crypto import rsa as telethon_rsa

from tgserve.errors import ProtocolError
from tgserve.ids import Ids
from tgserve.mtproto import dh, plain
from tgserve.mtproto.handshake import RsaKey, RsaPublic
from tgserve.mtproto.ige import decrypt_ige, encrypt_ige

IDS = Ids(10)


@pytest.fixture(scope="module")
def rsa():
    return RsaKey.generate()


def test_1_7_the_group_is_safe_and_the_one_clients_know():
    assert dh.PRIME.bit_length() == 2048
    assert gmpy2.is_prime(dh.PRIME) and gmpy2.is_prime((dh.PRIME - 1) // 2)
    assert dh.G == 3 and dh.PRIME % 3 == 2  # 3 is a quadratic residue then
    assert gmpy2.legendre(dh.G, dh.PRIME) == 1
    assert sha1(dh.PRIME_BYTES).hexdigest() == "465bd03478c819c41d4e654c0c9a9978888485cf"  # Kurigram's


def test_1_7_public_values_keep_their_distance():
    low, high = 1 << 1984, dh.PRIME - (1 << 1984)
    assert [dh.is_public(n) for n in (0, 1, low - 1, low, high, high + 1, dh.PRIME - 1)] == [
        False, False, False, True, True, False, False
    ]  # fmt: skip


def test_1_12_the_envelope():
    assert plain.parse_plain(plain.plain(5 << 32, b"body")) == (5 << 32, b"body")
    padded = plain.plain(4, b"body") + bytes(252)  # Desktop: up to 63 words
    assert plain.parse_plain(padded) == (4, b"body")


@pytest.mark.parametrize(
    "payload",
    [
        b"",
        bytes(8),
        bytes(20),
        bytes(23),
        pack("<QQI", 0, 4, 8) + b"body",
        pack("<QQI", 0, 4, 0) + b"body",
        pack("<QQI", 0, 4, 3) + b"body",
        pack("<QQI", 0, 4, 0xFFFFFFFC) + b"body",
        pack("<QQI", 1, 4, 4) + b"body",
        pack("<QQI", 0, 4, 4) + b"body" + bytes(1028),
    ],
)
def test_1_12_envelopes_that_do_not_fit(payload):
    with pytest.raises(ProtocolError) as caught:
        plain.parse_plain(payload)
    assert caught.value.code == -404


def test_strings_longer_than_any_message():
    for data in (
        b"\xff" + bytes(300),
        b"\xfe\xff\xff\xff" + bytes(4),
        b"\xfe",
        b"\xfe\4",
        b"\x08" + bytes(4),
    ):
        with pytest.raises(ProtocolError):
            plain.read_bytes(data, 0)
    assert plain.read_bytes(b"\xfe\4\0\0four", 0) == (b"four", 8)
    assert plain.read_bytes(b"skip\3abc", 4) == (b"abc", 8)


def test_the_rsa_key_is_what_clients_take(rsa):
    assert rsa.n.bit_length() == 2048
    assert rsa.e == 65537
    assert rsa.fingerprint >= 1 << 60
    pem = rsa.public_pem()
    assert pem.startswith("-----BEGIN RSA PUBLIC KEY-----\n")
    assert len("".join(pem.split("\n")[1:-2])) == 360  # as long as the keys it replaces in client binaries
    assert RsaPublic.from_pem(pem) == rsa.public
    assert rsa.to_pem().startswith("-----BEGIN RSA PRIVATE KEY-----\n")
    assert RsaKey.from_pem(rsa.to_pem()) == rsa
    assert pickle.loads(pickle.dumps(rsa)) == rsa


def test_the_fingerprint_is_telethons(rsa):
    key = telethon_rsa.rsa.PublicKey.load_pkcs1(rsa.public_pem().encode())
    assert telethon_rsa._compute_fingerprint(key) % 2**64 == rsa.fingerprint


@pytest.mark.parametrize("kind", ["1024 bits", "e = 3", "not RSA"])
def test_other_keys_are_refused(kind):
    key = {
        "1024 bits": lambda: library.generate_private_key(65537, 1024),
        "e = 3": lambda: library.generate_private_key(3, 2048),
        "not RSA": lambda: ec.generate_private_key(ec.SECP256R1()),
    }[kind]()
    pem = key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.TraditionalOpenSSL,
        serialization.NoEncryption(),
    )
    with pytest.raises(ValueError, match="clients take"):
        RsaKey.from_pem(pem.decode())


def test_1_5_the_private_power_is_blinded_and_right(rsa):
    value = IDS.below(rsa.n)
    wanted = pow(value, rsa.d, rsa.n)
    assert {rsa.power(value, blinding) for blinding in (2, 12345, rsa.n - 2)} == {wanted}


def test_a_miscounted_private_power_is_not_used(rsa):
    """A fault in one half of the CRT would give the key away."""
    broken = RsaKey(rsa.n, rsa.e, rsa.d, rsa.p, rsa.q)
    dp, dq, q_inverse = broken.crt
    broken.__dict__["crt"] = (dp, dq ^ 2, q_inverse)
    with pytest.raises(ArithmeticError):
        broken.power(12345, 2)


def test_golden_temporary_key():
    """tmp_aes_key and iv as the description writes them, by hand."""
    new_nonce, server_nonce = bytes(range(32)), bytes(range(100, 116))
    key, iv = dh.temporary_key(new_nonce, server_nonce)
    ns, sn = sha1(new_nonce + server_nonce).digest(), sha1(server_nonce + new_nonce).digest()
    nn = sha1(new_nonce + new_nonce).digest()
    assert key == ns + sn[0:12]
    assert iv == sn[12:20] + nn + new_nonce[0:4]
    assert decrypt_ige(encrypt_ige(bytes(32), key, iv), key, iv) == bytes(32)
