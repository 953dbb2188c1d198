"""Writes every file that is made from the code: conf/tgserve.toml, docs/{methods,errors,cli,SECURITY}.md, docs/man/*.1.

python scripts/generate.py            write what changed
python scripts/generate.py --check    write nothing; exit code 1 and the names when something is stale
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT))

from scripts import generated_docs, manpages  # noqa: E402 - the checkout need not be installed
from tgserve import config  # noqa: E402

FILES: dict[str, Callable[[], str]] = {
    "conf/tgserve.toml": config.describe,
    "docs/methods.md": generated_docs.methods,
    "docs/errors.md": generated_docs.errors,
    "docs/cli.md": generated_docs.cli,
    "docs/SECURITY.md": lambda: generated_docs.security(ROOT),
}


def stale() -> dict[str, str]:
    """Path -> what should stand there, for files that say something else."""
    found: dict[str, str] = {}
    wanted = {name: make() for name, make in FILES.items()} | manpages.pages()
    for name, text in wanted.items():
        path = ROOT / name
        if not path.exists() or path.read_text(encoding="utf-8") != text:
            found[name] = text
    return found


def dead() -> list[Path]:
    """Pages of commands that are no more."""
    pages = manpages.pages()
    return [
        page for page in (ROOT / manpages.FOLDER).glob("*") if page.relative_to(ROOT).as_posix() not in pages
    ]


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--check", action="store_true", help="only say what is stale")
    options = parser.parse_args()
    found = stale()
    for name, text in found.items():
        if options.check:
            sys.stdout.write(f"{name} is stale: run python scripts/generate.py\n")
        else:
            (ROOT / name).parent.mkdir(exist_ok=True)
            (ROOT / name).write_text(text, encoding="utf-8")
            sys.stdout.write(f"wrote {name}\n")
    for page in dead():
        if not options.check:
            page.unlink()
        sys.stdout.write(f"{page.name} is of no command\n")
    return 1 if options.check and (found or dead()) else 0


if __name__ == "__main__":
    sys.exit(main())
