"""Build a Debian package of this checkout: server, everything it needs from the package index, systemd unit, man pages
and completion, for the Python this is run with.

python scripts/deb.py --out DIR          -> DIR/tgserve_VERSION_ARCH.deb; needs dpkg-deb, and no network

What it needs is copied out of the environment it runs in (`pip install .` first), as it was installed and tested there.
/usr/bin/tgserve runs /usr/bin/python3 with /usr/lib/tgserve in front; adapters of third parties go to
/usr/local/lib/tgserve (`pip install --target`).
"""

from __future__ import annotations

import argparse
import compileall
import gzip
import hashlib
import py_compile
import re
import shutil
import subprocess
import sys
import tempfile
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from pathlib import Path

from packaging.requirements import Requirement

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from cli.commands.completion import SHELLS, script  # noqa: E402 - the checkout need not be installed
from scripts import manpages  # noqa: E402
from tgserve import __version__  # noqa: E402

SITE = "usr/lib/tgserve"
COMPLETIONS = {
    "bash": "usr/share/bash-completion/completions/tgserve",
    "zsh": "usr/share/zsh/vendor-completions/_tgserve",
    "fish": "usr/share/fish/vendor_completions.d/tgserve.fish",
}
COMMAND = """#!/bin/sh
# The Debian package's tgserve. /usr/local/lib/tgserve: adapters of third parties.
here=$(dirname "$(readlink -f "$0")")
PYTHONPATH="$here/../lib/tgserve:/usr/local/lib/tgserve" PYTHONNOUSERSITE=1 exec /usr/bin/python3 -P -m tgserve "$@"
"""
POSTINST = """#!/bin/sh
set -e
if [ "$1" = configure ] && [ -z "$DPKG_ROOT" ]; then
    if ! getent passwd tgserve >/dev/null; then
        adduser --system --group --quiet --home /var/lib/tgserve --no-create-home tgserve
    fi
    install -d -m 0700 -o tgserve -g tgserve /var/lib/tgserve
    if [ -d /run/systemd/system ]; then
        systemctl daemon-reload
        systemctl try-restart tgserve.service
    fi
fi
"""
PRERM = """#!/bin/sh
set -e
if [ "$1" = remove ] && [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
    systemctl disable --now --quiet tgserve.service
fi
"""
POSTRM = """#!/bin/sh
# /var/lib/tgserve stays, purged or not: keys and messages are nobody's to delete but the operator's.
set -e
if [ -z "$DPKG_ROOT" ] && [ -d /run/systemd/system ]; then
    systemctl daemon-reload
fi
"""
CONTROL = """Package: tgserve
Version: {version}
Architecture: {architecture}
Maintainer: the tgserve project <tgserve@localhost>
Installed-Size: {size}
Depends: python3 (>= {python}), python3 (<< {next}), libc6, adduser
Suggests: ffmpeg
Section: net
Priority: optional
Description: self-hosted Telegram server in one process
 Serves Telegram's own clients for a community of your own: accounts, chats,
 groups, channels, files and search, started with one command.
"""


def build(out: Path) -> Path:
    architecture = subprocess.run(
        ["dpkg", "--print-architecture"], check=True, capture_output=True, text=True
    ).stdout.strip()
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder)
        _program(root)
        _surroundings(root)
        files = sorted(path for path in root.rglob("*") if path.is_file())
        for path in root.rglob("*"):
            if not path.is_symlink():
                path.chmod(0o755 if path.is_dir() or path == root / "usr/bin/tgserve" else 0o644)
        control = root / "DEBIAN"
        control.mkdir()
        low, high = sys.version_info[:2]
        _write(
            control / "control",
            CONTROL.format(
                version=__version__,
                architecture=architecture,
                size=sum(path.stat().st_size for path in files) // 1024,
                python=f"{low}.{high}",
                next=f"{low}.{high + 1}",
            ),
        )
        _write(
            control / "md5sums",
            "".join(
                f"{hashlib.md5(path.read_bytes(), usedforsecurity=False).hexdigest()}  {path.relative_to(root)}\n"
                for path in files
            ),
        )
        for name, text in (("postinst", POSTINST), ("prerm", PRERM), ("postrm", POSTRM)):
            _write(control / name, text, 0o755)
        root.chmod(0o755)
        out.mkdir(parents=True, exist_ok=True)
        made = out / f"tgserve_{__version__}_{architecture}.deb"
        subprocess.run(
            ["dpkg-deb", "--root-owner-group", "-Zxz", "-z1", "--build", str(root), str(made)],
            check=True,
            capture_output=True,
        )
    return made


def _program(root: Path) -> None:
    site = root / SITE
    hidden = shutil.ignore_patterns("__pycache__")
    shutil.copytree(ROOT / "tgserve", site / "tgserve", ignore=hidden)
    for folder in ("cli", "conf"):
        shutil.copytree(ROOT / folder, site / "tgserve" / folder, ignore=hidden)
    for needed in _needed():
        _copy(needed, site)
    # Compiled here and never looked at again: the service may not write below /usr.
    compileall.compile_dir(
        site,
        quiet=2,
        workers=0,
        stripdir=root,
        invalidation_mode=py_compile.PycInvalidationMode.UNCHECKED_HASH,
    )
    _write(root / "usr/bin/tgserve", COMMAND, 0o755)


def _needed() -> list[Distribution]:
    """What setup.py requires, and what that requires, as it is installed here."""
    text = (ROOT / "setup.py").read_text(encoding="utf-8")
    listed = re.search(r"install_requires=\[(.*?)\n    \]", text, re.DOTALL)
    waiting = re.findall(r'"([^"]+)"', listed[1]) if listed else []
    found: dict[str, Distribution] = {}
    while waiting:
        wanted = Requirement(waiting.pop())
        name = re.sub(r"[-_.]+", "-", wanted.name).lower()
        if name in found or (wanted.marker is not None and not wanted.marker.evaluate({"extra": ""})):
            continue
        try:
            found[name] = distribution(wanted.name)
        except PackageNotFoundError:
            raise SystemExit(f"{wanted.name} is not installed: pip install . first") from None
        if not wanted.specifier.contains(found[name].version, prereleases=True):
            raise SystemExit(f"{wanted.name} {found[name].version} is installed, {wanted} is needed")
        waiting += found[name].requires or []
    return [one for _, one in sorted(found.items())]


def _copy(needed: Distribution, site: Path) -> None:
    for file in needed.files or []:
        if ".." in file.parts or "__pycache__" in file.parts:
            continue  # commands and headers beside the packages
        source, target = Path(str(file.locate())), site / file
        if source.is_file():
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, target)


def _surroundings(root: Path) -> None:
    unit = (ROOT / "conf/tgserve.service").read_text(encoding="utf-8")
    _write(root / "lib/systemd/system/tgserve.service", unit)
    for name, page in manpages.pages().items():
        path = root / "usr/share/man/man1" / f"{Path(name).name}.gz"
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(gzip.compress(page.encode(), mtime=0))
    for shell in SHELLS:
        _write(root / COMPLETIONS[shell], script(shell) + "\n")
    _write(root / "usr/share/doc/tgserve/copyright", (ROOT / "LICENSE").read_text(encoding="utf-8"))


def _write(path: Path, text: str, mode: int = 0o644) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")
    path.chmod(mode)


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--out", type=Path, default=ROOT / "dist", help="folder of the package (dist)")
    made = build(parser.parse_args().out)
    sys.stdout.write(f"{made}: {made.stat().st_size >> 20} MiB\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
