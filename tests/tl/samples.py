"""A second, slow and plain implementation of TL, to hold the compiled one against: it writes random objects of any
known layer from the schema's text, and reads bytes back allowing only what that layer has."""

import random
import struct
from functools import cache

from tgserve.tl.definitions import VECTOR_ID, Definition, generated, schema

SCHEMA = schema()
BOOLS = (0x997275B5, 0xBC799737)
TEXTS = ["a", "hello", "Ünïcode", "日本語 テキスト", "😀 emoji 👩‍👩‍👧", "x" * 253, "y" * 254, "z" * 700]
PLAIN = {"int", "long", "double", "string", "bytes", "int128", "int256", "Bool", "true", "#", "!X", "X"}


def element(type_: str) -> str | None:
    return type_[7:-1] if type_.lower().startswith("vector<") else None


def tl_string(data: bytes) -> bytes:
    head = bytes([len(data)]) if len(data) < 254 else b"\xfe" + len(data).to_bytes(3, "little")
    whole = head + data
    return whole + bytes(-len(whole) % 4)


class Layer:
    """The constructors of one known layer by boxed type."""

    def __init__(self, layer: int) -> None:
        self.layer = layer
        self.ids = SCHEMA.ids(layer)
        self.by_type: dict[str, list[Definition]] = {}
        for id in sorted(self.ids):
            definition = SCHEMA[id]
            if not definition.function and definition.name != "vector":
                self.by_type.setdefault(definition.result, []).append(definition)
        self.height: dict[str, int] = {}
        while True:
            found = {
                type_: height
                for type_, definitions in self.by_type.items()
                if type_ not in self.height
                for height in [min((self.need(d) for d in definitions), default=99)]
                if height < 99
            }
            if not found:
                break
            self.height.update(found)

    def need(self, definition: Definition) -> int:
        """How many levels a least object of this constructor has; 99 when not known yet."""
        worst = 0
        for param in definition.params:
            if param.flag is None and param.type not in PLAIN and element(param.type) is None:
                worst = max(worst, self.height.get(param.type, 99))
        return min(99, worst + 1)

    @cache  # noqa: B019
    def choices(self, type_: str, least: bool) -> list[Definition]:
        found = [d for d in self.by_type[type_] if self.need(d) < 99]
        lowest = min(map(self.need, found))
        return [d for d in found if not least or self.need(d) == lowest]

    def object(self, type_: str, rng: random.Random, depth: int) -> bytes:
        definition = rng.choice(self.choices(type_, depth > 2))
        return self.body(definition, rng, depth, share=0.3 if depth <= 2 else 0.0)

    def body(self, definition: Definition, rng: random.Random, depth: int = 0, share: float = 1.0) -> bytes:
        """Boxed bytes; each flag bit is set with probability `share`."""
        bits: dict[tuple[str, int], bool] = {}
        for param in definition.params:
            if param.flag is not None and param.flag not in bits:
                young = (
                    param.type == "true" and SCHEMA.true_flag_since(definition.id, param.name) > self.layer
                )
                bits[param.flag] = rng.random() < share and not young
        out = [struct.pack("<I", definition.id)]
        for param in definition.params:
            if param.type == "#":
                word = sum(1 << bit for (of, bit), there in bits.items() if of == param.name and there)
                out.append(struct.pack("<I", word))
            elif param.flag is None or (bits[param.flag] and param.type != "true"):
                out.append(self.value(param.type, rng, depth))
        return b"".join(out)

    def value(self, type_: str, rng: random.Random, depth: int) -> bytes:
        if type_ == "int":
            return struct.pack("<i", rng.randrange(1, 1 << 31))
        if type_ == "long":
            return struct.pack("<q", rng.randrange(-(1 << 63), 1 << 63) or 1)
        if type_ == "double":
            return struct.pack("<d", rng.randrange(1, 1 << 40) / 8)
        if type_ in ("int128", "int256"):
            return rng.randbytes(int(type_[3:]) // 8)
        if type_ == "string":
            return tl_string(rng.choice(TEXTS[: 5 if depth else 8]).encode())
        if type_ == "bytes":
            return tl_string(rng.randbytes(rng.choice([1, 2, 3, 4, 8, 253, 254, 255])))
        if type_ == "Bool":
            return struct.pack("<I", rng.choice(BOOLS))
        if type_ == "!X":
            return struct.pack("<Iq", 0x7ABE77EC, rng.randrange(1 << 40))
        inner = element(type_)
        if inner is not None:
            count = rng.choice([1, 2]) if depth < 2 else 1 if depth < 4 else 0
            items = [self.value(inner, rng, depth + 1) for _ in range(count)]
            return struct.pack("<II", VECTOR_ID, count) + b"".join(items)
        return self.object(type_, rng, depth + 1)

    def check(self, data: bytes, type_: str | None = None) -> None:
        """Assert that `data` is exactly one object (of `type_`) and that this layer has all of it."""
        end = self._check(data, 0, type_)
        assert end == len(data), f"layer {self.layer}: {len(data) - end} bytes left over"

    def _check(self, data: bytes, at: int, type_: str | None) -> int:
        (id,) = struct.unpack_from("<I", data, at)
        assert id in self.ids, (
            f"layer {self.layer} has no {id:08x} ({SCHEMA[id].name if id in SCHEMA else '?'})"
        )
        definition = SCHEMA[id]
        assert type_ in (None, definition.result), f"{definition.name} where {type_} belongs"
        at += 4
        words: dict[str, int] = {}
        for param in definition.params:
            if param.type == "#":
                (words[param.name],) = struct.unpack_from("<I", data, at)
                at += 4
            elif param.flag is None or (words[param.flag[0]] >> param.flag[1] & 1 and param.type != "true"):
                at = self._check_value(data, at, param.type)
        return at

    def _check_value(self, data: bytes, at: int, type_: str) -> int:
        sizes = {"int": 4, "long": 8, "double": 8, "int128": 16, "int256": 32}
        if type_ in sizes:
            assert at + sizes[type_] <= len(data)
            return at + sizes[type_]
        if type_ in ("string", "bytes"):
            short = data[at] < 254
            start = at + 1 if short else at + 4
            end = start + (data[at] if short else int.from_bytes(data[at + 1 : at + 4], "little"))
            assert end <= len(data)
            if type_ == "string":
                data[start:end].decode()
            return end + (-(end - at) % 4)
        if type_ == "Bool":
            assert struct.unpack_from("<I", data, at)[0] in BOOLS
            return at + 4
        if type_ == "!X":
            return len(data)
        inner = element(type_)
        if inner is None:
            return self._check(data, at, type_)
        id, count = struct.unpack_from("<II", data, at)
        assert id == VECTOR_ID
        at += 8
        for _ in range(count):
            at = self._check_value(data, at, inner)
        return at


@cache
def layer(number: int) -> Layer:
    return Layer(number)


def home(definition: Definition) -> Layer:
    """A layer this definition is in force in, the newest."""
    return layer(SCHEMA.last_layer(definition.id) or SCHEMA.layers[0])


def sample(definition: Definition, seed: int, share: float = 1.0) -> bytes:
    """Random boxed bytes of a definition, as its own newest layer writes them."""
    return home(definition).body(definition, random.Random(f"{definition.id}-{seed}"), share=share)


def definitions(*, legacy: bool = False) -> list[Definition]:
    """Every definition of the current layer, or every superseded one."""
    ids = SCHEMA.legacy_lines if legacy else SCHEMA.current_lines
    return [SCHEMA[id] for id in ids if generated(SCHEMA[id])]
