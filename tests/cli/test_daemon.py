"""The operator's contract against a real daemon in its own process: start, status, users, second start, stop."""

import json
import re
import resource
import signal
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


def command(*arguments):
    return [sys.executable, "-m", "tgserve", *arguments]


class Server:
    """`tgserve ARGUMENTS` until it is ready; `lines` is what it printed by then."""

    def __init__(self, *arguments, log):
        self.log = log
        self.process = subprocess.Popen(
            command(*arguments), cwd=ROOT, stdout=subprocess.PIPE, stderr=log.open("ab"), text=True
        )
        self.lines = []
        for line in self.process.stdout:
            self.lines.append(line.rstrip("\n"))
            if line.startswith("ready"):
                break
        else:
            raise AssertionError(f"no ready line: {log.read_text()}")
        self.address = self.lines[-1].split()[1]

    def end(self, number=signal.SIGTERM):
        if self.process.poll() is None:
            self.process.send_signal(number)
        code = self.process.wait(100)
        self.process.stdout.close()
        return code


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    return tmp_path_factory.mktemp("daemon") / "data"


@pytest.fixture(scope="module")
def server(data):
    server = Server("start", "--data", str(data), "--listen", "127.0.0.1:0", log=data.parent / "log")
    yield server
    server.end()


@pytest.fixture
def tgserve(data, server):
    def run(*arguments, code=0):
        done = subprocess.run(
            command(*arguments, "--data", str(data)), cwd=ROOT, capture_output=True, text=True
        )
        assert done.returncode == code, done.stdout + done.stderr
        return done

    return run


def test_ready_names_the_address(server):
    assert server.lines == [f"ready {server.address}"]
    assert re.fullmatch(r"127\.0\.0\.1:[1-9]\d+", server.address)


def test_status(tgserve, server, data):
    report = json.loads(tgserve("status", "--json").stdout)
    assert report["address"] == server.address and report["pid"] == server.process.pid
    assert report["data"] == str(data) and report["faults"] == 0 and report["shards"] == 3
    assert 0 < report["rss_bytes"] < 120e6
    assert f"address       {server.address}" in tgserve("status").stdout
    assert "tgserve_connections 0" in tgserve("status", "--metrics").stdout


def test_status_is_quick(tgserve):
    """The best of five in CPU time: the machine may be busy with other tests, and slow. It waits for next to nothing."""

    def least(work):
        taken = []
        for _ in range(5):
            begin = resource.getrusage(resource.RUSAGE_CHILDREN)
            work()
            end = resource.getrusage(resource.RUSAGE_CHILDREN)
            taken.append(end.ru_utime + end.ru_stime - begin.ru_utime - begin.ru_stime)
        return min(taken)

    interpreter = least(lambda: subprocess.run([sys.executable, "-c", "pass"], check=True))
    assert least(lambda: tgserve("status")) < max(0.2, 12 * interpreter)


def test_a_second_start_says_so(tgserve, data, server):
    done = tgserve("start", "--listen", "127.0.0.1:0", code=1)
    assert "in use by process" in done.stderr and str(server.process.pid) in done.stderr
    assert done.stdout == ""
    tgserve("status")


def test_the_port_of_another(tmp_path, server):
    done = subprocess.run(
        command("start", "--data", str(tmp_path / "other"), "--listen", server.address),
        cwd=ROOT,
        capture_output=True,
        text=True,
    )
    assert done.returncode == 1 and f"cannot listen on {server.address}" in done.stderr


def test_users(tgserve):
    before = json.loads(tgserve("user", "list", "--json").stdout)["total"]
    row = json.loads(
        tgserve("user", "create", "+999 66 7001", "Ann", "Lee", "--username", "annlee", "--json").stdout
    )
    assert (row["phone"], row["username"], row["state"]) == ("999667001", "annlee", "active")
    tgserve("user", "create", "+999667002", "Bob")
    for who in (str(row["id"]), "@AnnLee", "+999667001"):
        details = json.loads(tgserve("user", "show", who, "--json").stdout)
        assert details["user"]["id"] == row["id"] and details["sessions"] == []
    everybody = json.loads(tgserve("user", "list", "--json").stdout)
    assert everybody["total"] == before + 2
    assert {one["first_name"] for one in everybody["users"]} >= {"Ann", "Bob"}
    found = json.loads(tgserve("user", "list", "--search", "LEE", "--json").stdout)
    assert [one["first_name"] for one in found["users"]] == ["Ann"]
    assert len(json.loads(tgserve("user", "list", "--limit", "1", "--json").stdout)["users"]) == 1


