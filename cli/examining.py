"""What `doctor` looks at. Each examination gives findings and raises nothing."""

from __future__ import annotations

import ctypes
import os
import resource
import stat
import time
from collections.abc import Iterator
from dataclasses import dataclass
from ipaddress import ip_address
from pathlib import Path

from tgserve.admin.schema.daemon import Status, StatusReport
from tgserve.config import Config, split_address

from . import client, output, probing, publickey
from .endpoint import EVERYWHERE

FIRST_PORT = 443
LEAST_FREE_BYTES = 1 << 30
SLOW_FLUSH_SECONDS = 0.03
LEAST_FILES = 4096
CLOCK_SECONDS = 5.0
SOON_DAYS, DAY_SECONDS = 14, 86_400
OLD_BACKUP_DAYS = 7
_NETWORK_KINDS = {"nfs", "nfs4", "cifs", "smb3", "fuse.sshfs", "9p"}
_TIME_ERROR = 5


@dataclass(frozen=True, slots=True)
class Finding:
    subject: str
    state: str
    """good, note, bad."""
    text: str
    advice: str = ""


def all_of(data: Path, address: str = "") -> list[Finding]:
    from .settings import load

    found = list(keys(data))
    try:
        config = load(data)
    except output.Refused as error:
        return [*found, Finding("settings", "bad", str(error), "`tgserve config check` names the lines")]
    found.append(Finding("settings", "good", "can be read"))
    report = _running(data)
    found += daemon(report)
    found += clock()
    found += files(report)
    found += disk(data)
    found += certificate(config)
    found += backup(report)
    found += way_in(data, config, report, address)
    return found


def keys(data: Path) -> Iterator[Finding]:
    folder = data / "keys"
    if not data.is_dir():
        yield Finding(
            "data", "bad", f"{data} is not there", "`tgserve init` or the first `tgserve start` makes it"
        )
        return
    for path in (folder, folder / "rsa.pem", folder / "secret.key"):
        try:
            mode = stat.S_IMODE(path.stat().st_mode)
        except OSError as error:
            yield Finding("keys", "bad", f"{path}: {error.strerror}", "put the keys of the backup back")
            return
        if mode & 0o077:
            yield Finding("keys", "bad", f"others may read {path}", f"chmod {mode & 0o700:o} {path}")
            return
    yield Finding("keys", "good", "are there, and nobody else may read them")


def _running(data: Path) -> StatusReport | None:
    try:
        return client.call(data, Status())
    except output.Refused:
        return None


def daemon(report: StatusReport | None) -> Iterator[Finding]:
    if report is None:
        yield Finding("server", "note", "does not run: what only a running server shows is left out")
        return
    if report.faults:
        text = f"{report.faults} calls ended in a fault of the server"
        yield Finding(
            "server", "note", text, "`tgserve log tail --level error` shows them: please report them"
        )
    else:
        yield Finding("server", "good", f"runs, process {report.pid}, {report.connections} connections")
    for layer, count in sorted(report.newer_layers.items()):
        text = f"clients of layer {layer} have come {count} times: newer than this version knows"
        yield Finding(
            "clients", "note", text, "they are served as the newest known; a newer tgserve may know it"
        )
    for sentence in report.disks_unwell:
        yield Finding("disks", "bad", sentence, "`tgserve disk status` says more")


class _Timex(ctypes.Structure):
    _fields_ = [("modes", ctypes.c_uint), ("rest", ctypes.c_byte * 256)]


