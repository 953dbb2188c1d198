"""trace.start, trace.read."""

from __future__ import annotations

from tgserve.admin.commands.finding import find_user
from tgserve.admin.registry import Daemon, Refusal, command
from tgserve.admin.schema.seeing import TraceRead, TraceStart, TraceStep, TraceSteps


@command(TraceStart)
async def trace_start(daemon: Daemon, params: TraceStart) -> TraceSteps:
    if bool(params.who) == bool(params.auth_key_id):
        raise Refusal("name one session or one account")
    user_id = key_id = 0
    if params.who:
        user_id = find_user(daemon, params.who).id
    else:
        try:
            key_id = int(params.auth_key_id, 16)
        except ValueError:
            raise Refusal(f"{params.auth_key_id} is no session: `tgserve session list` shows them") from None
        if daemon.services.auth.keys.key_or_none(key_id) is None:
            raise Refusal(f"there is no session {params.auth_key_id}: `tgserve session list` shows them")
    trace = daemon.tracing.start(user_id, key_id)
    if trace is None:
        raise Refusal("too many traces are open")
    return TraceSteps(trace.id)


@command(TraceRead)
async def trace_read(daemon: Daemon, params: TraceRead) -> TraceSteps:
    trace = daemon.tracing.read(params.id)
    if trace is None:
        raise Refusal(f"trace {params.id} has ended")
    steps = trace.after(params.after)
    if params.stop:
        daemon.tracing.stop(trace.id)
    return TraceSteps(
        trace.id,
        [
            TraceStep(
                step.number,
                step.at,
                f"{step.session_id & (1 << 64) - 1:016x}",
                step.address,
                step.way,
                step.what,
                step.msg_id,
                step.bytes,
            )
            for step in steps
        ],
        (steps[0].number if steps else trace.count + 1) - params.after - 1,
    )