@pytest.mark.parametrize(
    ("arguments", "text"),
    [
        (("user", "create", "+999667005", "Dora"), "has an account"),
        (("user", "create", "12", "Ann"), "is not a phone number"),
        (("user", "create", "+999667009", " "), "first name is empty"),
        (("user", "create", "+999667009", "Ann", "--username", "x"), "username"),
        (("user", "show", "@nobody12"), "nobody here is @nobody12"),
        (("user", "code", "+999667001"), "no login code"),
    ],
)
def test_what_cannot_be_done_is_1_with_a_reason(tgserve, arguments, text):
    if text == "has an account":
        tgserve(*arguments)
    before = json.loads(tgserve("user", "list", "--json").stdout)["total"]
    done = tgserve(*arguments, code=1)
    assert text in done.stderr and done.stdout == ""
    assert json.loads(tgserve("user", "list", "--json").stdout)["total"] == before


def test_check_while_it_serves(tgserve):
    tgserve("user", "create", "+999667004", "Dan", "--username", "dandan")
    report = json.loads(tgserve("check", "--json").stdout)
    assert report["problems"] == [] and report["offline"] is False and report["rows"] >= 4
    assert "by the running server: every invariant holds" in tgserve("check").stdout


def test_the_snippet_knows_the_port_that_was_taken(tgserve, server):
    code = tgserve("client", "snippet", "telethon").stdout
    assert server.address.rpartition(":")[2] in code
    assert tgserve("key", "public").stdout.strip() in code


def test_7_1_everything_is_private(tgserve, data):
    """SECURITY 7.1"""
    open_to_others = [
        path for path in data.rglob("*") if path.stat().st_mode & 0o077 and path.name != "public.pem"
    ]
    assert not [path for path in open_to_others if "store" not in path.parts]
    assert (data / "store").stat().st_mode & 0o777 == 0o700


def test_7_2_the_log_tells_no_secrets(tgserve, server):
    """SECURITY 7.2"""
    tgserve("status")
    text = server.log.read_text()
    assert "admin.done" in text
    assert "999667001" not in text and "annlee" not in text


def test_stop_is_clean_and_the_data_survives(tmp_path):
    data = tmp_path / "data"
    first = Server("start", "--data", str(data), "--listen", "127.0.0.1:0", log=tmp_path / "log")
    run = lambda *arguments: subprocess.run(  # noqa: E731
        command(*arguments, "--data", str(data)), cwd=ROOT, capture_output=True, text=True
    )
    run("user", "create", "+999667003", "Cat")
    done = run("stop")
    assert done.returncode == 0 and f"process {first.process.pid}" in done.stdout
    assert first.process.wait(100) == 0
    assert not (data / "admin.sock").exists()
    assert run("status").returncode == 1
    offline = run("user", "code", "+999667003")
    assert offline.returncode == 1 and "no login code" in offline.stderr
    report = json.loads(run("check", "--json").stdout)
    assert report["problems"] == [] and report["offline"] is True and report["rows"] >= 2
    again = Server("start", "--data", str(data), "--listen", "127.0.0.1:0", log=tmp_path / "log")
    assert "Cat" in run("user", "list").stdout
    assert again.end() == 0
    assert "level=error" not in (tmp_path / "log").read_text()


def test_dev_is_thrown_away(tmp_path):
    server = Server("dev", "--listen", "127.0.0.1:0", log=tmp_path / "log")
    port = server.address.rpartition(":")[2]
    rest = []
    for line in server.process.stdout:
        rest.append(line)
        if "__main__" in line:
            break
    pem = Path(next(line for line in rest if line.startswith("public key:")).split(": ")[1].strip())
    assert pem.read_text() in "".join(rest) and port in "".join(rest)
    assert any("12345" in line for line in rest)
    assert server.end(signal.SIGINT) == 0
    assert not pem.exists() and not pem.parent.parent.exists()
