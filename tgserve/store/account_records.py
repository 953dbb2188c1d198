"""What is stored of an account's own security: rows in the user's slot, under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record


class NewPassword(Record, frozen=True):
    """A password as the owner's client made it: SRP verifier (sealed) and the salts it was made with."""

    verifier: bytes
    salt1: bytes
    salt2: bytes
    hint: str = ""


class EmailCode(Record, frozen=True):
    """A code on its way to `email`. With `setup` it also carries the password that is set when the code comes back
    (None: only the address is new); without, it is the way around a forgotten password."""

    email: str
    code: str
    expires: int
    tries: int = 0
    setup: bool = True
    password: NewPassword | None = None


class Password(Record, frozen=True):
    """Two-step verification of a user. `current` None: there is none (any more); `version` grows with each change."""

    current: NewPassword | None = None
    email: str = ""
    """Proven address for a forgotten password."""
    version: int = 0
    changed: int = 0
    confirming: EmailCode | None = None
    recovery: EmailCode | None = None
    reset_at: int = 0
    """Asked to be removed then (account.resetPassword), 0 = no."""
    declined: int = 0
    """When such a wish was last withdrawn."""
    delete_at: int = 0
    """Somebody who does not know the password wants the account deleted: it may be from then on."""


class LoginEmail(Record, frozen=True):
    """Where login codes of an account go. `email` is proven; `confirming` is another one that is not yet."""

    email: str = ""
    confirming: EmailCode | None = None
    reset_at: int = 0
    """From then on codes go by SMS again, 0 = no such wish."""


class Bot(Record, frozen=True):
    """What a bot signs in with: a hash of its token's secret (SECURITY 5.9), empty when it was revoked."""

    secret: bytes
    created: int


SIGNUP_SLOT = "sign-up"
"""The text whose slot has all invitations."""


class SignupInvite(Record, frozen=True):
    """Lets people without an account make one, keyed by a keyed hash of the digits they type. `token`: hash of the
    link's. Times are Unix seconds."""

    number: int
    token: bytes
    created: int
    expires: int
    uses: int
    used: int = 0
    revoked: bool = False
    name: str = ""
    """The operator's word for it."""
    phone: str = ""
    """For this number alone."""


class Leaving(Record, frozen=True):
    """A deleted account whose rows are being taken away; `since` Unix seconds."""

    since: int
