"""What a target shows to who has no key: its header and the manifests. Imports little: `backup list` needs no more."""

from __future__ import annotations

from dataclasses import dataclass, field

from tgserve.adapters.objects.contract import NotThere, Objects
from tgserve.backup import manifest as m
from tgserve.backup.faults import BackupError, Damaged
from tgserve.backup.keys import HEADER, Header
from tgserve.backup.manifest import Manifest


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
