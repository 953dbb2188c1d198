"""Any provider with an HTTP interface: the operator writes down the request and how to read the answer.

In url, headers and body {phone} (digits), {plus} (+digits), {text}, {code} and {token} (a secret option) are filled in.
Values are put into JSON and forms after those were taken apart, and percent-encoded into the URL, so that nothing in a
text can change the request. What the answer means: `status`, then `ok` (a path of its JSON, compared with values), then
`contains`; a status of `later`, and Retry-After, mean another try.
"""

from __future__ import annotations

import json
import re
from collections.abc import Mapping
from typing import Any, Final
from urllib.parse import parse_qsl, quote, urlsplit

from tgserve.adapters.contract import AdapterError, Later, Options, Refused, Sent, Sms, SmsResult
from tgserve.adapters.http import Answer, Caller, Unreachable, basic, knock, tls, told, web_url
from tgserve.adapters.options import Option, takes
from tgserve.clock import Clock

WORDS: Final = ("phone", "plus", "text", "code", "token")
TYPES: Final = {"text": "text/plain; charset=utf-8", "xml": "application/xml; charset=utf-8"}
_WORD = re.compile(r"\{(\w+)\}")
_STATUS = re.compile(r"[1-5]\d\d(-[1-5]\d\d)?")


class WebhookSender:
    def __init__(self, options: Options, clock: Clock) -> None:
        self._caller = Caller(clock, ca=options["ca"])
        self._tls = tls(options["ca"])
        self._method = options["method"]
        self._url = _checked(options["url"], "url")
        parts = urlsplit(web_url(options["url"], "sms.webhook"))
        if _WORD.search(parts.netloc):
            raise _bad("url: nothing is filled in before the path")
        self._headers = {name: _checked(value, "headers") for name, value in options["headers"].items()}
        self._token = options["token"]
        self._auth = basic(options["user"], options["password"]) if options["user"] else {}
        self._format = options["format"]
        self._body = _template(self._format, options["body"], self._method)
        self._status = _ranges(options["status"], "status")
        self._later = _ranges(options["later"], "later")
        self._ok = options["ok"]
        self._values = frozenset(options["values"].split(",")) if options["values"] else frozenset()
        self._contains = options["contains"]
        self._id = options["id"]
        self._error = options["error"]
        if self._ok and not self._values:
            raise _bad("ok needs values: those that mean it was taken")

    async def send(self, sms: Sms) -> SmsResult:
        words = {
            "phone": sms.phone,
            "plus": "+" + sms.phone,
            "text": sms.text,
            "code": sms.code,
            "token": self._token,
        }
        headers = {name: _one_line(_filled(value, words)) for name, value in self._headers.items()}
        how: dict[str, Any] = {"headers": self._auth | headers}
        if self._format == "json":
            how["json"] = _in_leaves(self._body, words)
        elif self._format == "form":
            how["data"] = [(name, _filled(value, words)) for name, value in self._body]
        elif self._format != "none":
            how["data"] = _filled(self._body, words, _xml if self._format == "xml" else str).encode()
            how["headers"].setdefault("Content-Type", TYPES[self._format])
        url = _filled(self._url, words, lambda value: quote(value, safe=""))
        try:
            answer = await self._caller.call(self._method, url, **how)
        except Unreachable as fault:
            return Later(str(fault))
        return self._read(answer, sms)

    async def probe(self) -> SmsResult:
        """Only whether the host is there: what else could be asked is the provider's own."""
        return await knock(self._url, self._tls) or Sent()

    async def close(self) -> None:
        await self._caller.close()

    def _read(self, answer: Answer, sms: Sms) -> SmsResult:
        if answer.status in self._status:
            said = answer.json()
            found = _at(said, self._ok) if self._ok else None
            if self._ok and _plain(found) not in self._values:
                return Refused(f"{self._ok} is {told(_plain(found), sms)}{self._why(said, sms)}")
            if self._contains and self._contains not in answer.text:
                return Refused(f"answered without `{self._contains}`: {told(answer.text, sms)}")
            return Sent(told(_plain(_at(said, self._id)), sms) if self._id else "")
        reason = f"answered {answer.status}{self._why(answer.json(), sms)}"
        if answer.status in self._later:
            return self._caller.busy(answer, reason)
        return Refused(reason)

    def _why(self, said: Any, sms: Sms) -> str:
        found = _at(said, self._error) if self._error else None
        return f": {told(_plain(found), sms)}" if found is not None else ""


