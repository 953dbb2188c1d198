"""Limits: each has its reason, and a change that makes another one senseless fails at import."""

import ast
import inspect

import pytest

from tgserve import config, limits


def test_relations_hold_and_are_looked_at(monkeypatch):
    limits.check_relations()
    monkeypatch.setattr(limits, "UNSENT_BYTES", limits.FRAME_BYTES)
    with pytest.raises(AssertionError, match="a slow client can take one frame"):
        limits.check_relations()


def test_every_group_of_limits_has_a_reason():
    """A string follows each constant, or each run of constants that share one."""
    body = ast.parse(inspect.getsource(limits)).body
    named = [line for line in body if isinstance(line, ast.AnnAssign)]
    reasons = [line for line in body if isinstance(line, ast.Expr)]
    assert len(reasons) * 2 > len(named)
    assert all(isinstance(getattr(limits, line.target.id), int) for line in named)


def test_what_an_operator_may_change_begins_at_the_limit():
    assert config.LimitsConfig().codes_per_phone_per_hour == limits.CODES_PER_PHONE_PER_HOUR
    assert config.LimitsConfig().events_kept_days * limits.DAY == limits.EVENTS_KEPT_SECONDS
