"""TL bytes <-> objects: one decoder and one encoder per constructor, compiled on first use.

Decoder: `decode(b, p, d) -> (object, p)`; `b` is bytes, `p` stands after the constructor id, `d` is the nesting depth.
Encoder: `encode(o, append)`; parts go to one list that the caller joins.
Fixed-width neighbours are read and written by one struct; true-flags become bools in one go; optional fields cost one
test when none is there.

Bounds (SECURITY 3.12): depth <= MAX_DEPTH; a vector's count <= remaining / 4 before anything is allocated; a string
that leaves the body puts the position behind the end, where every further read fails, and the caller checks the last
position; a boxed value must be a constructor of its slot's type. Every failure is a TlError once it leaves layers.py.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from struct import Struct, unpack_from
from typing import Any, NoReturn

from tgserve import errors
from tgserve.tl.base import TLObject
from tgserve.tl.definitions import FALSE_ID, TRUE_ID, VECTOR_ID, Definition, Param

MAX_DEPTH = 32
Decoder = Callable[[bytes, int, int], tuple[Any, int]]
Encoder = Callable[[Any, Callable[[bytes], None]], None]

_FIXED = {"int": "i", "long": "q", "double": "d", "int128": "16s", "int256": "32s"}
_STRINGS = frozenset({"string", "bytes"})
_UNBOXED = frozenset({*_FIXED, *_STRINGS, "#", "true", "Bool", "!X", "X"})


class TlError(errors.RpcError):
    """Bytes that are no TL object, or an object that cannot be said in a layer."""

    def __init__(self, kind: errors.ErrorKind, detail: str = "") -> None:
        super().__init__(kind.code, kind.name)
        self.detail = detail


class Unsayable(TlError):
    """The layer has no way to say this object; the nearest vector or optional field around it goes without it."""

    def __init__(self, detail: str) -> None:
        super().__init__(errors.METHOD_NOT_AVAILABLE, detail)


# What generated code calls when something is off ----------------------------------------------------------------


def too_deep() -> NoReturn:
    raise TlError(errors.INPUT_FETCH_FAIL, f"nested deeper than {MAX_DEPTH}")


def bad_vector(constructor: int, count: int) -> NoReturn:
    if constructor != VECTOR_ID:
        raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{constructor:08x} where a vector belongs")
    raise TlError(errors.INPUT_FETCH_ERROR, f"vector of {count} in fewer bytes")


def long_string(b: bytes, p: int) -> tuple[bytes, int]:
    """A string whose first length byte (at `p`) is 254 or 255."""
    if b[p] == 255 or p + 4 > len(b):
        raise TlError(errors.INPUT_FETCH_ERROR, "string length")
    n = int.from_bytes(b[p + 1 : p + 4], "little")
    return b[p + 4 : p + 4 + n], p + 4 + (n + 3 & -4)


def no_value(detail: str) -> NoReturn:
    raise Unsayable(detail)


def half_set(name: str, fields: str) -> NoReturn:
    raise ValueError(f"{name}: {fields} share a flag bit: set all or none")


class _Bools(dict[int, bool]):
    def __missing__(self, id: int) -> bool:
        raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{id:08x} where a Bool belongs")


BOOLS = _Bools({TRUE_ID: True, FALSE_ID: False})
HEADS = [bytes((n,)) for n in range(254)]
PADS = [b"\0\0\0", b"\0\0", b"\0", b""]
"""By length & 3 of a short string (one length byte)."""
_LONG_PADS = [b"", b"\0\0\0", b"\0\0", b"\0"]


def string(data: bytes) -> bytes:
    """`data` as a TL string (or bytes): length, data, padding to 4."""
    n = len(data)
    if n < 254:
        return HEADS[n] + data + PADS[n & 3]
    return long_head(n) + data + _LONG_PADS[n & 3]


def long_head(n: int) -> bytes:
    if n >= 1 << 24:
        raise ValueError(f"a TL string cannot hold {n} bytes")
    return (n << 8 | 254).to_bytes(4, "little")


def append_long(data: bytes, a: Callable[[bytes], None]) -> None:
    a(long_head(len(data)))
    a(data)
    a(_LONG_PADS[len(data) & 3])


@cache
def unpacker(form: str) -> Callable[[bytes, int], tuple[Any, ...]]:
    return Struct("<" + form).unpack_from


@cache
def packer(form: str) -> Callable[..., bytes]:
    return Struct("<" + form).pack


def vector_element(type_: str) -> str | None:
    """`Vector<X>` -> `X`; None when it is no vector."""
    if type_.startswith(("Vector<", "vector<")):
        return type_[7:-1]
    return None


def is_boxed(type_: str) -> bool:
    """A type whose values are objects (not a number, string, Bool, vector or wrapped call)."""
    return type_ not in _UNBOXED and vector_element(type_) is None


class _Source:
    """Lines of a function being written, and the values it needs by name."""

    def __init__(self, head: str) -> None:
        self.lines = [head]
        self.indent = 1
        self.names: dict[str, Any] = {}
        self._known: dict[int, str] = {}
        self._count = 0

    def put(self, line: str) -> None:
        self.lines.append("    " * self.indent + line)

    def bind(self, value: Any, prefix: str = "k") -> str:
        """The name under which the function sees `value`."""
        name = self._known.get(id(value))
        if name is None:
            name = self._known[id(value)] = self.fresh(prefix)
            self.names[name] = value
        return name

    def fresh(self, prefix: str) -> str:
        self._count += 1
        return f"{prefix}{self._count}"

    def build(self, function: str, origin: str) -> Any:
        if len(self.lines) == 1:
            self.put("pass")
        # The source is made here from the schema alone; nothing a client sends gets into it.
        exec(compile("\n".join(self.lines), f"<tl {origin}>", "exec"), self.names)  # noqa: S102
        return self.names.pop(function)


# Decoding -------------------------------------------------------------------------------------------------------

Slots = Callable[[str], dict[int, Decoder]]
"""Boxed type -> its decoders by id; a missing id is compiled or refused by the dict itself."""


class _DecoderWriter:
    def __init__(self, definition: Definition, slots: Slots, targets: dict[str, str]) -> None:
        self.definition = definition
        self.slots = slots
        self.targets = targets
        self.out = _Source("def decode(b, p, d):")
        self.run: list[tuple[str, str]] = []  # (struct code, target) not yet read
        self.after: list[str] = []  # lines for when the run has been read
        self.offset = 0  # bytes between p and where the next read begins
        if any(is_boxed(vector_element(p.type) or p.type) for p in definition.params):
            self.out.put("d += 1")
            self.out.put(f"if d > {MAX_DEPTH}: {self.out.bind(too_deep)}()")

    def read_run(self) -> None:
        if self.run:
            form = "".join(code for code, _ in self.run)
            unpack = self.out.bind(unpacker(form), "u")
            targets = ", ".join(target for _, target in self.run)
            comma = "," if len(self.run) == 1 else ""
            self.out.put(f"{targets}{comma} = {unpack}(b, {self.position()})")
            self.offset += Struct("<" + form).size
            self.run = []
        for line in self.after:
            self.out.put(line)
        self.after = []

    def position(self) -> str:
        return f"p + {self.offset}" if self.offset else "p"

    def settle(self) -> None:
        """Read what is pending and make `p` the true position."""
        self.read_run()
        if self.offset:
            self.out.put(f"p += {self.offset}")
            self.offset = 0

    def value(self, type_: str, target: str) -> None:
        if type_ in _FIXED:
            self.run.append((_FIXED[type_], target))
        elif type_ == "Bool":
            got = self.out.fresh("c")
            self.run.append(("I", got))
            self.after.append(f"{target} = {self.out.bind(BOOLS)}[{got}]")
        elif type_ in _STRINGS:
            self.settle()
            decode = ".decode()" if type_ == "string" else ""
            self.out.put("n = b[p]")
            self.out.put("if n < 254:")
            self.out.put(f"    {target} = b[p + 1:p + 1 + n]{decode}")
            self.out.put("    p += n + 4 & -4")
            self.out.put("else:")
            self.out.put(f"    s, p = {self.out.bind(long_string)}(b, p)")
            self.out.put(f"    {target} = s{decode}")
        elif type_ == "!X":
            self.settle()
            self.out.put(f"{target} = b[p:]")
            self.out.put("p = len(b)")
        elif vector_element(type_) is not None:
            self.vector(vector_element(type_) or "", target)
        else:
            got = self.out.fresh("c")
            self.run.append(("I", got))
            self.read_run()
            slot = self.out.bind(self.slots(type_), "t")
            self.out.put(f"{target}, p = {slot}[{got}](b, {self.position()}, d)")
            self.offset = 0

    def vector(self, element: str, target: str) -> None:
        constructor, count = self.out.fresh("c"), self.out.fresh("n")
        self.run += [("I", constructor), ("I", count)]
        self.settle()
        self.out.put(f"if {constructor} != {VECTOR_ID} or {count} * 4 > len(b) - p:")
        self.out.put(f"    {self.out.bind(bad_vector)}({constructor}, {count})")
        if element in ("int", "long", "double"):
            code = _FIXED[element]
            self.out.put(f"{target} = list({self.out.bind(unpack_from)}(f'<{{{count}}}{code}', b, p))")
            self.out.put(f"p += {count} * {Struct('<' + code).size}")
            return
        items, item = self.out.fresh("l"), self.out.fresh("x")
        self.out.put(f"{items} = []")
        self.out.put(f"for _ in range({count}):")
        self.out.indent += 1
        self.value(element, item)
        self.settle()
        self.out.put(f"{items}.append({item})")
        self.out.indent -= 1
        self.out.put(f"{target} = {items}")

    def flag_word(self, word: str) -> None:
        """Read a flag word and, once read, all true-flags of it."""
        self.run.append(("I", word))
        true = [p for p in self.definition.params if p.type == "true" and p.flag and p.flag[0] == word]
        each = [f"{self.targets[p.name]} = {word} & {1 << p.flag[1]} != 0" for p in true if p.flag]
        if len(true) < 3:
            self.after += each
            return
        mask = sum({1 << p.flag[1] for p in true if p.flag})
        self.after.append(f"if {word} & {mask}:")
        self.after += ["    " + line for line in each]
        self.after.append(f"else: {' = '.join(self.targets[p.name] for p in true)} = False")

    def optionals(self, params: list[Param]) -> None:
        """Neighbouring optional fields of one flag word."""
        word = params[0].flag[0] if params[0].flag else ""
        self.settle()
        self.out.put(f"{' = '.join(self.targets[p.name] for p in params)} = None")
        if len(params) > 2:
            self.out.put(f"if {word} & {sum({1 << p.flag[1] for p in params if p.flag})}:")
            self.out.indent += 1
        for param in params:
            self.out.put(f"if {word} & {1 << (param.flag[1] if param.flag else 0)}:")
            self.out.indent += 1
            self.value(param.type, self.targets[param.name])
            self.settle()
            self.out.indent -= 1
        if len(params) > 2:
            self.out.indent -= 1

    def fields(self) -> None:
        group: list[Param] = []
        for param in self.definition.params:
            if group and (param.flag is None or param.flag[0] != group[0].flag[0] or param.type == "true"):  # type: ignore[index]
                if param.type == "true":
                    continue
                self.optionals(group)
                group = []
            if param.type == "#":
                self.flag_word(param.name)
            elif param.type == "true":
                continue
            elif param.flag is not None:
                group.append(param)
            else:
                self.value(param.type, self.targets[param.name])
        if group:
            self.optionals(group)
        self.read_run()


def compile_decoder(definition: Definition, slots: Slots, cls: type[TLObject]) -> Decoder:
    """A decoder that fills the definition's own class."""
    targets = {p.name: f"o.{p.attribute}" for p in definition.fields}
    writer = _DecoderWriter(definition, slots, targets)
    writer.out.put(f"o = {writer.out.bind(object.__new__)}({writer.out.bind(cls)})")
    writer.fields()
    writer.out.put(f"return o, {writer.position()}")
    decoder: Decoder = writer.out.build("decode", definition.name)
    return decoder


