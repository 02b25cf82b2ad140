# SPDX-License-Identifier: Apache-2.0
"""The laboratory's name server: authoritative for its zones, asked as a resolver, and every query is recorded.

The first label of a name may say what to answer, so that a test needs no zone file:

    to-7f000001-<hex>...   these addresses, four or sixteen bytes each
    flip-<hex>-<hex>-x     the first address at the first query of a type, the second at each later one
    cname-www--a--org-x    an alias of www.a.org, with what that name has
    huge-x                 300 addresses, of which UDP holds none
    nx-x  fail-x  mute-x  empty-x
"""
import ipaddress
import socket
import struct
import threading

import plan
from events import record

A, CNAME, SOA, TXT, AAAA, OPT = 1, 5, 6, 16, 28, 41
_asked = {}
_lock = threading.Lock()


def _question(message):
    """The name and the type asked for, and where the question ends; a message that is none raises."""
    identity, flags, questions = struct.unpack("!HHH", message[:6])
    if flags & 0x8000 or questions != 1:
        raise ValueError("no question")
    labels, at = [], 12
    while message[at]:
        if message[at] > 63:
            raise ValueError("compressed question")
        labels.append(message[at + 1:at + 1 + message[at]].decode("latin-1"))
        at += 1 + message[at]
    kind, _ = struct.unpack("!HH", message[at + 1:at + 5])
    return ".".join(labels), kind, at + 5


def _encode(name):
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".")) + b"\0"


def _zone(name):
    return next((zone for zone in plan.ZONES if name == zone or name.endswith("." + zone)), None)


def _addresses(texts, kind):
    wanted = 8 if kind == A else 32
    return [(kind, bytes.fromhex(text)) for text in texts if len(text) == wanted]


def answer(name, kind):
    """The response code and the records: (owner, type, data). A code of None is silence."""
    name = name.lower()
    zone = _zone(name)
    if zone is None:
        return 3, []
    word, *rest = name.split(".")[0].split("-")
    if word in ("nx", "fail", "mute", "empty") and rest:
        return {"nx": 3, "fail": 2, "mute": None, "empty": 0}[word], []
    if word == "cname" and rest:
        target = "-".join(rest[:-1]).replace("--", ".")
        code, records = answer(target, kind)
        return code, [(name, CNAME, _encode(target)), *records]
    if kind == TXT:
        return 0, [(name, TXT, b"\x06answer")]
    if kind not in (A, AAAA):
        return 0, []
    if word == "to" and rest:
        found = _addresses(rest, kind)
    elif word == "flip" and len(rest) >= 2:
        with _lock:
            count = _asked[name, kind] = _asked.get((name, kind), -1) + 1
        found = _addresses([rest[min(count, 1)]], kind)
    elif word == "huge" and rest:
        found = [(A, bytes([23, 51, i >> 8, i & 255])) for i in range(300)] if kind == A else []
    else:
        pair = plan.NAMES.get(name, plan.ZONES[zone])
        found = [(kind, ipaddress.ip_address(pair[0 if kind == A else 1]).packed)]
    return 0, [(name, kind, data) for kind, data in found]


def respond(message, room, **asked):
    """The bytes to send back, or None; the query is recorded before anything is said."""
    try:
        name, kind, end = _question(message)
    except (ValueError, IndexError, struct.error):
        record("dns", name="", type=0, message=message[:512], **asked)
        return None
    record("dns", name=name, type=kind, **asked)
    code, records = answer(name, kind)
    if code is None:
        return None
    body = b"".join(_encode(owner) + struct.pack("!HHIH", kind, 1, 0, len(data)) + data for owner, kind, data in records)
    if 12 + (end - 12) + len(body) > room:
        return message[:2] + struct.pack("!HHHHH", 0x8780 | code, 1, 0, 0, 0) + message[12:end]
    soa = b""
    if not records:
        owner = _encode(_zone(name.lower()) or "lab")
        data = b"\0\0" + struct.pack("!IIIII", 1, 1, 1, 1, 1)
        soa = owner + struct.pack("!HHIH", SOA, 1, 1, len(data)) + data
    counts = struct.pack("!HHHHH", 0x8580 | code, 1, len(records), 1 if soa else 0, 0)
    return message[:2] + counts + message[12:end] + body + soa


def serve_datagrams(listener, family):
    """Answers from the address that was asked, which the wildcard socket learns packet by packet."""
    version6 = family == socket.AF_INET6
    level, option = (socket.IPPROTO_IPV6, 49) if version6 else (socket.IPPROTO_IP, 8)  # IPV6_RECVPKTINFO, IP_PKTINFO
    listener.setsockopt(level, option, 1)
    while True:
        message, ancillary, _, peer = listener.recvmsg(4096, 256)
        data = ancillary[0][2]
        asked = data[:16] if version6 else data[8:12]
        reply = respond(message, 1232, transport="udp", peer=peer[0], asked=socket.inet_ntop(family, asked))
        if reply:
            kind = 50 if version6 else 8  # IPV6_PKTINFO, IP_PKTINFO
            info = asked + struct.pack("i", 0) if version6 else struct.pack("i", 0) + asked + b"\0\0\0\0"
            listener.sendmsg([reply], [(level, kind, info)], 0, peer)


def serve_stream(connection, local, peer):
    """One TCP connection: queries with a length before each."""
    buffer = b""
    while chunk := connection.recv(4096):
        buffer += chunk
        while len(buffer) >= 2 and len(buffer) >= 2 + (length := struct.unpack("!H", buffer[:2])[0]):
            message, buffer = buffer[2:2 + length], buffer[2 + length:]
            reply = respond(message, 65535, transport="tcp", peer=peer, asked=local)
            if reply:
                connection.sendall(struct.pack("!H", len(reply)) + reply)
