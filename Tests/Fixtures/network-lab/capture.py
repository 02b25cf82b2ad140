# SPDX-License-Identifier: Apache-2.0
"""Records the first packet of everything that comes over the link: what is not in this record did not leave the host.

A packet socket queues in order of arrival, so the mark that the laboratory sends last proves that all before is recorded.
"""
import ctypes
import socket
import struct

import plan
from events import record

SO_ATTACH_FILTER = 26
PACKET_OUTGOING = 4
# Of TCP only SYN without ACK: bulk data would overrun the queue and with it lose what matters.
# Offsets are from the network header (SOCK_DGRAM). Fields: code, jump if true, jump if false, operand.
_FILTER = [
    (0x30, 0, 0, 0),            # A = first byte
    (0x54, 0, 0, 0xF0),
    (0x15, 0, 6, 0x40),         # version 4, or on to version 6
    (0x30, 0, 0, 9),            # protocol
    (0x15, 0, 10, 6),           # not TCP: accept
    (0xB1, 0, 0, 0),            # X = header length
    (0x50, 0, 0, 13),           # flags
    (0x54, 0, 0, 0x12),
    (0x15, 6, 7, 0x02),         # SYN alone: accept, or drop
    (0x15, 0, 6, 0x60),         # neither version: drop
    (0x30, 0, 0, 6),            # next header
    (0x15, 0, 3, 6),            # not TCP: accept
    (0x30, 0, 0, 53),           # flags
    (0x54, 0, 0, 0x12),
    (0x15, 0, 1, 0x02),
    (0x06, 0, 0, 0x40000),
    (0x06, 0, 0, 0),
]
# Router and neighbour discovery and group reports: the link's own talk.
_LINK_TALK = {130, 131, 132, 133, 134, 135, 136, 137, 143}


def open_capture(interface):
    packets = socket.socket(socket.AF_PACKET, socket.SOCK_DGRAM, 0)
    program = b"".join(struct.pack("HBBI", *line) for line in _FILTER)
    buffer = ctypes.create_string_buffer(program)
    packets.setsockopt(socket.SOL_SOCKET, SO_ATTACH_FILTER, struct.pack("HL", len(_FILTER), ctypes.addressof(buffer)))
    packets.setsockopt(socket.SOL_SOCKET, 33, 8 << 20)  # SO_RCVBUFFORCE
    packets.bind((interface, 3))  # ETH_P_ALL
    return packets


def run(packets, marked):
    """Records without end; `marked(text)` is called for each mark once all before it is recorded."""
    while True:
        data, (_, _, kind, _, _) = packets.recvfrom(2048)
        if kind == PACKET_OUTGOING or not data:
            continue
        version = data[0] >> 4
        if version == 4 and len(data) >= 20:
            protocol, payload = data[9], data[(data[0] & 15) * 4:]
            source, target = (socket.inet_ntop(socket.AF_INET, data[at:at + 4]) for at in (12, 16))
        elif version == 6 and len(data) >= 40:
            protocol, payload = data[6], data[40:]
            source, target = (socket.inet_ntop(socket.AF_INET6, data[at:at + 16]) for at in (8, 24))
            if protocol == 0:
                continue  # hop-by-hop options: group reports
            if protocol == 58 and payload and payload[0] in _LINK_TALK:
                continue
        else:
            continue
        ports = struct.unpack("!HH", payload[:4]) if protocol in (6, 17) and len(payload) >= 4 else (0, 0)
        if protocol == 17 and ports[1] == plan.MARK_PORT and source == plan.MARKER4:
            marked(payload[8:].decode())
        elif source not in (plan.MARKER4, plan.MARKER6):
            record("packet", protocol={1: "icmp", 6: "tcp", 17: "udp", 58: "icmp6"}.get(protocol, str(protocol)),
                   source=source, target=target, port=ports[1], data=payload[8:264] if protocol == 17 else b"")
