"""Conformance kit of a chunk backend, for ours and for third parties: subclass and say how to open one.

    class TestMine(ChunkSuite):
        def make(self, path): return MyBackend(path, pack_bytes=100_000)

`make` twice with the same path must give the same disk when `durable`. The suite needs pytest and hypothesis.
"""

from __future__ import annotations

import threading
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tgserve.chunks.backend import Backend, DiskForeign, DiskMissing, Identity, Place
from tgserve.chunks.framing import pack_record, walk

HERE = Identity("server", "d15c", 1)
PACK_BYTES = 4000
"""What `make` should take for the size of a pack, so that several come into being."""


def record(number: int, size: int = 100) -> bytes:
    """A whole record, told apart by its number."""
    return pack_record(number.to_bytes(32, "big"), 0, size, number.to_bytes(4, "big") * (size // 4 + 1))


class ChunkSuite:
    durable = True

    def make(self, path: Path) -> Backend:
        """A backend whose packs are closed at some PACK_BYTES; `path` is a folder to use, or a name."""
        raise NotImplementedError

    @pytest.fixture
    def backend(self, tmp_path: Path) -> Backend:
        made = self.make(tmp_path / "disk")
        made.found(HERE)
        made.open(HERE)
        return made

    def test_a_disk_is_founded_once(self, tmp_path: Path) -> None:
        made = self.make(tmp_path / "disk")
        assert made.identity() is None
        with pytest.raises(DiskMissing):
            made.open(HERE)
        made.found(HERE)
        assert made.identity() == HERE
        with pytest.raises(DiskForeign):
            made.found(Identity("server", "other", 2))
        made.open(HERE)

    @pytest.mark.parametrize(
        "strange",
        [Identity("other", "d15c", 1), Identity("server", "other", 1), Identity("server", "d15c", 2)],
    )
    def test_another_disk_is_not_opened(self, backend: Backend, strange: Identity) -> None:
        backend.close()
        with pytest.raises(DiskForeign):
            backend.open(strange)
        backend.open(HERE)

    def test_what_was_appended_is_read(self, backend: Backend) -> None:
        records = [record(number, 20 + number) for number in range(30)]
        places = backend.append(records)
        assert [backend.read(*place) for place in places] == records
        assert len({(place.pack, place.offset) for place in places}) == 30

    def test_appending_nothing_is_fine(self, backend: Backend) -> None:
        assert backend.append([]) == []
        assert backend.append([], [record(1)]) == []

    def test_what_was_never_there_is_missing(self, backend: Backend) -> None:
        (place,) = backend.append([record(1)])
        for pack, offset, length in [
            (place.pack + 7, 0, 10),
            (place.pack, place.offset + 1, place.length),
            (place.pack, 10**9, 10),
        ]:
            with pytest.raises(DiskMissing):
                backend.read(pack, offset, length)

    def test_shadows_leave_nothing(self, backend: Backend) -> None:
        first = backend.append([record(1)], [record(2), record(3, 900)])
        second = backend.append([record(4)])
        found = self.walked(backend)
        assert sorted(found) == sorted([*first, *second])
        assert backend.read(*second[0]) == record(4)

    def test_packs_are_closed_and_walked(self, backend: Backend) -> None:
        places = [backend.append([record(number, 700)])[0] for number in range(20)]
        packs = backend.packs()
        assert len(packs) > 2
        assert backend.open_pack() == places[-1].pack == max(packs)
        assert self.walked(backend) == places
        assert all(size <= PACK_BYTES + 1000 for size in packs.values())

    def test_a_closed_pack_is_never_appended_to(self, backend: Backend) -> None:
        (first,) = backend.append([record(1)])
        backend.close_pack()
        assert backend.open_pack() == 0
        (second,) = backend.append([record(2)])
        assert second.pack > first.pack
        assert backend.read(*first) == record(1)

    def test_a_dropped_pack_is_gone_and_its_number_is_not_used_again(self, backend: Backend) -> None:
        (first,) = backend.append([record(1)])
        backend.drop(first.pack)
        assert backend.read(*first) == record(1), "an open pack is not dropped"
        backend.close_pack()
        backend.drop(first.pack)
        backend.drop(first.pack)
        with pytest.raises(DiskMissing):
            backend.read(*first)
        assert first.pack not in backend.packs()
        assert backend.append([record(2)])[0].pack > first.pack

    def test_everything_is_there_after_opening_again(self, backend: Backend, tmp_path: Path) -> None:
        """Or nothing, when the disk is not `durable`."""
        records = [record(number, 300) for number in range(40)]
        places = [backend.append([one])[0] for one in records]
        backend.close()
        again = self.make(tmp_path / "disk")
        if not self.durable:
            assert again.identity() is None
            again.found(HERE)  # or it would be foreign
            again.open(HERE)
            assert not again.packs() and not self.walked(again)
            return
        assert again.identity() == HERE
        again.open(HERE)
        assert [again.read(*place) for place in places] == records
        assert self.walked(again) == places
        more = again.append([record(99)])[0]
        assert more not in places and again.read(*more) == record(99)
        assert [again.read(*place) for place in places] == records

    def test_it_says_what_room_there_is(self, backend: Backend) -> None:
        room = backend.room()
        assert room.free == -1 or 0 <= room.free <= room.total

    def test_a_probe_of_a_good_disk_is_silent(self, backend: Backend) -> None:
        backend.probe(False)
        backend.probe(True)

    def test_reading_beside_appending(self, backend: Backend) -> None:
        (place,) = backend.append([record(7, 500)])
        wrong: list[bytes] = []
        ended = threading.Event()

        def read() -> None:
            while not ended.is_set():
                found = backend.read(*place)
                if found != record(7, 500):
                    wrong.append(found)

        readers = [threading.Thread(target=read) for _ in range(3)]
        for reader in readers:
            reader.start()
        for number in range(200):
            backend.append([record(number, 100)])
        ended.set()
        for reader in readers:
            reader.join()
        assert wrong == []

    @settings(
        max_examples=25,
        deadline=None,
        suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.differing_executors],
    )
    @given(
        groups=st.lists(
            st.tuples(
                st.lists(st.integers(1, 1500), max_size=6),
                st.lists(st.integers(1, 600), max_size=2),
                st.booleans(),
            ),
            max_size=12,
        )
    )
    def test_any_groups(
        self, tmp_path_factory: pytest.TempPathFactory, groups: list[tuple[list[int], list[int], bool]]
    ) -> None:
        path = tmp_path_factory.mktemp("disk") / "disk"
        backend = self.make(path)
        backend.found(HERE)
        backend.open(HERE)
        known: dict[Place, bytes] = {}
        number = 0
        for sizes, shadows, again in groups:
            records = []
            for size in sizes:
                number += 1
                records.append(record(number, size))
            known.update(
                zip(backend.append(records, [record(0, size) for size in shadows]), records, strict=True)
            )
            if again and self.durable:
                backend.close()
                backend = self.make(path)
                backend.open(HERE)
        assert self.walked(backend) == sorted(known)
        assert all(backend.read(*place) == found for place, found in known.items())
        backend.close()

    def walked(self, backend: Backend) -> list[Place]:
        """All records, pack by pack."""
        found = []
        for pack, size in sorted(backend.packs().items()):

            def read(at: int, count: int, pack: int = pack, size: int = size) -> bytes:
                return backend.read(pack, at, min(count, size - at))

            found += [Place(pack, at, 52 + header.length) for at, header in walk(read, backend.first, size)]
        return found
