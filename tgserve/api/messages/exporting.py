"""What an export of an account asks for beside what every client does."""

from __future__ import annotations

from tgserve.rpc.context import Call
from tgserve.rpc.registry import rpc
from tgserve.tl import types as t
from tgserve.tl.functions import messages

HIGHEST_ID = 2**31 - 1


@rpc(messages.GetSplitRanges)
async def get_split_ranges(call: Call, request: messages.GetSplitRanges) -> list[t.AnyMessageRange]:
    """One box has one range of message ids, so invokeWithMessagesRange never leaves anything out."""
    return [t.MessageRange(min_id=1, max_id=HIGHEST_ID)]
