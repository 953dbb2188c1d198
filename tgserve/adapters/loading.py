"""From a name to an SMS sender."""

from __future__ import annotations

from typing import Final

from tgserve.adapters import wrap
from tgserve.adapters.contract import SmsFactory, SmsSender
from tgserve.adapters.shelf import Shelf
from tgserve.clock import Clock
from tgserve.config import Config

NAMES: Final = ("android", "console", "email", "file", "smpp", "twilio", "vonage", "webhook")
SMS: Final[Shelf[SmsSender]] = Shelf(
    "sms.adapter",
    "tgserve.sms",
    {name: f"tgserve.adapters.sms.{name}" for name in NAMES},
)


def sms_factory(name: str) -> SmsFactory:
    """The adapter called `name`; AdapterError when there is none or it cannot be imported."""
    return SMS.factory(name)


def sms_sender(config: Config, clock: Clock) -> SmsSender:
    """The configured sender in its wrappers. AdapterError says what to change in the config."""
    sms = config.sms
    sender = sms_factory(sms.adapter)(sms.options.get(sms.adapter, {}), clock)
    return wrap.wrap(
        sender, sms.adapter, clock, tries=sms.tries, seconds=sms.seconds, per_minute=sms.per_minute
    )
