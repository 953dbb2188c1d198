"""Signed tokens (JWT) by which push services know who sends: keys as their consoles hand them out."""

from __future__ import annotations

import base64
from pathlib import Path
from typing import Any, Final

import jwt
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat, load_pem_private_key

from tgserve.adapters.contract import AdapterError

_ORDER: Final = 0xFFFFFFFF00000000FFFFFFFFFFFFFFFFBCE6FAADA7179E84F3B9CAC2FC632551


def text_of(value: str, place: str) -> str:
    """An option that is either the text itself or the name of a file with it. AdapterError."""
    value = value.strip()
    if value.startswith(("{", "-----")):
        return value
    try:
        return Path(value).expanduser().read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as fault:
        reason = fault.strerror if isinstance(fault, OSError) else "it is no text"
        raise AdapterError(f"[{place}] {value} cannot be read: {reason}") from None


def p256(pem: str, place: str) -> ec.EllipticCurvePrivateKey:
    """AdapterError when this is not a private key on P-256."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        raise AdapterError(f"[{place}] the key is no private key in PEM form") from None
    if not isinstance(key, ec.EllipticCurvePrivateKey) or key.curve.name != "secp256r1":
        raise AdapterError(f"[{place}] the key is not one on the curve P-256")
    return key


def rsa_key(pem: str, place: str) -> rsa.RSAPrivateKey:
    """AdapterError when this is not a private RSA key."""
    try:
        key = load_pem_private_key(pem.encode(), None)
    except (ValueError, TypeError):
        raise AdapterError(f"[{place}] private_key is no private key in PEM form") from None
    if not isinstance(key, rsa.RSAPrivateKey):
        raise AdapterError(f"[{place}] private_key is no RSA key")
    return key


def p256_of(secret: bytes) -> ec.EllipticCurvePrivateKey:
    """The key on P-256 that 48 or more secret bytes stand for, always the same."""
    return ec.derive_private_key(int.from_bytes(secret, "big") % (_ORDER - 1) + 1, ec.SECP256R1())


def raw_point(key: ec.EllipticCurvePrivateKey) -> bytes:
    """The public key, 65 bytes."""
    return key.public_key().public_bytes(Encoding.X962, PublicFormat.UncompressedPoint)


def unpadded(data: bytes) -> str:
    """Base64url as all of these protocols have it."""
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def signed(
    claims: dict[str, Any],
    key: ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey,
    algorithm: str,
    **headers: str,
) -> str:
    return jwt.encode(claims, key, algorithm=algorithm, headers=headers or None)