def compile_values(definition: Definition, slots: Slots, finish: Callable[[dict[str, Any]], Any]) -> Decoder:
    """A decoder for a superseded definition: reads its fields into a dict by attribute name, which `finish` makes
    into the object."""
    targets = {p.name: f"v_{p.name}" for p in definition.fields}
    writer = _DecoderWriter(definition, slots, targets)
    writer.fields()
    pairs = ", ".join(f"'{p.attribute}': {targets[p.name]}" for p in definition.fields)
    writer.out.put(f"return {writer.out.bind(finish)}({{{pairs}}}), {writer.position()}")
    decoder: Decoder = writer.out.build("decode", definition.name)
    return decoder


def compile_value(type_: str, slots: Slots) -> Decoder:
    """A decoder of a value that is no object by itself: a Bool, a number, a vector; it begins at `p`."""
    writer = _DecoderWriter(Definition(0, type_, (), type_, False, ""), slots, {})
    writer.value(type_, "x")
    writer.settle()
    writer.out.put("return x, p")
    decoder: Decoder = writer.out.build("decode", type_)
    return decoder


# Encoding -------------------------------------------------------------------------------------------------------

Encoders = dict[type[TLObject], Encoder]


class _EncoderWriter:
    """`values`: expression of every field by name, idempotent. `tolerant`: what the layer cannot say is left out of
    vectors and optional fields (their counts and flag words are then written last)."""

    def __init__(
        self, definition: Definition, encoders: Encoders, values: dict[str, str], tolerant: bool
    ) -> None:
        self.definition = definition
        self.tolerant = tolerant
        self.values = dict(values)
        self.out = _Source("def encode(o, a):")
        self.encoders = encoders
        self.run: list[tuple[str, str]] = [("I", str(definition.id))]
        self.late: list[str] = []  # lines at the end: flag words that were not certain before
        self.shared: dict[tuple[str, int], list[Param]] = {}
        for param in definition.fields:
            if param.flag is not None:
                self.shared.setdefault(param.flag, []).append(param)

    def droppable(self, param: Param) -> bool:
        """An optional boxed field that may turn out to be unsayable."""
        if not self.tolerant or param.flag is None or len(self.shared[param.flag]) > 1:
            return False
        return is_boxed(param.type)

    def write_run(self, late: bool = False) -> None:
        if not self.run:
            return
        pack = self.out.bind(packer("".join(code for code, _ in self.run)), "p")
        line = f"{pack}({', '.join(value for _, value in self.run)})"
        self.run = []
        if late:
            place = self.out.fresh("i")
            self.out.put(f"{place} = len(L); a(b'')")
            self.late.append(f"L[{place}] = {line}")
        else:
            self.out.put(f"a({line})")

    def value(self, type_: str, value: str) -> None:
        if type_ in _FIXED:
            self.run.append((_FIXED[type_], value))
        elif type_ == "Bool":
            self.run.append(("I", f"({TRUE_ID} if {value} else {FALSE_ID})"))
        elif type_ in _STRINGS:
            self.write_run()
            self.out.put(f"s = {value}.encode()" if type_ == "string" else f"s = {value}")
            self.out.put("n = len(s)")
            heads, pads = self.out.bind(HEADS, "h"), self.out.bind(PADS, "h")
            self.out.put(f"if n < 254: a({heads}[n] + s + {pads}[n & 3])")
            self.out.put(f"else: {self.out.bind(append_long)}(s, a)")
        elif type_ in ("!X", "X"):
            self.write_run()
            self.out.put(f"s = {value}")
            self.out.put(f"if s.__class__ is {self.out.bind(bytes)}: a(s)")
            self.out.put(f"else: {self.out.bind(self.encoders, 'e')}[s.__class__](s, a)")
        elif vector_element(type_) is not None:
            self.vector(vector_element(type_) or "", value)
        else:
            self.write_run()
            if not value.isidentifier():
                self.out.put(f"x = {value}")
                value = "x"
            self.out.put(f"{self.out.bind(self.encoders, 'e')}[{value}.__class__]({value}, a)")

    def vector(self, element: str, value: str) -> None:
        if not value.isidentifier():
            name = self.out.fresh("v")
            self.out.put(f"{name} = {value}")
            value = name
        item = self.out.fresh("x")
        if self.tolerant and is_boxed(element):
            self.write_run()
            place, count = self.out.fresh("i"), self.out.fresh("n")
            encoders = self.out.bind(self.encoders, "e")
            self.out.put(f"{place} = len(L); a(b''); {count} = 0")
            self.out.put(f"for {item} in {value}:")
            self.out.put("    j = len(L)")
            self.out.put(f"    try: {encoders}[{item}.__class__]({item}, a); {count} += 1")
            self.out.put(f"    except {self.out.bind(Unsayable)}: del L[j:]")
            self.out.put(f"L[{place}] = {self.out.bind(packer('II'))}({VECTOR_ID}, {count})")
            return
        self.run += [("I", str(VECTOR_ID)), ("I", f"len({value})")]
        self.write_run()
        if element in ("int", "long", "double"):
            pack = self.out.bind(_pack_all)
            self.out.put(f"a({pack}({value}, '{_FIXED[element]}'))")
            return
        self.out.put(f"for {item} in {value}:")
        self.out.indent += 1
        self.value(element, item)
        self.write_run()
        self.out.indent -= 1

    def word(self, word: str) -> list[str]:
        """Lines that work out a flag word; optional values are in locals already."""
        lines = [f"{word} = 0"]
        for (of, bit), params in self.shared.items():
            if of != word:
                continue
            kept = [p for p in params if p.type != "true"]
            true = [p for p in params if p.type == "true"]
            if any(self.values[p.name] == "None" for p in kept) or not (
                kept or any(self.values[p.name] != "False" for p in true)
            ):
                continue
            if not kept:
                test = " or ".join(self.values[p.name] for p in true)
            elif self.tolerant:
                test = " and ".join(f"{self.values[p.name]} is not None" for p in kept)
            else:
                test = f"{self.values[kept[0].name]} is not None"
                others = [f"({self.values[p.name]} is None)" for p in kept[1:]]
                others += [f"(not {self.values[p.name]})" for p in true]
                if others:
                    first = f"({self.values[kept[0].name]} is None)"
                    wrong = " or ".join(f"{other} is not {first}" for other in others)
                    names = ", ".join(p.name for p in params)
                    lines.append(
                        f"if {wrong}: {self.out.bind(half_set)}('{self.definition.name}', '{names}')"
                    )
            lines.append(f"if {test}: {word} |= {1 << bit}")
        return lines

    def optional(self, param: Param) -> None:
        word, bit = param.flag or ("", 0)
        value = self.values[param.name]
        if self.droppable(param):
            self.out.put(f"if {value} is not None:")
            self.out.put("    j = len(L)")
            encoders = self.out.bind(self.encoders, "e")
            self.out.put(f"    try: {encoders}[{value}.__class__]({value}, a)")
            self.out.put(
                f"    except {self.out.bind(Unsayable)}: del L[j:]; {word} &= {~(1 << bit) & 0xFFFFFFFF}"
            )
            return
        self.out.put(f"if {word} & {1 << bit}:")
        self.out.indent += 1
        self.value(param.type, value)
        self.write_run()
        self.out.indent -= 1

    def encode(self) -> Encoder:
        definition = self.definition
        if not definition.fields and all(p.type != "#" for p in definition.params):
            self.out.put(f"a({self.out.bind(packer('I')(definition.id))})")
            encoder: Encoder = self.out.build("encode", definition.name)
            return encoder
        boxed = any(is_boxed(vector_element(p.type) or p.type) for p in definition.fields)
        if self.tolerant and boxed:
            self.out.put("L = a.__self__")
        for param in definition.fields:
            if param.flag is not None and param.type != "true" and not self.values[param.name].isidentifier():
                local = f"v_{param.name}"
                self.out.put(f"{local} = {self.values[param.name]}")
                self.values[param.name] = local
        late = False
        group: list[Param] = []
        for param in definition.params:
            if group and (param.flag is None or param.flag[0] != group[0].flag[0]):  # type: ignore[index]
                self.group(group)
                group = []
            if param.type == "#":
                for line in self.word(param.name):
                    self.out.put(line)
                self.run.append(("I", param.name))
                late = any(self.droppable(p) for p in definition.fields if p.flag and p.flag[0] == param.name)
                if late:
                    self.write_run(late=True)
            elif param.type == "true":
                continue
            elif param.flag is not None:
                group.append(param)
            else:
                self.value(param.type, self.values[param.name])
        if group:
            self.group(group)
        self.write_run()
        for line in self.late:
            self.out.put(line)
        encoder = self.out.build("encode", definition.name)
        return encoder

    def group(self, params: list[Param]) -> None:
        self.write_run()
        word = params[0].flag[0] if params[0].flag else ""
        wrap = len(params) > 2 and all(self.values[p.name] != "None" for p in params)
        if wrap:
            self.out.put(f"if {word} & {sum({1 << p.flag[1] for p in params if p.flag})}:")
            self.out.indent += 1
        for param in params:
            if self.values[param.name] != "None":
                self.optional(param)
        if wrap:
            self.out.indent -= 1


