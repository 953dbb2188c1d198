"""Sounds of notifications."""

from __future__ import annotations

from tests.community import run
from tests.stickers.makers import makers
from tests.stickers.test_scenes import sent
from tests.stickers.test_sets import refused, uses
from tests.stickers.test_shelves import heard
from tgserve.tl import types as t
from tgserve.tl.functions import account


def test_a_sound_is_uploaded_saved_and_let_go() -> None:
    async def story() -> None:
        async with makers(1) as (c, (ann,)):
            file = await sent(ann, b"ID3 sound", "../ping.mp3")
            made = await ann(
                account.UploadRingtone(file=file, file_name="../ping.mp3", mime_type="audio/mpeg")
            )
            names = [a.file_name for a in made.attributes if isinstance(a, t.DocumentAttributeFilename)]
            assert names == ["ping.mp3"], "SECURITY 6.11"
            assert (await ann(account.GetSavedRingtones(hash=0))).ringtones == []
            c.heard.clear()
            answer = await ann(account.SaveRingtone(id=ann.named(made), unsave=False))
            assert isinstance(answer, t.AccountSavedRingtone) and uses(c, made.id) == 1
            assert heard(c, ann.id) == [("ringtones", "items")]
            found = await ann(account.GetSavedRingtones(hash=0))
            assert [one.id for one in found.ringtones] == [made.id]
            same = await ann(account.GetSavedRingtones(hash=found.hash))
            assert isinstance(same, t.AccountSavedRingtonesNotModified)
            await ann(account.SaveRingtone(id=ann.named(found.ringtones[0]), unsave=True))
            assert (await ann(account.GetSavedRingtones(hash=0))).ringtones == []
            assert uses(c, made.id) == 0

    run(story())


def test_what_is_no_sound() -> None:
    async def story() -> None:
        async with makers(1) as (_, (ann,)):
            file = await sent(ann, b"x")
            await refused(
                "RINGTONE_MIME_INVALID",
                ann(account.UploadRingtone(file=file, file_name="x", mime_type="text/plain")),
            )
            big = await sent(ann, bytes(301 * 1024))
            await refused(
                "RINGTONE_INVALID",
                ann(account.UploadRingtone(file=big, file_name="x", mime_type="audio/mpeg")),
            )
            picture = await ann.document(b"x", "image/webp")
            await refused("RINGTONE_INVALID", ann(account.SaveRingtone(id=picture, unsave=False)))

    run(story())
