"""Whatever the arguments, a method answers with a result that encodes or with an error of the catalogue (7.4)."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.requests import PLAIN, smallest
from tests.community import community, run
from tgserve import api
from tgserve.errors import CATALOGUE, RpcError
from tgserve.rpc.registry import METHODS
from tgserve.tl import layers

api.load()
VALUES: dict[str, dict[str, Any]] = {
    "smallest": PLAIN,
    "negative": PLAIN | {"int": -1, "long": -1, "double": -1.0, "string": " ", "bytes": b"\x00"},
    "largest": PLAIN
    | {"int": 2**31 - 1, "long": 2**63 - 1, "double": 1e308, "string": "\u202e" * 5000, "Bool": True},
    "lowest": PLAIN
    | {"int": -(2**31), "long": -(2**63), "string": "\x00'\"<>&%s{}@", "bytes": b"\xff" * 5000},
    "digits": PLAIN | {"int": 5, "long": 5, "string": "+9996621002", "bytes": b"5"},
}
ENDS_THE_STORY = {"auth.logOut", "account.deleteAccount"}


@pytest.mark.parametrize("optional", [False, True], ids=["required", "optional"])
@pytest.mark.parametrize("values", VALUES)
def test_7_4_no_input_is_a_fault_of_ours(values: str, optional: bool) -> None:
    async def story() -> None:
        async with community() as c:
            me, key = await c.sign_up("+9996621001")
            await c.sign_up("+9996621002", "Bob")
            known = {kind.name.replace("%d", "") for kind in CATALOGUE.values()}
            faults = []
            for method in METHODS.values():
                name = method.request.NAME
                if name in ENDS_THE_STORY:
                    continue
                request = smallest(method.request, 0, VALUES[values], optional)
                try:
                    answer = await method.run(c.call(me, key), request)
                    for layer in (152, 200, layers.CURRENT):
                        layers.encode_result(method.request, answer, layer)
                except RpcError as error:
                    if error.code >= 500 or error.name.rstrip("0123456789") not in known:
                        faults.append(f"{name}: {error!r}")
                except Exception as fault:
                    faults.append(f"{name}: {fault!r}")
            assert not faults, "\n".join(faults)

    run(story())
