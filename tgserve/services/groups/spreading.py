"""A message of a group in the boxes of its members: outbox handler of pl.DeliverAll.

The same as messaging.deliver for each of them, with everything that all have in common done once.
"""

from __future__ import annotations

from msgspec.msgpack import Encoder
from msgspec.structs import replace

from tgserve.services import boxes
from tgserve.services.boxes import NO_BOX, NO_DIALOG, Letter, View
from tgserve.services.messaging import deliver
from tgserve.store import eventlog
from tgserve.store import payloads as pl
from tgserve.store.keyspaces import BACKREFS, BOXES, DIALOGS, PEER_ROWS, ROWS
from tgserve.store.slots import slots_of
from tgserve.store.transaction import SMALL_BYTES, Txn

_encode = Encoder().encode
_row_key, _peer_key, _back_key = ROWS.pack, PEER_ROWS.pack, BACKREFS.pack
_dialog_key, _box_key = DIALOGS.pack, BOXES.pack
_ROW, _PEER, _BACK, _DIALOG, _BOX = ROWS.tag, PEER_ROWS.tag, BACKREFS.tag, DIALOGS.tag, BOXES.tag
_dialog, _box = DIALOGS.decode, BOXES.decode


def deliver_all(txn: Txn, word: pl.DeliverAll, letter: Letter | None) -> None:
    """Outbox: a message arrives in the boxes of many. Without its letter (after a restart) as one by one."""
    users = word.users
    if letter is None:
        for user, slot in zip(users, slots_of(users), strict=True):
            txn.slot = slot
            deliver(txn, word.to(user), None)
        return
    find, journal, overlay = txn.found, txn.journal, txn.overlay
    pack_id, append_message = boxes.MSG_ID.pack, eventlog.append_message
    chat, author, number, date, version = word.chat, word.author, word.author_msg_id, word.date, word.version
    row, row_data, packed, body = letter.row, letter.row_data, letter.packed, letter.body
    mention = 1 if row.flags & boxes.UNREAD_MENTION == boxes.UNREAD_MENTION else 0
    answers = body.reply is not None
    reply_id = 0
    for user, slot in zip(users, slots_of(users), strict=True):
        txn.slot = slot
        dialog_key = _dialog_key(slot, _DIALOG, user, chat)
        # Of each of them this job has written nothing yet.
        data = overlay[dialog_key] if dialog_key in overlay else find(dialog_key)
        dialog = NO_DIALOG if data is None else _dialog(data)
        if version <= dialog.left_at or dialog.left_date or dialog.folder:
            deliver(txn, word.to(user), letter)
            continue
        box_key = _box_key(slot, _BOX, user)
        data = overlay[box_key] if box_key in overlay else find(box_key)
        box = NO_BOX if data is None else _box(data)
        msg_id = box.msg_id + 1
        journal[_row_key(slot, _ROW, user, msg_id)] = row_data
        journal[_peer_key(slot, _PEER, user, chat, msg_id)] = packed
        journal[_back_key(slot, _BACK, user, author, number)] = pack_id(msg_id)
        if answers:
            reply_id = boxes.reply_id(txn, user, body)
        dialog = replace(
            dialog,
            top_message=msg_id,
            top_date=date,
            unread_count=dialog.unread_count + 1,
            unread_mentions=dialog.unread_mentions + mention,
            hidden=False,
            count=dialog.count + 1,
        )
        data = _encode(dialog)
        if len(data) <= SMALL_BYTES:
            journal[dialog_key] = data
        else:
            txn.put(DIALOGS, user, chat, value=dialog)
        view = View(user, msg_id, row, body, reply_id, letter=letter)
        append_message(txn, user, box_key, box, date, view)
