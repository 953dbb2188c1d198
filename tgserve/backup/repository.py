"""A target with its keys: header, manifests, index."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TypeVar

import msgspec

from tgserve.adapters.objects.contract import NotThere, Objects
from tgserve.backup import manifest as m
from tgserve.backup.faults import BackupError, Damaged
from tgserve.backup.keys import HEADER, Header, Keys
from tgserve.backup.manifest import Listing, Manifest, Root
from tgserve.backup.packs import Index, PackReader
from tgserve.backup.sealing import Sealer

Random = Callable[[int], bytes]
T = TypeVar("T")


@dataclass(slots=True)
class Catalogue:
    """Manifests of a target, oldest first (names begin with the time), and what is wrong with others."""

    found: list[Manifest] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)

    def pick(self, name: str = "") -> Manifest:
        """The named one, or the newest. BackupError: there is none."""
        for one in reversed(self.found):
            if name in ("", one.name):
                return one
        if self.problems:
            raise Damaged("; ".join(self.problems))
        if not self.found:
            raise BackupError("the target holds no backup yet")
        raise BackupError(f"there is no backup {name}: `tgserve backup list` shows what is there")


def read_header(objects: Objects) -> Header | None:
    """None: nobody has made a target here."""
    try:
        return Header.decode(objects.get(HEADER))
    except NotThere:
        return None


def existing_header(objects: Objects) -> Header:
    header = read_header(objects)
    if header is None:
        raise BackupError(f"{objects.where} holds no backups of tgserve (no {HEADER} there)")
    return header


def catalogue(objects: Objects, header: Header) -> Catalogue:
    """Needs no key: signatures are proved by the header's public half."""
    found = Catalogue()
    for entry in objects.entries(m.FOLDER):
        try:
            found.found.append(Manifest.decode(entry.name, objects.get(entry.name), header.public))
        except Damaged as fault:
            found.problems.append(str(fault))
    found.found.sort(key=lambda one: one.name)
    return found


class Repository:
    """A target that was opened with its key. `index` is empty until `load_index`."""

    def __init__(
        self, objects: Objects, header: Header, keys: Keys, random: Random, problem: str = ""
    ) -> None:
        self.objects = objects
        self.problem = problem
        """What is wrong with the header; the key alone has opened the target then."""
        self.header = header
        self.keys = keys
        self.sealer = Sealer(keys, random)
        self.index = Index()
        self.reader = PackReader(objects, self.index, self.sealer)

    def load_index(self) -> list[str]:
        """What is wrong with index files, in sentences."""
        return self.index.read(self.objects, self.sealer)

    def root(self, manifest: Manifest) -> Root:
        block = bytes.fromhex(manifest.root)
        _, content = self.reader.get(block, f"the root of backup {manifest.name}")
        return _decoded(content, Root, "root")

    def listing(self, block: bytes, slot: int) -> Listing:
        _, content = self.reader.get(block, f"the list of slot {slot}")
        return _decoded(content, Listing, "list")


def _decoded(content: bytes, kind: type[T], what: str) -> T:
    try:
        return msgspec.msgpack.decode(content, type=kind)
    except msgspec.MsgspecError as fault:
        raise BackupError(f"a {what} block is not one of ours ({fault}): update tgserve") from fault


def open_by_key(objects: Objects, key: bytes, random: Random) -> Repository:
    """The key needs no header: one that is damaged or gone is a problem of its own."""
    keys = Keys.of(key)
    problem = ""
    try:
        header = read_header(objects)
        if header is None:
            problem = f"{HEADER} is missing"
    except Damaged as fault:
        header, problem = None, str(fault)
    if header is None:
        made = catalogue(objects, Header.make(keys, "", 0)).found
        if not made:
            raise BackupError(f"{problem}; there is no backup in {objects.where} that this key signed")
        header = Header.make(keys, made[-1].server, made[-1].made)
    header.check(keys, "this")
    return Repository(objects, header, keys, random, problem)


def open_repository(
    objects: Objects, header: Header, random: Random, *, key: bytes | None, passphrase: str
) -> Repository:
    """With the passphrase if one is given, else with the key. WrongKey, BackupError."""
    if passphrase:
        if header.wrap is None:
            raise BackupError(
                "this backup has no passphrase: give the file with its key (--key-file), or the key that was shown"
                " when it was made"
            )
        keys = Keys.of(header.wrap.open(passphrase))
        header.check(keys, "what the passphrase opens")
    elif key is not None:
        return open_by_key(objects, key, random)
    else:
        ways = (
            "its passphrase or the file with its key" if header.wrap else "the file with its key (--key-file)"
        )
        raise BackupError(f"the backup is sealed: give {ways}")
    return Repository(objects, header, keys, random)


def prepare(
    objects: Objects, random: Random, *, key: bytes, passphrase: str, server: str, now: int
) -> Repository:
    """For a backup: the target's header is made at its first use. A passphrase is set if it has none yet; else it must
    be the one it has. BackupError: the target belongs to another server or another key."""
    objects.prepare()
    keys = Keys.of(key)
    header = read_header(objects)
    missing = header is None
    if header is None:
        header = Header.make(keys, server, now)
        there = catalogue(objects, header)
        if there.problems and not there.found:
            raise BackupError(
                f"{objects.where} holds backups that another key has signed: choose another target"
            )
        if there.found:
            header = replace(header, server=there.found[-1].server)
    if header.server != server:
        raise BackupError(
            f"{objects.where} holds the backups of another server ({header.server}): choose another folder or prefix"
        )
    header.check(keys, "keys/backup.key of this server")
    if passphrase and header.wrap is not None:
        header.wrap.open(passphrase)
    elif passphrase:
        header = header.with_passphrase(keys, passphrase, random)
        missing = True
    if missing:
        objects.put(HEADER, header.encode(keys))
    return Repository(objects, header, keys, random)
