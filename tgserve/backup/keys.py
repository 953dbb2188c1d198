"""Who may read a backup: one random master key a data directory, in keys/backup.key, and a target's header.

The key file holds it as text to be written down. The header of a target (tgserve-backup.json) names the server, proves
which master key belongs to it, carries the public half of the signing key, and, if the operator gave a passphrase, the
master key sealed under it (Argon2id, XChaCha20-Poly1305). Everything else is derived from the master key by BLAKE3.
"""

from __future__ import annotations

import base64
import hashlib
import json
import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

from blake3 import blake3
from nacl import bindings
from nacl.exceptions import BadSignatureError, CryptoError
from nacl.pwhash import argon2id
from nacl.signing import SigningKey, VerifyKey

from tgserve.backup.faults import BackupError, Damaged, WrongKey

FORMAT = 1
"""Of targets and manifests; a newer one is refused."""
HEADER = "tgserve-backup.json"
KEY_BYTES = 32
NONCE_BYTES = 24
SIGNATURE_BYTES = 64
MEMORY_MOST = 1 << 32
_CHECK_BYTES = 3
_GROUP = 4

Random = Callable[[int], bytes]


def spell(master: bytes) -> str:
    """The key as text: 14 groups of 4, with a sum that finds slips of the pen."""
    text = base64.b32encode(master + _sum(master)).decode()
    return "-".join(text[at : at + _GROUP] for at in range(0, len(text), _GROUP))


def unspell(text: str) -> bytes:
    """WrongKey: it is no such text, or a letter is wrong."""
    letters = (
        "".join(text.split()).replace("-", "").upper().replace("0", "O").replace("1", "I").replace("8", "B")
    )
    try:
        raw = base64.b32decode(letters)
    except ValueError:
        raw = b""
    if len(raw) != KEY_BYTES + _CHECK_BYTES or _sum(raw[:KEY_BYTES]) != raw[KEY_BYTES:]:
        raise WrongKey(
            "this is no backup key: it has 14 groups of 4 letters, and one of them may be misspelt"
        )
    return raw[:KEY_BYTES]


def load_key(path: Path) -> bytes | None:
    """The master key of a file; None when there is none. WrongKey when it is something else."""
    try:
        text = path.read_text(encoding="ascii")
    except FileNotFoundError:
        return None
    except (OSError, ValueError) as fault:
        raise WrongKey(f"{path} cannot be read: {fault}") from fault
    try:
        return unspell(text)
    except WrongKey as fault:
        raise WrongKey(f"{path}: {fault}") from fault


def make_key(path: Path, random: Random) -> bytes:
    """Made at first use: 0600, never replaced."""
    master = random(KEY_BYTES)
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    with os.fdopen(file, "w", encoding="ascii") as out:
        out.write(spell(master) + "\n")
        out.flush()
        os.fsync(out.fileno())
    return master


@dataclass(frozen=True, slots=True)
class Keys:
    """What comes of a master key."""

    master: bytes = field(repr=False)
    seal: bytes = field(repr=False)
    id: bytes = field(repr=False)
    signing: SigningKey = field(repr=False)

    @classmethod
    def of(cls, master: bytes) -> Keys:
        def derive(what: str) -> bytes:
            return bytes(blake3(master, derive_key_context=f"tgserve backup {what} 1").digest())

        return cls(master, derive("seal"), derive("id"), SigningKey(derive("sign")))

    @property
    def public(self) -> bytes:
        return bytes(self.signing.verify_key)

    def sign(self, payload: bytes) -> bytes:
        return bytes(self.signing.sign(payload).signature)


