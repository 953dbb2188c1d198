"""The door of the TL room: bytes of any known layer -> current objects; current objects -> bytes of a session's layer.

Everything above this room sees objects of the current layer only. Between two known layers the lower one's table is
used; ids of every known layer are read from anybody, whatever layer was announced. Each fault is a TlError (400).
"""

from __future__ import annotations

import re
import struct
from collections.abc import Callable, Iterable
from functools import cache
from typing import Any

from tgserve import errors
from tgserve.tl import codec, fallbacks, layer_rules, mapping
from tgserve.tl.base import Raw, Request, TLObject
from tgserve.tl.codec import Decoder, Encoder, TlError, Unsayable
from tgserve.tl.definitions import FALSE_ID, TRUE_ID, VECTOR_ID, Definition, generated, schema

SCHEMA = schema()
CURRENT = SCHEMA.current
FLOOR = 152
"""The lowest layer invokeWithLayer may announce (Telegram Desktop 4.6.5, as Debian 12 ships it)."""

_ID = struct.Struct("<I").unpack_from
_VECTOR = struct.Struct("<Ii").pack
_INT = struct.Struct("<i").pack
_TRUE, _FALSE = TRUE_ID.to_bytes(4, "little"), FALSE_ID.to_bytes(4, "little")


# Decoding -------------------------------------------------------------------------------------------------------


def _compile(id: int) -> Decoder:
    definition = SCHEMA[id]
    cls = mapping.class_of(definition)
    if id == cls.ID and (id in SCHEMA.current_lines or definition.key not in layer_rules.UPGRADES):
        return codec.compile_decoder(definition, _slot, cls)
    return codec.compile_values(definition, _slot, mapping.upgrader(definition))


class _Slot(dict[int, Decoder]):
    """Decoders of one boxed type (None: of any) by constructor id, compiled on first use."""

    def __init__(self, type_: str | None, functions: bool) -> None:
        super().__init__()
        self.type = type_
        self.functions = functions

    def __missing__(self, id: int) -> Decoder:
        if id not in SCHEMA:
            raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{id:08x} is unknown")
        definition = SCHEMA[id]
        if not generated(definition):
            raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{definition.name} is no object")
        if definition.result == "InputPeer" and self.type in layer_rules.PEERS_TAKEN:
            self[id] = taken = _taken(_OBJECTS[id], layer_rules.PEERS_TAKEN[self.type])
            return taken
        if definition.function is not self.functions or self.type not in (None, definition.result):
            raise TlError(errors.INPUT_CONSTRUCTOR_INVALID, f"{definition.name} where {self.type} belongs")
        decoder = _OBJECTS[id] if self.type is not None else _compile(id)
        self[id] = decoder
        return decoder


def _taken(decoder: Decoder, convert: Callable[[Any], TLObject]) -> Decoder:
    def read(data: bytes, offset: int, depth: int) -> tuple[Any, int]:
        found, end = decoder(data, offset, depth)
        return convert(found), end

    return read


@cache
def _slot(type_: str) -> _Slot:
    return _Slot(type_, functions=False)


_OBJECTS = _Slot(None, functions=False)
_REQUESTS = _Slot(None, functions=True)


def _read(decoders: _Slot, data: bytes, offset: int) -> tuple[Any, int]:
    try:
        return decoders[_ID(data, offset)[0]](data, offset + 4, 0)
    except (struct.error, IndexError):
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early") from None
    except UnicodeDecodeError:
        raise TlError(errors.INPUT_FETCH_ERROR, "a string that is not UTF-8") from None


def decode(data: bytes | memoryview, offset: int = 0) -> TLObject:
    """The boxed object or request that begins at `offset`, as the current layer has it; what follows is not looked
    at. Raises TlError."""
    if type(data) is not bytes:
        data = bytes(data)
    if offset + 4 > len(data):
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early")
    id = _ID(data, offset)[0]
    found, end = _read(_REQUESTS if id in SCHEMA and SCHEMA[id].function else _OBJECTS, data, offset)
    if end > len(data):
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early")
    return found  # type: ignore[no-any-return]


