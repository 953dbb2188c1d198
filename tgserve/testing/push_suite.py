"""Conformance kit of a push adapter, for ours and for third parties: subclass, give a sender and a look at what came.

    class TestMine(PushSuite):
        def sender(self): return create({"url": self.peer.url}, FakeClock())
        def token(self): return 5, "a-token"                     # type (account.registerDevice) and token
        def received(self): return self.peer.payloads            # what devices could read, in order of arrival

Optional: `dead()` gives a token that the service no longer knows, `broken()` a sender whose service cannot be reached,
`wakes_only` is for services that carry no payload. Each test runs its own event loop; the suite needs pytest alone.
"""

from __future__ import annotations

import asyncio
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from tgserve.adapters.contract import Gone, Later, Push, PushSender, Refused, Sent

PAYLOAD = {
    "loc_key": "MESSAGE_TEXT",
    "loc_args": ["Ann", "Bring the blue folder"],
    "user_id": 1_000_007,
    "custom": {"from_id": 1_000_008, "msg_id": 42},
    "badge": 3,
    "sound": "default",
}
SCRIPTS = ["Анна Åsa 安娜", 'На площади — 集合 🙂 «quoted» \\ " \u202ertl']


class PushSuite:
    wakes_only = False

    def sender(self) -> PushSender:
        """A fresh sender whose service works."""
        raise NotImplementedError

    def token(self) -> tuple[int, str]:
        """Token type and a token that the service knows."""
        raise NotImplementedError

    def received(self) -> Sequence[Mapping[str, Any]]:
        """The payload of each push the service got so far, as its device reads it; {} for a mere wake-up."""
        raise NotImplementedError

    def dead(self) -> tuple[int, str] | None:
        """Token type and a token the service knows no more; None when it cannot say."""
        return None

    def broken(self) -> PushSender | None:
        """A sender whose service is down or refuses us; None when there is no such state."""
        return None

    def push(self, **changes: Any) -> Push:
        token_type, token = self.token()
        made = Push(token, token_type, PAYLOAD, badge=3, title="Ann", text="Bring the blue folder")
        return replace(made, **changes)

    def test_it_says_which_tokens_it_takes(self) -> None:
        sender = self.sender()
        assert self.token()[0] in sender.types
        asyncio.run(sender.close())

    def test_a_push_arrives_as_it_was_given(self) -> None:
        results = self._run(self.sender(), [self.push()])
        assert [type(result) for result in results] == [Sent]
        assert list(self.received()) == [{} if self.wakes_only else PAYLOAD]

    def test_every_script_survives(self) -> None:
        payload = {**PAYLOAD, "loc_args": SCRIPTS}
        assert isinstance(
            self._run(self.sender(), [self.push(payload=payload, title=SCRIPTS[0], text=SCRIPTS[1])])[0], Sent
        )
        assert list(self.received()) == [{} if self.wakes_only else payload]

    def test_the_encrypted_form_is_carried_as_it_is(self) -> None:
        payload = {"p": "q83vEjRWeJCrze8S" * 20}
        results = self._run(self.sender(), [self.push(payload=payload, title="", text="")])
        assert isinstance(results[0], Sent)
        assert list(self.received()) in ([payload], [{}])

    def test_pushes_at_once_all_arrive(self) -> None:
        many = [{**PAYLOAD, "badge": number} for number in range(20)]

        async def all_at_once() -> list[object]:
            sender = self.sender()
            try:
                return list(await asyncio.gather(*(sender.send(self.push(payload=one)) for one in many)))
            finally:
                await sender.close()

        assert [type(result) for result in asyncio.run(all_at_once())] == [Sent] * len(many)
        assert len(self.received()) == len(many)
        if not self.wakes_only:
            assert sorted(one["badge"] for one in self.received()) == list(range(20))

    def test_what_the_app_alone_shall_see_is_taken_too(self) -> None:
        payload = {
            "loc_key": "READ_HISTORY",
            "loc_args": [],
            "custom": {"from_id": 5, "max_id": 9},
            "badge": 0,
        }
        results = self._run(
            self.sender(), [self.push(payload=payload, silent=True, shows=False, collapse="ab12")]
        )
        assert isinstance(results[0], Sent)

    def test_a_dead_token_is_gone(self) -> None:
        found = self.dead()
        if found is None:
            return
        result = self._run(self.sender(), [self.push(token_type=found[0], token=found[1])])[0]
        assert isinstance(result, Gone), "a token the service knows no more is to be forgotten"
        assert found[1] not in result.reason

    def test_failure_is_a_result_and_names_a_reason(self) -> None:
        sender = self.broken()
        if sender is None:
            return
        push = self.push()
        result = self._run(sender, [push])[0]
        assert isinstance(result, Later | Refused), "a fault of the service is a result, not an exception"
        assert result.reason
        assert push.token not in result.reason, "reasons are logged: no tokens in them (SECURITY 7.2)"
        assert "blue folder" not in result.reason

    def test_nothing_of_it_is_in_the_repr(self) -> None:
        """SECURITY 7.2: what may land in a traceback or a log says nothing."""
        sender, push = self.sender(), self.push()
        said = repr(sender) + repr(push)
        assert push.token not in said and "blue folder" not in said and json.dumps(PAYLOAD) not in said
        asyncio.run(sender.close())

    @staticmethod
    def _run(sender: PushSender, pushes: list[Push]) -> list[object]:
        async def send() -> list[object]:
            try:
                return [await sender.send(push) for push in pushes]
            finally:
                await sender.close()

        return asyncio.run(send())
