"""Telegram Desktop's JSON export: accounts and chats written as its result.json with the files beside it, and chats
of such an export read back into a chat here (docs/OPERATING.md).

The format is the one Desktop writes ("machine-readable JSON"); times are UTC, where Desktop writes its machine's own.
"""
