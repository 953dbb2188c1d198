"""SMPP: against a centre of another maker, and against one that does what goes wrong."""

from __future__ import annotations

import asyncio
import io
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
import smpp34
from hypothesis import given
from hypothesis import strategies as st

from tests.adapters.certificates import certificate
from tests.adapters.smsc import DELIVER, ENQUIRE, UNBIND, Mailbox, RealCentre, StrictCentre, decoded
from tests.waiting import until
from tgserve import log
from tgserve.adapters.contract import AdapterError, Later, Refused, Sent, Sms
from tgserve.adapters.sms import smpp
from tgserve.adapters.sms import smpp_pdu as p
from tgserve.clock import SystemClock
from tgserve.server.lifecycle import new_loop
from tgserve.testing.sms_suite import FOREIGN, HELLO, SmsSuite


def sender(where: int, **more: Any) -> smpp.SmppSender:
    options = {"host": "127.0.0.1", "port": where, "system_id": "us", "password": "secret", "from": "tgserve"}
    return smpp.create(options | more, SystemClock())


class TestSmpp(SmsSuite):
    """The public kit over the centre of another maker."""

    @pytest.fixture(autouse=True)
    def _centre(self) -> Iterator[None]:
        self.centre: RealCentre = RealCentre().start()
        yield
        self.centre.stop()

    def sender(self) -> smpp.SmppSender:
        return sender(self.centre.port)

    def broken(self) -> smpp.SmppSender:
        return sender(1)

    def received(self) -> list[tuple[str, str]]:
        return self.centre.received

    def test_receipts_are_answered_and_logged(self) -> None:
        stream = io.StringIO()
        log.setup(stream=stream)

        async def story() -> Any:
            one = self.sender()
            result = await one.send(HELLO)
            await until(lambda: self.centre.receipts == 1 and "sms.receipt" in stream.getvalue())
            await one.close()
            return result

        assert asyncio.run(story()) == Sent("m1")
        log.setup()
        assert "reference=m1 state=DELIVRD fault=000" in stream.getvalue()
        assert HELLO.phone not in stream.getvalue() and HELLO.code not in stream.getvalue()

    def test_who_it_is_from_and_to(self) -> None:
        self._run(self.sender(), [HELLO])
        (got,) = self.centre.submitted
        assert (got.source_addr, got.source_addr_ton, got.source_addr_npi) == ("tgserve", 5, 0)
        assert (got.destination_addr, got.dest_addr_ton, got.dest_addr_npi) == (HELLO.phone, 1, 1)
        assert got.registered_delivery == 1 and got.data_coding == 0


@pytest.fixture
def centre() -> Iterator[StrictCentre]:
    made: StrictCentre = StrictCentre().start()
    yield made
    made.stop()


def run(story: Coroutine[Any, Any, Any]) -> Any:
    """On the daemon's loop; the kit above runs on the standard one."""
    with asyncio.Runner(loop_factory=new_loop) as runner:
        return runner.run(asyncio.wait_for(story, 100))


def test_wrong_credentials(centre: StrictCentre) -> None:
    async def story() -> None:
        wrong = sender(centre.port, password="wrong")
        for result in (await wrong.send(HELLO), await wrong.probe()):
            assert result == Refused("wrong credentials: cannot bind: password (0x0E)")
        good = sender(centre.port)
        assert await good.probe() == Sent() == await good.probe()
        assert centre.binds == 3, "a session that stands is not bound again"
        await good.close()
        await until(lambda: centre.unbinds == 1)
        await good.close()

    run(story())


def test_statuses(centre: StrictCentre) -> None:
    async def story() -> None:
        one = sender(centre.port)
        for status in (0x08, 0x14, 0x58, 0x64):
            centre.statuses.append(status)
            assert isinstance(await one.send(HELLO), Later), hex(status)
        for status in (0x0B, 0x45, 0x65, 0xFE, 0x0413, 0xFFFFFFFF):
            centre.statuses.append(status)
            assert isinstance(await one.send(HELLO), Refused), "a vendor's own statuses too"
        centre.bind_statuses.append(0x05)
        await one.close()
        assert isinstance(await one.send(HELLO), Later)
        assert await one.send(HELLO) == Sent("m1")
        await one.close()

    run(story())


def test_a_lost_connection_is_made_anew(centre: StrictCentre) -> None:
    async def story() -> None:
        one = sender(centre.port)
        centre.hang_up = True
        assert await one.send(HELLO) == Later("127.0.0.1: Connection reset by peer")
        assert await one.send(HELLO) == Sent("m1")
        centre.say(UNBIND)
        await until(lambda: (UNBIND | 0x80000000, 0) in centre.answered)
        assert await one.send(HELLO) == Sent("m2")
        centre.raw(b"\xff\xff\xff\xff" * 8)
        await until(lambda: one._session is not None and not one._session.open)
        assert await one.send(HELLO) == Sent("m3")
        assert centre.binds == 4
        await one.close()

    run(story())


def test_what_the_centre_asks_is_answered(centre: StrictCentre) -> None:
    async def story() -> None:
        one = sender(centre.port)
        assert await one.probe() == Sent()
        centre.say(ENQUIRE)
        centre.say(DELIVER, b"rubbish that is no deliver_sm")
        centre.say(0x0777)
        wanted = [(0x80000015, 0), (0x80000005, 0), (0x80000000, 3)]
        await until(lambda: centre.answered == wanted)
        assert await one.send(HELLO) == Sent("m1")
        await one.close()

    run(story())


