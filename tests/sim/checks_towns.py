"""At the end of a story of channels: what was acknowledged is there once, all devices of all members have the same, and
they count what the server counts."""

from __future__ import annotations

import asyncio
from collections import Counter
from dataclasses import dataclass, replace
from typing import Any

from tests.sim import checks
from tests.sim.place import Place, history
from tests.sim.town import FORUM, GENERAL, OUT, PAPER, SQUARE, City, Post, Town, text_of, token_of
from tests.sim.townsman import Townsman
from tests.sim.world import World
from tgserve.chunks.collecting import collect
from tgserve.store import channel_records as c
from tgserve.store.keyspaces import BODIES, CHUNKS, MEDIA, UPLOADS
from tgserve.store.slots import SLOTS, slot_of
from tgserve.tl import functions as f
from tgserve.tl import types as t

LATE_SECONDS = 40
"""A scheduled post goes within a second of its time, or half a minute after the disk was full."""
DAY = 86_400


@dataclass(slots=True)
class Member:
    """One member's view of a channel."""

    device: Townsman
    place: Place
    messages: dict[int, Any]


async def everything(world: World, city: City, devices: list[Townsman]) -> None:
    """All checks. What is wrong is reported to the world."""
    squares: dict[int, list[Member]] = {}
    for town in city.towns:
        members = await agree(world, town, devices)
        squares[town.channel] = members
        for member in members:
            await counted(world, member)
        if members:
            kept(world, town, members[0].messages)
            opinions(world, town, members)
            numbers(world, town, members[0])
        await governed(world, town, members, devices)
        await files(world, town, members[:1])
    for town in city.towns:
        if town.kind == PAPER and town.partner is not None:
            await commented(world, town, squares[town.channel], squares[town.partner.channel])
    checks.walk(world)
    await collected(world, city)
    checks.walk(world)


async def agree(world: World, town: Town, devices: list[Townsman]) -> list[Member]:
    """Devices know whether they are in it, and have what the server has. One member per user."""
    assert world.app is not None
    known = world.app.services.channels.register
    record = known.get_or_none(town.channel)
    members: dict[int, Member] = {}
    for device in devices:
        seat = known.participant(town.channel, device.me)
        inside = seat is not None and seat.state == c.MEMBER
        place = device.places.get(town.channel)
        if place is None or town.channel not in device.peers:
            if inside:
                world.wrong(f"{device.name} is in {town.kind} and knows nothing of it")
            continue
        if inside != place.inside:
            world.wrong(f"{device.name} thinks it is in: {place.inside}, it is: {inside}")
        if seat is not None and seat.state == c.KICKED:
            await shut_out(world, device, place)
        if not inside or not place.inside:
            continue
        if record is not None and place.title != record.title:
            world.wrong(f"{device.name} calls it {place.title!r}, it is {record.title!r}")
        member = members.get(device.me)
        if member is None:
            member = members[device.me] = Member(device, place, await pages(device, place))
        box = {msg_id: place.shown(one) for msg_id, one in member.messages.items()}
        for msg_id in sorted(box.keys() | place.posts.keys()):
            ours, theirs = place.posts.get(msg_id), box.get(msg_id)
            if ours is not None and theirs is not None:
                ours = replace(ours, top=theirs.top)  # told by the answer alone, which may be gone
            if ours != theirs:
                world.wrong(f"{device.name} has {ours} as post {msg_id}, the server {theirs}")
        if record is not None:
            await unread(world, Member(device, place, member.messages))
    boxes = {tuple((i, text_of(one)) for i, one in sorted(one.messages.items())) for one in members.values()}
    if len(boxes) > 1:
        world.wrong("members have different histories of one channel")
    return list(members.values())


async def shut_out(world: World, device: Townsman, place: Place) -> None:
    """SECURITY 6.2: who was removed reads nothing, by no method."""
    refused = [
        history(place.peer, 0),
        f.updates.GetChannelDifference(
            channel=place.input, filter=t.ChannelMessagesFilterEmpty(), pts=1, limit=10
        ),
        f.channels.GetMessages(channel=place.input, id=[t.InputMessageID(id=1)]),
    ]
    for request in refused:
        try:
            await device.ask(request)
        except RuntimeError as fault:
            if str(fault) not in OUT:
                world.wrong(f"{device.name} was removed, {type(request).__name__} says {fault}")
        else:
            world.wrong(f"{device.name} was removed and is answered {type(request).__name__}")


async def pages(device: Townsman, place: Place) -> dict[int, Any]:
    """The whole history as the server tells it."""
    found: dict[int, Any] = {}
    offset = 0
    while True:
        page = await device.ask(history(place.peer, offset))
        if not page.messages:
            return found
        for one in page.messages:
            if one.id in found:
                device.world.wrong(f"{device.name}: post {one.id} is in the history twice")
            found[one.id] = one
        offset = page.messages[-1].id


