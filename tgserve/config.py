"""The operator's settings: frozen dataclasses, each field followed by its doc. Everything has a default.

They are read from DIR/tgserve.toml, checked as a whole (all faults at once, each with its place), and never change
while the daemon runs. `describe()` writes the commented default file, which conf/tgserve.toml and the docs are.
"""

from __future__ import annotations

import ast
import difflib
import tomllib
import typing
from collections.abc import Mapping
from dataclasses import dataclass, field, fields, is_dataclass, replace
from functools import cache
from ipaddress import ip_network
from itertools import pairwise
from pathlib import Path
from typing import Any, Literal

from tgserve import limits

CONFIG_FILE = "tgserve.toml"
DEFAULT_DATA = Path("tgserve-data")
DEFAULT_PORT = 4430


class ConfigError(Exception):
    """The settings cannot be used. `problems` says what is wrong, one sentence each."""

    def __init__(self, problems: list[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = problems


@dataclass(frozen=True, slots=True, kw_only=True)
class StoreConfig:
    engine: str = "lmdb"
    """What keeps the data: `lmdb`, `memory` (tests: nothing survives a stop), or an entry point of tgserve.engines."""
    shards: int = 3
    """Number of environments a new server spreads its chats over; `tgserve shard add` and `drain` change it later."""
    map_gib: int = 64
    """Largest size of one shard in GiB: address space, not disk space, so generous is free."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ChunksConfig:
    copies: int = 0
    """On how many disks each piece of a file is kept. 0: one with one disk, else two. Disks are added with
    `tgserve disk add`; without any, files go to DIR/chunks/disk-1."""
    least_copies: int = 0
    """When fewer disks than that are well, uploads are refused, unless so many copies are enough for a while: the
    missing ones are made when the disk is back. 0: as many as `copies`."""
    seal: bool = False
    """Encrypt what is written from now on with a key derived from keys/secret.key."""
    reserve_mib: int = limits.CHUNK_RESERVE_BYTES >> 20
    """Left free on every disk: messages may live on the same file system."""
    cache_mib: int = 32
    """Memory for pieces read a moment ago."""
    grace_hours: int = limits.CHUNK_GRACE_SECONDS // limits.HOUR
    """A piece that nobody holds any more is removed after this. Not less than uploads may take."""
    scrub_days: int = 30
    """Everything is read and compared once in so many days. 0: only by `tgserve disk scrub`."""
    scrub_mib_per_second: int = 20
    """Reading speed of scrub."""
    move_mib_per_second: int = 50
    """Speed of drain, repair and tidying."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SmsConfig:
    adapter: str = "console"
    """How login codes reach people while no provider was added (`tgserve sms add`): `console` (read them with
    `tgserve user code PHONE`), `file`, or another adapter (`tgserve sms adapters`). The adapter's own options stand in
    a table of its name: [sms.file]; secrets are kept better by `tgserve sms add`."""
    text: str = "{code} is your login code for {server}."
    """The message; `{code}` and `{server}` are filled in."""
    tries: int = limits.SMS_TRIES
    """How often a provider is tried for one code."""
    seconds: int = limits.SMS_SECONDS
    """How long one try may take."""
    per_minute: int = limits.SMS_PER_MINUTE
    """Messages of the whole server in a minute: a guard of your bill."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, metadata={"tables": True})
    """Tables of the adapters, by adapter name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class MailConfig:
    adapter: str = "console"
    """How codes for two-step verification reach people's e-mail: `console` (read them with `tgserve user mailcode`),
    `smtp`, or an entry point of tgserve.mail. The adapter's own options stand in a table of its name: [mail.smtp]
    with host, from, security, user, password."""
    login: Literal["off", "allowed", "required"] = "off"
    """Login codes by e-mail instead of SMS: `allowed` for who sets an address, `required` of who has neither an address
    nor a password. Whoever knows a phone number is then shown whether it has an account with an address, and its
    pattern (a***b@e******.org)."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, metadata={"tables": True})
    """Tables of the adapters, by adapter name."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PushConfig:
    direct: bool = True
    """Whether pushes go straight to the addresses that devices name themselves: web push (browsers, UnifiedPush) and
    simple push. Services that need a contract of yours (FCM, APNs) are added with `tgserve push add`."""
    contact: str = ""
    """How push services reach you when something is wrong, as in "mailto:me@example.org" or an https:// address. Empty:
    push@ and `public_host`."""
    allow_private: tuple[str, ...] = ()
    """Networks of yours that devices may name addresses in, as in ["10.0.0.0/8"]: a push server in your own house. Any
    user can then have this server send requests there. Everything else but the public internet is refused."""
    delay_seconds: int = 30
    """While somebody is at one of his devices, the others hear of a message after so long, and only if it is unread."""
    keep_hours: int = 24
    """For so long a push is worth being delivered."""
    at_once: int = 64
    """Pushes under way at the same time."""
    seconds: int = 10
    """How long one try may take."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LogConfig:
    format: Literal["logfmt", "json"] = "logfmt"
    """`logfmt` reads well, `json` is for collectors."""
    level: Literal["debug", "info", "warning", "error"] = "info"
    """Least level that is written. Message text, codes and phone numbers are never written at any level."""


@dataclass(frozen=True, slots=True, kw_only=True)
class FilesConfig:
    most_mib: int = 2000
    """The largest file taken, in MiB; clients know 2000 and, for Premium accounts, 4000."""
    open_mib_per_user: int = limits.UPLOADS_OPEN_MIB
    """What one user may have on its way in at once, in MiB. Parts that nothing came after are dropped after a day."""
    day_mib_per_user: int = limits.UPLOADS_DAY_MIB
    """What one user may upload in one day, in MiB."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PreviewsConfig:
    enabled: bool = False
    """Whether the server fetches the pages that people send links to, to show their titles and pictures. The sites
    then see your server's address, and whoever sends a link makes it connect: only to the public internet, ports 80
    and 443, a few seconds and megabytes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class HttpConfig:
    enabled: bool = True
    """Whether browsers that come to the port of `listen` are shown pages. MTProto over HTTP and WebSocket is served in
    any case."""
    certificate: str = ""
    """PEM file with the certificate and its chain: the port then takes TLS too, for browsers (https, wss). Read again
    when it changes. Relative paths begin at the data directory."""
    key: str = ""
    """PEM file with the certificate's private key."""
    metrics: tuple[str, ...] = ("127.0.0.0/8", "::1")
    """Networks that may read /metrics (Prometheus) and /healthz; to others these pages are not there."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackupConfig:
    target: str = ""
    """Where backups go by themselves: a folder on another disk or machine, or "s3://bucket/prefix" with a table
    [backup.s3]: endpoint, region, access_key, secret_key. Empty: only when you say `tgserve backup create`."""
    every_hours: int = 24
    """So long after the last one began the next one begins."""
    keep: int = 14
    """So many of the newest are kept; what only older ones need is removed after each backup. 0: all."""
    options: Mapping[str, Mapping[str, Any]] = field(default_factory=dict, metadata={"tables": True})
    """Tables of the targets: s3."""


@dataclass(frozen=True, slots=True, kw_only=True)
class NodeConfig:
    link: str = ""
    """Address and port on which other nodes of the same server come to this one (`tgserve node add`), as in
    "10.0.0.1:4431". The line is sealed, and closed to all but them. Empty: nobody is listened to."""
    link_public: str = ""
    """The same as the other nodes must dial it, when that is another one. Empty: `link`, with `public_host` for
    0.0.0.0 and [::]."""
    new_accounts: Literal["here", "spread"] = "here"
    """With several nodes, where new accounts live: `here`, at the node their owners sign up at, or `spread` over all
    nodes that can be reached and take accounts."""


@dataclass(frozen=True, slots=True, kw_only=True)
class WebConfig:
    root: str = ""
    """Folder with your own build of upstream Web K or Web A: it is served at `/`, pointed at this server.
    `tgserve web check DIR` looks whether it can be. Relative paths begin at the data directory."""
    source_url: str = ""
    """Where the complete source of that build is, with your changes: shown as a link, as the clients' licence (GPL-3)
    asks of whoever serves them."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LimitsConfig:
    connections_per_address: int = limits.CONNECTIONS_PER_ADDRESS
    """Open sockets of one address. Raise it when the whole community comes through one reverse proxy."""
    handshakes_per_address_per_minute: int = limits.HANDSHAKES_PER_ADDRESS_PER_MINUTE
    """New keys of one address; each costs the server 6 ms of CPU."""
    handshakes_per_minute: int = limits.HANDSHAKES_PER_MINUTE
    """New keys in all."""
    codes_per_phone_per_hour: int = limits.CODES_PER_PHONE_PER_HOUR
    """Login codes sent to one number."""
    codes_per_address_per_hour: int = limits.CODES_PER_ADDRESS_PER_HOUR
    """Login codes asked for from one address."""
    codes_per_key_per_hour: int = limits.CODES_PER_KEY_PER_HOUR
    """Login codes asked for by one client installation."""
    code_tries_per_phone_per_hour: int = limits.CODE_TRIES_PER_PHONE_PER_HOUR
    """Wrong codes tried for one number, over all clients."""
    account_ttl_days: int = limits.ACCOUNT_TTL_DAYS
    """An account that nobody uses for so long is deleted, unless its owner has set another time. 0: never."""
    calls_per_minute: int = limits.CALLS_PER_MINUTE
    """Calls of one user where the method has no budget of its own; 0 switches all budgets of methods off."""
    events_kept: int = limits.EVENTS_KEPT
    """Updates kept for each user's devices to catch up with."""
    events_kept_days: int = limits.EVENTS_KEPT_SECONDS // limits.DAY
    """How long they are kept."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    data: Path = field(default=DEFAULT_DATA, metadata={"file": False})
    """Directory of keys, settings, store and admin socket (--data, TGSERVE_DATA)."""
    name: str = "tgserve"
    """What your server is called, in login codes and service messages."""
    listen: str = f"0.0.0.0:{DEFAULT_PORT}"
    """Address and port of the one socket that all clients use, whatever their transport. `[::]:4430` for IPv6 too."""
    public_host: str = ""
    """IP address clients are told to use (dc_options; most take no host names). Empty: the address they came to."""
    public_port: int = 0
    """Port clients are told to use. 0: the port of `listen`."""
    trusted_proxies: tuple[str, ...] = ()
    """Addresses or networks of reverse proxies in front of this server, as in ["127.0.0.1", "10.0.0.0/8"]. Of these
    alone X-Forwarded-For and the PROXY protocol are believed, and limits count the address they name."""
    dc_id: int = 2
    """Number of this data centre, 1..5. Web clients start at 2."""
    signup: Literal["open", "invite", "closed"] = "open"
    """Who may make an account: whoever can read a code sent to a number, who has an invitation (`tgserve user invite`),
    or nobody (`tgserve user create` makes accounts then). With `invite` and `closed` no codes are sent to numbers
    without an account."""
    default_country: str = "DE"
    """ISO code offered on the sign-in page."""
    store: StoreConfig = field(default_factory=StoreConfig)
    """Where messages live."""
    chunks: ChunksConfig = field(default_factory=ChunksConfig)
    """Where files live."""
    sms: SmsConfig = field(default_factory=SmsConfig)
    """Login codes."""
    mail: MailConfig = field(default_factory=MailConfig)
    """E-mail: codes that confirm an address or lead around a forgotten password."""
    push: PushConfig = field(default_factory=PushConfig)
    """Telling devices that are not connected."""
    files: FilesConfig = field(default_factory=FilesConfig)
    """What people may upload."""
    previews: PreviewsConfig = field(default_factory=PreviewsConfig)
    """Previews of linked pages."""
    http: HttpConfig = field(default_factory=HttpConfig)
    """Pages and TLS on the port of `listen`."""
    web: WebConfig = field(default_factory=WebConfig)
    """A web client."""
    backup: BackupConfig = field(default_factory=BackupConfig)
    """Backups that the server makes by itself."""
    node: NodeConfig = field(default_factory=NodeConfig)
    """Several nodes, each a data centre, as one server."""
    log: LogConfig = field(default_factory=LogConfig)
    """The daemon's log on standard error."""
    limits: LimitsConfig = field(default_factory=LimitsConfig)
    """Flood limits and retention; the reason of each default is in tgserve/limits.py."""
    dev: bool = field(default=False, metadata={"file": False})
    """A throw-away server (`tgserve dev`): fixed code, no flood limits on codes."""
    fixed_code: str = field(default="", metadata={"file": False})
    """With `dev`: the code that always works."""

    @property
    def host(self) -> str:
        return split_address(self.listen)[0]

    @property
    def port(self) -> int:
        return split_address(self.listen)[1]

    @property
    def shards(self) -> int:
        return self.store.shards

    @property
    def keys_dir(self) -> Path:
        return self.data / "keys"

    @property
    def store_dir(self) -> Path:
        return self.data / "store"

    @property
    def search_dir(self) -> Path:
        return self.data / "search"

    @property
    def admin_socket(self) -> Path:
        return self.data / "admin.sock"

    @property
    def file(self) -> Path:
        return self.data / CONFIG_FILE


def split_address(address: str) -> tuple[str, int]:
    """`host:port`, `[v6]:port`, `:port` -> (host, port). ValueError says what is wrong."""
    host, colon, port = address.rpartition(":")
    if not colon or not port.isdigit() or not 0 <= int(port) <= 65535:
        raise ValueError(f"`{address}` is not HOST:PORT")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        raise ValueError(f"`{address}`: an IPv6 address stands in brackets, as in [::]:{port}")
    return host or "0.0.0.0", int(port)  # noqa: S104 - serving is what the operator asked for


def load(data: Path, file: Path | None = None, **changes: Any) -> Config:
    """Settings of a data directory; `file` instead of DIR/tgserve.toml; `changes` are command line options that win.

    A missing DIR/tgserve.toml means defaults; a missing `file` is an error. Raises ConfigError.
    """
    path = file or data / CONFIG_FILE
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        if file is not None:
            raise ConfigError([f"{file}: there is no such file"]) from None
        text = ""
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError([f"{path}: {error}"]) from None
    config = parse(text, str(path))
    return check(
        replace(config, data=data, **{name: value for name, value in changes.items() if value is not None})
    )


def parse(text: str, place: str = CONFIG_FILE) -> Config:
    """TOML text -> Config, with types, names and values checked. Raises ConfigError with all the problems at once."""
    try:
        table = tomllib.loads(text)
    except tomllib.TOMLDecodeError as error:
        raise ConfigError([f"{place}: {error}"]) from None
    problems: list[str] = []
    config = _build(Config, table, "", problems)
    if problems:
        raise ConfigError([f"{place}: {problem}" for problem in problems])
    return check(config, place)


def check(config: Config, place: str = "settings") -> Config:
    """Rules between and within values; returns the config. Raises ConfigError."""
    problems: list[str] = []
    try:
        split_address(config.listen)
    except ValueError as error:
        problems.append(f"listen: {error}")
    for name in ("link", "link_public"):
        if address := getattr(config.node, name):
            try:
                split_address(address)
            except ValueError as error:
                problems.append(f"node.{name}: {error}")
    for setting, named in (
        ("trusted_proxies", config.trusted_proxies),
        ("http.metrics", config.http.metrics),
    ):
        for one in named:
            try:
                ip_network(one.strip(), strict=False)
            except ValueError:
                problems.append(f"{setting}: `{one}` is neither an address nor a network")
    if not 1 <= config.dc_id <= 5:
        problems.append(f"dc_id: {config.dc_id} is not 1..5, web clients know no others")
    if not 0 <= config.public_port <= 65535:
        problems.append(f"public_port: {config.public_port} is not a port")
    if not 1 <= config.store.shards <= 64:
        problems.append(f"store.shards: {config.store.shards} is not 1..64")
    if not 1 <= config.files.most_mib <= 4000:
        problems.append(f"files.most_mib: {config.files.most_mib} is not 1..4000")
    if config.store.map_gib < 1:
        problems.append("store.map_gib: at least 1")
    for one in config.push.allow_private:
        try:
            ip_network(one.strip(), strict=False)
        except ValueError:
            problems.append(f"push.allow_private: `{one}` is neither an address nor a network")
    if config.push.contact and not config.push.contact.startswith(("mailto:", "https://")):
        problems.append(f"push.contact: `{config.push.contact}` is neither mailto:NAME@HOST nor https://...")
    for name, low in (("delay_seconds", 0), ("keep_hours", 1), ("at_once", 1), ("seconds", 1)):
        if getattr(config.push, name) < low:
            problems.append(f"push.{name}: at least {low}")
    if "{code}" not in config.sms.text:
        problems.append("sms.text: the message needs {code} in it")
    if len(config.default_country) != 2 or not config.default_country.isupper():
        problems.append(f"default_country: `{config.default_country}` is not a two-letter country code")
    if config.fixed_code and not config.dev:
        problems.append("fixed_code: only for `tgserve dev`")
    if config.web.source_url and not config.web.source_url.startswith(("https://", "http://")):
        problems.append(f"web.source_url: `{config.web.source_url}` is no https:// address")
    if bool(config.http.certificate) != bool(config.http.key):
        problems.append("http.certificate: needs http.key too, and the reverse")
    if not 0 <= config.chunks.copies <= 8:
        problems.append(f"chunks.copies: {config.chunks.copies} is not 0..8")
    if config.chunks.copies and config.chunks.least_copies > config.chunks.copies:
        problems.append("chunks.least_copies: cannot be more than chunks.copies")
    if config.backup.every_hours < 1:
        problems.append("backup.every_hours: at least 1")
    if config.backup.keep < 0:
        problems.append("backup.keep: at least 0")
    if config.backup.target and not config.backup.target.startswith(("/", "s3://")):
        problems.append(
            f"backup.target: `{config.backup.target}` is neither a whole path nor s3://bucket/prefix"
        )
    if config.chunks.grace_hours < 1:
        problems.append("chunks.grace_hours: at least 1")
    for item in fields(config.chunks):
        if getattr(config.chunks, item.name) < 0:
            problems.append(f"chunks.{item.name}: at least 0")
    for part, low in ((config.limits, 0), (config.sms, 1)):
        for item in fields(part):
            value = getattr(part, item.name)
            if isinstance(value, int) and value < low:
                problems.append(f"{'limits' if part is config.limits else 'sms'}.{item.name}: at least {low}")
    if problems:
        raise ConfigError([f"{place}: {problem}" for problem in problems])
    return config


def _build(cls: type[Any], table: Mapping[str, Any], path: str, problems: list[str]) -> Any:
    hints = typing.get_type_hints(cls)
    known = {item.name: item for item in fields(cls) if item.metadata.get("file", True)}
    tables = next((name for name, item in known.items() if item.metadata.get("tables")), "")
    given: dict[str, Any] = {}
    extra: dict[str, Any] = {}
    for name, value in table.items():
        if name in known and name != tables:
            given[name] = _value(hints[name], value, path + name, problems)
        elif tables and isinstance(value, dict):
            extra[name] = value
        else:
            near = difflib.get_close_matches(name, known, 1)
            problems.append(
                f"{path}{name}: no such setting" + (f", did you mean {path}{near[0]}?" if near else "")
            )
    if extra:
        given[tables] = extra
    return cls(**given) if not problems else cls()


def _value(kind: Any, value: Any, place: str, problems: list[str]) -> Any:
    if is_dataclass(kind):
        if isinstance(value, dict):
            return _build(typing.cast(type[Any], kind), value, place + ".", problems)
        problems.append(f"{place}: is a table, write [{place}]")
    elif typing.get_origin(kind) is Literal:
        if value in typing.get_args(kind):
            return value
        problems.append(f"{place}: {value!r} is not one of {', '.join(map(str, typing.get_args(kind)))}")
    elif kind == tuple[str, ...]:
        if isinstance(value, list) and all(isinstance(one, str) for one in value):
            return tuple(value)
        problems.append(f"{place}: {value!r} is not a list of texts")
    elif isinstance(kind, type) and (type(value) is kind):
        return value
    else:
        name = {str: "a text in quotes", int: "a whole number", bool: "true or false"}.get(kind, str(kind))
        problems.append(f"{place}: {value!r} is not {name}")
    return None


@dataclass(frozen=True, slots=True)
class Setting:
    """One line of the reference: `path` as in the file, the default as TOML, the doc."""

    path: str
    default: str
    doc: str


def settings(cls: type[Any] = Config, path: str = "") -> list[Setting | tuple[str, str]]:
    """All settings in the file's order; a table is a (name, doc) pair before its settings."""
    docs = _docs(cls)
    hints = typing.get_type_hints(cls)
    plain: list[Setting | tuple[str, str]] = []
    tables: list[Setting | tuple[str, str]] = []
    made = cls()
    for item in fields(cls):
        if not item.metadata.get("file", True) or item.metadata.get("tables"):
            continue
        kind = hints[item.name]
        if is_dataclass(kind):
            tables.append((path + item.name, docs[item.name]))
            tables += settings(typing.cast(type[Any], kind), f"{path}{item.name}.")
        else:
            plain.append(Setting(path + item.name, _toml(getattr(made, item.name)), docs[item.name]))
    return plain + tables


def describe() -> str:
    """The default settings as a TOML file in which every line is commented out and explained."""
    out = [
        "# Settings of tgserve. Every line is a default: take the # away to change one, then restart.",
        "# `tgserve config check` reads this file as the daemon will. Written by scripts/generate.py.",
    ]
    for item in settings():
        if isinstance(item, tuple):
            out += ["", *_comment(item[1]), f"[{item[0]}]"]
        else:
            out += ["", *_comment(item.doc), f"#{item.path.rpartition('.')[2]} = {item.default}"]
    return "\n".join(out) + "\n"


def effective(config: Config) -> dict[str, Any]:
    """What is in force, by path: for `tgserve config show`. Adapter tables may hold secrets: only their names."""
    found: dict[str, Any] = {}

    def walk(part: Any, path: str) -> None:
        for item in fields(part):
            value = getattr(part, item.name)
            if is_dataclass(value):
                walk(value, f"{path}{item.name}.")
            elif item.metadata.get("tables"):
                found.update({f"{path}{name}": "[set]" for name in value})
            else:
                found[path + item.name] = str(value) if isinstance(value, Path) else value

    walk(config, "")
    return found


def _docs(cls: type[Any]) -> dict[str, str]:
    """Field -> the string literal that follows it in the source."""
    body = _classes()[cls.__name__].body
    found: dict[str, str] = {}
    for line, following in pairwise(body):
        if (
            isinstance(line, ast.AnnAssign)
            and isinstance(line.target, ast.Name)
            and isinstance(following, ast.Expr)
        ):
            if isinstance(following.value, ast.Constant) and isinstance(following.value.value, str):
                found[line.target.id] = " ".join(following.value.value.split())
    return found


@cache
def _classes() -> dict[str, ast.ClassDef]:
    """The classes of this file, parsed once: the first start of a server writes all settings down."""
    source = ast.parse(Path(__file__).read_text(encoding="utf-8"))
    return {node.name: node for node in source.body if isinstance(node, ast.ClassDef)}


def _toml(value: Any) -> str:
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return '"' + value.replace("\\", "\\\\").replace('"', '\\"') + '"'
    if isinstance(value, int):
        return str(value)
    if isinstance(value, tuple):
        return f"[{', '.join(_toml(one) for one in value)}]"
    raise TypeError(f"{value!r} has no place in the settings file")


def _comment(text: str, width: int = 110) -> list[str]:
    lines: list[str] = []
    line = "#"
    for word in text.split():
        if len(line) + 1 + len(word) > width:
            lines.append(line)
            line = "#"
        line += " " + word
    return [*lines, line]
