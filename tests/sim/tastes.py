"""What a user sets on one device and sees on all: drafts, pins, marks, mutes, folders, the archive, blocks, timers,
scheduled messages, privacy. None of it has pts of its own (but the archive).

A device keeps what it was told last. What it sets itself it has when the server says so; if it heard something else of
the same thing meanwhile, or had to ask twice, it cannot know which was later, and looks.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from typing import Any

from tests.sim.link import Call, Link
from tests.sim.world import World
from tgserve.tl import functions as f
from tgserve.tl import types as t

RETRY_SECONDS = 2.0
Key = tuple[Any, ...]
Settings = dict[Key, Any]
"""(kind, of what) -> value. What is not set is not in it."""
PRIVACY: dict[str, tuple[Any, Any]] = {
    "status": (t.InputPrivacyKeyStatusTimestamp, t.PrivacyKeyStatusTimestamp),
    "forwards": (t.InputPrivacyKeyForwards, t.PrivacyKeyForwards),
}
RULES: dict[str, tuple[Any, Any]] = {
    "all": (t.InputPrivacyValueAllowAll, t.PrivacyValueAllowAll),
    "nobody": (t.InputPrivacyValueDisallowAll, t.PrivacyValueDisallowAll),
    "contacts": (t.InputPrivacyValueAllowContacts, t.PrivacyValueAllowContacts),
}
NOTIFY: dict[str, tuple[Any, Any]] = {
    "users": (t.InputNotifyUsers, t.NotifyUsers),
    "chats": (t.InputNotifyChats, t.NotifyChats),
}


def peer_of(peer: Any) -> int:
    """The house's number of a Peer or InputPeer."""
    if isinstance(peer, t.PeerChat | t.InputPeerChat):
        return -peer.chat_id
    return int(peer.user_id)


