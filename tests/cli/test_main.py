"""The command line without a daemon: help, exit codes, JSON, start-up."""

import json
import subprocess
import sys
from pathlib import Path

import click
import pytest

from cli import main
from cli.main import COMMANDS, tgserve
from tgserve.admin.schema.daemon import CheckReport

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture
def run(capsys, tmp_path, monkeypatch):
    """Run a command line: (exit code, standard output, standard error). Without --data it meets an empty place."""
    monkeypatch.setenv("TGSERVE_DATA", str(tmp_path / "data"))

    def call(*arguments):
        capsys.readouterr()
        code = main.run(list(arguments))
        shown = capsys.readouterr()
        return code, shown.out, shown.err

    return call


def leaves():
    found = []
    context = click.Context(tgserve)
    for name in COMMANDS:
        command = tgserve.get_command(context, name)
        if isinstance(command, click.Group):
            found += [((name, inner), one) for inner, one in command.commands.items()]
        else:
            found.append(((name,), command))
    return found


def test_every_command_explains_itself(run):
    for path, command in leaves():
        code, out, _ = run(*path, "--help")
        assert code == 0 and "Example: tgserve" in out, path
        assert command.help and command.help.splitlines()[0].endswith("."), path


def test_every_command_has_the_options_of_the_contract():
    serving = {("start",), ("dev",), ("completion",)}
    for path, command in leaves():
        names = {option for parameter in command.params for option in parameter.opts}
        assert path in {("dev",), ("completion",)} or "--data" in names, path
        assert path in serving or "--json" in names, path


def test_the_table_and_the_commands_say_the_same():
    context = click.Context(tgserve)
    assert all(tgserve.get_command(context, name).name == name for name in COMMANDS)


def test_usage_errors_are_2(run):
    assert run("status", "--nonsense")[0] == 2
    assert run("user", "show")[0] == 2
    code, _, err = run("strat")
    assert code == 2 and "Did you mean `start`?" in err
    code, out, _ = run("user", "show", "--json")
    assert code == 2 and json.loads(out)["error"]["kind"] == "usage"


def test_without_a_daemon_is_1_and_says_what_to_do(run, tmp_path):
    for command in (["status"], ["stop"], ["user", "list"], ["user", "show", "1"]):
        code, out, err = run(*command)
        assert code == 1 and out == "" and "tgserve start --data" in err
    code, out, err = run("status", "--json")
    assert code == 1 and err == "" and json.loads(out)["error"]["kind"] == "refused"


def test_init_makes_a_private_directory_once(run, tmp_path):
    """SECURITY 7.1"""
    code, out, _ = run("init")
    assert code == 0 and "443" in out and "back this up" in out
    data = tmp_path / "data"
    modes = {path.relative_to(data).as_posix(): path.stat().st_mode & 0o777 for path in data.rglob("*")}
    assert (data / "store" / "format.json").exists()
    assert {name: mode for name, mode in modes.items() if not name.startswith("store/")} == {
        "keys": 0o700,
        "store": 0o700,
        "tgserve.toml": 0o600,
        "keys/rsa.pem": 0o600,
        "keys/secret.key": 0o600,
        "keys/public.pem": 0o644,
    }
    assert data.stat().st_mode & 0o777 == 0o700
    before = {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}
    code, out, _ = run("init", "--json")
    assert code == 0 and json.loads(out)["new"] is False
    assert before == {path: path.read_bytes() for path in data.rglob("*") if path.is_file()}


def test_check(run, tmp_path, monkeypatch):
    code, _, err = run("check")
    assert code == 1 and "tgserve init" in err
    run("init")
    code, out, err = run("check")
    assert code == 0 and "opened here: every invariant holds" in out

    from tgserve.admin import offline

    broken = CheckReport(problems=["I9 user 7: pts 4 is missing"], found=1, rows=9, offline=True)
    monkeypatch.setattr(offline, "check", lambda data, deep: broken)
    code, out, _ = run("check")
    assert (
        code == 1
        and "I9 user 7: pts 4 is missing\n" in out
        and "running server" not in out
        and ": 1 problem\n" in out
    )


def test_init_does_not_move_into_a_strangers_house(run, tmp_path):
    (tmp_path / "photos").mkdir()
    (tmp_path / "photos" / "cat.jpg").write_bytes(b"cat")
    code, _, err = run("init", "--data", str(tmp_path / "photos"))
    assert code == 1 and "cat.jpg" in err
    assert [path.name for path in (tmp_path / "photos").iterdir()] == ["cat.jpg"]
    (tmp_path / "file").write_text("")
    assert run("init", "--data", str(tmp_path / "file"))[0] == 1


def test_key_public(run, tmp_path):
    code, _, err = run("key", "public")
    assert code == 1 and "tgserve init" in err
    run("init")
    code, out, _ = run("key", "public")
    assert code == 0
    assert out.startswith("-----BEGIN RSA PUBLIC KEY-----\n") and out.endswith(
        "-----END RSA PUBLIC KEY-----\n"
    )
    assert json.loads(run("key", "public", "--json")[1])["pem"].strip() == out.strip()


def test_config(run, tmp_path):
    code, out, _ = run("config", "show", "--json")
    assert code == 0 and json.loads(out)["sms.adapter"] == "console"
    bad = tmp_path / "bad.toml"
    bad.write_text('listne = "x"\nsms.adapter = 3\n')
    code, _, err = run("config", "check", "--config", str(bad))
    assert code == 1 and "did you mean listen?" in err and "sms.adapter" in err
    assert run("config", "check")[0] == 0
    code, out, _ = run("config", "show", "--default")
    assert out == (ROOT / "conf" / "tgserve.toml").read_text()


def test_start_refuses_bad_settings_before_it_makes_anything(run, tmp_path):
    code, _, err = run("start", "--listen", "nonsense")
    assert code == 1 and "HOST:PORT" in err
    assert not (tmp_path / "data").exists()


def test_a_command_starts_light():
    """What costs start-up stays out of a command that asks the daemon: the loop, rich, the schema."""
    program = (
        "import sys; sys.argv = ['tgserve', 'status', '--data', '/nonexistent']\n"
        "from cli.main import run\n"
        "assert run() == 1\n"
        "heavy = {'asyncio', 'rich', 'msgspec', 'cryptography', 'tgserve.tl', 'tgserve.config', 'tgserve.store'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_backup_list_starts_light(tmp_path):
    """It reads small files of a target: neither the store nor the wire nor what packs are sealed with."""
    program = (
        f"import sys; sys.argv = ['tgserve', 'backup', 'list', '--data', '/nonexistent', '--target', {str(tmp_path)!r}]\n"
        "from cli.main import run\n"
        "assert run() == 1\n"
        "heavy = {'asyncio', 'rich', 'cryptography', 'gmpy2', 'zstandard', 'tgserve.tl', 'tgserve.store'}\n"
        "print(sorted(heavy & set(sys.modules)))"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], cwd=ROOT, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_output_in_a_pipe_is_tab_separated(capsys):
    from cli import output

    output.table(("A", "B"), [(1, "x\ty"), (2, "")])
    assert capsys.readouterr().out == "A\tB\n1\tx y\n2\t\n"


def test_figures_for_people():
    from cli import output

    assert [output.duration(n) for n in (0, 59, 3661, 90_000)] == ["0 s", "59 s", "1 h 1 min", "1 d 1 h"]
    assert [output.size(n) for n in (0, 2048, 5 << 30)] == ["0 B", "2.0 KiB", "5.0 GiB"]
    assert output.when(0) == "-"
