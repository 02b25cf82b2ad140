# SPDX-License-Identifier: Apache-2.0
"""The laboratory's record: one JSON object a line, written in one call, so that lines of several processes never mix."""
import json
import os
import time

_descriptor = -1
_side = ""


def start(path, side):
    """Opens the record for this process; `side` is where it stands: "internet" or "host"."""
    global _descriptor, _side
    _descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
    _side = side


def record(kind, **fields):
    """Bytes are given as latin-1 text: each character is one byte, whatever arrived."""
    line = {"time": time.monotonic(), "side": _side, "kind": kind}
    line.update({k: v.decode("latin-1") if isinstance(v, bytes) else v for k, v in fields.items()})
    os.write(_descriptor, (json.dumps(line) + "\n").encode())
