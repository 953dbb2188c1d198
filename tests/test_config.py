"""Settings: read, refused with all faults at once, described."""

import tomllib
from pathlib import Path

import pytest

from tgserve import config as settings
from tgserve.config import Config, ConfigError


def problems(text):
    with pytest.raises(ConfigError) as caught:
        settings.parse(text)
    return caught.value.problems


def test_the_default_file_is_the_defaults():
    text = settings.describe()
    assert settings.parse(text) == Config()
    uncommented = "\n".join(
        line[1:] if line[:1] == "#" and line[1:2].isalpha() else line for line in text.splitlines()
    )
    assert settings.parse(uncommented) == Config(), "a default in the file differs from the default in force"
    assert len(tomllib.loads(uncommented)["limits"]) == len(settings.fields(settings.LimitsConfig))


def test_every_setting_has_its_sentence():
    bare = [item for item in settings.settings() if not (item[1] if isinstance(item, tuple) else item.doc)]
    assert not bare


def test_all_faults_at_once_with_their_places():
    found = problems(
        'listne = "x"\ndc_id = "two"\n[sms]\nadapter = 3\n[log]\nformat = "xml"\n[store]\nshards = true\n'
    )
    assert found == [
        "tgserve.toml: listne: no such setting, did you mean listen?",
        "tgserve.toml: dc_id: 'two' is not a whole number",
        "tgserve.toml: sms.adapter: 3 is not a text in quotes",
        "tgserve.toml: log.format: 'xml' is not one of logfmt, json",
        "tgserve.toml: store.shards: True is not a whole number",
    ]


@pytest.mark.parametrize(
    ("text", "problem"),
    [
        ("dc_id = 6", "dc_id: 6 is not 1..5"),
        ('listen = "4430"', "listen: `4430` is not HOST:PORT"),
        ('listen = "::1:4430"', "an IPv6 address stands in brackets"),
        ("public_port = 70000", "public_port: 70000 is not a port"),
        ('sms.text = "hello"', "sms.text: the message needs {code} in it"),
        ("limits.events_kept = -1", "limits.events_kept: at least 0"),
        ("sms.tries = 0", "sms.tries: at least 1"),
        ("store = 3", "store: is a table"),
        ('[backup]\ntarget = "backups"', "neither a whole path nor s3://"),
        ("[backup]\nevery_hours = 0", "backup.every_hours: at least 1"),
        ("[backup]\nkeep = -1", "backup.keep: at least 0"),
        ('default_country = "germany"', "not a two-letter country code"),
        ("fixed_code = 1", "fixed_code: no such setting"),
        ("dev = true", "dev: no such setting"),
        ("a = = 3", "Invalid value"),
    ],
)
def test_bad_values(text, problem):
    assert problem in "\n".join(problems(text))


def test_addresses():
    assert settings.split_address("[::]:4430") == ("::", 4430)
    assert settings.split_address(":80") == ("0.0.0.0", 80)
    assert settings.split_address("127.0.0.1:0") == ("127.0.0.1", 0)


def test_options_win_over_the_file(tmp_path):
    (tmp_path / "tgserve.toml").write_text('listen = "127.0.0.1:1"\nname = "ours"\n')
    found = settings.load(tmp_path, listen="127.0.0.1:2")
    assert (found.host, found.port, found.name, found.data) == ("127.0.0.1", 2, "ours", tmp_path)
    with pytest.raises(ConfigError, match="HOST:PORT"):
        settings.load(tmp_path, listen="nowhere")


def test_a_named_file_must_be_there(tmp_path):
    assert settings.load(tmp_path) == Config(data=tmp_path)
    with pytest.raises(ConfigError, match="there is no such file"):
        settings.load(tmp_path, Path("missing.toml"))


def test_what_is_shown_holds_no_adapter_secrets():
    """SECURITY 7.2"""
    found = settings.effective(settings.parse('[sms.http]\ntoken = "s3cret"\n'))
    assert found["sms.http"] == "[set]" and "s3cret" not in str(found)
    assert found["listen"] == "0.0.0.0:4430"
    found = settings.effective(settings.parse('[backup.s3]\nsecret_key = "s3cret"\n'))
    assert found["backup.s3"] == "[set]" and "s3cret" not in str(found)
