"""help.*: what clients ask before and beside everything else: where the server is, countries, limits, texts."""

from __future__ import annotations

import json
from functools import cache
from importlib.resources import files
from typing import Any, Final
from zlib import crc32

from tgserve import errors, limits
from tgserve.api import app_config, colors, timezones
from tgserve.render.reactions import reaction
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import Status, Who, rpc
from tgserve.tl import layers
from tgserve.tl import types as t
from tgserve.tl.base import Raw
from tgserve.tl.functions import help

CONFIG_SECONDS: Final = 3600
DATA_CENTRES: Final = (1, 2, 3, 4, 5)
"""All lead here: a client may believe to be on any of them (CLIENTS A.6)."""
FOR_EVER: Final = 2**31 - 1


@rpc(help.GetConfig, who=Who.UNBOUND)
async def get_config(call: Call, request: help.GetConfig) -> t.AnyConfig:
    config = call.services.config
    return t.Config(
        date=call.now,
        expires=call.now + CONFIG_SECONDS,
        test_mode=False,
        this_dc=call.dc_id,
        dc_options=_dc_options(call),
        dc_txt_domain_name="",
        chat_size_max=200,
        megagroup_size_max=200_000,
        forwarded_count_max=limits.MESSAGES_PER_CALL,
        online_update_period_ms=210_000,
        offline_blur_timeout_ms=5_000,
        offline_idle_timeout_ms=30_000,
        online_cloud_timeout_ms=300_000,
        notify_cloud_delay_ms=30_000,
        notify_default_delay_ms=1_500,
        push_chat_period_ms=60_000,
        push_chat_limit=2,
        edit_time_limit=limits.EDIT_SECONDS,
        revoke_time_limit=FOR_EVER,
        revoke_pm_time_limit=FOR_EVER,
        revoke_pm_inbox=True,
        rating_e_decay=2_419_200,
        stickers_recent_limit=200,
        channels_read_media_period=604_800,
        call_receive_timeout_ms=20_000,
        call_ring_timeout_ms=90_000,
        call_connect_timeout_ms=30_000,
        call_packet_timeout_ms=10_000,
        me_url_prefix="https://t.me/",
        caption_length_max=limits.CAPTION_CHARS,
        message_length_max=limits.TEXT_CHARS,
        webfile_dc_id=config.dc_id,
        reactions_default=reaction(call.services.reactions.favourite(call.me)) if call.me else None,
    )


def _dc_options(call: Call) -> list[t.AnyDcOption]:
    """The address of this server under every number: the operator's public one, else the one this client used. With
    several nodes each number leads to its node, and those that are nobody's to the keeper."""
    config = call.services.config
    host = config.public_host or call.over_host or config.host
    port = config.public_port or call.services.port or config.port
    places = {number: call.services.nodes.place_of(number) for number in DATA_CENTRES}
    at = {number: (host, port) if node is None else (node.host, node.port) for number, node in places.items()}
    return [
        t.DcOption(
            id=number, ip_address=at[number][0], port=at[number][1], ipv6=":" in at[number][0], static=True
        )
        for number in DATA_CENTRES
    ]


@rpc(help.GetNearestDc, who=Who.UNBOUND)
async def get_nearest_dc(call: Call, request: help.GetNearestDc) -> t.AnyNearestDc:
    country = call.services.config.default_country
    return t.NearestDc(country=country, this_dc=call.dc_id, nearest_dc=call.dc_id)


@rpc(help.GetCdnConfig, who=Who.ANYONE)
async def get_cdn_config(call: Call, request: help.GetCdnConfig) -> t.AnyCdnConfig:
    """No CDN, ever: its keys are not among those that clients are patched with (CLIENTS A.4)."""
    return t.CdnConfig(public_keys=[])


@cache
def _countries() -> tuple[int, Raw]:
    """(hash, help.countriesList as bytes); 0.1 ms to send, a few to make."""
    text = (files("tgserve.api") / "data" / "countries.json").read_text(encoding="utf-8")
    version = crc32(text.encode()) & 0x7FFFFFFF
    found = t.HelpCountriesList(
        countries=[
            t.HelpCountry(
                iso2=row["iso2"],
                default_name=row["name"],
                country_codes=[
                    t.HelpCountryCode(
                        country_code=row["code"],
                        prefixes=row["prefixes"] or None,
                        patterns=row["patterns"] or None,
                    )
                ],
            )
            for row in json.loads(text)
        ],
        hash=version,
    )
    return version, Raw(*layers.encode_part(found))


