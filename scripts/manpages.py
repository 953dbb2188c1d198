"""docs/man/*.1: one page for tgserve and one for each of its commands with what is under it, from the help texts."""

from __future__ import annotations

import inspect
import re

import click

from cli.main import COMMANDS, tgserve
from tgserve import __version__

FOLDER = "docs/man"
TITLE = "A self-hosted Telegram server"
WIDTH = 100
"""Of help texts, whatever terminal they are made on."""


def top_context() -> click.Context:
    """Of `tgserve` itself, for help texts. click keeps a command's help option as the first context named it, so that
    all who ask for help texts in one process have to ask with the same names."""
    names = tgserve.context_settings["help_option_names"]
    return click.Context(
        tgserve, info_name="tgserve", terminal_width=WIDTH, max_content_width=WIDTH, help_option_names=names
    )


def pages() -> dict[str, str]:
    """Path -> page."""
    found = {f"{FOLDER}/tgserve.1": _main()}
    with top_context() as top:
        for name in COMMANDS:
            command = tgserve.get_command(top, name)
            if command is not None:
                found[f"{FOLDER}/tgserve-{name}.1"] = _page(command, name, top)
    return found


def _main() -> str:
    lines = [
        *_head("tgserve", TITLE.lower()),
        ".SH SYNOPSIS",
        ".B tgserve",
        r"\fICOMMAND\fR [\fIOPTIONS\fR] ...",
        ".SH DESCRIPTION",
        *_paragraphs(inspect.getdoc(tgserve.callback) or ""),
        ".SH COMMANDS",
    ]
    for name, (_, text) in COMMANDS.items():
        lines += [".TP", rf"\fBtgserve {_text(name)}\fR(1)", _line(text)]
    lines += [
        ".SH ENVIRONMENT",
        ".TP",
        ".B TGSERVE_DATA",
        _line("The server's directory, where --data is not given."),
        ".SH FILES",
        ".TP",
        ".I DIR/tgserve.toml",
        _line("Settings; every line of it is explained there."),
        ".TP",
        ".I DIR/keys/",
        _line("The server's keys. Nobody gets in without them: back them up first."),
        ".TP",
        ".I DIR/store/",
        _line("Messages and accounts."),
        ".TP",
        ".I DIR/admin.sock",
        _line("What the commands talk to."),
        ".SH EXIT STATUS",
        _line("0: done. 1: refused or failed, with a sentence why. 2: wrong usage."),
    ]
    return "\n".join(lines) + "\n"


def _page(command: click.Command, name: str, top: click.Context) -> str:
    lines = _head(f"tgserve-{name}", COMMANDS[name][1].rstrip("."))
    with click.Context(command, info_name=name, parent=top) as context:
        lines += [".SH SYNOPSIS", *_synopsis(command, f"tgserve {name}", context)]
        lines += [".SH DESCRIPTION", *_paragraphs(command.help or COMMANDS[name][1])]
        if not isinstance(command, click.Group):
            lines += [".SH OPTIONS", *_options(command, context), *_example(command)]
        else:
            lines.append(".SH COMMANDS")
            for word, inner in sorted(command.commands.items()):
                lines += _inner(inner, word, f"tgserve {name} {word}", context)
    lines += [".SH SEE ALSO", r"\fBtgserve\fR(1)"]
    return "\n".join(lines) + "\n"


def _inner(command: click.Command, word: str, path: str, parent: click.Context) -> list[str]:
    with click.Context(command, info_name=word, parent=parent) as context:
        lines = [
            f'.SS "{_text(path)}"',
            *_synopsis(command, path, context),
            ".PP",
            *_paragraphs(command.help or ""),
        ]
        lines += [*_options(command, context), *_example(command)]
        if isinstance(command, click.Group):
            for further, one in sorted(command.commands.items()):
                lines += _inner(one, further, f"{path} {further}", context)
    return lines


def _head(name: str, what: str) -> list[str]:
    return [
        '.\\" Written by scripts/generate.py: change its sources, not this file.',
        f'.TH {name.upper()} 1 "" "tgserve {__version__}" "{TITLE}"',
        ".SH NAME",
        rf"{_text(name)} \- {_text(what[:1].lower() + what[1:])}",
    ]


def _synopsis(command: click.Command, path: str, context: click.Context) -> list[str]:
    pieces = " ".join(command.collect_usage_pieces(context))
    return [f".B {_text(path)}", _line(pieces)] if pieces else [f".B {_text(path)}"]


def _options(command: click.Command, context: click.Context) -> list[str]:
    lines: list[str] = []
    for parameter in command.get_params(context):
        record = parameter.get_help_record(context) if isinstance(parameter, click.Option) else None
        if record is not None and "--help" not in record[0]:
            lines += [".TP", rf"\fB{_text(record[0])}\fR", _line(record[1]) if record[1] else r"\&"]
    return lines


def _example(command: click.Command) -> list[str]:
    text = command.epilog or ""
    if not text.startswith("Example: "):
        return []
    return [".PP", "Example:", ".PP", ".nf", _line(text.removeprefix("Example: ")), ".fi"]


def _paragraphs(text: str) -> list[str]:
    lines: list[str] = []
    for paragraph in inspect.cleandoc(text).split("\n\n"):
        plain = paragraph.replace("\b\n", "")
        lines += [".PP"] if lines else []
        if "\b" in paragraph:
            lines += [".nf", *map(_line, plain.split("\n")), ".fi"]
        else:
            lines.append(_line(" ".join(plain.split())))
    return lines


def _line(text: str) -> str:
    """A text line, which must not begin like a request."""
    text = _text(re.sub(r"\s+", " ", text).strip())
    return rf"\&{text}" if text.startswith((".", "'")) else text


def _text(text: str) -> str:
    """Letters that roff reads otherwise."""
    return (
        text.replace("\\", r"\e")
        .replace("-", r"\-")
        .replace("`", r"\(ga")
        .replace("'", r"\(aq")
        .replace('"', r"\(dq")
    )
