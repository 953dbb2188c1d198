"""What a target knows of one backup: the manifest (signed, readable without the key) and the root block (sealed).

A manifest's file is magic, payload (JSON), Ed25519 signature; its name is the backup's. The root names everything: for
each slot a list block, which names the blocks of its rows and the chunks that its rows speak of.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any

import msgspec
from nacl.exceptions import BadSignatureError
from nacl.signing import VerifyKey

from tgserve.backup.faults import BackupError, Damaged
from tgserve.backup.keys import FORMAT, SIGNATURE_BYTES, Keys

FOLDER = "backups"
SUFFIX = ".manifest"
_MAGIC = b"TGBKMAN1"


@dataclass(frozen=True, slots=True)
class Manifest:
    name: str
    server: str
    made: int
    """Unix seconds of the cut."""
    root: str
    """Id of the root block, in hex."""
    tgserve: str = ""
    store_format: int = 0
    oldest_code: int = 0
    """The oldest FORMAT whose code may open the store, as in format.json."""
    seconds: float = 0.0
    rows: int = 0
    row_bytes: int = 0
    chunks: int = 0
    chunk_bytes: int = 0
    """Of content."""
    lost: int = 0
    """Chunks without a good copy when it was made."""
    blocks: int = 0
    new_blocks: int = 0
    new_bytes: int = 0
    """Written to the target for it."""
    format: int = FORMAT

    @property
    def file(self) -> str:
        return f"{FOLDER}/{self.name}{SUFFIX}"

    def encode(self, keys: Keys) -> bytes:
        payload = _MAGIC + msgspec.json.encode(asdict(self))
        return payload + keys.sign(payload)

    @classmethod
    def decode(cls, file: str, data: bytes, public: bytes) -> Manifest:
        """Damaged when a bit of it is another; BackupError when it is newer than this code."""
        payload, signature = data[:-SIGNATURE_BYTES], data[-SIGNATURE_BYTES:]
        try:
            VerifyKey(public).verify(payload, signature)
            if not payload.startswith(_MAGIC):
                raise ValueError("no manifest")
            number = msgspec.json.decode(payload[len(_MAGIC) :], type=_Numbered).format
            if number > FORMAT:
                raise BackupError(
                    f"{file} was written by a newer tgserve (backup format {number}, this one reads up to {FORMAT}):"
                    " update it"
                )
            found = msgspec.json.decode(payload[len(_MAGIC) :], type=cls)
        except (BadSignatureError, ValueError, msgspec.MsgspecError) as fault:
            raise Damaged(f"{file} is damaged: its signature does not fit") from fault
        if found.file != file:
            raise Damaged(f"{file} is the manifest of {found.name} under another name")
        return found


@dataclass(frozen=True, slots=True)
class _Numbered:
    format: int


class Listing(msgspec.Struct, array_like=True, frozen=True):
    """A slot: blocks of rows in key order, chunks whose rows are in it."""

    blocks: list[bytes]
    chunks: list[bytes]


class Root(msgspec.Struct, frozen=True):
    store: dict[str, Any]
    """As format.json."""
    shards: list[int]
    """Numbers of the environments."""
    table: list[int]
    """Slot -> environment."""
    slots: list[bytes]
    """The list block of each slot; empty: the slot has no rows."""
    meta: dict[int, list[bytes]]
    """Environment -> blocks of the rows that belong to it."""
    files: dict[str, bytes] = field(default_factory=dict)
    """Keys and settings: path below the data directory -> content."""
    lost: list[bytes] = field(default_factory=list)
    """Chunks without a good copy."""