@takes(
    "sms.webhook",
    Option("url", "address of the interface; {phone}, {plus}, {text}, {code}, {token} are filled in"),
    Option("method", "method of the request", default="POST", choices=("GET", "POST", "PUT")),
    Option("headers", "headers of the request", dict, default={}, hidden=True),
    Option("token", "secret that {token} stands for", default="", secret=True),
    Option("user", "name for basic authentication", default=""),
    Option("password", "password for basic authentication", default="", secret=True),
    Option("format", "what the body is", default="json", choices=("json", "form", "text", "xml", "none")),
    Option(
        "body",
        "JSON, or NAME=VALUE&NAME=VALUE for a form",
        default='{"phone": "{plus}", "text": "{text}"}',
        hidden=True,
    ),
    Option("status", "statuses of success, as in 200-299", default="200-299"),
    Option("later", "statuses after which it is tried again", default="408,425,429,500-599"),
    Option("ok", "path in the answer's JSON that tells success, as in messages.0.status", default=""),
    Option("values", "what stands there when it was taken, with commas between", default=""),
    Option("contains", "what the answer's text must contain", default=""),
    Option("id", "path of the provider's number of the message", default=""),
    Option("error", "path of the reason when it was not taken", default=""),
    Option("ca", "file of certificates to trust besides", default=""),
)
def create(options: Options, clock: Clock) -> WebhookSender:
    return WebhookSender(options, clock)


def _bad(text: str) -> AdapterError:
    return AdapterError(f"[sms.webhook] {text}")


def _checked(template: str, place: str) -> str:
    """The template, when it names nothing but WORDS."""
    for name in _WORD.findall(template):
        if name not in WORDS:
            raise _bad(f"{place}: {{{name}}} is none of {', '.join(f'{{{word}}}' for word in WORDS)}")
    return template


def _template(kind: str, body: str, method: str) -> Any:
    if kind == "none" or method == "GET":
        if method == "GET" and kind != "none":
            raise _bad("a GET has no body: format=none, and the words in the url")
        return None
    if kind == "json":
        try:
            read = json.loads(body)
        except ValueError as fault:
            raise _bad(f"body is not JSON: {fault}") from None
        _each(read)
        if not _names(read) & {"text", "code"}:
            raise _bad("body has neither {text} nor {code} in it")
        return read
    _checked(body, "body")
    if not {"text", "code"} & set(_WORD.findall(body)):
        raise _bad("body has neither {text} nor {code} in it")
    if kind == "form":
        try:
            return parse_qsl(body, keep_blank_values=True, strict_parsing=True)
        except ValueError:
            raise _bad("body is not NAME=VALUE&NAME=VALUE") from None
    return body


def _each(node: Any) -> None:
    """Check every text of decoded JSON."""
    if isinstance(node, str):
        _checked(node, "body")
    for inner in node.values() if isinstance(node, dict) else node if isinstance(node, list) else ():
        _each(inner)


def _names(node: Any) -> set[str]:
    if isinstance(node, str):
        return set(_WORD.findall(node))
    inner = node.values() if isinstance(node, dict) else node if isinstance(node, list) else ()
    return set().union(*(_names(one) for one in inner))


def _in_leaves(node: Any, words: Mapping[str, str]) -> Any:
    if isinstance(node, str):
        return _filled(node, words)
    if isinstance(node, dict):
        return {name: _in_leaves(one, words) for name, one in node.items()}
    return [_in_leaves(one, words) for one in node] if isinstance(node, list) else node


def _filled(template: str, words: Mapping[str, str], escape: Any = str) -> str:
    """In one go: words inside of values stay as they are."""
    return _WORD.sub(lambda found: escape(words[found[1]]), template)


def _xml(value: str) -> str:
    for char, name in (("&", "amp"), ("<", "lt"), (">", "gt"), ('"', "quot"), ("'", "apos")):
        value = value.replace(char, f"&{name};")
    return value


def _one_line(value: str) -> str:
    return " ".join(value.split())


def _ranges(text: str, place: str) -> frozenset[int]:
    found: set[int] = set()
    for part in filter(None, (one.strip() for one in text.split(","))):
        if not _STATUS.fullmatch(part):
            raise _bad(f"{place}: `{part}` is not a status as 200 or 200-299")
        low, _, high = part.partition("-")
        found |= set(range(int(low), int(high or low) + 1))
    return frozenset(found)


def _at(node: Any, path: str) -> Any:
    """What stands at a path as messages.0.status; None when there is nothing."""
    for step in path.split("."):
        if isinstance(node, dict) and step in node:
            node = node[step]
        elif isinstance(node, list) and step.isdigit() and int(step) < len(node):
            node = node[int(step)]
        else:
            return None
    return node


def _plain(value: Any) -> str:
    """As it stands in JSON; texts without quotes."""
    return value if isinstance(value, str) else json.dumps(value)
