"""Reports: what is wrong with a message, a chat or a person goes to the operator's log, by ids and without text.

There is no moderation beside the operator's own: `tgserve log` or a collector shows lines `report`.
"""

from __future__ import annotations

from typing import Final

from tgserve import errors, limits, log, metrics
from tgserve.rpc import peers
from tgserve.rpc.context import Call
from tgserve.rpc.registry import per_minute, rpc
from tgserve.tl import types as t
from tgserve.tl.functions import account, messages

_log = log.get("report")
_reports = metrics.counter("tgserve_reports_total", "reports by people, by what they are about", ("kind",))
OPTIONS: Final = {
    b"spam": "Spam",
    b"violence": "Violence",
    b"pornography": "Pornography",
    b"child_abuse": "Child abuse",
    b"illegal": "Illegal goods or services",
    b"personal": "Personal details",
    b"other": "Other",
}
COMMENT_CHARS: Final = 512


def write_down(call: Call, kind: str, peer: int, what: str, **more: object) -> None:
    """Write it down for the operator. `what` is one of OPTIONS or the name of a ReportReason."""
    _reports.of(kind).inc()
    _log.warning("report", kind=kind, by=call.me, about=peer, what=what, **more)


@rpc(messages.Report, flood=per_minute(20))
async def report(call: Call, request: messages.Report) -> t.AnyReportResult:
    """First asked without an option, to hear which there are; `other` wants words, which are not kept."""
    peer = peers.resolve(call, request.peer)
    if not request.id or len(request.id) > limits.MESSAGES_PER_CALL:
        raise errors.MESSAGE_IDS_EMPTY() if not request.id else errors.LIMIT_INVALID()
    if not request.option:
        options: list[t.AnyMessageReportOption] = [
            t.MessageReportOption(text=text, option=option) for option, text in OPTIONS.items()
        ]
        return t.ReportResultChooseOption(title="Report", options=options)
    if request.option not in OPTIONS:
        raise errors.OPTION_INVALID()
    if request.option == b"other" and not request.message.strip():
        return t.ReportResultAddComment(option=request.option)
    if len(request.message) > COMMENT_CHARS:
        raise errors.MESSAGE_TOO_LONG()
    ids = ",".join(map(str, request.id))
    write_down(call, "message", peer, request.option.decode(), messages=ids)
    return t.ReportResultReported()


@rpc(messages.ReportSpam, flood=per_minute(20))
async def report_spam(call: Call, request: messages.ReportSpam) -> bool:
    """From the bar above a new chat, which goes with it."""
    peer = peers.resolve(call, request.peer)
    write_down(call, "chat", peer, "spam")
    await call.services.dialogs.hide_settings(call.me, peer, origin=call.session)
    return True


@rpc(account.ReportPeer, flood=per_minute(20))
async def report_peer(call: Call, request: account.ReportPeer) -> bool:
    write_down(call, "chat", peers.resolve(call, request.peer), _reason(request.reason))
    return True


@rpc(account.ReportProfilePhoto, flood=per_minute(20))
async def report_profile_photo(call: Call, request: account.ReportProfilePhoto) -> bool:
    photo = getattr(request.photo_id, "id", 0)
    write_down(call, "photo", peers.resolve(call, request.peer), _reason(request.reason), photo=photo)
    return True


def _reason(reason: t.AnyReportReason) -> str:
    return reason.NAME.removeprefix("inputReportReason").lower()
