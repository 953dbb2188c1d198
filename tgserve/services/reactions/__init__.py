"""Reactions to messages, from the stock set to the counts on a message."""
