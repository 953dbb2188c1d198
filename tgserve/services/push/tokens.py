"""What a push token must look like, by its type. Pure: nothing is asked of anybody."""

from __future__ import annotations

import base64
import binascii
import json
import re
from dataclasses import dataclass
from typing import Final

from cryptography.hazmat.primitives.asymmetric import ec
from yarl import URL

from tgserve import errors
from tgserve.adapters import push as kinds

TOKEN_BYTES: Final = 4096
SECRET_BYTES: Final = 256
_HEX: Final = re.compile(r"(?:[0-9a-fA-F]{2}){16,100}")
_WORD: Final = re.compile(r"[\x21-\x7e]+")
_SESSION: Final = re.compile(r"-?[0-9]{1,20}")


@dataclass(frozen=True, slots=True)
class WebToken:
    """Where a browser takes its pushes, and the keys they are encrypted for (RFC 8291)."""

    endpoint: str
    p256dh: bytes
    auth: bytes


def check(token_type: int, token: str, secret: bytes) -> None:
    """TOKEN_TYPE_INVALID, TOKEN_EMPTY, TOKEN_INVALID, WEBPUSH_TOKEN_INVALID, WEBPUSH_KEY_INVALID, WEBPUSH_AUTH_INVALID,
    DATA_INVALID for a secret that is no key."""
    if token_type not in kinds.NAMES:
        raise errors.TOKEN_TYPE_INVALID()
    if not token:
        raise errors.TOKEN_EMPTY()
    if len(token.encode(errors="replace")) > TOKEN_BYTES:
        raise errors.TOKEN_INVALID()
    if secret and len(secret) != SECRET_BYTES:
        raise errors.DATA_INVALID()
    if token_type in (kinds.APNS, kinds.APNS_VOIP):
        good = _HEX.fullmatch(token) is not None
    elif token_type in (kinds.SIMPLE, kinds.MPNS, kinds.MPNS_VOIP, kinds.WNS):
        good = is_endpoint(token)
    elif token_type == kinds.MTPROTO:
        good = _SESSION.fullmatch(token) is not None and -(2**63) <= int(token) < 2**64
    elif token_type == kinds.WEB:
        web_token(token)
        good = True
    else:
        good = _WORD.fullmatch(token) is not None
    if not good:
        raise errors.TOKEN_INVALID()


def is_endpoint(text: str) -> bool:
    """An address something can be posted to. Whether it leads into the operator's own network is looked at when it is
    connected to, as names change (SECURITY 6.10)."""
    if not _WORD.fullmatch(text):
        return False
    try:
        url = URL(text)
        return url.scheme in ("http", "https") and bool(url.raw_host) and url.user is None and url.port != 0
    except ValueError:
        return False


def web_token(token: str) -> WebToken:
    """The JSON of token type 10. WEBPUSH_TOKEN_INVALID, WEBPUSH_KEY_INVALID, WEBPUSH_AUTH_INVALID."""
    try:
        given = json.loads(token)
    except ValueError:
        raise errors.WEBPUSH_TOKEN_INVALID() from None
    endpoint = given.get("endpoint") if isinstance(given, dict) else None
    if not isinstance(endpoint, str) or not is_endpoint(endpoint):
        raise errors.WEBPUSH_TOKEN_INVALID()
    keys = given.get("keys")
    if not isinstance(keys, dict):
        raise errors.WEBPUSH_KEY_INVALID()
    point, auth = _bytes(keys.get("p256dh")), _bytes(keys.get("auth"))
    try:
        ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), point)
    except ValueError:
        raise errors.WEBPUSH_KEY_INVALID() from None
    if len(point) != 65:
        raise errors.WEBPUSH_KEY_INVALID()
    if len(auth) != 16:
        raise errors.WEBPUSH_AUTH_INVALID()
    return WebToken(endpoint, point, auth)


def _bytes(value: object) -> bytes:
    """Base64url, with or without its padding, also in the other alphabet; b"" for what is none."""
    if not isinstance(value, str):
        return b""
    text = value.strip().rstrip("=").replace("+", "-").replace("/", "_")
    try:
        return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))
    except (ValueError, binascii.Error):
        return b""
