# SPDX-License-Identifier: Apache-2.0
# craft.py NAME - makes the repository in the current directory hostile in one way. git makes none like these itself.
import hashlib, os, struct, subprocess, sys, zlib

OFS_DELTA, REF_DELTA, BLOB = 6, 7, 3
ANY, OTHER = "aa" * 20, "bb" * 20


def git(*arguments):
    return subprocess.run(["git", *arguments], check=True, capture_output=True).stdout.decode().strip()


def name(kind, data):
    return hashlib.sha1(b"%s %d\0" % (kind.encode(), len(data)) + data).hexdigest()


def put(identity, stream):
    """Writes a loose object as it is."""
    directory = ".git/objects/" + identity[:2]
    os.makedirs(directory, exist_ok=True)
    with open(directory + "/" + identity[2:], "wb") as file:
        file.write(stream)


def loose(kind, data):
    put(name(kind, data), zlib.compress(b"%s %d\0" % (kind.encode(), len(data)) + data))
    return name(kind, data)


def commit(tree, parents=1):
    """A commit on top of HEAD, which the checked-out branch then names; git is not asked, since it would look."""
    head = git("rev-parse", "HEAD")
    who = "a <a@b> 1 +0000"
    text = f"tree {tree}\n" + f"parent {head}\n" * parents + f"author {who}\ncommitter {who}\n\nx\n"
    made = loose("commit", text.encode())
    with open(".git/refs/heads/main", "w") as file:
        file.write(made + "\n")


def entry(identity, mode="100644", label=b"x"):
    return mode.encode() + b" " + label + b"\0" + bytes.fromhex(identity)


def with_blob(identity):
    commit(loose("tree", entry(identity)))
    with open("x", "w") as file:
        file.write("other\n")


def head_of(kind, size):
    byte = kind << 4 | size & 15
    size >>= 4
    out = bytearray()
    while size:
        out.append(byte | 0x80)
        byte, size = size & 0x7F, size >> 7
    return bytes(out) + bytes([byte])


def back(distance):
    out = [distance & 0x7F]
    distance >>= 7
    while distance:
        distance -= 1
        out.insert(0, 0x80 | distance & 0x7F)
        distance >>= 7
    return bytes(out)


def number(value):
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes(out) + bytes([value])


def pack(entries, names, change=lambda index: index, label="1"):
    body = b"PACK" + struct.pack(">II", 2, len(entries))
    rows = []
    for one, identity in zip(entries, names):
        rows.append((bytes.fromhex(identity), zlib.crc32(one), len(body)))
        body += one
    digest = hashlib.sha1(body).digest()
    rows.sort()
    index = b"\xfftOc" + struct.pack(">I", 2)
    index += b"".join(struct.pack(">I", sum(row[0][0] <= byte for row in rows)) for byte in range(256))
    index += b"".join(row[0] for row in rows)
    index += b"".join(struct.pack(">I", row[1]) for row in rows) + b"".join(struct.pack(">I", row[2]) for row in rows)
    index = bytes(change(bytearray(index + digest)))
    os.makedirs(".git/objects/pack", exist_ok=True)
    path = ".git/objects/pack/pack-" + hashlib.sha1(label.encode()).hexdigest()
    for suffix, data in [(".pack", body + digest), (".idx", index + hashlib.sha1(index).digest())]:
        with open(path + suffix, "wb") as file:
            file.write(data)


def whole(data, claimed=None):
    return head_of(BLOB, len(data) if claimed is None else claimed) + zlib.compress(data, 9)


def difference(delta, base):
    """`base` is a distance backwards, or a name."""
    if isinstance(base, int):
        return head_of(OFS_DELTA, len(delta)) + back(base) + zlib.compress(delta)
    return head_of(REF_DELTA, len(delta)) + bytes.fromhex(base) + zlib.compress(delta)


SAME = number(10) + number(10) + bytes([0x90, 10])


def chain(length):
    current = b"base content of a blob\n"
    entries, names, last = [whole(current)], [name("blob", current)], 0
    for step in range(length):
        text = current[:20] + str(step).encode() + b"\n"
        delta = number(len(current)) + number(len(text)) + bytes([0x90, 20, len(text) - 20]) + text[20:]
        entries.append(difference(delta, len(entries[-1])))
        names.append(name("blob", text))
        current = text
    pack(entries, names)
    with_blob(names[-1])