def decode_request(data: bytes | memoryview) -> TLObject:
    """A whole call. Of wrappers (invokeWithLayer and its like) `query` holds the bytes of the wrapped call. Raises
    TlError: INPUT_METHOD_INVALID (no such method), INPUT_FETCH_FAIL (bytes left over), INPUT_*."""
    if type(data) is not bytes:
        data = bytes(data)
    if len(data) < 4:
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early")
    id = _ID(data)[0]
    if id not in _REQUESTS and (id not in SCHEMA or not SCHEMA[id].function):
        raise TlError(errors.INPUT_METHOD_INVALID, f"{id:08x} is no method")
    try:
        found, end = _REQUESTS[id](data, 4, 0)
    except (struct.error, IndexError):
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early") from None
    except UnicodeDecodeError:
        raise TlError(errors.INPUT_FETCH_ERROR, "a string that is not UTF-8") from None
    if end != len(data):
        kind = errors.INPUT_FETCH_ERROR if end > len(data) else errors.INPUT_FETCH_FAIL
        raise TlError(kind, f"read to {end} of {len(data)}")
    return found  # type: ignore[no-any-return]


# Encoding -------------------------------------------------------------------------------------------------------


class _Encoders(dict[type[TLObject], Encoder]):
    """The encoders of a layer by class, compiled on first use. `dc` (0: as the objects say) is the data centre that
    files are said to be at: the one the session believes it talks to (CLIENTS A.5.7)."""

    def __init__(self, layer: int, dc: int = 0) -> None:
        super().__init__()
        self.layer = layer
        self.dc = dc

    def __missing__(self, cls: type[Any]) -> Encoder:
        if cls is Raw:
            encoder = self._raw()
        elif cls is bool:
            encoder = _write_bool
        elif not issubclass(cls, TLObject):
            raise TypeError(f"{cls.__name__} where a TL object belongs")
        else:
            encoder = self._rescue(cls, self._compile(cls))
            if self.dc and cls.ID in _AT_DC:
                encoder = self._placed(_AT_DC[cls.ID], encoder)
        self[cls] = encoder
        return encoder

    def _placed(self, field: str, write: Encoder) -> Encoder:
        def encode(o: Any, a: Callable[[bytes], None]) -> None:
            said = getattr(o, field)
            if said is None or said in _ELSEWHERE:
                write(o, a)
                return
            setattr(o, field, self.dc)
            try:
                write(o, a)
            finally:
                setattr(o, field, said)

        return encode

    def _compile(self, cls: type[TLObject]) -> Encoder:
        own = SCHEMA[cls.ID]
        in_force = SCHEMA.names(self.layer).get(own.key)
        if in_force == cls.ID:
            return codec.compile_encoder(own, self, tolerant=self.layer != CURRENT)
        if in_force is None:
            return self._substitute(cls)
        plan = mapping.field_map(own, SCHEMA[in_force])
        if own.key not in layer_rules.DOWNGRADES and not plan.missing:
            return codec.compile_mapped(SCHEMA[in_force], self, plan.copied, plan.converted, plan.fixed)
        write = codec.compile_conversion(SCHEMA[in_force], self)
        return self._downgrade(mapping.downgrader(own, SCHEMA[in_force]), write)

    def _downgrade(self, fields: Callable[[Any], Any], write: Encoder) -> Encoder:
        def encode(o: Any, a: Callable[[bytes], None]) -> None:
            values = fields(o)
            if isinstance(values, TLObject):
                self[values.__class__](values, a)
            else:
                write(values, a)

        return encode

    def _substitute(self, cls: type[TLObject]) -> Encoder:
        """The layer has no constructor of this name."""
        definition = SCHEMA[cls.ID]
        make = layer_rules.SUBSTITUTES.get(definition.name) or fallbacks.STAND_INS.get(definition.result)

        def encode(o: Any, a: Callable[[bytes], None]) -> None:
            other = make(o) if make is not None else None
            if other is None or other.__class__ is cls:
                codec.no_value(f"{definition.name} is unknown in layer {self.layer}")
            self[other.__class__](other, a)

        return encode

    def _rescue(self, cls: type[TLObject], encoder: Encoder) -> Encoder:
        make = layer_rules.RESCUES.get(cls.NAME)
        if make is None or self.layer == CURRENT:
            return encoder

        def encode(o: Any, a: Callable[[bytes], None]) -> None:
            parts: list[bytes] = a.__self__  # type: ignore[attr-defined]
            length = len(parts)
            try:
                encoder(o, a)
            except Unsayable:
                del parts[length:]
                other = make(o)
                self[other.__class__](other, a)

        return encode

    def _raw(self) -> Encoder:
        if self.layer == CURRENT and not self.dc:
            return lambda o, a: a(o.data)
        dc = _INT(self.dc)

        def encode(o: Raw, a: Callable[[bytes], None]) -> None:
            if o.min_layer <= self.layer:
                data = o.data
                if self.dc and o.dcs:
                    data = _with_dc(data, o.dcs, dc)
                a(data)
            else:
                found = decode(o.data)
                self[found.__class__](found, a)

        return encode


