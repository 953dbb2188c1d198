"""Conformance kit of an SMS adapter, for ours and for third parties: subclass, give a sender and a look at what came.

    class TestMine(SmsSuite):
        def sender(self): return create({"url": self.peer.url}, FakeClock())
        def received(self): return self.peer.messages          # (phone, text) in order of arrival

Optional: `broken()` gives a sender whose provider cannot be reached or refuses us. Each test runs its own event loop;
the suite needs pytest alone.
"""

from __future__ import annotations

import asyncio

from tgserve.adapters.contract import Later, Refused, Sent, Sms, SmsSender

HELLO = Sms(phone="999661234", code="20457", text="20457 is your login code for the suite.")
FOREIGN = Sms(phone="999661235", code="31415", text="31415 — Ihr Anmeldecode, код входа, 登录码 🙂")


class SmsSuite:
    def sender(self) -> SmsSender:
        """A fresh sender whose provider works."""
        raise NotImplementedError

    def received(self) -> list[tuple[str, str]]:
        """(phone digits, whole text) of each message the provider got so far."""
        raise NotImplementedError

    def broken(self) -> SmsSender | None:
        """A sender whose provider is down or refuses us; None when there is no such state."""
        return None

    def test_a_message_arrives_as_it_was_given(self) -> None:
        results = self._run(self.sender(), [HELLO])
        assert [type(result) for result in results] == [Sent]
        assert self.received() == [(HELLO.phone, HELLO.text)]

    def test_every_script_survives(self) -> None:
        assert isinstance(self._run(self.sender(), [FOREIGN])[0], Sent)
        assert self.received() == [(FOREIGN.phone, FOREIGN.text)]

    def test_messages_at_once_all_arrive_and_unmixed(self) -> None:
        many = [Sms(str(999_660_000 + n), f"{n:05}", f"{n:05} is your code") for n in range(20)]

        async def all_at_once() -> list[object]:
            sender = self.sender()
            try:
                return list(await asyncio.gather(*(sender.send(sms) for sms in many)))
            finally:
                await sender.close()

        assert [type(result) for result in asyncio.run(all_at_once())] == [Sent] * len(many)
        assert sorted(self.received()) == sorted((sms.phone, sms.text) for sms in many)

    def test_failure_is_a_result_and_names_a_reason(self) -> None:
        sender = self.broken()
        if sender is None:
            return
        result = self._run(sender, [HELLO])[0]
        assert isinstance(result, Later | Refused), "a fault of the provider is a result, not an exception"
        assert result.reason
        assert HELLO.code not in result.reason, "reasons are logged: no codes in them (SECURITY 7.2)"
        assert HELLO.phone not in result.reason

    def test_a_probe_sends_nothing(self) -> None:
        """For senders that offer one: `tgserve sms add` asks it before anything is written."""

        async def asked(sender: SmsSender) -> object:
            probe = getattr(sender, "probe", None)
            try:
                return await probe() if probe is not None else None
            finally:
                await sender.close()

        good = asyncio.run(asked(self.sender()))
        if good is None:
            return
        assert isinstance(good, Sent)
        broken = self.broken()
        bad = asyncio.run(asked(broken)) if broken is not None else good
        assert isinstance(bad, Sent) or (isinstance(bad, Later | Refused) and bad.reason)
        assert self.received() == []

    def test_the_code_is_not_in_the_repr(self) -> None:
        """SECURITY 7.2: what may land in a traceback or a log says nothing."""
        sender = self.sender()
        assert HELLO.code not in repr(sender) + repr(HELLO)
        asyncio.run(self._close(sender))

    @staticmethod
    async def _close(sender: SmsSender) -> None:
        await sender.close()

    @staticmethod
    def _run(sender: SmsSender, messages: list[Sms]) -> list[object]:
        async def send() -> list[object]:
            try:
                return [await sender.send(sms) for sms in messages]
            finally:
                await sender.close()

        return asyncio.run(send())