def _pack_all(values: list[Any], code: str) -> bytes:
    return Struct(f"<{len(values)}{code}").pack(*values)


def compile_encoder(definition: Definition, encoders: Encoders, tolerant: bool) -> Encoder:
    """An encoder of the definition's own class."""
    values = {p.name: f"o.{p.attribute}" for p in definition.fields}
    return _EncoderWriter(definition, encoders, values, tolerant).encode()


def compile_mapped(
    definition: Definition,
    encoders: Encoders,
    copied: list[tuple[str, str, Any]],
    converted: list[tuple[str, str, Callable[[Any], Any], Any]],
    fixed: list[tuple[str, Any]],
) -> Encoder:
    """An encoder that writes a current object as a superseded definition, field by field as mapping.FieldMap says."""
    names = {p.attribute: p.name for p in definition.fields}
    values: dict[str, str] = {}
    writer = _EncoderWriter(definition, encoders, values, tolerant=True)
    out = writer.out
    for attribute, given, zero in copied:
        value = f"o.{given}"
        if zero is not None:
            out.put(f"v_{attribute} = {value}")
            value = f"v_{attribute}"
            out.put(f"if {value} is None: {value} = {_literal(out, zero)}")
        writer.values[names[attribute]] = value
    for attribute, given, convert, zero in converted:
        value = f"v_{attribute}"
        out.put(f"{value} = o.{given}")
        out.put(f"{value} = {_literal(out, zero)} if {value} is None else {out.bind(convert)}({value})")
        writer.values[names[attribute]] = value
    for attribute, zero in fixed:
        literal = _literal(out, zero)
        if literal not in ("None", "False"):
            out.put(f"v_{attribute} = {literal}")
            literal = f"v_{attribute}"
        writer.values[names[attribute]] = literal
    return writer.encode()


def _literal(out: _Source, value: Any) -> str:
    if callable(value):
        return f"{out.bind(value)}()"
    return repr(value)


def compile_conversion(definition: Definition, encoders: Encoders) -> Encoder:
    """An encoder of a superseded definition from its values in a dict by TL name."""
    values = {p.name: f"v_{p.name}" for p in definition.fields}
    writer = _EncoderWriter(definition, encoders, values, tolerant=True)
    for param in definition.fields:
        writer.out.put(f"v_{param.name} = o['{param.name}']")
    return writer.encode()
