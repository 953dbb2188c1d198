"""A folder with a web client's build: which files it has, and whether it can be pointed here. OSError passes."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path

from tgserve.webroot.retarget import NAMES_TELEGRAM, Retarget

SCRIPTS = (".js", ".mjs")
PAGES = (".html", ".htm")
MOST_BYTES = 64 << 20
"""A file that is read whole to be changed."""


@dataclass(slots=True)
class Findings:
    """`faults`: it cannot be served. `warnings`: it can, but somebody should know."""

    client: str = "unknown"
    files: int = 0
    bytes: int = 0
    keys: int = 0
    fingerprints: int = 0
    addresses: int = 0
    scripts: list[str] = field(default_factory=list)
    """Scripts that are changed while they are served."""
    faults: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)


def path_or_none(root: Path, asked: str) -> Path | None:
    """The file that `asked` (the path of a URL, decoded) names, or None: nothing above the root, nothing hidden, no
    link that leads out (SECURITY 6.11)."""
    parts = [part for part in asked.split("/") if part]
    if any(part.startswith(".") or "\\" in part or "\0" in part for part in parts):
        return None
    path = root.joinpath(*parts) if parts else root / "index.html"
    try:
        if path.is_dir():
            path = path / "index.html"
        real = path.resolve(strict=True)
    except (OSError, ValueError, RuntimeError):
        return None
    if not real.is_relative_to(root.resolve()) or not real.is_file():
        return None
    return real


def check(root: Path, retarget: Retarget) -> Findings:
    """Look at every file of the build."""
    found = Findings()
    if not root.is_dir():
        found.faults.append(f"{root} is not a folder")
        return found
    texts = b""
    for folder, folders, names in os.walk(root):
        folders[:] = [name for name in folders if not name.startswith(".")]
        for name in names:
            path = Path(folder, name)
            place = str(path.relative_to(root))
            if not path.is_file() or name.startswith("."):
                continue
            size = path.stat().st_size
            found.files += 1
            found.bytes += size
            if path.suffix in SCRIPTS and size <= MOST_BYTES:
                changed = retarget.script(path.read_bytes())
                found.keys += changed.keys
                found.fingerprints += changed.fingerprints
                found.addresses += changed.addresses
                if changed.keys or changed.addresses:
                    found.scripts.append(place)
                if changed.fingerprints:
                    texts += b"A"
                elif changed.keys:
                    texts += b"K"
            elif path.suffix in (*SCRIPTS, *PAGES) and size > MOST_BYTES:
                found.faults.append(f"{place} has {size >> 20} MiB: too much for a script or a page")
            elif path.suffix == ".map":
                found.warnings.append(
                    f"{place}: a source map shows the client as it was, before it was changed"
                )
    found.scripts.sort()
    found.client = "Web A" if b"A" in texts else "Web K" if b"K" in texts else "unknown"
    if not (root / "index.html").is_file():
        found.faults.append(f"{root} has no index.html: it is not the output of a build")
    if not found.keys:
        found.faults.append(
            "no key of Telegram's is in the scripts: no build of Web K or Web A, or a changed one"
        )
    if not found.addresses:
        found.faults.append(
            f"no script names {NAMES_TELEGRAM.decode()}: this client would not find the server"
        )
    if not retarget.source_url:
        found.warnings.append(
            "web.source_url is not set: both clients are GPL-3, visitors must be offered the source"
        )
    return found