@rpc(help.GetCountriesList, who=Who.ANYONE)
async def get_countries_list(call: Call, request: help.GetCountriesList) -> t.AnyHelpCountriesList:
    """Country names in English; clients have their own translations."""
    version, whole = _countries()
    if request.hash == version:
        return t.HelpCountriesListNotModified()
    answer: Any = whole
    return answer  # type: ignore[no-any-return]


@cache
def _app_config() -> tuple[int, t.AnyJSONValue]:
    value = app_config.as_tl(app_config.VALUES)
    return crc32(layers.encode(value)) & 0x7FFFFFFF, value


@rpc(help.GetAppConfig, who=Who.ANYONE)
async def get_app_config(call: Call, request: help.GetAppConfig) -> t.AnyHelpAppConfig:
    version, value = _app_config()
    if request.hash == version:
        return t.HelpAppConfigNotModified()
    return t.HelpAppConfig(hash=version, config=value)


@rpc(help.GetAppUpdate, who=Who.ANYONE)
async def get_app_update(call: Call, request: help.GetAppUpdate) -> t.AnyHelpAppUpdate:
    return t.HelpNoAppUpdate()


@rpc(help.GetInviteText)
async def get_invite_text(call: Call, request: help.GetInviteText) -> t.AnyHelpInviteText:
    name = call.services.config.name
    return t.HelpInviteText(message=f"Join me on {name}, our own messaging server.")


@rpc(help.GetTermsOfServiceUpdate)
async def get_terms_of_service_update(
    call: Call, request: help.GetTermsOfServiceUpdate
) -> t.AnyHelpTermsOfServiceUpdate:
    return t.HelpTermsOfServiceUpdateEmpty(expires=call.now + limits.DAY)


@rpc(help.AcceptTermsOfService)
async def accept_terms_of_service(call: Call, request: help.AcceptTermsOfService) -> bool:
    return True


@rpc(help.GetPromoData)
async def get_promo_data(call: Call, request: help.GetPromoData) -> t.AnyHelpPromoData:
    return t.HelpPromoDataEmpty(expires=call.now + CONFIG_SECONDS)


@rpc(help.GetPeerColors, who=Who.ANYONE)
async def get_peer_colors(call: Call, request: help.GetPeerColors) -> t.AnyHelpPeerColors:
    if request.hash == colors.VERSION:
        return t.HelpPeerColorsNotModified()
    return t.HelpPeerColors(hash=colors.VERSION, colors=colors.options())


@rpc(help.GetPeerProfileColors, who=Who.ANYONE)
async def get_peer_profile_colors(call: Call, request: help.GetPeerProfileColors) -> t.AnyHelpPeerColors:
    if request.hash == colors.VERSION:
        return t.HelpPeerColorsNotModified()
    return t.HelpPeerColors(hash=colors.VERSION, colors=colors.profile_options())


@rpc(help.GetTimezonesList)
async def get_timezones_list(call: Call, request: help.GetTimezonesList) -> t.AnyHelpTimezonesList:
    version, zones = timezones.listed(call.now // limits.DAY)
    if request.hash == version:
        return t.HelpTimezonesListNotModified()
    return t.HelpTimezonesList(
        timezones=[t.Timezone(id=zone, name=name, utc_offset=offset) for zone, name, offset in zones],
        hash=version,
    )


@rpc(help.DismissSuggestion, status=Status.EMPTY)
async def dismiss_suggestion(call: Call, request: help.DismissSuggestion) -> bool:
    """Nothing is ever suggested, so there is nothing to remember."""
    return True


@rpc(help.GetUserInfo, status=Status.EMPTY)
async def get_user_info(call: Call, request: help.GetUserInfo) -> t.AnyHelpUserInfo:
    """Notes of Telegram's support staff: nobody here has any."""
    peers.resolve_user(call, request.user_id)
    return t.HelpUserInfoEmpty()


@rpc(help.GetSupport, status=Status.REFUSED)
async def get_support(call: Call, request: help.GetSupport) -> t.AnyHelpSupport:
    """The operator is known to the community by other ways."""
    raise errors.METHOD_NOT_AVAILABLE()
