"""Backups by the running server: one at a time, by command or by the clock; how the last one went is a row."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from typing import TypeVar

from msgspec.structs import replace

from tgserve import limits, log, metrics
from tgserve.admin.jobs import Job, Jobs
from tgserve.admin.refusal import Refusal
from tgserve.backup.creating import create
from tgserve.backup.faults import BackupError
from tgserve.backup.keys import load_key, make_key, spell
from tgserve.backup.live import live_source
from tgserve.backup.manifest import FOLDER, Manifest
from tgserve.backup.pruning import prune
from tgserve.backup.repository import Repository, prepare
from tgserve.backup.targets import KEY_FILE, target_of
from tgserve.chunks.store import Chunks
from tgserve.clock import Clock
from tgserve.config import Config
from tgserve.errors import StoreError
from tgserve.ids import Ids
from tgserve.store.backup_records import MARKS_OWNER, PLANNED, BackupMark
from tgserve.store.keyspaces import BACKUP_MARKS
from tgserve.store.slots import slot_of
from tgserve.store.transaction import Txn

T = TypeVar("T")
KIND = "backup"
TURN_SECONDS = 60
AGAIN_SECONDS = 1800
"""After one that failed, the next."""

_log = log.get("backup")
_failed = metrics.counter("tgserve_backup_failures_total", "backups that could not be made")


class Backups:
    """Construct before store.start(); `turn` once a minute after it; `close` before the store is closed."""

    def __init__(self, config: Config, clock: Clock, ids: Ids, chunks: Chunks, jobs: Jobs) -> None:
        self._config = config
        self._clock = clock
        self._ids = ids
        self._chunks = chunks
        self._store = chunks.store
        self._jobs = jobs
        metrics.gauge(
            "tgserve_backup_age_seconds", "since the moment that the last good backup holds", self._age
        )

    def last(self, name: str = MARKS_OWNER) -> BackupMark | None:
        with self._store.read(slot_of(MARKS_OWNER)) as reader:
            return reader.get(BACKUP_MARKS, name)

    def begin(self, target: str = "", passphrase: str = "", again: bool = False) -> tuple[Job, str]:
        """(the job, the key's text if it was made for this one). `again`: the target must hold backups already, or its
        disk is not mounted. Refusal: what is in the way."""
        objects = _or_refuse(lambda: target_of(self._config, target, self._clock))
        path = self._config.keys_dir / KEY_FILE
        key = _or_refuse(lambda: load_key(path))
        made = ""
        if key is None:
            key = make_key(path, self._ids.random_bytes)
            made = spell(key)
        master = key

        def opening() -> Repository:
            if again and not objects.entries(FOLDER):
                raise BackupError(
                    f"{objects.where} holds no backups, although the last one was made there: is its disk mounted? To"
                    " begin anew: `tgserve backup create`"
                )
            return prepare(
                objects,
                self._ids.random_bytes,
                key=master,
                passphrase=passphrase,
                server=self._store.format.store,
                now=int(self._clock.now()),
            )

        planned = not target
        return self._jobs.start(
            KIND, lambda job: self._work(job, opening, planned, objects.where), unit="bytes"
        ), made

    async def turn(self) -> None:
        """Begin one when it is due."""
        if not self._config.backup.target or self._running():
            return
        mark, now = self.last(PLANNED), self._clock.now()
        if mark is not None:
            wait = self._config.backup.every_hours * limits.HOUR
            if mark.fault:
                wait = min(wait, AGAIN_SECONDS)
            if now < mark.began + wait:
                return
        try:
            _, made = self.begin(again=mark is not None and mark.target == self._config.backup.target)
        except Refusal as fault:
            await self._failed(int(now), str(fault), planned=True)
            return
        if made:
            _log.warning("backup.key_made", file=str(self._config.keys_dir / KEY_FILE))

    async def close(self) -> None:
        """Stop what is under way: it reads the store."""
        tasks = [job.task for job in self._running() if job.task is not None]
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    def _running(self) -> list[Job]:
        return [job for job in self._jobs.running.values() if job.kind == KIND]

    async def _work(self, job: Job, opening: Callable[[], Repository], planned: bool, where: str) -> None:
        began = int(self._clock.now())
        loop = asyncio.get_running_loop()
        try:
            with self._chunks.keep_packs():
                manifest = await _aside(lambda stop: self._create(job, opening, loop, stop))
        except StoreError as fault:
            await self._failed(began, str(fault), planned)
            raise
        job.total = job.done
        text = f"{manifest.name}: {manifest.rows} rows and {manifest.chunks} pieces of files"
        text += f", {manifest.new_bytes} bytes of it new"
        if manifest.lost:
            text += f"; {manifest.lost} pieces of files had no good copy (`tgserve check --deep`)"
        mark = BackupMark(began, int(self._clock.now()), began, manifest.name, target=where)
        await self._mark(mark, planned)
        _log.info(
            "backup.done",
            backup=manifest.name,
            rows=manifest.rows,
            new_bytes=manifest.new_bytes,
            lost=manifest.lost,
            seconds=manifest.seconds,
        )
        job.note = text
        keep = self._config.backup.keep if planned else 0
        if keep:
            try:
                gone = await _aside(lambda stop: prune(opening(), keep, job, stop))
            except StoreError as fault:
                await self._failed(began, f"{manifest.name} was made, but old ones stay: {fault}", planned)
                raise
            job.note = text + (f"; {gone.dropped} older ones removed" if gone.dropped else "")

    def _create(
        self,
        job: Job,
        opening: Callable[[], Repository],
        loop: asyncio.AbstractEventLoop,
        stop: threading.Event,
    ) -> Manifest:
        return create(
            opening(),
            lambda: live_source(self._config.data, self._chunks, loop),
            self._clock.now,
            self._ids.random_bytes,
            job,
            stop,
        )

    async def _failed(self, began: int, fault: str, planned: bool) -> None:
        _failed.inc()
        _log.error("backup.failed", reason=fault)
        before = self.last() or BackupMark(began)
        if planned:
            before = replace(before, target=(self.last(PLANNED) or before).target)
        await self._mark(replace(before, began=began, ended=int(self._clock.now()), fault=fault), planned)

    async def _mark(self, mark: BackupMark, planned: bool) -> None:
        def put(txn: Txn) -> None:
            for name in (MARKS_OWNER, PLANNED) if planned else (MARKS_OWNER,):
                txn.put(BACKUP_MARKS, name, value=mark)

        await self._store.transact(slot_of(MARKS_OWNER), put)

    def _age(self) -> float:
        mark = self.last()
        return self._clock.now() - mark.good if mark is not None and mark.good else 0.0


def _or_refuse(work: Callable[[], T]) -> T:
    try:
        return work()
    except BackupError as fault:
        raise Refusal(str(fault)) from None


async def _aside(work: Callable[[threading.Event], T]) -> T:
    """In a thread. Cancelled, it is told to stop, and waited for: it reads what the store is about to close."""
    stop = threading.Event()
    running = asyncio.get_running_loop().run_in_executor(None, work, stop)
    try:
        return await asyncio.shield(running)
    except asyncio.CancelledError:
        stop.set()
        await asyncio.wait([running])
        if not running.cancelled():
            running.exception()  # looked at: whoever cancelled does not want it
        raise
