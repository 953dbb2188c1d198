"""Make the fixture of a release: what people left on it, packed. For every release, before it is out:

python -m tests.upgrade.making COMMIT          -> tests/upgrade/data/COMMIT.tar.xz
"""

from __future__ import annotations

import os
import subprocess
import sys
import tarfile
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def make(commit: str) -> Path:
    out = HERE / "data" / f"{commit}.tar.xz"
    out.parent.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        old, data = Path(folder, "old"), Path(folder, "data")
        old.mkdir()
        archive = subprocess.run(["git", "archive", commit], cwd=ROOT, check=True, capture_output=True).stdout
        subprocess.run(["tar", "-x", "-C", old], input=archive, check=True)
        _without_pictures(old / "tgserve/services/stickers/stock.py")
        subprocess.run(
            [sys.executable, HERE / "living.py", data, Path(folder, "facts.json")],
            cwd=old,
            env=os.environ | {"PYTHONPATH": str(old)},
            check=True,
        )
        with tarfile.open(out, "w:xz", preset=9) as packed:
            for path in sorted(data.rglob("*")):
                if not path.is_socket() and "search" not in path.relative_to(data).parts[:1]:
                    packed.add(path, Path("data", path.relative_to(data)), recursive=False, filter=_plain)
            packed.add(Path(folder, "facts.json"), "facts.json", filter=_plain)
    return out


def _without_pictures(stock: Path) -> None:
    """The server's own pictures, half a megabyte that does not shrink, are left out; the next start makes them."""
    if stock.exists():
        with stock.open("a") as code:
            code.write("\n\ndef pictures() -> Iterator[Picture]:\n    return iter(())\n")


def _plain(info: tarfile.TarInfo) -> tarfile.TarInfo:
    info.uid = info.gid = info.mtime = 0
    info.uname = info.gname = ""
    return info


if __name__ == "__main__":
    made = make(sys.argv[1])
    sys.stdout.write(f"{made.relative_to(ROOT)}: {made.stat().st_size} bytes\n")
