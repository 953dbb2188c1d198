"""Run by test_foreign.py in a process of its own: reads hex lines, writes each object again with a client library's own
classes. `-` where the library does not know the constructor, `!reason` when it cannot read the bytes.

    python foreign.py telethon|pyrogram  <lines  >lines
"""

import sys
from io import BytesIO


def telethon():
    import telethon
    from telethon.extensions import BinaryReader
    from telethon.tl.alltlobjects import LAYER, tlobjects

    def again(data):
        if int.from_bytes(data[:4], "little") not in tlobjects:
            return None
        reader = BinaryReader(data)
        found = reader.tgread_object()
        assert reader.tell_position() == len(data), "bytes left over"
        return bytes(found)

    return telethon.__version__, LAYER, again


def pyrogram():
    import pyrogram
    from pyrogram.raw.all import layer, objects
    from pyrogram.raw.core import TLObject

    def again(data):
        if int.from_bytes(data[:4], "little") not in objects:
            return None
        # Its vectors guess their elements from the bytes left: with some more behind there is nothing to guess.
        stream = BytesIO(data + bytes(1001))
        found = TLObject.read(stream)
        assert stream.tell() == len(data), "bytes left over"
        return found.write()

    return pyrogram.__version__, layer, again


version, layer, again = {"telethon": telethon, "pyrogram": pyrogram}[sys.argv[1]]()
sys.stdout.write(f"{version} {layer}\n")
for line in sys.stdin:
    try:
        written = again(bytes.fromhex(line))
    except Exception as error:
        sys.stdout.write(f"!{type(error).__name__}: {error}".replace("\n", " ")[:200] + "\n")
    else:
        sys.stdout.write("-\n" if written is None else written.hex() + "\n")
