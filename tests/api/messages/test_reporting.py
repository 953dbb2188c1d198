from __future__ import annotations

from types import SimpleNamespace

import pytest

from tests.api.messages.test_sending import refused
from tests.community import run
from tests.talk import talk
from tgserve.api.messages import reporting as _reporting
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages

SERVED = (_reporting,)


def test_a_report_goes_to_the_operators_log_without_text(monkeypatch: pytest.MonkeyPatch) -> None:
    """SECURITY 7.2: ids, never what was written."""
    lines: list[dict[str, object]] = []
    monkeypatch.setattr(
        _reporting, "_log", SimpleNamespace(warning=lambda event, **fields: lines.append(fields))
    )

    async def story() -> None:
        async with talk(2) as (_, (ann, bob)):
            await bob.send(ann, "buy my pills")
            first = messages.Report(peer=ann.peer(bob), id=[1], option=b"", message="")
            choice = await ann(first)
            assert isinstance(choice, t.ReportResultChooseOption)
            last = choice.options[-1].option
            more = await ann(messages.Report(peer=ann.peer(bob), id=[1], option=last, message=""))
            assert more == t.ReportResultAddComment(option=last)
            done = await ann(messages.Report(peer=ann.peer(bob), id=[1], option=last, message="pills!"))
            assert done == t.ReportResultReported()
            assert await ann(messages.ReportSpam(peer=ann.peer(bob)))
            reason = t.InputReportReasonFake()
            assert await ann(account.ReportPeer(peer=ann.peer(bob), reason=reason, message="pills!"))
            photo = t.InputPhoto(id=5, access_hash=6, file_reference=b"")
            ask = account.ReportProfilePhoto(peer=ann.peer(bob), photo_id=photo, reason=reason, message="x")
            assert await ann(ask)
            assert [line["what"] for line in lines] == ["other", "spam", "fake", "fake"]
            assert all((line["by"], line["about"]) == (ann.id, bob.id) for line in lines)
            assert "pills" not in repr(lines)
            await refused(
                "OPTION_INVALID", ann, messages.Report(peer=ann.peer(bob), id=[1], option=b"?", message="")
            )
            await refused(
                "MESSAGE_IDS_EMPTY", ann, messages.Report(peer=ann.peer(bob), id=[], option=b"", message="")
            )

    run(story())
