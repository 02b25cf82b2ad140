# SPDX-License-Identifier: Apache-2.0
"""Packs that no git writes: packs.py KIND prints one. See gitformat-pack(5)."""
import hashlib
import struct
import sys
import zlib

BLOB, OFS, REF = 3, 6, 7


def head(kind, size):
    """The type and size of an object, seven bits a byte after the first four."""
    byte = kind << 4 | size & 15
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 128)
        byte = size & 127
        size >>= 7
    out.append(byte)
    return bytes(out)


def number(value):
    """A size within a delta."""
    out = bytearray()
    while value > 127:
        out.append(value & 127 | 128)
        value >>= 7
    out.append(value)
    return bytes(out)


def back(offset):
    """How far before a delta its base begins."""
    out = [offset & 127]
    offset >>= 7
    while offset:
        offset -= 1
        out.append(offset & 127 | 128)
        offset >>= 7
    return bytes(reversed(out))


def whole(count, body, version=2):
    pack = b"PACK" + struct.pack(">II", version, count) + body
    return pack + hashlib.sha1(pack).digest()


def blob(data):
    return head(BLOB, len(data)) + zlib.compress(data)


def chain(depth):
    """A blob, and each next one the one before with a byte more."""
    body = blob(b"x" * 100)
    starts, size = [12], 100
    at = 12 + len(body)
    for _ in range(depth):
        # Copies all of the base and adds one byte.
        delta = number(size) + number(size + 1) + bytes([0x90, size & 255] if size < 256 else
                                                        [0xB0, size & 255, size >> 8]) + b"\x01y"
        entry = head(OFS, len(delta)) + back(at - starts[-1]) + zlib.compress(delta, 1)
        starts.append(at)
        body += entry
        at += len(entry)
        size += 1
    return whole(depth + 1, body)


def cycle():
    """Two deltas, each the other's base."""
    delta = number(4) + number(4) + b"\x04abcd"
    first, second = hashlib.sha1(b"blob 4\0abcd").digest(), hashlib.sha1(b"blob 4\0abce").digest()
    return whole(2, head(REF, len(delta)) + second + zlib.compress(delta)
                 + head(REF, len(delta)) + first + zlib.compress(delta))


KINDS = {
    "truncated": lambda: whole(3, blob(b"one") + blob(b"two")),
    "flipped": lambda: whole(1, blob(b"one"))[:-1] + b"\0",
    # A header that promises four thousand million objects.
    "many": lambda: whole(0xFFFFFFFF, blob(b"one")),
    # One object that says it is small and unpacks to 256 MiB, and one that says what it is.
    "inflating": lambda: whole(2, head(BLOB, 10) + zlib.compress(bytes(1 << 28), 1) + blob(b"one")),
    "deep": lambda: chain(50_000),
    "cycle": cycle,
    "short": lambda: b"PACK",
    "version": lambda: whole(1, blob(b"one"), 9),
    # Whole, and no commit in it.
    "lone": lambda: whole(1, blob(b"one")),
    "trailing": lambda: whole(0, b"") + b"more",
}
sys.stdout.buffer.write(KINDS[sys.argv[1]]())
