# SPDX-License-Identifier: Apache-2.0
"""The laboratory's web server: records what arrives byte by byte, and reads it as leniently as the worst server would.

Paths: /redirect?URL answers 302; /reflect gives the head back; /bytes?N sends N bytes; /stream sends one line and waits
for the peer's end; /git/ is git http-backend; everything else says hello. A request to upgrade gets an echo.
"""
import os
import subprocess

from events import record

_HEAD_LIMIT = 4 << 20


class Received:
    """Reads from a connection and keeps the first part of all that came."""

    def __init__(self, connection):
        self.connection, self.buffer, self.first, self.total = connection, b"", b"", 0

    def more(self):
        chunk = self.connection.recv(65536)
        self.first += chunk[:65536 - len(self.first)]
        self.total += len(chunk)
        self.buffer += chunk
        return bool(chunk)

    def take(self, count):
        while len(self.buffer) < count and self.more():
            pass
        data, self.buffer = self.buffer[:count], self.buffer[count:]
        return data

    def until(self, mark):
        """Everything up to and with the mark; None when the peer ended first."""
        while mark not in self.buffer:
            if len(self.buffer) > _HEAD_LIMIT or not self.more():
                return None
        at = self.buffer.index(mark) + len(mark)
        data, self.buffer = self.buffer[:at], self.buffer[at:]
        return data


def _body(received, headers):
    if "chunked" in headers.get("transfer-encoding", "").lower():
        body = b""
        while (line := received.until(b"\r\n")) is not None:
            size = int(line.split(b";")[0], 16)
            body += received.take(size)
            received.until(b"\r\n")
            if size == 0:
                break
        return body
    return received.take(int(headers.get("content-length", "0")))


def _git(root, method, path, query, headers, body):
    environment = {
        "PATH": os.environ.get("PATH", "/usr/bin:/bin"), "GIT_PROJECT_ROOT": root, "GIT_HTTP_EXPORT_ALL": "1",
        "PATH_INFO": path, "QUERY_STRING": query, "REQUEST_METHOD": method, "REMOTE_USER": "laboratory",
        "CONTENT_TYPE": headers.get("content-type", ""), "CONTENT_LENGTH": str(len(body)),
        "HTTP_CONTENT_ENCODING": headers.get("content-encoding", ""), "GIT_PROTOCOL": headers.get("git-protocol", ""),
        "GIT_CONFIG_COUNT": "1", "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
    }
    done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
    head, _, content = done.stdout.partition(b"\r\n\r\n")
    status = "200 OK"
    lines = []
    for line in head.decode("latin-1").split("\r\n"):
        if line.lower().startswith("status:"):
            status = line.split(":", 1)[1].strip()
        elif line:
            lines.append(line)
    return status, lines, content


def _response(repositories, method, target, headers, head, body):
    """Status, header lines and content of an ordinary answer."""
    path, _, query = target.partition("?")
    if path.startswith("/git/"):
        return _git(repositories, method, path[4:], query, headers, body)
    if path == "/redirect":
        return "302 Found", ["Location: " + query], b""
    if path == "/reflect":
        return "200 OK", ["Content-Type: text/plain"], head
    if path == "/bytes":
        return "200 OK", ["Content-Type: application/octet-stream"], b"x" * int(query)
    return "200 OK", ["Content-Type: text/plain"], b"hello from " + headers.get("host", "?").encode() + b"\n"


def serve(connection, repositories, **where):
    """One connection: requests one after another. What arrived is recorded before it is answered."""
    received = Received(connection)
    sent = 0
    try:
        while (head := received.until(b"\r\n\r\n")) is not None:
            line, *lines = head.decode("latin-1").rstrip("\r\n").split("\r\n")
            method, target, *_ = (line + "  ").split(" ")
            headers = {}
            for text in lines:
                key, _, value = text.partition(":")
                headers.setdefault(key.strip().lower(), value.strip())
            if headers.get("expect", "").lower() == "100-continue":
                connection.sendall(b"HTTP/1.1 100 Continue\r\n\r\n")
            body = _body(received, headers)
            record("request", method=method, target=target, host=headers.get("host", ""), head=head,
                   body=body[:4096], body_bytes=len(body), **where)
            if "upgrade" in headers:
                connection.sendall(b"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: "
                                   + headers["upgrade"].encode() + b"\r\n\r\n" + received.buffer)
                received.buffer = b""
                while received.more():
                    connection.sendall(received.buffer)
                    received.buffer = b""
                return
            if target == "/stream":
                connection.sendall(b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\nfirst\n\r\n")
                while received.more():
                    pass
                return
            status, extra, content = _response(repositories, method, target, headers, head, body)
            lines = [f"HTTP/1.1 {status}", *extra, f"Content-Length: {len(content)}"]
            answer = ("\r\n".join(lines) + "\r\n\r\n").encode("latin-1") + (b"" if method == "HEAD" else content)
            connection.sendall(answer)
            sent += len(answer)
            if headers.get("connection", "").lower() == "close":
                return
    except (OSError, ValueError) as error:
        record("fault", error=str(error), **where)
    finally:
        record("closed", received=received.total, sent=sent, data=received.first, **where)
