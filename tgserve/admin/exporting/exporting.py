"""An export as a job of the daemon: of an account, or of one chat."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from tgserve.admin.exporting.chats import Chats, chats_of
from tgserve.admin.exporting.folder import Folder, Result, dated, moment
from tgserve.admin.exporting.media import photo
from tgserve.admin.exporting.texts import Part
from tgserve.admin.jobs import Job
from tgserve.services import Services
from tgserve.store import records as r
from tgserve.store.keyspaces import PROFILE_PHOTOS
from tgserve.store.records import CHANNEL_BASE
from tgserve.store.slots import slot_of

ABOUT = "Here is the data of this account, as the server has it. All times are UTC."


def of_account(
    services: Services, user: r.User, path: Path, *, media: bool
) -> Callable[[Job], Awaitable[None]]:
    """What exports all of an account into an empty folder."""

    async def work(job: Job) -> None:
        folder, result = Folder(path, services, media=media), Result(path)
        chats = Chats(services, folder, result, job)
        peers = chats_of(services, user.id)
        job.total = sum(chats.count(user.id, peer) for peer in peers)
        try:
            result.open("{")
            result.put(ABOUT, "about")
            result.put(_personal(services, user), "personal_information")
            result.put(await _photos(services, folder, user), "profile_pictures")
            result.put({"about": "", "list": _contacts(services, user.id)}, "contacts")
            result.put({"about": "", "list": _sessions(services, user.id)}, "sessions")
            result.open("{", "chats")
            result.put("", "about")
            result.open("[", "list")
            for number, peer in enumerate(peers, 1):
                job.note = chats.name(peer) or "Deleted Account"
                folder.prefix = f"chats/chat_{number:0{len(str(len(peers)))}d}/"
                result.open("{")
                floor = chats.floor(user.id, peer) if peer <= -CHANNEL_BASE else 0
                await chats.write(user.id, peer, floor=floor)
                result.close()
            result.finish()
        finally:
            result.abandon()
        job.note = f"{len(peers)} chats, {_files(folder)}"

    return work


def of_chat(services: Services, chat: int, path: Path, *, media: bool) -> Callable[[Job], Awaitable[None]]:
    """What exports a channel, supergroup or basic group into an empty folder. A basic group is written as its owner has
    it, or who else has been in it longest."""

    async def work(job: Job) -> None:
        folder, result = Folder(path, services, media=media), Result(path)
        chats = Chats(services, folder, result, job)
        roster = services.groups.rosters.get_or_none(chat) if chat > -CHANNEL_BASE else None
        viewer = roster.here[0] if roster is not None and roster.here else 0
        job.total = chats.count(viewer, chat)
        try:
            result.open("{")
            await chats.write(viewer, chat)
            result.finish()
        finally:
            result.abandon()
        job.note = _files(folder)

    return work


def _files(folder: Folder) -> str:
    lost = f", {folder.lost} files are lost" if folder.lost else ""
    return f"{folder.bytes} bytes of files{lost}"


def _personal(services: Services, user: r.User) -> Part:
    made: Part = {
        "user_id": user.id,
        "first_name": user.first_name,
        "last_name": user.last_name,
        "phone_number": f"+{user.phone}" if user.phone else "",
    }
    if user.username:
        made["username"] = f"@{user.username}"
    if user.about:
        made["bio"] = user.about
    return made


async def _photos(services: Services, folder: Folder, user: r.User) -> list[Part]:
    with services.store.read(slot_of(user.id)) as reader:
        rows = [row for _, row in reader.range(PROFILE_PHOTOS, user.id, reverse=True)]
    made = []
    for row in rows:
        found = services.files.library.get_or_none(row.photo)
        drawn = await photo(folder, found, "profile_pictures/photo", row.date)
        made.append({**dated(row.date), "photo": drawn["photo"]})
    return made


def _contacts(services: Services, me: int) -> list[Part]:
    made: list[Part] = []
    for user_id, contact in services.contacts.of(me):
        user = services.users.get_or_none(user_id)
        phone = contact.phone or (user.phone if user is not None and contact.mutual else "")
        made.append(
            {
                "user_id": user_id,
                "first_name": contact.first_name,
                "last_name": contact.last_name,
                "phone_number": f"+{phone}" if phone else "",
                **dated(contact.added),
            }
        )
    return made


def _sessions(services: Services, me: int) -> list[Part]:
    return [
        {
            "last_active": moment(line.active),
            "last_active_unixtime": str(line.active),
            "last_ip": line.ip,
            "last_country": line.country,
            "last_region": line.region,
            "application_name": line.app_name,
            "application_version": line.app_version,
            "device_model": line.device_model,
            "platform": line.platform,
            "system_version": line.system_version,
            "created": moment(line.created),
            "created_unixtime": str(line.created),
        }
        for _, line in services.auth.sessions.of(me)
    ]
