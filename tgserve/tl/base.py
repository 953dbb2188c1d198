"""What every generated TL class is: slots, an id, a name, equality by fields. And Raw: bytes that are TL already."""

from __future__ import annotations

from typing import Any, ClassVar, Generic, TypeVar

Result = TypeVar("Result")


class TLObject:
    """A constructor or a request of the current layer. Fields are keyword arguments; absent optional ones are None,
    optional-true flags are bool, vectors are lists, bytes/int128/int256 are bytes, strings str."""

    __slots__: ClassVar[tuple[str, ...]] = ()
    ID: ClassVar[int]
    NAME: ClassVar[str]

    def __eq__(self, other: object) -> bool:
        return type(self) is type(other) and all(
            getattr(self, n) == getattr(other, n) for n in self.__slots__
        )

    __hash__ = None  # type: ignore[assignment]  # objects are mutable

    def __repr__(self) -> str:
        return f"{self.NAME}({', '.join(f'{n}={getattr(self, n)!r}' for n in self.__slots__)})"


class Request(TLObject, Generic[Result]):
    """A function of the schema; `Result` is what its handler returns."""

    __slots__ = ()


class Raw(TLObject):
    """A boxed object of the current layer that is bytes already (stored, spliced). The encoder copies `data` for
    sessions of layer >= min_layer and re-encodes it for older ones. `dcs`: where in `data` the numbers of data centres
    stand that files are at; a session is told the number it believes it talks to."""

    __slots__ = ("data", "dcs", "min_layer")

    def __init__(self, data: bytes, min_layer: int, dcs: tuple[int, ...] = ()) -> None:
        self.data = data
        self.min_layer = min_layer
        self.dcs = dcs


def raw(data: bytes, min_layer: int, dcs: tuple[int, ...] = ()) -> Any:
    """A Raw where a boxed type is expected (typed Any, since it stands for any of them)."""
    return Raw(data, min_layer, dcs)