def clock() -> Iterator[Finding]:
    """Clients' messages carry the time: a server minutes off refuses them all (bad_msg_notification 16, 17)."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.byref(_Timex()))
    except (OSError, AttributeError):
        return
    if state == _TIME_ERROR:
        advice = "run a time service: systemd-timesyncd or chrony"
        yield Finding("clock", "note", "the system does not know whether its clock is right", advice)
    elif state >= 0:
        yield Finding("clock", "good", "is kept right by a time service")


def files(report: StatusReport | None) -> Iterator[Finding]:
    limit = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    if report is not None:
        try:
            for line in Path(f"/proc/{report.pid}/limits").read_text(encoding="ascii").splitlines():
                if line.startswith("Max open files"):
                    words = line.split()
                    limit = int(words[3]) if words[3].isdigit() else resource.RLIM_INFINITY
        except OSError:
            pass
    if 0 <= limit < LEAST_FILES:
        advice = "each connection is one: LimitNOFILE=65536 in the unit, or ulimit -n"
        yield Finding("files", "bad", f"only {limit} open files are allowed", advice)
    else:
        shown = "any number of" if limit < 0 else str(limit)
        yield Finding("files", "good", f"{shown} open files are allowed")


def disk(data: Path) -> Iterator[Finding]:
    if not data.is_dir():
        return
    space = os.statvfs(data)
    free = space.f_bavail * space.f_frsize
    if free < LEAST_FREE_BYTES:
        yield Finding(
            "disk",
            "bad",
            f"{output.size(free)} are free below {data}",
            "make room: a full disk refuses messages",
        )
    else:
        yield Finding("disk", "good", f"{output.size(free)} are free below {data}")
    kind = _file_system(data)
    if kind in _NETWORK_KINDS:
        yield Finding(
            "disk", "bad", f"{data} is on {kind}", "the store needs a local disk: locks and mapped files"
        )
    elif kind in ("tmpfs", "ramfs"):
        yield Finding(
            "disk",
            "bad",
            f"{data} is in memory ({kind})",
            "everything is gone after a restart of the machine",
        )
    try:
        seconds = _flush_seconds(data)
    except OSError as error:
        yield Finding("disk", "bad", f"{data} cannot be written: {error.strerror}")
        return
    text = f"a flush takes {seconds * 1000:.1f} ms"
    if seconds > SLOW_FLUSH_SECONDS:
        yield Finding(
            "disk", "note", text, "every message waits for one: a disk of its own for --data is faster"
        )
    else:
        yield Finding("disk", "good", text)


def _file_system(path: Path) -> str:
    """Kind of the mount that `path` is on."""
    best, kind = "", ""
    real = str(path.resolve())
    try:
        mounts = Path("/proc/self/mounts").read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
    for line in mounts.splitlines():
        words = line.split(" ")
        point = words[1].replace("\\040", " ")
        inside = real == point or real.startswith(point.rstrip("/") + "/")
        if inside and len(point) >= len(best):
            best, kind = point, words[2]
    return kind


def _flush_seconds(folder: Path) -> float:
    """Median of a few small writes, each flushed as a commit is."""
    path = folder / f".doctor-{os.getpid()}"
    taken: list[float] = []
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        for _ in range(9):
            began = time.monotonic()
            os.pwrite(file, b"x" * 4096, 0)
            os.fdatasync(file)
            taken.append(time.monotonic() - began)
    finally:
        os.close(file)
        path.unlink()
    return sorted(taken)[len(taken) // 2]


def certificate(config: Config) -> Iterator[Finding]:
    if not config.http.certificate:
        return
    from cryptography import x509

    path = config.data / config.http.certificate
    try:
        found = x509.load_pem_x509_certificate(path.read_bytes())
    except (OSError, ValueError) as error:
        yield Finding("certificate", "bad", f"{path}: {error}")
        return
    left = found.not_valid_after_utc.timestamp() - time.time()
    if left <= 0:
        yield Finding(
            "certificate", "bad", f"{path} has run out", "renew it: it is read again without a restart"
        )
    elif left < SOON_DAYS * DAY_SECONDS:
        yield Finding("certificate", "note", f"{path} runs out in {output.duration(left)}", "renew it")
    else:
        yield Finding("certificate", "good", f"is good for {output.duration(left)}")


def backup(report: StatusReport | None) -> Iterator[Finding]:
    if report is None or report.dev:
        return
    if report.backup_fault:
        yield Finding("backup", "bad", report.backup_fault)
    elif not report.backup_good:
        yield Finding(
            "backup", "note", "there is none yet", "`tgserve backup create`, or [backup] in the settings"
        )
    else:
        age = time.time() - report.backup_good
        state = "note" if age > OLD_BACKUP_DAYS * DAY_SECONDS else "good"
        yield Finding("backup", state, f"the last good one is {output.duration(age)} old")


def way_in(data: Path, config: Config, report: StatusReport | None, address: str) -> Iterator[Finding]:
    """The public address, as a client tries it, and port 443, where official clients come first."""
    try:
        ours = (
            publickey.parse((data / "keys" / "public.pem").read_text(encoding="ascii")).fingerprint
            & (1 << 64) - 1
        )
    except (OSError, output.Refused):
        return
    listened = report.address if report is not None else config.listen
    try:
        host, port = split_address(address or listened)
    except ValueError as error:
        yield Finding("way in", "bad", str(error))
        return
    if not address:
        host = config.public_host or host
        port = config.public_port or port
    if host in EVERYWHERE:
        host = "127.0.0.1"
        text = "public_host is not set: clients are told the address they came to, which fits most servers"
        yield Finding("way in", "note", text)
    elif config.public_host and _private(config.public_host):
        text = f"public_host {config.public_host} is a private address"
        yield Finding("way in", "note", text, "clients outside this network cannot come in")
    if report is None:
        return
    yield _tried(host, port, ours, needed=True)
    if port != FIRST_PORT:
        yield _tried(host, FIRST_PORT, ours, needed=False)


def _private(host: str) -> bool:
    try:
        return not ip_address(host).is_global
    except ValueError:
        return False


def _tried(host: str, port: int, ours: int, needed: bool) -> Finding:
    place = f"{host}:{port}"
    answer = probing.ask(host, port)
    first = "official and patched clients make their first contact on port 443: redirect it, or listen there"
    if answer.fault:
        if needed:
            advice = "forward the port in router and firewall, and set public_host and public_port"
            return Finding("way in", "bad", f"{place}: {answer.fault}", advice)
        return Finding("way in", "note", f"{place}: {answer.fault}", first)
    if ours not in answer.fingerprints:
        there = ", ".join(f"{one:016x}" for one in answer.fingerprints)
        text = f"{place} answers with another key ({there}, ours is {ours:016x})"
        advice = "it is another server, or clients would have to be patched again: put the right keys back"
        return Finding("way in", "bad", text, advice)
    if abs(answer.clock_seconds) > CLOCK_SECONDS:
        text = f"the clock at {place} is {answer.clock_seconds:+.0f} s off ours"
        return Finding("way in", "bad", text, "clients refuse a server whose clock is wrong: set it right")
    return Finding("way in", "good", f"{place} answers with our key in {answer.seconds * 1000:.0f} ms")
