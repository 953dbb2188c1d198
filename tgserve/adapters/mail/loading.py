"""From the config's name to a sender of e-mail; other names are looked for under the entry point `tgserve.mail`."""

from __future__ import annotations

from importlib.metadata import entry_points

from tgserve.adapters.contract import AdapterError
from tgserve.adapters.mail import console, smtp
from tgserve.adapters.mail.contract import MailFactory, MailSender
from tgserve.clock import Clock
from tgserve.config import Config

MAIL: dict[str, MailFactory] = {"console": console.create, "smtp": smtp.create}
MAIL_GROUP = "tgserve.mail"


def mail_sender(config: Config, clock: Clock) -> MailSender:
    """The configured sender. AdapterError says what to change in the config."""
    name = config.mail.adapter
    factory = MAIL.get(name)
    if factory is None:
        found = {point.name: point for point in entry_points(group=MAIL_GROUP)}
        if name not in found:
            known = ", ".join(sorted({*MAIL, *found}))
            raise AdapterError(f"mail.adapter: there is no `{name}`; installed are {known}")
        try:
            loaded: MailFactory = found[name].load()
        except (ImportError, AttributeError) as error:
            raise AdapterError(f"mail.adapter: `{name}` cannot be loaded: {error}") from error
        factory = loaded
    return factory(config.mail.options.get(name, {}), clock)