class Tastes(Link):
    def __init__(self, world: World, name: str, key: bytes) -> None:
        super().__init__(world, name, key)
        self.me = 0
        self.peers: dict[int, t.AnyInputPeer] = {}
        self.soft: Settings = {}
        self.looks = 0
        self._own: Counter[Key] = Counter()
        """Changes of ours that wait for their answer."""
        self._unsure: set[Key] = set()

    # -- what is known -----------------------------------------------------------------------------------------------

    def put(self, key: Key, value: Any) -> None:
        """What the server told."""
        if value in (None, "", 0, False, ()) or (key == ("order",) and value == (0,)):
            self.soft.pop(key, None)
        else:
            self.soft[key] = value
        if self._own[key]:
            self._unsure.add(key)

    def get(self, key: Key) -> Any:
        return self.soft.get(key, ())

    def begin(self, key: Key) -> None:
        """A change of ours is on its way."""
        self._own[key] += 1
        if self._own[key] > 1:
            self._unsure.add(key)

    def end(self, key: Key, call: Call | None, value: Any = None) -> None:
        """It was answered; `call` None: with a refusal, or by something that leaves the value open."""
        if not self._own[key]:  # the app was killed meanwhile
            self._unsure.add(key)
            self.look(key)
            return
        self._own[key] -= 1
        if call is None or call.tries > 1:
            self._unsure.add(key)
        if key not in self._unsure:
            self.put(key, value(self.get(key)) if callable(value) else value)
        elif not self._own[key]:
            self.look(key)

    def change(self, key: Key, request: Any, value: Any = None, allowed: tuple[str, ...] = ()) -> None:
        """Ask for it. `value` is what it is then, or a function of what it was; () = the answer tells."""
        self.begin(key)
        made: list[Call] = []

        def go() -> None:
            made.append(self.call(request, answered))

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error not in allowed:
                self.world.wrong(f"{self.name}: {type(request).__name__} refused with {error}")
            if isinstance(answer, t.Updates):
                self.updates(answer)
            open_ended = bool(error) or value == ()
            self.end(key, None if open_ended or len(made) > 1 else made[-1], value)

        go()

    def again(self, error: str, go: Callable[[], None]) -> bool:
        """A server in trouble, or asked too often: the same is asked later."""
        if error.startswith("MSG_WAIT"):  # what it was to follow was refused, or is not known any more
            self.world.loop.call_later(0.1, go)
            return True
        if error.startswith("FLOOD_WAIT") or (
            error in ("INTERNAL", "STORE_FULL", "INTERNAL_SERVER_ERROR") and self.world.trouble()
        ):
            if error[0] != "F":
                # Half of it may be done: what its answer was to tell has come to the others alone.
                self.harmed = True
            self.world.loop.call_later(RETRY_SECONDS if error[0] != "F" else 20.0, go)
            return True
        return False

    def restarted(self) -> None:
        """The app has forgotten what it had asked for, and so whether it was done."""
        keys = list(
            dict.fromkeys(
                [*(key for key, count in self._own.items() if count), *sorted(self._unsure, key=str)]
            )
        )
        self._own.clear()
        self._unsure.clear()
        for key in keys:
            self._unsure.add(key)
            self.look(key)

    @property
    def waiting(self) -> bool:
        return bool(self._unsure or any(self._own.values()))

    # -- looking -----------------------------------------------------------------------------------------------------

    def look(self, key: Key) -> None:
        """Ask the server how it is."""
        self.looks += 1
        request, read = self.question(key)
        made: list[Call] = []

        def go() -> None:
            made.append(self.call(request, answered))

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if self._own[key]:
                return  # its answer will look again
            if error:
                self._unsure.discard(key)
                self.unreadable(key, error)
                return
            found = read(answer)
            self._unsure.discard(key)
            self.put(key, found.get(key))
            if made[-1].tries > 1 or len(made) > 1:
                self._unsure.add(key)
                self.look(key)

        go()

    def unreadable(self, key: Key, error: str) -> None:
        self.world.wrong(f"{self.name}: cannot look at {key}: {error}")

    def question(self, key: Key) -> tuple[Any, Callable[[Any], Settings]]:
        """The call that tells a setting, and how to read its answer."""
        kind = key[0]
        if kind == "pins":
            return f.messages.GetPinnedDialogs(folder_id=key[1]), lambda found: pins(found, key[1])
        if kind in ("filter", "order", "tags"):
            return f.messages.GetDialogFilters(), filters
        if kind == "blocked":
            return f.contacts.GetBlocked(offset=0, limit=100), blocked
        if kind == "scheduled":
            return (
                f.messages.GetScheduledHistory(peer=self.peers[key[1]], hash=0),
                lambda found: scheduled(found, key[1]),
            )
        if kind == "notify":
            return f.account.GetNotifySettings(peer=NOTIFY[key[1]][0]()), lambda found: {key: mute(found)}
        if kind == "privacy":
            return f.account.GetPrivacy(key=PRIVACY[key[1]][0]()), lambda found: {key: rule(found.rules)}
        return f.messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=self.peers[key[1]])]), dialogs

    # -- updates -----------------------------------------------------------------------------------------------------

    def setting(self, update: Any) -> None:
        """An update without pts."""
        put = self.put
        chat: Any = getattr(getattr(update, "peer", None), "peer", None)
        message: Any = getattr(update, "message", None)
        match update:
            case t.UpdateDraftMessage():
                put(("draft", peer_of(update.peer)), getattr(update.draft, "message", ""))
            case t.UpdateDialogPinned():
                self.pin_told(peer_of(chat), update.folder_id or 0, update.pinned)
            case t.UpdatePinnedDialogs():
                named: list[Any] = list(update.order or ())
                order = tuple(peer_of(one.peer) for one in named)
                put(("pins", update.folder_id or 0), order)
            case t.UpdateDialogUnreadMark():
                put(("mark", peer_of(chat)), update.unread)
            case t.UpdateNotifySettings():
                muted = mute(update.notify_settings)
                if isinstance(update.peer, t.NotifyPeer):
                    put(("mute", peer_of(chat)), muted)
                else:
                    put(("notify", _name(NOTIFY, update.peer)), muted)
            case t.UpdatePeerBlocked():
                put(("blocked", peer_of(update.peer_id)), update.blocked)
            case t.UpdatePeerHistoryTTL():
                put(("ttl", peer_of(update.peer)), update.ttl_period)
            case t.UpdateDialogFilter():
                self._filter_told(update.id, update.filter)
            case t.UpdateDialogFilterOrder():
                put(("order",), tuple(update.order))
            case t.UpdateDialogFilters():
                self._unsure.add(("tags",))
                self.look(("tags",))
            case t.UpdateNewScheduledMessage():
                put(("scheduled", peer_of(message.peer_id), message.id), message.message)
            case t.UpdateDeleteScheduledMessages():
                for number in update.messages:
                    put(("scheduled", peer_of(update.peer), number), "")
            case t.UpdatePrivacy():
                put(("privacy", _name(PRIVACY, update.key)), rule(update.rules))

    def pin_told(self, peer: int, folder: int, pinned: bool) -> None:
        for number in (0, 1):
            was = self.get(("pins", number))
            if pinned and number == folder:
                if peer not in was:
                    self.put(("pins", number), (peer, *was))
            elif peer in was or not pinned:
                self.put(("pins", number), tuple(one for one in was if one != peer))

    def archived_told(self, moved: dict[int, int]) -> None:
        """Chats went into the archive or out of it: they are pinned no more."""
        for peer, folder in moved.items():
            self.put(("folder", peer), folder)
            self.pin_told(peer, folder, False)

    def _filter_told(self, number: int, made: Any) -> None:
        order = self.get(("order",)) or (0,)
        if made is None:
            self.put(("filter", number), "")
            self.put(("order",), tuple(one for one in order if one != number))
        else:
            self.put(("filter", number), title(made))
            if number not in order:
                self.put(("order",), (*order, number))

    # -- what the user does ------------------------------------------------------------------------------------------

    def write(self, peer: int, text: str) -> None:
        self.change(("draft", peer), f.messages.SaveDraft(peer=self.peers[peer], message=text), text)

    def mark(self, peer: int, unread: bool) -> None:
        named = t.InputDialogPeer(peer=self.peers[peer])
        self.change(("mark", peer), f.messages.MarkDialogUnread(peer=named, unread=unread), unread)

    def silence(self, peer: int, until: int) -> None:
        named = t.InputNotifyPeer(peer=self.peers[peer])
        settings = t.InputPeerNotifySettings(mute_until=until)
        self.change(("mute", peer), f.account.UpdateNotifySettings(peer=named, settings=settings), until)

    def silence_all(self, kind: str, until: int) -> None:
        settings = t.InputPeerNotifySettings(mute_until=until)
        request = f.account.UpdateNotifySettings(peer=NOTIFY[kind][0](), settings=settings)
        self.change(("notify", kind), request, until)

    def pin_chat(self, peer: int, pinned: bool) -> None:
        folder = self.soft.get(("folder", peer), 0)
        key = ("pins", folder)
        # it may be in the other folder by the time it is pinned: the server alone knows the order then
        self.begin(("pins", 1 - folder))

        def made(was: tuple[int, ...]) -> tuple[int, ...]:
            rest = tuple(one for one in was if one != peer)
            return (peer, *rest) if pinned and peer not in was else (was if pinned else rest)

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error != "PINNED_DIALOGS_TOO_MUCH":
                self.world.wrong(f"{self.name}: toggleDialogPin refused with {error}")
            sure = not error and self.soft.get(("folder", peer), 0) == folder
            self.end(key, calls[-1] if sure and len(calls) == 1 else None, made)
            self.end(("pins", 1 - folder), None)

        calls: list[Call] = []

        def go() -> None:
            named = t.InputDialogPeer(peer=self.peers[peer])
            calls.append(self.call(f.messages.ToggleDialogPin(peer=named, pinned=pinned), answered))

        self.begin(key)
        go()

    def order_pins(self, folder: int, order: tuple[int, ...], force: bool) -> None:
        named: list[Any] = [t.InputDialogPeer(peer=self.peers[one]) for one in order]
        request = f.messages.ReorderPinnedDialogs(force=force, folder_id=folder, order=named)
        self.change(("pins", folder), request, ())

    def block(self, peer: int, blocked: bool) -> None:
        kind = f.contacts.Block if blocked else f.contacts.Unblock
        self.change(("blocked", peer), kind(id=self.peers[peer]), blocked)

    def allow(self, key: str, to: str) -> None:
        request = f.account.SetPrivacy(key=PRIVACY[key][0](), rules=[RULES[to][0]()])
        self.change(("privacy", key), request, to if to != "all" else "")

    def folder(self, number: int, name: str, peers: list[int]) -> None:
        """Make or change one; without peers: delete it. The order is another thing that changes with it."""
        made = None
        if peers:
            made = t.DialogFilter(
                id=number,
                title=t.TextWithEntities(text=name, entities=[]),
                pinned_peers=[],
                include_peers=[self.peers[one] for one in peers],
                exclude_peers=[],
            )
        request = f.messages.UpdateDialogFilter(id=number, filter=made)
        key, order = ("filter", number), ("order",)
        calls: list[Call] = []

        def go() -> None:
            calls.append(self.call(request, answered))

        def placed(was: tuple[int, ...]) -> tuple[int, ...]:
            was = was or (0,)
            if not peers:
                return tuple(one for one in was if one != number)
            return was if number in was else (*was, number)

        def answered(answer: Any, error: str) -> None:
            if self.again(error, go):
                return
            if error and error != "DIALOG_FILTERS_TOO_MUCH":
                self.world.wrong(f"{self.name}: updateDialogFilter refused with {error}")
            sure = calls[-1] if not error and len(calls) == 1 else None
            self.end(key, sure, name if peers else "")
            self.end(order, sure, placed)

        self.begin(key)
        self.begin(order)
        go()

    def order_folders(self, order: tuple[int, ...]) -> None:
        request = f.messages.UpdateDialogFiltersOrder(order=list(order))
        self.change(("order",), request, ())

    def tag(self, shown: bool) -> None:
        self.change(("tags",), f.messages.ToggleDialogFilterTags(enabled=shown), shown)