def set_first(index, value):
    index[8 + 1024 + 24 : 8 + 1024 + 28] = value
    return index


def flood():
    data = b"x" * 65536
    base, copies = whole(data), 200_000
    delta = number(len(data)) + number(65536 * copies) + bytes([0x80]) * copies
    pack([base, difference(delta, len(base))], [name("blob", data), ANY])
    with_blob(ANY)


def one(entry_, change=lambda index: index, identity=ANY):
    pack([entry_], [identity], change)
    with_blob(identity)


def fan(tree):
    for _ in range(10):
        tree = loose("tree", b"".join(entry(tree, "40000", b"d%d" % at) for at in range(10)))
    commit(tree)


def many(blob):
    return b"".join(entry(blob, label=b"f%07d" % at) for at in range(100_000))


def deep():
    tree = git("rev-parse", "HEAD^{tree}")
    for _ in range(5000):
        tree = loose("tree", entry(tree, "40000", b"d"))
    commit(tree)


def small(text):
    return zlib.compress(b"blob " + text)


crafts = {
    "loose-more": lambda: (put(ANY, small(b"10\0" + bytes(1 << 26))), with_blob(ANY)),
    "loose-less": lambda: (put(ANY, small(b"100\0abc")), with_blob(ANY)),
    "loose-zero-in-front": lambda: (put(ANY, small(b"010\0" + bytes(10))), with_blob(ANY)),
    "loose-negative": lambda: (put(ANY, small(b"-1\0")), with_blob(ANY)),
    "loose-cut": lambda: (put(ANY, small(b"10\0" + bytes(10))[:-6]), with_blob(ANY)),
    "chain-4000": lambda: chain(4000),
    "chain-5000": lambda: chain(5000),
    "circle": lambda: (pack([difference(SAME, OTHER), difference(SAME, ANY)], [ANY, OTHER]), with_blob(ANY)),
    "of-itself": lambda: one(difference(SAME, 0)),
    "before-the-start": lambda: one(difference(SAME, 4000)),
    "base-elsewhere": lambda: one(difference(SAME, git("rev-parse", "HEAD:file"))),
    "flood": flood,
    "packed-more": lambda: one(whole(bytes(1 << 26), claimed=10)),
    "packed-claim": lambda: one(whole(b"hi", claimed=1 << 40)),
    "packed-kind": lambda: one(head_of(5, 2) + zlib.compress(b"hi")),
    "packed-name": lambda: one(whole(b"hi")),
    "index-place": lambda: one(whole(b"hi"), lambda index: set_first(index, b"\x7f\xff\xff\xff")),
    "index-large-place": lambda: one(whole(b"hi"), lambda index: set_first(index, b"\x80\xff\xff\xff")),
    "index-counts": lambda: one(whole(b"hi"), lambda index: index[:8] + b"\x7f\xff\xff\xff" * 256 + index[1032:]),
    "index-short": lambda: one(whole(b"hi"), lambda index: index[:1040]),
    "packs": lambda: [pack([whole(b"%d" % at)], [name("blob", b"%d" % at)], label=str(at)) for at in range(300)],
    "tree-many": lambda: commit(loose("tree", many(git("rev-parse", "HEAD:file")))),
    "tree-fan": lambda: fan(git("rev-parse", "HEAD^{tree}")),
    "tree-fan-empty": lambda: fan(loose("tree", b"")),
    "tree-deep": deep,
    "tree-twice": lambda: commit(loose("tree", entry(git("rev-parse", "HEAD:file")) * 2)),
    "tree-nul": lambda: commit(loose("tree", entry(git("rev-parse", "HEAD:file"), label=b"a\0b"))),
    "tree-cut": lambda: commit(loose("tree", entry(git("rev-parse", "HEAD:file"))[:-3])),
    "tree-is-blob": lambda: commit(git("rev-parse", "HEAD:file")),
    "parents": lambda: commit(git("rev-parse", "HEAD^{tree}"), parents=70_000),
}

if __name__ == "__main__":
    crafts[sys.argv[1]]()