@dataclass(frozen=True, slots=True)
class Wrap:
    """The master key under a passphrase."""

    salt: bytes
    rounds: int
    memory: int
    sealed: bytes

    @classmethod
    def make(cls, master: bytes, passphrase: str, random: Random) -> Wrap:
        if len(passphrase) < 8:
            raise BackupError("a passphrase of a backup has at least 8 letters")
        salt, nonce = random(argon2id.SALTBYTES), random(NONCE_BYTES)
        rounds, memory = int(argon2id.OPSLIMIT_MODERATE), int(argon2id.MEMLIMIT_MODERATE)
        key = argon2id.kdf(KEY_BYTES, passphrase.encode(), salt, rounds, memory)
        sealed = bindings.crypto_aead_xchacha20poly1305_ietf_encrypt(master, b"wrap", nonce, key)
        return cls(salt, rounds, memory, nonce + sealed)

    def open(self, passphrase: str) -> bytes:
        if self.memory > MEMORY_MOST or self.rounds > 1000:
            raise Damaged(f"{HEADER} asks for more memory than any backup of ours")
        key = argon2id.kdf(KEY_BYTES, passphrase.encode(), self.salt, self.rounds, self.memory)
        nonce, sealed = self.sealed[:NONCE_BYTES], self.sealed[NONCE_BYTES:]
        try:
            return bytes(bindings.crypto_aead_xchacha20poly1305_ietf_decrypt(sealed, b"wrap", nonce, key))
        except CryptoError:
            raise WrongKey("this is not the passphrase of the backup") from None


@dataclass(frozen=True, slots=True)
class Header:
    """What tgserve-backup.json says. Its bytes are canonical: another spelling of the same is damage too."""

    server: str
    """The store's id."""
    made: int
    public: bytes
    """Of the signing key."""
    wrap: Wrap | None = None
    format: int = FORMAT

    @classmethod
    def make(cls, keys: Keys, server: str, made: int) -> Header:
        return cls(server, made, keys.public)

    def with_passphrase(self, keys: Keys, passphrase: str, random: Random) -> Header:
        return replace(self, wrap=Wrap.make(keys.master, passphrase, random))

    def encode(self, keys: Keys) -> bytes:
        return self._text(keys.sign(self._payload()))

    @classmethod
    def decode(cls, data: bytes) -> Header:
        try:
            found = json.loads(data)
            if int(found["format"]) > FORMAT:
                raise BackupError(
                    f"the target was written by a newer tgserve (backup format {found['format']}, this one reads up to"
                    f" {FORMAT}): update it"
                )
            wrap = found["passphrase"]
            header = cls(
                str(found["server"]),
                int(found["made"]),
                bytes.fromhex(found["public"]),
                wrap
                and Wrap(
                    bytes.fromhex(wrap["salt"]), wrap["rounds"], wrap["memory"], bytes.fromhex(wrap["sealed"])
                ),
                int(found["format"]),
            )
            signature = bytes.fromhex(found["signature"])
            VerifyKey(header.public).verify(header._payload(), signature)
            if header._text(signature) != data:
                raise ValueError("another spelling")
        except BackupError:
            raise
        except (ValueError, KeyError, TypeError, AttributeError, BadSignatureError, CryptoError) as fault:
            raise Damaged(
                f"{HEADER} is damaged: put a copy of it back, or open the target by its key (--key-file); when it is"
                " removed, the next `backup create` makes another, without the passphrase"
            ) from fault
        return header

    def check(self, keys: Keys, what: str) -> None:
        if keys.public != self.public:
            raise WrongKey(f"{what} is the key of another backup")

    def _plain(self) -> dict[str, Any]:
        wrap = self.wrap
        return {
            "format": self.format,
            "server": self.server,
            "made": self.made,
            "public": self.public.hex(),
            "passphrase": wrap
            and {
                "kdf": "argon2id",
                "salt": wrap.salt.hex(),
                "rounds": wrap.rounds,
                "memory": wrap.memory,
                "sealed": wrap.sealed.hex(),
            },
        }

    def _payload(self) -> bytes:
        return json.dumps(self._plain(), indent=1).encode()

    def _text(self, signature: bytes) -> bytes:
        return json.dumps(self._plain() | {"signature": signature.hex()}, indent=1).encode() + b"\n"


def _sum(master: bytes) -> bytes:
    return hashlib.blake2b(master, digest_size=_CHECK_BYTES, person=b"tgserve.backup").digest()
