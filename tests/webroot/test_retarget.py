"""Builds of web clients pointed here: fixtures of our own in the two writings that the upstream clients use."""

import pytest

from tgserve.mtproto.rsa import RsaPublic
from tgserve.webroot.build import check, path_or_none
from tgserve.webroot.keys import THEIRS
from tgserve.webroot.retarget import PROLOGUE_PATH, Retarget, signed

OURS = RsaPublic((1 << 2047) + 123456789, 65537)
MAIN = 0xD09D1D85DE64FD85
LIKE_A = (
    f'const a=new Map;a.set("{signed(MAIN)}",{{n:BigInt("{THEIRS[MAIN]}"),e:65537}});'
    'new WebSocket(`wss://zws2.web.telegram.org/apiws`,"binary")'
).encode()
PRIME = f"{(1 << 2047) + 99:x}"
LIKE_K = (
    f'const k=[{{modulus:"{THEIRS[MAIN]:x}",exponent:"010001"}}];const p="{PRIME}";'
    'const u="wss://"+d+".web.telegram.org/apiws";'
).encode()


def retarget(**more):
    return Retarget(OURS.n, OURS.fingerprint, **more)


@pytest.mark.parametrize("fingerprint", THEIRS)
def test_the_moduli_are_those_of_the_fingerprints(fingerprint):
    assert RsaPublic(THEIRS[fingerprint], 65537).fingerprint == fingerprint
    assert THEIRS[fingerprint].bit_length() == 2048


def test_web_a():
    changed = retarget().script(LIKE_A)
    assert (changed.keys, changed.fingerprints, changed.addresses) == (1, 1, 1)
    assert f'"{signed(OURS.fingerprint)}"'.encode() in changed.data and str(OURS.n).encode() in changed.data
    assert changed.data.endswith(b'apiws`,"binary")') and b"__ledHome" in changed.data
    assert changed.data.count(b"\n") == LIKE_A.count(b"\n")


def test_web_k_keeps_the_prime_of_the_exchange():
    changed = retarget().script(LIKE_K)
    assert (changed.keys, changed.fingerprints) == (1, 0)
    assert f"{OURS.n:x}".encode() in changed.data and PRIME.encode() in changed.data


def test_other_scripts_stay_as_they_are():
    data = b"export const a = 1;" + str(signed(MAIN)).encode()
    assert retarget().script(data).data == data


def test_a_page_has_the_prologue_first_a_name_and_a_source():
    page = b"<!doctype html><html><head lang=en><title>Telegram</title><script src=a.js></script></head><body>x</body></html>"
    made = retarget(name='Town & "Co"', source_url="https://git.example/?a=1&b=2").page(page).decode()
    assert made.index(PROLOGUE_PATH) < made.index("a.js")
    assert "<title>Town &amp; &quot;Co&quot;</title>" in made
    assert 'href="https://git.example/?a=1&amp;b=2">source</a></body>' in made


def build(folder, **files):
    for name, data in files.items():
        path = folder / name.replace("__", "/").replace("_", ".")
        path.parent.mkdir(exist_ok=True, parents=True)
        path.write_bytes(data)
    return folder


def test_check_knows_the_clients(tmp_path):
    found = check(
        build(tmp_path, index_html=b"<head></head>", main_js=LIKE_A), retarget(source_url="https://x")
    )
    assert (found.client, found.faults, found.warnings, found.scripts) == ("Web A", [], [], ["main.js"])
    found = check(build(tmp_path, main_js=LIKE_K, main_js_map=b"{}"), retarget())
    assert found.client == "Web K" and not found.faults and len(found.warnings) == 2


def test_check_names_what_is_wrong(tmp_path):
    assert check(tmp_path / "nowhere", retarget()).faults == [f"{tmp_path / 'nowhere'} is not a folder"]
    faults = " ".join(check(build(tmp_path, a_js=b"1"), retarget()).faults)
    assert "no index.html" in faults and "no key" in faults and "web.telegram.org" in faults


def test_6_11_nothing_outside_the_folder_is_served(tmp_path):
    root = build(tmp_path / "root", index_html=b"i", a__b_js=b"b", a__index_html=b"ai")
    (tmp_path / "secret").write_text("s")
    (root / ".env").write_text("s")
    (root / "out").symlink_to(tmp_path / "secret")
    (root / "loop").symlink_to(root / "loop")
    assert path_or_none(root, "/") == root / "index.html"
    assert path_or_none(root, "/a/b.js") == root / "a/b.js"
    assert path_or_none(root, "/a/") == root / "a/index.html"
    for asked in (
        "/../secret",
        "/a/../../secret",
        "//etc/passwd",
        "/.env",
        "/out",
        "/loop",
        "/none",
        "/a\\b",
        "/a\0b",
    ):
        assert path_or_none(root, asked) is None, asked
