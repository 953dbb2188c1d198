"""Objects in an S3-like store, by obstore: loaded only where a target says s3://.

Options (config [backup.s3], or AWS_* in the environment): endpoint, region, access_key, secret_key.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from datetime import timedelta
from typing import Any, cast

import obstore
from obstore import exceptions
from obstore.store import S3Store

from tgserve.adapters.objects.contract import Entry, InUse, NoRoom, NotThere, ObjectsError
from tgserve.clock import Clock

OPTIONS = ("endpoint", "region", "access_key", "secret_key")
LOCK = "lock"
LOCK_SECONDS = 1800
"""A lock that was not renewed for so long belongs to somebody who died."""
RENEW_SECONDS = 120
_FULL = ("507", "QuotaExceeded", "StorageFull", "InsufficientCapacity", "no free volumes", "EntityTooLarge")


class S3Objects:
    def __init__(self, bucket: str, prefix: str, options: Mapping[str, Any], clock: Clock) -> None:
        self.where = f"s3://{bucket}/{prefix}".rstrip("/")
        self._clock = clock
        unknown = set(options) - set(OPTIONS)
        if unknown:
            raise ObjectsError(f"backup.s3: there is no option {min(unknown)}; it takes {', '.join(OPTIONS)}")
        endpoint = str(options.get("endpoint", "")) or os.environ.get("AWS_ENDPOINT_URL", "")
        chosen: dict[str, Any] = {
            "region": str(options.get("region", "")) or os.environ.get("AWS_REGION", "")
        }
        chosen["region"] = chosen["region"] or "us-east-1"
        if endpoint:
            chosen["endpoint"] = endpoint
            chosen["virtual_hosted_style_request"] = False
        for ours, theirs in (("access_key", "access_key_id"), ("secret_key", "secret_access_key")):
            if options.get(ours):
                chosen[theirs] = str(options[ours])
        with self._faults():
            self._store = S3Store(
                bucket,
                prefix=prefix or None,
                config=cast(Any, chosen),
                client_options={
                    "timeout": timedelta(seconds=120),
                    "connect_timeout": timedelta(seconds=5),
                    "allow_http": endpoint.startswith("http://"),
                },
                retry_config={"max_retries": 4, "retry_timeout": timedelta(seconds=60)},
            )

    def prepare(self) -> None:
        with self._faults("cannot be written"):
            obstore.put(self._store, "probe", b"tgserve\n", use_multipart=False)
            obstore.delete(self._store, "probe")

    def put(self, name: str, data: bytes) -> None:
        with self._faults("cannot be written"):
            obstore.put(self._store, name, data, use_multipart=False)

    def get(self, name: str, offset: int = 0, length: int = -1) -> bytes:
        with self._faults("cannot be read", name):
            if length < 0 and not offset:
                return bytes(obstore.get(self._store, name).bytes())
            if length < 0:
                length = obstore.head(self._store, name)["size"] - offset
            found = (
                bytes(obstore.get_range(self._store, name, start=offset, length=length)) if length else b""
            )
        if len(found) != length:
            raise NotThere(f"{self.where}/{name} is too short")
        return found

    def entries(self, prefix: str) -> list[Entry]:
        found = []
        with self._faults("cannot be read"):
            for page in obstore.list(self._store, prefix or None, chunk_size=1000):
                for one in page:
                    found.append(Entry(one["path"], one["size"], one["last_modified"].timestamp()))
        return sorted(found, key=lambda entry: entry.name)

    def delete(self, name: str) -> None:
        try:
            with self._faults("cannot be written"):
                obstore.delete(self._store, name)
        except NotThere:
            return

    @contextmanager
    def lock(self) -> Iterator[Callable[[], None]]:
        """An object that only one can create. Its holder renews it; one that is old is taken over."""
        renewed = self._clock.now()
        if not self._take():
            held = self._lock()
            if held is not None and float(held["until"]) > renewed:
                raise InUse(f"{self.where} is in use by {held['by']}: wait for its end")
            self.put(LOCK, self._mine())

        def renew() -> None:
            nonlocal renewed
            if self._clock.now() - renewed > RENEW_SECONDS:
                renewed = self._clock.now()
                self.put(LOCK, self._mine())

        try:
            yield renew
        finally:
            self.delete(LOCK)

    def _take(self) -> bool:
        try:
            with self._faults("cannot be written"):
                obstore.put(self._store, LOCK, self._mine(), mode="create")
        except exceptions.AlreadyExistsError:
            return False
        except exceptions.NotSupportedError:  # a store without conditional puts: look, then write
            if self._lock() is not None:
                return False
            self.put(LOCK, self._mine())
        return True

    def _lock(self) -> dict[str, Any] | None:
        try:
            held = json.loads(self.get(LOCK))
            return held if {"by", "until"} <= set(held) else None
        except (NotThere, ValueError, TypeError):
            return None

    def _mine(self) -> bytes:
        by = f"process {os.getpid()} on {socket.gethostname()}"
        return json.dumps({"by": by, "until": self._clock.now() + LOCK_SECONDS}).encode()

    @contextmanager
    def _faults(self, what: str = "cannot be used", name: str = "") -> Iterator[None]:
        where = f"{self.where}/{name}" if name else self.where
        try:
            yield
        except (exceptions.AlreadyExistsError, exceptions.NotSupportedError):
            raise
        except (exceptions.NotFoundError, FileNotFoundError) as fault:
            if "NoSuchBucket" in str(fault):
                raise ObjectsError(f"{self.where}: there is no such bucket; make it first") from fault
            raise NotThere(f"{where} is not there") from fault
        except (exceptions.PermissionDeniedError, exceptions.UnauthenticatedError, PermissionError) as fault:
            raise ObjectsError(
                f"{where} {what}: the store refuses these credentials (backup.s3 access_key, secret_key)"
            ) from fault
        except (exceptions.BaseError, OSError, ValueError) as fault:
            text = " ".join(str(fault).split("Debug source")[0].split())[:300]
            if "error sending request" in text:
                raise ObjectsError(
                    f"{where}: the store does not answer (backup.s3 endpoint): {text}"
                ) from fault
            if any(word in text for word in _FULL):
                raise NoRoom(f"{where} is full: make room, or choose another target ({text})") from fault
            raise ObjectsError(f"{where} {what}: {text}") from fault
