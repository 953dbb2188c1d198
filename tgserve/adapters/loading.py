"""From the config's name to a sender. Built-in names are a table; entry points are scanned only for other names,
since the scan costs 36 ms of every start.
"""

from __future__ import annotations

from importlib.metadata import entry_points

from tgserve.adapters import wrap
from tgserve.adapters.contract import AdapterError, SmsFactory, SmsSender
from tgserve.adapters.sms import console, file
from tgserve.clock import Clock
from tgserve.config import Config

SMS: dict[str, SmsFactory] = {"console": console.create, "file": file.create}
SMS_GROUP = "tgserve.sms"


def sms_factory(name: str) -> SmsFactory:
    """The adapter called `name`; AdapterError when there is none or it cannot be imported."""
    if name in SMS:
        return SMS[name]
    found = {point.name: point for point in entry_points(group=SMS_GROUP)}
    if name not in found:
        known = ", ".join(sorted({*SMS, *found}))
        raise AdapterError(f"sms.adapter: there is no `{name}`; installed are {known}")
    try:
        factory: SmsFactory = found[name].load()
    except (ImportError, AttributeError) as error:
        raise AdapterError(f"sms.adapter: `{name}` cannot be loaded: {error}") from error
    return factory


def sms_sender(config: Config, clock: Clock) -> SmsSender:
    """The configured sender in its wrappers. AdapterError says what to change in the config."""
    sms = config.sms
    sender = sms_factory(sms.adapter)(sms.options.get(sms.adapter, {}), clock)
    return wrap.wrap(
        sender, sms.adapter, clock, tries=sms.tries, seconds=sms.seconds, per_minute=sms.per_minute
    )