def _write_bool(o: Any, a: Callable[[bytes], None]) -> None:
    a(_TRUE if o else _FALSE)


def _files_at() -> dict[int, str]:
    """Constructors that say where a file is, or statistics are, and in which field."""
    found = {}
    for id, (line, function) in SCHEMA.current_lines.items():
        if function or not _DC.search(line):
            continue
        definition = SCHEMA.passing(id)
        names = [one.attribute for one in definition.fields if one.attribute in _DC_FIELDS]
        if names and definition.result in _PLACED:
            found[id] = names[0]
    return found


_PLACED = ("Photo", "Document", "UserProfilePhoto", "ChatPhoto", "EncryptedFile", "StickerSet", "ChatFull")
_DC_FIELDS = ("dc_id", "thumb_dc_id", "stats_dc")
_DC = re.compile("|".join(_DC_FIELDS))
_AT_DC = _files_at()


_ELSEWHERE: set[int] = set()


def keep_dcs(numbers: Iterable[int]) -> None:
    """Numbers of data centres that are other machines: what lies there is never said to lie here."""
    _ELSEWHERE.clear()
    _ELSEWHERE.update(numbers)


def _with_dc(data: bytes, places: tuple[int, ...], dc: bytes) -> bytes:
    changed = bytearray(data)
    for at in places:
        if not _ELSEWHERE or int.from_bytes(data[at : at + 4], "little") not in _ELSEWHERE:
            changed[at : at + 4] = dc
    return bytes(changed)


_ENCODERS: dict[tuple[int, int], _Encoders] = {}


def _encoders(layer: int, dc: int = 0) -> _Encoders:
    """Of any layer number; unknown ones share the table of the known layer below."""
    try:
        return _ENCODERS[layer, dc]
    except KeyError:
        known = SCHEMA.known_layer(layer)
        if (known, dc) not in _ENCODERS:
            _ENCODERS[known, dc] = _Encoders(known, dc)
        _ENCODERS[layer, dc] = _ENCODERS[known, dc]
        return _ENCODERS[known, dc]


_CURRENT_ENCODERS = _encoders(CURRENT)


