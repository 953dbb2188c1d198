"""Refusal: how a command says that it cannot be done."""


class Refusal(Exception):
    """The command cannot be done; the text says why and what to do. Exit code 1."""
