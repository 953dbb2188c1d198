"""Declared answers for methods nobody serves: a harmless object (EMPTY) or an error (REFUSED). Loaded last.

Which method gets what is a column of methods.csv: `empty` (the emptiest object of its type, blanks.py), `true` (a
report nobody reads), or the name of an error; answers that must look at the call are in MADE.

Never a lie: EMPTY is for questions whose true answer here is "none", and for reports nobody reads. What a method would
have to do and does not is refused. Methods that are neither here nor served are missing (400 METHOD_INVALID).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final

from tgserve import errors
from tgserve.api import catalogue
from tgserve.api.blanks import blank
from tgserve.errors import CATALOGUE, ErrorKind
from tgserve.render import user as people
from tgserve.render.chat import chats
from tgserve.render.peers import peer
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import METHODS, Status, Who, rpc
from tgserve.rpc.wrappers import WRAPPERS
from tgserve.tl import legacy_types as old
from tgserve.tl import types as t
from tgserve.tl.definitions import schema
from tgserve.tl.functions import legacy
from tgserve.tl.layers import CURRENT
from tgserve.tl.mapping import class_of

Answer = Callable[[Call, Any], Any]
OPEN: Final = frozenset({"auth", "help", "langpack"})
ANSWERED_AT_ONCE: Final = 1000
"""Entries of one call that get an entry in the answer."""


def _updates(call: Call, request: Any) -> t.Updates:
    return t.Updates(updates=[], users=[], chats=[], date=call.now, seq=0)


def _join_as(call: Call, request: Any) -> t.PhoneJoinAsPeers:
    users = people.users(call.services, call.me, [call.me])
    return t.PhoneJoinAsPeers(peers=[t.PeerUser(user_id=call.me)], chats=[], users=users)


def _all_stories(call: Call, request: Any) -> Any:
    """`state` must not be empty (CLIENTS A.19)."""
    if request.state:
        return t.StoriesAllStoriesNotModified(state=request.state, stealth_mode=t.StoriesStealthMode())
    return t.StoriesAllStories(
        count=0, state="0", peer_stories=[], chats=[], users=[], stealth_mode=t.StoriesStealthMode()
    )


def _peer_stories(call: Call, request: Any) -> t.StoriesPeerStories:
    whose = peers.resolve(call, request.peer)
    return t.StoriesPeerStories(
        stories=t.PeerStories(peer=peer(whose), stories=[]),
        chats=chats(call.services, call.me, [whose] if whose < 0 else []),
        users=people.users(call.services, call.me, [whose] if whose > 0 else []),
    )


def _listed(name: str) -> Callable[[Any], list[Any]]:
    def items(request: Any) -> list[Any]:
        asked: list[Any] = getattr(request, name)
        if len(asked) > ANSWERED_AT_ONCE:
            raise errors.LIMIT_INVALID()
        return asked

    return items


def _each(name: str, make: Callable[[Any], Any]) -> Answer:
    """One answer for each entry of the request's field `name`."""
    items = _listed(name)
    return lambda call, request: [make(item) for item in items(request)]


def _stars(call: Call, request: Any) -> t.PaymentsStarsStatus:
    ton = bool(getattr(request, "ton", False))
    balance = t.StarsTonAmount(amount=0) if ton else t.StarsAmount(amount=0, nanos=0)
    return t.PaymentsStarsStatus(balance=balance, chats=[], users=[])


MADE: Final[dict[str, Answer]] = {
    "account.getNotifyExceptions": _updates,
    "help.getPassportConfig": lambda call, request: t.HelpPassportConfigNotModified(),
    "messages.getExtendedMedia": _updates,
    "messages.getFactCheck": _each("msg_id", lambda item: t.FactCheck(hash=0)),
    "messages.getPaidReactionPrivacy": _updates,
    "payments.canPurchaseStore": lambda call, request: False,
    "payments.getStarsStatus": _stars,
    "payments.getStarsSubscriptions": _stars,
    "payments.getStarsTransactions": _stars,
    "phone.getCallConfig": lambda call, request: t.DataJSON(data="{}"),
    "phone.getGroupCallJoinAs": _join_as,
    "stories.canSendStory": lambda call, request: t.StoriesCanSendStoryCount(count_remains=0),
    "stories.getAllReadPeerStories": _updates,
    "stories.getAllStories": _all_stories,
    "stories.getPeerMaxIDs": _each("id", lambda item: t.RecentStory()),
    "stories.getPeerStories": _peer_stories,
}
"""Answers that look at the request, or for which the emptiest object is not the harmless one."""


def _user_stories(call: Call, request: Any) -> old.StoriesUserStories:
    user_id = peers.resolve_user(call, request.user_id)
    return old.StoriesUserStories(
        stories=old.UserStories(user_id=user_id, stories=[]),
        users=people.users(call.services, call.me, [user_id]),
    )


GONE: Final[dict[type[Any], Answer]] = {
    legacy.ChannelsClickSponsoredMessage: lambda call, request: True,
    legacy.ChannelsGetSponsoredMessages: lambda call, request: t.MessagesSponsoredMessagesEmpty(),
    legacy.ChannelsViewSponsoredMessage: lambda call, request: True,
    legacy.HelpGetAppChangelog: _updates,
    legacy.PaymentsCanPurchasePremium: lambda call, request: False,
    legacy.PaymentsGetUserStarGifts: lambda call, request: old.PaymentsUserStarGifts(
        count=0, gifts=[], users=[]
    ),
    legacy.StoriesGetAllReadUserStories: _updates,
    legacy.StoriesGetUserStories: _user_stories,
    legacy.UsersGetIsPremiumRequiredToContact: _each("id", lambda item: False),
    legacy.UsersGetStoriesMaxIDs: _each("id", lambda item: 0),
}
"""Of methods that today's layer has no more and older clients still call."""


def register() -> None:
    """Declare what is not served. Called when all other modules have filled the table; twice is once."""
    known = schema()
    for (function, name), id in known.names(CURRENT).items():
        if not function or id in METHODS or id in WRAPPERS:
            continue
        need = catalogue.needs()[name]
        if name in MADE:
            _declare(class_of(known[id]), Status.EMPTY, MADE[name])
        elif need.answer == "empty":
            _declare(class_of(known[id]), Status.EMPTY, _blank(known[id].result))
        elif need.answer == "true":
            _declare(class_of(known[id]), Status.EMPTY, lambda call, request: True)
        elif need.answer:
            _declare(class_of(known[id]), Status.REFUSED, _refusal(CATALOGUE[need.answer]))
        elif need.need == "irrelevant":
            _declare(class_of(known[id]), Status.REFUSED, _refusal(errors.METHOD_NOT_AVAILABLE))
    for request, answer in GONE.items():
        if request.ID not in METHODS:
            _declare(request, Status.EMPTY, answer)


def _blank(type_: str) -> Answer:
    return lambda call, request: blank(type_)


def _refusal(kind: ErrorKind) -> Answer:
    def refuse(call: Call, request: Any) -> Any:
        raise kind()

    return refuse


def _declare(request: Any, status: Status, answer: Answer) -> None:
    async def run(call: Call, asked: Any) -> Any:
        return answer(call, asked)

    who = Who.ANYONE if request.NAME.partition(".")[0] in OPEN else Who.SIGNED_IN
    rpc(request, who=who, status=status)(run)