def encode(obj: Any, layer: int = CURRENT, dc: int = 0) -> bytes:
    """The boxed bytes of a current object for a session of `layer`. Raises Unsayable (a TlError) when that layer has
    nothing like it, ValueError when fields sharing a flag bit are half set. `dc`: where files are said to be, 0 = as
    the objects say."""
    if obj.__class__ is Raw and obj.min_layer <= layer:
        data: bytes = obj.data
        return _with_dc(data, obj.dcs, _INT(dc)) if dc and obj.dcs else data
    parts: list[bytes] = []
    encoders = _CURRENT_ENCODERS if layer == CURRENT and not dc else _encoders(layer, dc)
    encoders[obj.__class__](obj, parts.append)
    return b"".join(parts)


def drawn(obj: TLObject) -> Raw:
    """An object as a Raw, with the places in it that differ from data centre to data centre."""
    data = encode(obj)
    one, two = encode(obj, CURRENT, 1), encode(obj, CURRENT, 2)
    places = () if one == two else tuple(at for at in range(len(one)) if one[at] != two[at])
    return Raw(data, min_layer(obj), places)


def recode(data: bytes, layer: int) -> bytes:
    """Boxed bytes of the current layer for a session of `layer`."""
    return data if layer >= CURRENT else encode(decode(data), layer)


# Results --------------------------------------------------------------------------------------------------------


def result_type(request: type[Request[Any]], layer: int = CURRENT) -> str:
    """What the method answers in `layer`, in TL: `Bool`, `Vector<long>`, `Updates`. A method that layer has not
    answers as its class says."""
    own = SCHEMA[request.ID]
    id = SCHEMA.names(SCHEMA.known_layer(layer)).get(own.key, request.ID)
    return SCHEMA[id].result


_RESULTS: dict[tuple[int, int, int], Callable[[Any], bytes]] = {}


def _result_encoder(request: type[Request[Any]], layer: int, dc: int) -> Callable[[Any], bytes]:
    type_ = result_type(request, layer)
    changed = type_ != SCHEMA[request.ID].result
    rule = layer_rules.RESULTS.get(request.NAME)
    write = _value_encoder(type_, _encoders(layer, dc))

    def encode_value(value: Any) -> bytes:
        if value.__class__ is Raw and value.min_layer <= layer and not changed and not dc:
            data: bytes = value.data
            return data
        if changed:
            value = (
                rule(decode(value.data) if value.__class__ is Raw else value) if rule is not None else None
            )
            if value is None:
                codec.no_value(f"the answer of {request.NAME} in layer {layer}")
        parts: list[bytes] = []
        write(value, parts.append)
        return b"".join(parts)

    return encode_value


def _value_encoder(type_: str, encoders: _Encoders) -> Encoder:
    if type_ == "Bool":
        return _write_bool
    element = codec.vector_element(type_)
    if element is None:
        return lambda o, a: encoders[o.__class__](o, a) if o.__class__ is not bytes else a(o)
    code = {"int": "i", "long": "q", "double": "d"}.get(element)
    each = _value_encoder(element, encoders)

    def encode_vector(o: Any, a: Callable[[bytes], None]) -> None:
        if o.__class__ is Raw:
            encoders[Raw](o, a)
            return
        a(_VECTOR(VECTOR_ID, len(o)))
        if code is not None:
            a(struct.pack(f"<{len(o)}{code}", *o))
        elif element in ("string", "bytes"):
            for item in o:
                a(codec.string(item.encode() if element == "string" else item))
        else:
            for item in o:
                each(item, a)

    return encode_vector


def encode_result(request: type[Request[Any]], value: Any, layer: int = CURRENT, dc: int = 0) -> bytes:
    """The answer to a request as a session of `layer` expects it: Bool from bool, vectors from lists, objects, Raw.
    `dc` as in `encode`."""
    try:
        encoder = _RESULTS[request.ID, layer, dc]
    except KeyError:
        encoder = _RESULTS[request.ID, layer, dc] = _result_encoder(request, layer, dc)
    return encoder(value)