def test_the_link_is_kept_and_a_dead_one_found(centre: StrictCentre) -> None:
    async def story() -> None:
        one = sender(centre.port, enquire_seconds=1)
        one._enquire = 1000.0  # its own timer does not come
        await one.probe()
        session = one._session
        assert session is not None
        for number in range(1, 4):
            session._heard = quiet = session._loop.time() - 1000
            session._enquire()
            await until(lambda: session._heard > quiet)  # noqa: B023 - at once
            assert session.open and centre.enquiries == number
        centre.silent = True
        for quiet in (1000, 2000):
            session._heard = session._loop.time() - quiet
            session._enquire()
            assert session.open, "it has not been silent for long"
        session._heard = session._loop.time() - 2600
        session._enquire()
        await until(lambda: not session.open)
        centre.silent = False
        assert await one.send(HELLO) == Sent("m1")
        await one.close()

    run(story())


def test_a_silent_centre(centre: StrictCentre, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(smpp, "ANSWER_SECONDS", 0.2)
    centre.silent = True

    async def story() -> Any:
        one = sender(centre.port)
        result = await one.send(HELLO)
        await one.close()
        return result

    assert run(story()) == Later("127.0.0.1: no answer in time")


def test_tls_and_its_certificate(tmp_path: Path) -> None:
    context, pem = certificate(tmp_path)
    centre: StrictCentre = StrictCentre(context).start()

    async def story() -> None:
        trusting = sender(centre.port, host="localhost", tls=True, ca=str(pem))
        assert await trusting.send(HELLO) == Sent("m1")
        await trusting.close()
        doubting = await sender(centre.port, host="localhost", tls=True).probe()
        assert isinstance(doubting, Later) and "certificate is not trusted" in doubting.reason
        assert isinstance(await sender(centre.port).probe(), Later), "without TLS nobody answers"

    try:
        run(story())
    finally:
        centre.stop()
    assert [text for _, text in centre.received] == [HELLO.text]


@pytest.mark.parametrize("alphabet", ["gsm", "latin1", "ucs2"])
def test_long_texts_come_in_parts(centre: StrictCentre, alphabet: str) -> None:
    texts = ["x" * 160, "x" * 161, "[" * 200, "é" * 300, FOREIGN.text * 9, "🙂" * 80, "§`€"]

    async def story() -> None:
        one = sender(centre.port, alphabet=alphabet)
        for text in texts:
            assert isinstance(await one.send(Sms("999661234", "20457", text)), Sent)
        await one.close()

    run(story())
    assert [text for _, text in centre.received] == texts


@given(
    st.text(min_size=1, max_size=700).filter(
        lambda text: not any("\ud800" <= char <= "\udfff" for char in text)
    )
)
def test_any_text_is_whole_again(text: str) -> None:
    for alphabet in ("gsm", "latin1", "ucs2"):
        coding, parts = p.coded(text, alphabet)
        pieces = [part[6:] for part in parts] if len(parts) > 1 else parts
        assert "".join(decoded(coding, piece) for piece in pieces) == text
        assert all(len(part) <= (160 if coding == 0 else 140) for part in parts)


def test_our_pdus_are_what_another_maker_reads() -> None:
    body = p.submit_body(
        p.Address("12345", 0), p.Address("999661234"), b"hi", coding=0, header=False, receipt=True
    )
    read = smpp34.decode(p.Pdu(p.SUBMIT_SM, 0, 7, body).encode())
    assert isinstance(read, smpp34.SubmitSm)
    assert (read.sequence_number, read.source_addr, read.short_message) == (7, "12345", b"hi")
    tlvs = [
        smpp34.Tlv(p.TLV_RECEIPTED, b"m9\0"),
        smpp34.Tlv(p.TLV_STATE, b"\x05"),
        smpp34.Tlv(0x1401, b"own"),
    ]
    made = smpp34.DeliverSm("999661234", "us", b"", esm_class=4, tlvs=tlvs, sequence_number=3).encode()
    (pdu,) = p.taken(bytearray(made))
    assert p.receipt_or_none(pdu.body) == p.Receipt("m9", "UNDELIV")
    message = smpp34.DeliverSm("999661234", "us", b"STOP", sequence_number=3).encode()
    assert p.receipt_or_none(message[16:]) is None


@given(st.binary(max_size=80))
def test_receipts_may_be_anything(body: bytes) -> None:
    p.receipt_or_none(body)


def test_a_mailbox_puts_parts_together() -> None:
    box = Mailbox()
    for part in p.coded("y" * 200, "gsm")[1]:
        body = p.submit_body(
            p.Address("1"), p.Address("2"), p.numbered(part, 300), coding=0, header=True, receipt=False
        )
        box.take(smpp34.decode(p.Pdu(p.SUBMIT_SM, 0, 1, body).encode()))
    assert box.received == [("2", "y" * 200)]


@pytest.mark.parametrize(
    ("sender_text", "address"),
    [
        ("tgserve", ("tgserve", 5, 0)),
        ("+4915112345678", ("4915112345678", 1, 1)),
        ("4915112345678", ("4915112345678", 1, 1)),
        ("12345", ("12345", 0, 1)),
    ],
)
def test_senders(sender_text: str, address: tuple[str, int, int]) -> None:
    found = smpp.source_of(sender_text, -1, -1)
    assert (found.number, found.ton, found.npi) == address
    assert smpp.source_of(sender_text, 3, 9) == p.Address(address[0], 3, 9)


@pytest.mark.parametrize(
    ("more", "says"),
    [
        ({"password": "longer than 8"}, "at most 8"),
        ({"system_id": "ü"}, "ASCII"),
        ({"port": 0}, "1..65535"),
        ({"alphabet": "klingon"}, "none of gsm"),
        ({"ca": "/nowhere", "tls": True}, "cannot be read"),
    ],
)
def test_options(more: dict[str, Any], says: str) -> None:
    with pytest.raises(AdapterError, match=says):
        sender(2775, **more)
