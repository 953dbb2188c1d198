"""The data directory: made whole, kept private, never given a second key."""

import threading

import pytest

from tgserve.admin import datadir
from tgserve.admin.datadir import DataDirError
from tgserve.ids import Ids


@pytest.fixture
def data(tmp_path):
    return tmp_path / "data"


def test_made_once_and_loaded(data):
    assert datadir.create(data, Ids())
    keys = datadir.load(data)
    assert not datadir.create(data, Ids())
    again = datadir.load(data)
    assert again.secret == keys.secret and again.rsa.to_pem() == keys.rsa.to_pem()
    assert keys.rsa.fingerprint % 2**64 >= 2**60


def test_7_1_keys_that_others_may_read_are_refused(data):
    """SECURITY 7.1"""
    datadir.create(data, Ids())
    (data / "keys" / "rsa.pem").chmod(0o644)
    with pytest.raises(DataDirError, match=r"open to others: chmod 600 .*rsa\.pem"):
        datadir.load(data)
    (data / "keys" / "rsa.pem").chmod(0o600)
    (data / "keys").chmod(0o755)
    with pytest.raises(DataDirError, match="chmod 700"):
        datadir.load(data)


@pytest.mark.parametrize("name", ["rsa.pem", "secret.key"])
def test_a_store_without_its_keys_is_refused(data, name):
    datadir.create(data, Ids())
    (data / "store" / "format.json").write_text("{}")
    (data / "keys" / name).unlink()
    with pytest.raises(DataDirError, match="put the backup of the keys back"):
        datadir.create(data, Ids())
    assert not (data / "keys" / name).exists()


def test_a_creation_that_was_cut_short_is_completed(data):
    datadir.create(data, Ids())
    secret = (data / "keys" / "secret.key").read_bytes()
    (data / "keys" / "rsa.pem").unlink()
    (data / "keys" / "rsa.pem.new").write_text("half a k")
    (data / "tgserve.toml").unlink()
    assert datadir.create(data, Ids())
    assert datadir.load(data).secret == secret
    assert (data / "tgserve.toml").exists()


def test_damaged_keys_are_named(data):
    datadir.create(data, Ids())
    (data / "keys" / "secret.key").write_bytes(b"short")
    with pytest.raises(DataDirError, match=r"secret\.key must be 32 bytes"):
        datadir.load(data)
    (data / "keys" / "rsa.pem").write_text("no key")
    with pytest.raises(DataDirError, match="put the backup"):
        datadir.load(data)


def test_two_first_starts_at_once_agree_on_one_key(data):
    made = []
    threads = [threading.Thread(target=lambda: made.append(datadir.create(data, Ids()))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert sorted(made) == [False, False, False, True]
    datadir.load(data)


def test_the_owners_settings_are_never_touched(data):
    data.mkdir()
    (data / "tgserve.toml").write_text('name = "ours"\n')
    datadir.create(data, Ids())
    assert (data / "tgserve.toml").read_text() == 'name = "ours"\n'
