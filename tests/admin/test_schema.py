"""The admin contract: every command has a handler, JSON goes both ways, strangers' JSON is refused by field."""

import json

import pytest

from tgserve.admin import commands, registry, schema
from tgserve.admin.schema import COMMANDS, Malformed, from_plain, to_plain
from tgserve.admin.schema.users import UserList, UserPage, UserRow

commands.load()  # whichever tests were collected before


def test_every_command_is_served():
    assert registry.unserved() == []


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_every_command_and_result_says_what_it_is(name):
    assert COMMANDS[name].__doc__ and not COMMANDS[name].__doc__.startswith(COMMANDS[name].__name__ + "(")
    assert COMMANDS[name].RESULT is not None


def test_both_ways():
    page = UserPage([UserRow(7, "999661234", "Ann", created=5)], 1)
    assert from_plain(UserPage, json.loads(json.dumps(to_plain(page)))) == page


def test_a_newer_side_may_say_more():
    assert from_plain(UserList, {"search": "a", "limit": 3, "colour": "red"}) == UserList("a", 3)


@pytest.mark.parametrize(
    ("data", "text"),
    [
        ([], "an object is needed"),
        ({"users": {}, "total": 1}, "users: list is needed"),
        (
            {"users": [{"id": "7", "phone": "", "first_name": ""}], "total": 1},
            r"users\[0\]\.id: int is needed",
        ),
        ({"users": [{"id": True, "phone": "", "first_name": ""}], "total": 1}, r"users\[0\]\.id"),
        ({"users": [{"id": 7}], "total": 1}, "a field is missing"),
        ({"total": 1}, "a field is missing"),
    ],
)
def test_wrong_json_is_named_by_field(data, text):
    with pytest.raises(Malformed, match=text):
        from_plain(UserPage, data)


def test_a_name_is_given_once():
    with pytest.raises(RuntimeError, match="two commands"):
        schema.answers("status", UserPage)(UserList)
