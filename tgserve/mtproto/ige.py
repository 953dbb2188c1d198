"""AES-256-IGE: the one place that knows which library does it.

cryptg (AES-NI) is what the daemon is measured with; tgcrypto is taken where cryptg has no wheel. Both hold bytes only,
key and iv are 32 bytes, data is a multiple of 16. IGE has no integrity: callers check a hash over what comes out.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module

Ige = Callable[[bytes, bytes, bytes], bytes]
"""(data, key, iv) -> data of the same length."""

BACKENDS = (
    ("cryptg", "encrypt_ige", "decrypt_ige"),
    ("tgcrypto", "ige256_encrypt", "ige256_decrypt"),
)
"""Module and its two functions, the preferred first."""


def load_backend(backends: tuple[tuple[str, str, str], ...] = BACKENDS) -> tuple[str, Ige, Ige]:
    """(name, encrypt, decrypt) of the first that is installed; ImportError when none is."""
    for name, encrypt, decrypt in backends:
        try:
            module = import_module(name)
        except ImportError:
            continue
        return name, getattr(module, encrypt), getattr(module, decrypt)
    raise ImportError(f"no AES-IGE library: install one of {', '.join(b[0] for b in backends)}")


BACKEND, encrypt_ige, decrypt_ige = load_backend()
