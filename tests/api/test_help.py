from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

import pytest

from tests.community import community, run
from tgserve.api import app_config, colors, langpack, timezones
from tgserve.api import help as handlers
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.functions import help as calls
from tgserve.tl.functions import langpack as packs

ROOT = Path(__file__).resolve().parents[2]


@pytest.mark.parametrize("dc_id", [1, 2, 3, 4, 5])
def test_this_dc_is_where_the_client_believes_to_be(dc_id: int) -> None:
    """CLIENTS A.6: anything else makes TDLib ask for ever."""

    async def story() -> None:
        async with community(listen="0.0.0.0:4430") as c:
            config = await handlers.get_config(c.call(dc_id=dc_id, over_host="10.1.2.3"), calls.GetConfig())
            assert config.this_dc == dc_id and not config.test_mode
            assert {(one.id, one.ip_address, one.port) for one in config.dc_options} == {
                (number, "10.1.2.3", 4430) for number in (1, 2, 3, 4, 5)
            }
            assert not any(one.ipv6 or one.cdn or one.media_only for one in config.dc_options)
            near = await handlers.get_nearest_dc(c.call(dc_id=dc_id), calls.GetNearestDc())
            assert (near.this_dc, near.nearest_dc) == (dc_id, dc_id)

    run(story())


def test_the_operators_address_goes_before_the_one_that_was_used() -> None:
    async def story() -> None:
        async with community(public_host="2001:db8::1", public_port=443) as c:
            config = await handlers.get_config(c.call(over_host="10.1.2.3"), calls.GetConfig())
            assert all(
                (one.ip_address, one.port, one.ipv6) == ("2001:db8::1", 443, True)
                for one in config.dc_options
            )
        async with community(listen="127.0.0.1:0") as c:
            c.services.port = 5000
            config = await handlers.get_config(c.call(), calls.GetConfig())
            assert all((one.ip_address, one.port) == ("127.0.0.1", 5000) for one in config.dc_options)

    run(story())


@pytest.mark.parametrize("layer", [152, 181, 200, 214, 232])
def test_config_and_countries_in_every_layer(layer: int) -> None:
    async def story() -> None:
        async with community() as c:
            config = await handlers.get_config(c.call(), calls.GetConfig())
            assert layers.decode(layers.encode_result(calls.GetConfig, config, layer)).this_dc == 2
            whole = await handlers.get_countries_list(
                c.call(), calls.GetCountriesList(lang_code="en", hash=0)
            )
            listed = layers.decode(layers.encode_result(calls.GetCountriesList, whole, layer))
            by_code = {country.iso2: country for country in listed.countries}
            assert by_code["DE"].country_codes[0].country_code == "49"
            assert by_code["KZ"].country_codes[0].prefixes == ["7"]
            assert len(by_code) > 230
            again = await handlers.get_countries_list(
                c.call(), calls.GetCountriesList(lang_code="en", hash=listed.hash)
            )
            assert again == t.HelpCountriesListNotModified()

    run(story())


def test_the_country_data_is_what_phonenumbers_says() -> None:
    done = subprocess.run(
        [sys.executable, "scripts/countries.py", "--check"], cwd=ROOT, capture_output=True, timeout=60
    )
    assert done.returncode == 0, done.stderr


def test_app_config_is_an_object_with_objects_in_it() -> None:
    async def story() -> None:
        async with community() as c:
            found = await handlers.get_app_config(c.call(), calls.GetAppConfig(hash=0))
            values = {item.key: item.value for item in found.config.value}
            assert values["emojies_sounds"] == t.JsonObject(value=[])  # CLIENTS A.19
            assert values["premium_purchase_blocked"] == t.JsonBool(value=True)
            assert values["upload_max_fileparts_default"] == t.JsonNumber(value=4000.0)
            assert await handlers.get_app_config(c.call(), calls.GetAppConfig(hash=found.hash)) == (
                t.HelpAppConfigNotModified()
            )
            assert app_config.as_tl([None, "x"]) == t.JsonArray(value=[t.JsonNull(), t.JsonString(value="x")])

    run(story())


def test_colours_and_zones() -> None:
    async def story() -> None:
        async with community() as c:
            found = await handlers.get_peer_colors(c.call(), calls.GetPeerColors(hash=0))
            assert sorted(one.color_id for one in found.colors) == list(range(21))
            assert all(
                one.colors and one.dark_colors for one in found.colors if one.color_id not in colors.BUILT_IN
            )
            again = await handlers.get_peer_colors(c.call(), calls.GetPeerColors(hash=found.hash))
            assert again == t.HelpPeerColorsNotModified()
            zones = await handlers.get_timezones_list(c.call(), calls.GetTimezonesList(hash=0))
            offsets = {zone.id: zone.utc_offset for zone in zones.timezones}
            assert offsets["UTC"] == 0
            assert ZoneInfo("Asia/Tokyo") and offsets["Asia/Tokyo"] == 9 * 3600
            again = await handlers.get_timezones_list(c.call(), calls.GetTimezonesList(hash=zones.hash))
            assert again == t.HelpTimezonesListNotModified()

    run(story())


def test_zones_follow_summer_time() -> None:
    winter, summer = (dict((z[0], z[2]) for z in timezones.listed(day)[1]) for day in (20_469, 20_650))
    assert summer["Europe/Berlin"] - winter["Europe/Berlin"] == 3600


def test_language_packs_are_empty_but_valid() -> None:
    async def story() -> None:
        async with community() as c:
            pack = await langpack.get_lang_pack(c.call(), packs.GetLangPack(lang_pack="webk", lang_code="de"))
            assert (pack.lang_code, pack.version, pack.strings) == ("de", 0, [])
            strings = await langpack.get_strings(
                c.call(), packs.GetStrings(lang_pack="webk", lang_code="de", keys=["a", "b"])
            )
            assert strings == [t.LangPackStringDeleted(key="a"), t.LangPackStringDeleted(key="b")]
            [english] = await langpack.get_languages(c.call(), packs.GetLanguages(lang_pack="webk"))
            assert english.lang_code == "en"

    run(story())


def test_colours_of_profiles_are_as_tdlib_wants_them() -> None:
    async def story() -> None:
        async with community() as c:
            found = await handlers.get_peer_profile_colors(c.call(), calls.GetPeerProfileColors(hash=0))
            assert isinstance(found, t.HelpPeerColors)
            assert sorted(one.color_id for one in found.colors) == list(range(colors.COLORS))
            offered: list[Any] = found.colors
            for one in offered:
                for of in (one.colors, one.dark_colors):
                    assert 1 <= len(of.palette_colors) <= 2 and 1 <= len(of.bg_colors) <= 2
                    assert len(of.story_colors) == 2
            same = await handlers.get_peer_profile_colors(
                c.call(), calls.GetPeerProfileColors(hash=found.hash)
            )
            assert isinstance(same, t.HelpPeerColorsNotModified)

    run(story())
