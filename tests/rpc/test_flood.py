"""Budgets of methods (SECURITY 6.15)."""

from __future__ import annotations

from tgserve.rpc.flood import Floods
from tgserve.rpc.registry import Flood


def test_6_15_the_call_above_the_budget_waits_for_the_rest_of_the_window() -> None:
    floods, flood = Floods(), Flood(3, 60)
    assert [floods.wait(1, 9, flood, 100.0) for _ in range(3)] == [0, 0, 0]
    assert floods.wait(1, 9, flood, 130.5) == 30
    assert floods.wait(1, 9, flood, 160.0) == 0


def test_6_15_callers_and_methods_have_budgets_of_their_own() -> None:
    floods, flood = Floods(), Flood(1, 60)
    assert floods.wait(1, 9, flood, 0.0) == 0
    assert floods.wait(2, 9, flood, 0.0) == 0
    assert floods.wait(1, 8, flood, 0.0) == 0
    assert floods.wait(1, 9, flood, 0.0) == 60


def test_7_3_the_table_stays_bounded() -> None:
    floods, flood = Floods(most=100), Flood(1, 60)
    for caller in range(1000):
        assert floods.wait(caller, 1, flood, 0.0) == 0
    assert len(floods._windows) <= 100