def decode_result(request: type[Request[Any]], data: bytes, layer: int = CURRENT) -> Any:
    """What a client of `layer` makes of an answer: bool, list, object. For clients of our own. Raises TlError."""
    found, end = _read_value(result_type(request, layer), data, 0)
    if end != len(data):
        raise TlError(errors.INPUT_FETCH_FAIL, f"read to {end} of {len(data)}")
    return found


def _read_value(type_: str, data: bytes, at: int) -> tuple[Any, int]:
    """A Bool, vector or object of any layer (its type is not held against `type_`), and where it ends."""
    try:
        decoder = _VALUES[type_]
    except KeyError:
        decoder = _VALUES[type_] = codec.compile_value(type_, lambda _: _OBJECTS)
    try:
        return decoder(data, at, 0)
    except (struct.error, IndexError, UnicodeDecodeError):
        raise TlError(errors.INPUT_FETCH_ERROR, "ends early, or a string that is not UTF-8") from None


_VALUES: dict[str, Decoder] = {}


# Layers of objects ----------------------------------------------------------------------------------------------


def since(id: int) -> int:
    """The lowest known layer from which on a current id has been in force without a break; above all layers when the
    current one has it not."""
    return SCHEMA.since().get(id, CURRENT + 1)


@cache
def _reach(type_: str) -> int:
    """The highest `since` of whatever a value of this boxed type may hold."""
    seen, queue, highest = {type_}, [type_], 0
    while queue:
        lowest, inner = _TYPES.get(queue.pop(), (0, ()))
        highest = max(highest, lowest)
        queue += [one for one in inner if one not in seen]
        seen.update(inner)
    return highest


def _boxed_fields(definition: Definition) -> list[tuple[str, str, int]]:
    """(boxed type, attribute, depth of vectors) of the fields that hold objects."""
    found = []
    for param in definition.fields:
        type_, depth = param.type, 0
        while (inner := codec.vector_element(type_)) is not None:
            type_, depth = inner, depth + 1
        if codec.is_boxed(type_):
            found.append((type_, param.attribute, depth))
    return found


def _types() -> dict[str, tuple[int, tuple[str, ...]]]:
    """Of every boxed type the highest `since` of its current constructors, and the boxed types that they hold."""
    highest: dict[str, int] = {}
    held: dict[str, set[str]] = {}
    for id, (_, function) in SCHEMA.current_lines.items():
        if not function:
            definition = SCHEMA.passing(id)
            type_ = definition.result
            highest[type_] = max(highest.get(type_, 0), since(id))
            held.setdefault(type_, set()).update(inner for inner, _, _ in _boxed_fields(definition))
    return {type_: (highest[type_], tuple(inner)) for type_, inner in held.items()}


_TYPES = _types()


class _Walks(dict[type[TLObject], tuple[int, tuple[tuple[str, int], ...]]]):
    """Class -> (since, (attribute, depth of vectors) of the fields that may hold something younger)."""

    def __missing__(self, cls: type[TLObject]) -> tuple[int, tuple[tuple[str, int], ...]]:
        lowest = since(cls.ID)
        fields = _boxed_fields(SCHEMA[cls.ID])
        self[cls] = found = (
            lowest,
            tuple((name, depth) for type_, name, depth in fields if _reach(type_) > lowest),
        )
        return found


_WALKS = _Walks()


def min_layer(obj: TLObject) -> int:
    """The lowest layer for which the current-layer bytes of `obj` are right as they stand."""
    if isinstance(obj, Raw):
        return obj.min_layer
    lowest, boxed = _WALKS[obj.__class__]
    for name, depth in boxed:
        value = getattr(obj, name)
        if value is None:
            continue
        items = [value]
        for _ in range(depth):
            items = [item for inner in items for item in inner]
        for item in items:
            lowest = max(lowest, min_layer(item))
    return lowest


def encode_part(obj: TLObject) -> tuple[bytes, int]:
    """(current-layer bytes, min_layer): what a Raw is made of."""
    return encode(obj), min_layer(obj)
