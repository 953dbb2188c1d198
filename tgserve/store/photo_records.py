"""What is stored of people's photos: rows in the slot of the person, under the rules of records.py."""

from __future__ import annotations

from tgserve.store.records import Record


class OwnPhoto(Record, frozen=True):
    """One of a user's photos, keyed by (user, number): the highest number is the one shown. `photo` is the id of its
    Media, which this row holds; `date` when it became the photo; the others as in records.Shot."""

    photo: int
    date: int
    stripped: bytes = b""
    film: bool = False
