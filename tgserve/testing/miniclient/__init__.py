"""A small MTProto client for tests, the simulation and benchmarks: real key exchanges, every transport, every lie."""

from tgserve.testing.miniclient.binding import binding_message
from tgserve.testing.miniclient.client import MiniClient, Refused
from tgserve.testing.miniclient.exchange import ExchangeFailed, ExchangeOptions, KeyExchange
from tgserve.testing.miniclient.session import ClientSession, Message, ServerFault, packed
from tgserve.testing.miniclient.wire import KINDS, Wire

__all__ = [
    "KINDS",
    "ClientSession",
    "ExchangeFailed",
    "ExchangeOptions",
    "KeyExchange",
    "Message",
    "MiniClient",
    "Refused",
    "ServerFault",
    "Wire",
    "binding_message",
    "packed",
]