# -- how answers tell settings ---------------------------------------------------------------------------------------


def _name(table: dict[str, tuple[Any, Any]], made: Any) -> str:
    return next(name for name, (_, kind) in table.items() if isinstance(made, kind))


def mute(settings: Any) -> int:
    return settings.mute_until or 0


def rule(rules: list[Any]) -> str:
    """Which of RULES; nothing for everybody, as it is when nothing was set."""
    if isinstance(rules[0], t.PrivacyValueAllowAll):
        return ""
    return next((name for name, (_, kind) in RULES.items() if isinstance(rules[0], kind)), "?")


def title(made: Any) -> str:
    return str(made.title.text)


def dialogs(found: Any) -> Settings:
    told: Settings = {}
    for one in found.dialogs:
        peer = peer_of(one.peer)
        told["draft", peer] = getattr(one.draft, "message", "")
        told["mute", peer] = mute(one.notify_settings)
        told["mark", peer] = one.unread_mark
        told["ttl", peer] = one.ttl_period
        told["folder", peer] = one.folder_id
    return told


def pins(found: Any, folder: int) -> Settings:
    lines = [one for one in found.dialogs if isinstance(one, t.Dialog)]
    return {("pins", folder): tuple(peer_of(one.peer) for one in lines)}


def filters(found: Any) -> Settings:
    told: Settings = {("tags",): found.tags_enabled}
    order = []
    for one in found.filters:
        if isinstance(one, t.DialogFilterDefault):
            order.append(0)
        else:
            order.append(one.id)
            told["filter", one.id] = title(one)
    told[("order",)] = tuple(order)
    return told


def blocked(found: Any) -> Settings:
    return {("blocked", peer_of(one.peer_id)): True for one in found.blocked}


def scheduled(found: Any, peer: int) -> Settings:
    return {("scheduled", peer, one.id): one.message for one in found.messages}
