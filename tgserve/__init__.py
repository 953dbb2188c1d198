"""tgserve: a self-hosted Telegram server in one process, started with one command."""

__version__ = "0.1.0"