# -- counts ----------------------------------------------------------------------------------------------------------


async def unread(world: World, member: Member) -> None:
    """A device counts what the server counts, in the whole and in each thread."""
    device, place = member.device, member.place
    answer = await device.ask(f.messages.GetPeerDialogs(peers=[t.InputDialogPeer(peer=place.peer)]))
    dialog = answer.dialogs[0]
    if dialog.unread_count != place.unread():
        world.wrong(
            f"{device.name} counts {place.unread()} unread in {place.town.kind} behind {place.mark}, "
            f"the server {dialog.unread_count} behind {dialog.read_inbox_max_id}"
        )
    waiting = sum(1 for one in member.messages.values() if one.mentioned and one.media_unread)
    if dialog.unread_mentions_count != waiting:
        world.wrong(
            f"{device.name}: {waiting} mentions wait, the server counts {dialog.unread_mentions_count}"
        )
    if place.town.kind == FORUM:
        found = await device.ask(
            f.messages.GetForumTopics(peer=place.peer, offset_date=0, offset_id=0, offset_topic=0, limit=100)
        )
        for topic in found.topics:
            inside = [i for i, one in place.posts.items() if one.top == topic.id]
            if topic.unread_count != place.unread(topic.id):
                world.wrong(
                    f"{device.name} counts {place.unread(topic.id)} unread in topic {topic.id}, "
                    f"the server {topic.unread_count}"
                )
            if topic.top_message != max(inside, default=0):
                world.wrong(f"{device.name}: topic {topic.id} ends with {topic.top_message}, it has {inside}")
        lost = {one.top for one in place.posts.values()} - {one.id for one in found.topics}
        if lost - {0}:
            world.wrong(f"{device.name}: there are messages of the topics {lost}, and no such topics")


async def counted(world: World, member: Member) -> None:
    """The comments on a post are those that answer it, each counted once."""
    device, place = member.device, member.place
    if place.town.kind != SQUARE:
        return
    for root, one in sorted(member.messages.items()):
        if place.shown(one).top != root:
            continue
        state = await device.ask(f.messages.GetDiscussionMessage(peer=place.peer, msg_id=root))
        if state.unread_count != place.unread(root):
            world.wrong(
                f"{device.name} counts {place.unread(root)} unread comments on {root}, "
                f"the server {state.unread_count}"
            )
        comments = [i for i, other in place.posts.items() if other.top == root != i]
        if one.replies is None or one.replies.replies != len(comments):
            world.wrong(f"{device.name}: {root} has the comments {comments}, the server says {one.replies}")


async def commented(world: World, paper: Town, readers: list[Member], talkers: list[Member]) -> None:
    """Every post has one copy in the group, with its text, and both know the same number of comments."""
    if not readers or not talkers:
        return
    copies: dict[int, list[Any]] = {}
    for one in talkers[0].messages.values():
        header = getattr(one, "fwd_from", None)
        if header is not None and header.channel_post:
            copies.setdefault(header.channel_post, []).append(one)
    for post, one in readers[0].messages.items():
        if isinstance(one, t.MessageService):
            continue
        of_post: list[Any] = copies.pop(post, [])
        if len(of_post) > 1 or (not of_post and not _may_lack_copy(paper, one)):
            world.wrong(f"post {post} has {len(of_post)} copies in its group")
        for copy in of_post:
            if text_of(copy) != text_of(one):
                world.wrong(f"post {post} says {text_of(one)!r}, its copy {text_of(copy)!r}")
            if one.replies is None or one.replies.replies != copy.replies.replies:
                world.wrong(f"post {post} says {one.replies}, its copy {copy.replies}")
    for post in copies:
        world.wrong(f"post {post} is gone and its copy stands")


def _may_lack_copy(paper: Town, one: Any) -> bool:
    """Somebody has tried to delete the copy, in the group."""
    square = paper.partner
    return square is None or any(post.deleting for post in paper.posts.values() if post.msg_id == one.id)


# -- messages --------------------------------------------------------------------------------------------------------


