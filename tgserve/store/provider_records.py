"""What is known of providers: whom the server hands login codes, pushes and e-mails to (`tgserve sms|push`)."""

from __future__ import annotations

from tgserve.store.records import Record


class ProviderRow(Record, frozen=True):
    """`sealed`: the adapter's options as JSON, sealed for the kind and the name."""

    adapter: str
    sealed: bytes
    order: int = 0
    """Lower ones are asked first."""
    countries: tuple[str, ...] = ()
    """ISO codes; empty: every number."""
    enabled: bool = True
    per_minute: int = 0
    """Most messages in any minute; 0: as many as come."""
    added: int = 0
