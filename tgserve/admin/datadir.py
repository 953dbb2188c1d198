"""The data directory: what is made at the first start, with which rights, and what a later start insists on.

    DIR/                0700
      tgserve.toml      0600   settings, commented defaults
      keys/             0700
        rsa.pem         0600   the server's private key, PKCS#1: clients carry its public half, so it is never changed
        public.pem      0644   the public half, PKCS#1, for the clients
        secret.key      0600   32 random bytes: access hashes, salts and the sealing of auth keys come from it
        node.key        0600   with [node] link: 32 random bytes, the key by which other nodes know this one
        charter.key     0600   with several nodes: what they hold in common (services/nodes/charter.py)
      store/            0700   the shards
      admin.sock        0600   while the daemon runs

Rules (SECURITY 7.1): files are written whole or not at all; a half-made directory is completed by the next start; keys
that others may read are refused; a store without its keys is refused, as new keys would lock every client out.
"""

from __future__ import annotations

import fcntl
import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tgserve import config as settings
from tgserve.ids import Ids
from tgserve.mtproto.rsa import RsaKey

SECRET_BYTES = 32
OTHERS = stat.S_IRWXG | stat.S_IRWXO


class DataDirError(Exception):
    """The directory cannot be used as it is; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Keys:
    rsa: RsaKey
    secret: bytes
    charter: bytes = b""
    """Empty: the node stands alone."""


def create(data: Path, ids: Ids) -> bool:
    """Make what is missing; True when the keys are new. Raises DataDirError and changes nothing that is there."""
    try:
        if data.exists() and not data.is_dir():
            raise DataDirError(f"{data} is a file, --data needs a directory")
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        with _alone(data):
            _refuse_foreign(data)
            for folder in (data / "keys", data / "store"):
                folder.mkdir(mode=0o700, exist_ok=True)
            made = _keys(data / "keys", data / "store", ids)
            if not (data / settings.CONFIG_FILE).exists():
                write_whole(data / settings.CONFIG_FILE, settings.describe().encode(), 0o600)
    except OSError as error:
        raise DataDirError(f"{error.filename or data}: {error.strerror}") from None
    return made


def load(data: Path) -> Keys:
    """The keys of a directory that `create` has made. Raises DataDirError."""
    keys = data / "keys"
    try:
        for path in (keys, keys / "rsa.pem", keys / "secret.key"):
            mode = stat.S_IMODE(path.stat().st_mode)
            if mode & OTHERS:
                raise DataDirError(f"{path} is open to others: chmod {mode & ~OTHERS:o} {path}")
        rsa = RsaKey.from_pem((keys / "rsa.pem").read_text(encoding="ascii"))
        secret = (keys / "secret.key").read_bytes()
        charter = _others_may_not_read(keys / "charter.key")
    except OSError as error:
        raise DataDirError(f"{error.filename}: {error.strerror}") from None
    except ValueError as error:
        raise DataDirError(
            f"{keys}/rsa.pem is not our kind of key ({error}): put the backup of it back"
        ) from None
    if len(secret) != SECRET_BYTES:
        raise DataDirError(f"{keys}/secret.key must be {SECRET_BYTES} bytes: put the backup of it back")
    return Keys(rsa, secret, charter)


def _others_may_not_read(path: Path) -> bytes:
    """A key file that need not be there."""
    if not path.exists():
        return b""
    if stat.S_IMODE(path.stat().st_mode) & OTHERS:
        raise DataDirError(f"{path} is open to others: chmod 600 {path}")
    return path.read_bytes()


def keep_charter(data: Path, charter: bytes, rsa: str) -> None:
    """This node belongs to a server of several from now on, whose RSA key (PEM; "" = it is our own) it answers with.
    DataDirError."""
    keys = data / "keys"
    try:
        if rsa:
            key = RsaKey.from_pem(rsa)
            write_whole(keys / "rsa.pem", rsa.encode(), 0o600)
            write_whole(keys / "public.pem", key.public_pem().encode(), 0o644)
        write_whole(keys / "charter.key", charter, 0o600)
    except OSError as error:
        raise DataDirError(f"{error.filename or keys}: {error.strerror}") from None


def write_whole(path: Path, content: bytes, mode: int) -> None:
    """Write a file so that a crash leaves the old state or the new one, never a part."""
    draft = path.with_name(path.name + ".new")
    draft.unlink(missing_ok=True)
    file = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, mode)
    try:
        os.fchmod(file, mode)
        left = memoryview(content)
        while left:
            left = left[os.write(file, left) :]
        os.fsync(file)
    finally:
        os.close(file)
    draft.replace(path)
    folder = os.open(path.parent, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


@contextmanager
def _alone(data: Path) -> Iterator[None]:
    """Two first starts at once must not make two keys: the second waits here and finds the first one's."""
    folder = os.open(data, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(folder, fcntl.LOCK_EX)
        yield
    finally:
        os.close(folder)


def _refuse_foreign(data: Path) -> None:
    """Asked alone: what another first start has just begun is not foreign."""
    if (data / "keys").exists() or (data / settings.CONFIG_FILE).exists():
        return
    strange = sorted(path.name for path in data.iterdir() if path.name not in ("lock", "lost+found"))
    if strange:
        raise DataDirError(
            f"{data} holds other things ({', '.join(strange[:3])} ...): choose an empty directory"
        )


def _keys(keys: Path, store: Path, ids: Ids) -> bool:
    missing = [name for name in ("rsa.pem", "secret.key") if not (keys / name).exists()]
    if missing and any(store.iterdir()):
        raise DataDirError(
            f"{keys}/{missing[0]} is missing but {store} holds data: put the backup of the keys back; "
            "with a new key no client could come in and nothing sealed could be read"
        )
    if "secret.key" in missing:
        write_whole(keys / "secret.key", ids.random_bytes(SECRET_BYTES), 0o600)
    if "rsa.pem" in missing:
        write_whole(keys / "rsa.pem", RsaKey.generate().to_pem().encode(), 0o600)
    public = RsaKey.from_pem((keys / "rsa.pem").read_text(encoding="ascii")).public_pem().encode()
    path = keys / "public.pem"
    if not path.exists() or path.read_bytes() != public:
        write_whole(path, public, 0o644)
    return bool(missing)