def kept(world: World, town: Town, box: dict[int, Any]) -> None:
    """What was acknowledged is there once, with its text; what was deleted is gone."""
    mirrored = town.partner.posts if town.kind == SQUARE and town.partner is not None else {}
    made = [
        one for one in box.values() if isinstance(getattr(one, "action", None), t.MessageActionTopicCreate)
    ]
    topics = {one.id for one in made}
    texts = {msg_id: text_of(one) for msg_id, one in box.items()}
    times = Counter(token_of(text) for text in texts.values() if text and not text.startswith("!"))
    for token, count in times.items():
        known = token in town.posts or token in mirrored
        if count > 1 or not known:
            world.wrong(f"{token} is there {count} times" if known else f"{token} is from nowhere")
    for post in town.posts.values():
        text = texts.get(post.msg_id) if post.msg_id else None
        if post.later:
            _in_time(world, town, post, times[post.token])
            continue
        if post.msg_id and text is None and not post.deleting:
            world.wrong(f"{post.token} was acknowledged as {post.msg_id} and is gone")
        if post.gone and text is not None:
            world.wrong(f"{post.token} was deleted as {post.msg_id} and is there")
        if text is not None and (text not in post.texts or (post.sure and text != post.sure)):
            world.wrong(f"{post.token} says {text}, it should say {post.sure or post.texts}")
        if text is not None and post.file and getattr(box[post.msg_id].media, "document", None) is None:
            world.wrong(f"{post.token} has lost its file")
        if text is not None and town.kind == FORUM and post.top not in (GENERAL, *topics):
            world.wrong(f"{post.token} stands in {post.top}, which is no topic")
    titles = Counter(one.action.title for one in made)
    for token, topic in town.topics.items():
        if titles[token] > 1 or (topic.msg_id and not titles[token] and not topic.deleting):
            world.wrong(f"topic {token} begins {titles[token]} times")
        if topic.gone and titles[token]:
            world.wrong(f"topic {token} was deleted and is there")


def _in_time(world: World, town: Town, post: Post, times: int) -> None:
    late = world.clock.now() - post.later > LATE_SECONDS
    certain = post.kept and not post.deleting and post.author not in town.unsteady and not post.top
    if late and certain and not times:
        world.wrong(f"{post.token} was scheduled for {post.later} and is lost")


def opinions(world: World, town: Town, members: list[Member]) -> None:
    """Each vote and each reaction is what its user chose last, and is counted once."""
    users = {member.device.me for member in members}
    for post in town.posts.values():
        if post.msg_id not in members[0].messages or post.later:
            continue
        if post.votes is not None:
            _voted(world, post, members, users)
        chosen: Counter[str] = Counter()
        told: set[tuple[tuple[str, int], ...]] = set()
        for member in members:
            reactions = member.messages[post.msg_id].reactions
            results = reactions.results if reactions is not None else []
            mine = [one.reaction.emoticon for one in results if one.chosen_order is not None]
            told.add(tuple(sorted((one.reaction.emoticon, one.count) for one in results)))
            may = post.reactions[member.device.me].possible if member.device.me in post.reactions else {""}
            if len(mine) > 1 or (mine[0] if mine else "") not in may:
                world.wrong(f"{member.device.name} has {mine} on {post.token}, it should be one of {may}")
            chosen.update(mine)
        away = sum(1 for user in post.reactions if user not in users)
        counts = dict(next(iter(told))) if told else {}
        if len(told) > 1:
            world.wrong(f"{post.token} has different reactions: {told}")
        for emoji in {*counts, *chosen}:
            if not chosen[emoji] <= counts.get(emoji, 0) <= chosen[emoji] + away:
                world.wrong(f"{post.token}: {emoji} counts {counts}, {chosen} have chosen it")


def _voted(world: World, post: Post, members: list[Member], users: set[int]) -> None:
    assert post.votes is not None
    votes: Counter[bytes] = Counter()
    totals: set[int] = set()
    counts: list[dict[bytes, int]] = []
    for member in members:
        media = member.messages[post.msg_id].media
        if post.closed and not media.poll.closed:
            world.wrong(f"{post.token} was closed and is open for {member.device.name}")
        if media.poll.closed and not post.closing:
            world.wrong(f"{post.token} is closed, and nobody has closed it")
        results = media.results.results or []
        mine = [one.option for one in results if one.chosen]
        may = post.votes[member.device.me].possible if member.device.me in post.votes else {None}
        if len(mine) > 1 or (mine[0] if mine else None) not in may:
            world.wrong(f"{member.device.name} voted for {mine} in {post.token}, it should be one of {may}")
        votes.update(mine)
        totals.add(media.results.total_voters or 0)
        if results and mine:
            counts.append({one.option: one.voters or 0 for one in results})
    away = sum(1 for user in post.votes if user not in users)
    if len(totals) > 1 or not votes.total() <= max(totals) <= votes.total() + away:
        world.wrong(f"{post.token}: {votes} voted, the server counts {totals}")
    for one in counts:
        if sum(one.values()) != max(totals) or any(one.get(option, 0) < votes[option] for option in votes):
            world.wrong(f"{post.token}: {votes} voted, the answers have {one} of {totals}")


