"""What the documents say is true: generated ones are fresh, dependencies are explained, promises have tests."""

from __future__ import annotations

import ast
import re
import runpy
import subprocess
import sys

import pytest

from scripts import generate, generated_docs
from tests.sources import ROOT, code_files, imports_in

STDLIB_LIKE = {"tgserve", "cli", "tests", "scripts", "setup", "setuptools"}
# Import names that differ from the project's name on the package index.
BY_NAME = {"cryptg": "tgserve/mtproto/ige.py"}
"""Imported by a name in a text, in this file."""
PROJECT_OF = {
    "PIL": "pillow",
    "http_ece": "http-ece",
    "jwt": "pyjwt",
    "nacl": "pynacl",
    "pillow_heif": "pillow-heif",
    "prometheus_client": "prometheus-client",
}
OPTIONAL = ("heif", "s3", "video")
"""Extras of setup.py whose packages the server uses when they are there."""


@pytest.fixture(scope="module")
def packaging() -> dict[str, list[str]]:
    """What setup.py hands to setuptools."""
    given: dict[str, list[str]] = {}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr("setuptools.setup", lambda **arguments: given.update(arguments))
        patch.chdir(ROOT)
        runpy.run_path(str(ROOT / "setup.py"))
    return given


def project_names(requirements: list[str]) -> set[str]:
    return {re.split(r"[<>=;\s\[]", line)[0].lower() for line in requirements}


def optional(packaging) -> set[str]:
    return set().union(*(project_names(packaging["extras_require"][name]) for name in OPTIONAL))


def imported() -> set[str]:
    """Top-level names imported by the package, without the standard library's."""
    found = set()
    for path in code_files():
        for node in imports_in(path):
            if isinstance(node, ast.Import):
                found |= {alias.name.partition(".")[0] for alias in node.names}
            elif not node.level:
                found.add((node.module or "").partition(".")[0])
    found |= {
        name for name, place in BY_NAME.items() if f'"{name}"' in (ROOT / place).read_text(encoding="utf-8")
    }
    return {PROJECT_OF.get(name, name) for name in found - STDLIB_LIKE - set(sys.stdlib_module_names)}


def test_generated_files_are_fresh():
    assert not generate.stale(), "run python scripts/generate.py"


def test_generated_files_do_not_depend_on_what_asked_for_help_before():
    # A process of its own: click remembers how the first one who asked named a command's help option.
    code = (
        "from scripts import generated_docs as docs, manpages\n"
        "first = manpages.pages(); text = docs.cli(); assert manpages.pages() == first\n"
        "print(text, end='')"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=ROOT, check=True, capture_output=True, text=True)
    assert done.stdout == (ROOT / "docs/cli.md").read_text(encoding="utf-8")


def test_what_is_imported_is_required_and_the_other_way_round(packaging):
    required = project_names(packaging["install_requires"])
    used = imported() - {"pytest", "hypothesis"}  # the public kits of tgserve.testing may use them
    assert used - required - optional(packaging) == set(), "add these to install_requires in setup.py"
    assert optional(packaging) - used == set(), "nobody imports these any more"
    assert required - used == set(), "nobody imports these any more"


def test_every_dependency_has_its_sentence(packaging):
    text = (ROOT / "docs/DEPENDENCIES.md").read_text(encoding="utf-8")
    documented = {name.lower() for name in re.findall(r"^\| \*\*([\w.-]+)\*\* \|", text, re.MULTILINE)}
    required = project_names(packaging["install_requires"]) | optional(packaging)
    required |= project_names(packaging["extras_require"]["test"])
    assert required - documented == set(), "say in docs/DEPENDENCIES.md why these are there"
    assert documented - required == set(), "docs/DEPENDENCIES.md explains what is no longer required"


def test_promises_of_the_rooms_that_stand_have_a_test():
    tests = generated_docs.tests_by_promise(ROOT)
    bare = [row.id for row in generated_docs.promises(ROOT) if row.stage == "now" and row.id not in tests]
    bare = [id for id in bare if id.partition(".")[0] in ("1", "2", "3", "5")]
    assert not bare, f"name these rows of docs/SECURITY.md in a test, or test them first: {bare}"


def test_no_test_names_a_promise_that_is_not_there():
    known = {row.id for row in generated_docs.promises(ROOT)}
    strange = {id: tests for id, tests in generated_docs.tests_by_promise(ROOT).items() if id not in known}
    assert not strange


def test_links_lead_somewhere():
    dead = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md"), *ROOT.glob("examples/**/*.md")]:
        for target in re.findall(r"\]\(([^)#\s]+)[^)]*\)", path.read_text(encoding="utf-8")):
            if (
                "://" not in target
                and not target.startswith("mailto:")
                and not (path.parent / target).exists()
            ):
                dead.append(f"{path.relative_to(ROOT)}: {target}")
    assert not dead


def test_files_that_are_named_exist():
    lost = []
    for path in [*ROOT.glob("*.md"), *ROOT.glob("docs/**/*.md")]:
        for name in re.findall(r"`([\w/]+/[\w/]+\.(?:py|csv|toml|md))", path.read_text(encoding="utf-8")):
            places = (ROOT / name, ROOT / "tgserve" / name, ROOT / "tests" / name)
            template = name.endswith("/x.py")  # "a new one is one file": there is none yet
            if not template and not any(place.exists() for place in places):
                lost.append(f"{path.relative_to(ROOT)}: {name}")
    assert not lost


def test_the_readme_speaks_of_commands_that_exist():
    from cli.main import COMMANDS

    text = (ROOT / "README.md").read_text(encoding="utf-8") + (ROOT / "docs/OPERATING.md").read_text(
        encoding="utf-8"
    )
    named = set(
        re.findall(r"\btgserve ([a-z]+)\b", "\n".join(re.findall(r"`[^`]+`|^    .*$", text, re.MULTILINE)))
    )
    assert named - set(COMMANDS) == set()
