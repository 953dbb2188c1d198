"""What an installation consists of: the systemd unit, the man pages, the Debian package."""

from __future__ import annotations

import gzip
import os
import re
import shutil
import signal
import subprocess
from pathlib import Path

import pytest

from cli.main import COMMANDS
from scripts import manpages

ROOT = Path(__file__).resolve().parent.parent
UNIT = ROOT / "conf/tgserve.service"


def need(tool: str) -> None:
    if shutil.which(tool) is None:
        pytest.skip(f"no {tool} on this machine")


@pytest.fixture
def unit(tmp_path: Path) -> Path:
    """The unit with a command and without a man page, since neither is installed here."""
    made = tmp_path / "tgserve.service"
    text = UNIT.read_text()
    assert "ExecStart=/usr/bin/tgserve start --data /var/lib/tgserve\n" in text
    made.write_text(re.sub(r"Documentation=.*\n", "", text.replace("/usr/bin/tgserve", "/bin/true")))
    return made


def test_systemd_takes_the_unit(unit: Path) -> None:
    need("systemd-analyze")
    done = subprocess.run(["systemd-analyze", "verify", str(unit)], capture_output=True, text=True)
    assert (done.returncode, done.stderr) == (0, "")


def test_the_unit_leaves_little_open(unit: Path) -> None:
    """At most 2.0 of 10 by systemd's own count."""
    need("systemd-analyze")
    command = ["systemd-analyze", "security", "--offline=true", "--no-pager", "--threshold=20", str(unit)]
    done = subprocess.run(command, capture_output=True, text=True, env=os.environ | {"SYSTEMD_COLORS": "0"})
    if "unrecognized option" in done.stderr:
        pytest.skip("systemd older than 250")
    assert done.returncode == 0, done.stdout[-500:]


def test_every_command_has_a_page() -> None:
    pages = manpages.pages()
    assert set(pages) == {"docs/man/tgserve.1", *(f"docs/man/tgserve-{name}.1" for name in COMMANDS)}
    need("groff")
    for name, text in pages.items():
        done = subprocess.run(["groff", "-man", "-Tutf8", "-ww"], input=text, capture_output=True, text=True)
        assert done.stderr == "", name
        assert "SYNOPSIS" in re.sub(".\b", "", done.stdout), "each letter is struck twice for bold"


def test_a_page_says_what_the_help_says() -> None:
    page = manpages.pages()["docs/man/tgserve-sms.1"]
    for word in (r"\-\-secret\-file NAME=FILE", "tgserve sms remove", r"\-\-no\-check", "Example:"):
        assert word in page


@pytest.fixture(scope="module")
def package(tmp_path_factory: pytest.TempPathFactory) -> Path:
    need("dpkg-deb")
    folder = tmp_path_factory.mktemp("deb")
    done = subprocess.run(
        [shutil.which("python3") or "python3", "scripts/deb.py", "--out", str(folder)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        timeout=300,
    )
    assert done.returncode == 0, done.stdout + done.stderr
    (made,) = folder.glob("tgserve_*.deb")
    return made


@pytest.fixture(scope="module")
def unpacked(package: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("root")
    subprocess.run(["dpkg-deb", "-R", str(package), str(folder)], check=True)
    return folder


@pytest.mark.slow
def test_the_package_says_what_it_needs(package: Path, unpacked: Path) -> None:
    fields = subprocess.run(
        ["dpkg-deb", "-f", str(package)], check=True, capture_output=True, text=True
    ).stdout
    assert "Package: tgserve\n" in fields and re.search(
        r"Depends: .*python3 \(>= 3\.\d+\), python3 \(<< 3\.\d+\)", fields
    )
    scripts = [unpacked / "DEBIAN" / name for name in ("postinst", "prerm", "postrm")]
    for script in scripts:
        assert script.stat().st_mode & 0o111
        subprocess.run(["sh", "-n", str(script)], check=True)
    listed = (unpacked / "DEBIAN/md5sums").read_text()
    for name in (
        "usr/bin/tgserve",
        "lib/systemd/system/tgserve.service",
        "usr/share/man/man1/tgserve-sms.1.gz",
        "usr/share/bash-completion/completions/tgserve",
        "usr/share/zsh/vendor-completions/_tgserve",
        "usr/share/fish/vendor_completions.d/tgserve.fish",
        "usr/share/doc/tgserve/copyright",
    ):
        assert (unpacked / name).is_file() and f"  {name}\n" in listed, name
    page = gzip.decompress((unpacked / "usr/share/man/man1/tgserve-sms.1.gz").read_bytes()).decode()
    assert ".TH TGSERVE-SMS 1" in page
    assert "__pycache__" in "".join(map(str, unpacked.rglob("*.pyc"))), (
        "compiled: /usr is not written by the service"
    )


@pytest.mark.slow
def test_the_package_runs(unpacked: Path, tmp_path: Path) -> None:
    """With the system's Python, on a machine without our sources: starts, answers, stops."""
    command = unpacked / "usr/bin/tgserve"
    env = {"PATH": "/usr/bin:/bin", "HOME": str(tmp_path)}
    wanted = (unpacked / "DEBIAN/python").read_text() if (unpacked / "DEBIAN/python").exists() else ""
    version = subprocess.run(
        ["/usr/bin/python3", "-c", "import sys; print('%d.%d' % sys.version_info[:2])"],
        capture_output=True,
        text=True,
    ).stdout.strip()
    depends = (unpacked / "DEBIAN/control").read_text()
    if f"python3 (>= {version})" not in depends:
        pytest.skip(f"/usr/bin/python3 is {version or 'not there'}{wanted}: the package is of another")
    data = tmp_path / "data"
    with (tmp_path / "log").open("w") as log:
        process = subprocess.Popen(
            [command, "start", "--data", data, "--listen", "127.0.0.1:0"],
            env=env,
            cwd=tmp_path,
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
    try:
        assert process.stdout is not None
        assert "127.0.0.1:" in process.stdout.readline(), (tmp_path / "log").read_text()
        done = subprocess.run(
            [command, "status", "--data", data], env=env, cwd=tmp_path, capture_output=True, text=True
        )
        assert done.returncode == 0, done.stderr
        done = subprocess.run(
            [command, "sms", "adapters", "--data", data],
            env=env,
            cwd=tmp_path,
            capture_output=True,
            text=True,
        )
        assert "twilio" in done.stdout, done.stderr
        process.send_signal(signal.SIGTERM)
        assert process.wait(100) == 0
    finally:
        process.kill()


@pytest.mark.slow
def test_the_package_installs_and_goes(package: Path, tmp_path: Path) -> None:
    """By dpkg itself, under a root of its own."""
    root = tmp_path / "root"
    (root / "var/lib/dpkg/updates").mkdir(parents=True)
    (root / "var/lib/dpkg/info").mkdir()
    (root / "var/lib/dpkg/status").touch()
    dpkg = [
        "dpkg",
        f"--root={root}",
        "--force-script-chrootless",
        "--force-depends",
        "--force-not-root",
        "--log=/dev/null",
    ]
    done = subprocess.run([*dpkg, "-i", str(package)], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert (root / "usr/bin/tgserve").exists()
    done = subprocess.run([*dpkg, "--purge", "tgserve"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    assert not (root / "usr/bin/tgserve").exists() and not (root / "usr/lib/tgserve").exists()