def numbers(world: World, town: Town, member: Member) -> None:
    """Nobody is counted twice as a viewer by one process; who was told that he is, is."""
    for post in town.posts.values():
        one = member.messages.get(post.msg_id)
        if town.kind != PAPER or one is None or post.later:
            continue
        views = one.views or 0
        if not len(post.viewers) <= views <= post.looks + 1:
            world.wrong(f"{post.token}: {post.viewers} have looked {post.looks} times, views are {views}")


async def governed(world: World, town: Town, members: list[Member], devices: list[Townsman]) -> None:
    """Who is an admin, what it is called, and what the admin log says of that."""
    assert world.app is not None
    known = world.app.services.channels.register
    record = known.get_or_none(town.channel)
    assert record is not None
    if record.title not in town.title.possible:
        world.wrong(f"the {town.kind} is called {record.title!r}, not one of {town.title.possible}")
    for user, role in town.admins.items():
        seat = known.participant(town.channel, user)
        admin = seat is not None and bool(seat.admin) and seat.state == c.MEMBER
        if admin not in role.possible:
            world.wrong(f"user {user} is an admin: {admin}, it should be one of {role.possible}")
    for user in sorted(town.removed):
        seat = known.participant(town.channel, user)
        if seat is None or seat.state != c.KICKED:
            world.wrong(f"user {user} was removed for sure, and is {seat}")
    creator = next((one for one in members if one.device.me == town.creator), None)
    if creator is None:
        return
    told: Counter[str] = Counter()
    below = 0
    while True:
        request = f.channels.GetAdminLog(channel=creator.place.input, q="", max_id=below, min_id=0, limit=50)
        page = await creator.device.ask(request)
        if not page.events:
            break
        below = page.events[-1].id
        told.update(
            one.action.new_value
            for one in page.events
            if isinstance(one.action, t.ChannelAdminLogEventActionChangeTitle)
        )
    for title, sure in town.titles.items():
        if told[title] < sure or (told[title] > 1 and title not in town.mixed):
            world.wrong(f"the admin log tells {told[title]} times of {title!r} (acknowledged: {sure})")


# -- files -----------------------------------------------------------------------------------------------------------


async def files(world: World, town: Town, members: list[Member]) -> None:
    """As long as a message stands its file can be read."""
    contents = {post.msg_id: post.file for post in town.posts.values() if post.file}
    for member in members:
        for msg_id, one in member.messages.items():
            document = getattr(one.media, "document", None) if isinstance(one, t.Message) else None
            if document is None:
                continue
            where = t.InputDocumentFileLocation(
                id=document.id,
                access_hash=document.access_hash,
                file_reference=document.file_reference,
                thumb_size="",
            )
            try:
                got = await member.device.ask(f.upload.GetFile(location=where, offset=0, limit=1 << 20))
            except RuntimeError as fault:
                world.wrong(f"{member.device.name}: the file of {msg_id} cannot be read: {fault}")
                continue
            if contents.get(msg_id, got.bytes) != got.bytes or len(got.bytes) != document.size:
                world.wrong(f"{member.device.name}: the file of {msg_id} is another")


async def collected(world: World, city: City) -> None:
    """Days later nothing is left of files that no message names, and all of those that one does."""
    assert world.app is not None
    app = world.app
    named: set[int] = set()
    wanted: set[bytes] = set()
    world.clock.set_wall(world.clock.now() + 3 * DAY)
    for slot in range(SLOTS):
        await app.services.files.sweep(slot)
    while not await app.store.settled(30.0):
        await asyncio.sleep(1.0)
    with app.store.cut() as cut:
        for slot in range(SLOTS):
            for key, media in cut.reader(slot).range(MEDIA):
                named.add(key[0])
                pieces = media.blob.pieces
                wanted.update(pieces[at : at + 32] for at in range(0, len(pieces), 32))
            if cut.reader(slot).first(UPLOADS) is not None:
                world.wrong("an upload stands after days")
    world.clock.set_wall(world.clock.now() + 3 * DAY)
    await collect(app.services.chunks)
    left: set[bytes] = set()
    with app.store.cut() as cut:
        for slot in range(SLOTS):
            left.update(key[0] for key, _ in cut.reader(slot).range(CHUNKS))
    if left != wanted:
        world.wrong(f"{len(left - wanted)} chunks are left that no file holds, {len(wanted - left)} are lost")
    shown: set[int] = set()
    for town in city.towns:
        with app.store.cut() as cut:
            shown.update(_documents(cut, town))
    if named != shown:
        world.wrong(f"files {named - shown} are left that no message names, {shown - named} are gone")


def _documents(cut: Any, town: Town) -> set[int]:
    rows = cut.reader(slot_of(town.channel)).range(BODIES, town.channel)
    return {file[0] for _, body in rows for file in body.files}
