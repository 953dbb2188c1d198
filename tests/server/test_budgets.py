"""What one address may ask (SECURITY 1.18, 2.8)."""

from __future__ import annotations

import pytest

from tgserve.server.budgets import ADDRESSES, Budget, Sockets, holder


@pytest.mark.parametrize(
    ("address", "counted"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("::ffff:192.0.2.1", "192.0.2.1"),
        ("2001:db8:1:2:3::1", holder("2001:db8:1:2:ffff::9")),
        ("fe80::1%eth0", holder("fe80::2")),
        ("", ""),
    ],
)
def test_1_18_an_address_is_what_its_owner_holds(address: str, counted: str) -> None:
    assert holder(address) == counted


def test_1_18_other_networks_are_others() -> None:
    assert holder("2001:db8:1:2::1") != holder("2001:db8:1:3::1")


def test_1_18_budget_for_each_address_and_for_all() -> None:
    budget = Budget(2, 5)
    assert [budget.take("a", 1.0) for _ in range(3)] == [True, True, False]
    assert [budget.take("b", 1.0) for _ in range(2)] == [True, True]
    assert [budget.take("c", 1.0) for _ in range(2)] == [True, False]
    assert budget.take("c", 61.0)


def test_no_limit_is_zero() -> None:
    budget = Budget(0, 0)
    assert all(budget.take("a", 1.0) for _ in range(1000))


def test_7_3_the_table_of_addresses_is_bounded() -> None:
    budget = Budget(1, 0)
    for number in range(ADDRESSES + 10):
        budget.take(str(number), 1.0)
    assert len(budget._counts) <= ADDRESSES + 1


def test_2_8_sockets_are_counted_and_given_back() -> None:
    sockets = Sockets(2)
    assert [sockets.enter("a") for _ in range(3)] == [1, 2, 3]
    for _ in range(3):
        sockets.leave("a")
    assert sockets.total == 0 and sockets.enter("a") == 1
