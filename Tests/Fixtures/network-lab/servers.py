# SPDX-License-Identifier: Apache-2.0
"""The listeners of one side, a thread for each connection, and the count by which the laboratory knows that all is seen."""
import os
import socket
import ssl
import struct
import subprocess
import threading

import names
import plan
import web
from events import record

_changed = threading.Condition()
_open = 0
_marks = {}


def _listener(family, kind, port, address=None):
    """Every address of a family, or one. A port may be shared: the kernel prefers the socket for one address."""
    one = socket.socket(family, kind)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    one.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
    if family == socket.AF_INET6:
        one.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, 1)
    one.bind((address or ("::" if family == socket.AF_INET6 else "0.0.0.0"), port))
    if kind == socket.SOCK_STREAM:
        one.listen(4096)
    return one


def _thread(function, *arguments):
    threading.Thread(target=function, args=arguments, daemon=True).start()


def _one(connection, port, handler):
    global _open
    local, peer = connection.getsockname()[0], connection.getpeername()[0]
    if peer in (plan.MARKER4, plan.MARKER6):
        # Accepted in order of arrival, so all connections before it are counted by now.
        connection.close()
        with _changed:
            _marks[port] = _marks.get(port, 0) + 1
            _changed.notify_all()
        return
    with _changed:
        _open += 1

    def work():
        global _open
        record("connection", local=local, port=port, peer=peer)
        try:
            handler(connection, local=local, port=port, peer=peer)
        except OSError as error:
            record("fault", error=str(error), local=local, port=port)
        finally:
            connection.close()
            with _changed:
                _open -= 1
                _changed.notify_all()

    _thread(work)


def _accept(listener, port, handler):
    while True:
        try:
            connection, _ = listener.accept()
            _one(connection, port, handler)
        except OSError:
            continue  # reset between the handshake and here: the capture has its SYN


def _echo(connection, **where):
    total, first = 0, b""
    try:
        while chunk := connection.recv(65536):
            total += len(chunk)
            first += chunk[:65536 - len(first)]
            connection.sendall(chunk)
    finally:
        record("closed", received=total, data=first, **where)


def _names(connection, local, port, peer):
    names.serve_stream(connection, local, peer)


def _hello(connection):
    """The first record as it lies in the queue: what the client sent before anything was decided."""
    head = connection.recv(5, socket.MSG_PEEK | socket.MSG_WAITALL)
    if len(head) < 5 or head[0] != 22:
        return head
    return connection.recv(5 + struct.unpack("!H", head[3:5])[0], socket.MSG_PEEK | socket.MSG_WAITALL)


def _secure(directory, repositories):
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(os.path.join(directory, "server.pem"), os.path.join(directory, "server.key"))
    context.set_alpn_protocols(["http/1.1"])
    asked = threading.local()

    def remember(_socket, name, _context):
        asked.name = name

    context.sni_callback = remember

    def serve(connection, **where):
        asked.name = None
        hello = _hello(connection)
        try:
            inner = context.wrap_socket(connection, server_side=True)
        except (OSError, ValueError) as error:
            record("tls", name=asked.name, error=str(error), data=hello, **where)
            return
        record("tls", name=asked.name, data=hello, **where)
        with inner:
            web.serve(inner, repositories, tls=asked.name, **where)

    return serve


def start(directory, repositories):
    """Starts all servers of the internet; returns when every port listens."""
    def plain(connection, **where):
        web.serve(connection, repositories, **where)

    handlers = {53: _names}
    handlers.update({port: plain for port in plan.HTTP_PORTS})
    handlers.update({port: _secure(directory, repositories) for port in plan.TLS_PORTS})
    handlers.update({port: _echo for port in plan.ECHO_PORTS})
    for family in (socket.AF_INET, socket.AF_INET6):
        for port, handler in handlers.items():
            _thread(_accept, _listener(family, socket.SOCK_STREAM, port), port, handler)
        _thread(names.serve_datagrams, _listener(family, socket.SOCK_DGRAM, 53), family)
    return sorted(handlers)


def start_traps(repositories):
    """On the host's side: what must never hear anything from a session."""
    def plain(connection, **where):
        web.serve(connection, repositories, **where)

    for family in (socket.AF_INET, socket.AF_INET6):
        for port in plan.HOST_PORTS:
            _thread(_accept, _listener(family, socket.SOCK_STREAM, port), port, plain)


def settle(ports, count, seconds):
    """Waits until `count` marks came to each port and all other connections have ended; gives how many have not."""
    with _changed:
        _changed.wait_for(lambda: all(_marks.get(port, 0) >= count for port in ports) and _open == 0, seconds)
        return _open


def start_nginx(directory):
    """A real TLS server for one name, in front of ours; None where it is not installed."""
    program = next((p for p in ("/usr/sbin/nginx", "/usr/bin/nginx") if os.access(p, os.X_OK)), None)
    if program is None:
        return None
    pair = plan.NAMES["nginx.allowed-lab.net"]
    listeners = [_listener(family, socket.SOCK_STREAM, 443, address)
                 for family, address in zip((socket.AF_INET, socket.AF_INET6), pair)]
    temporary = "".join(f"{kind}_temp_path {directory}/nginx-{kind};" for kind in
                        ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
    path = os.path.join(directory, "nginx.conf")
    with open(path, "w") as file:
        # With "master_process off" nginx 1.22 crashes over listeners that it is handed.
        file.write(f"""daemon off; user root; worker_processes 1; pid {directory}/nginx.pid; error_log {directory}/nginx-error.log;
events {{ worker_connections 256; }}
http {{ access_log off; {temporary}
  server {{ listen {pair[0]}:443 ssl http2; listen [{pair[1]}]:443 ssl http2;
    ssl_certificate {directory}/server.pem; ssl_certificate_key {directory}/server.key;
    location / {{ proxy_pass http://127.0.0.1:8080; proxy_set_header Host $host; proxy_set_header X-Front nginx; }} }} }}
""")
    # Handed over listening, as nginx hands them to itself in an upgrade: nobody has to wait until it has started.
    numbers = [listener.fileno() for listener in listeners]
    environment = {"PATH": os.environ["PATH"], "NGINX": "".join(f"{number};" for number in numbers)}
    return subprocess.Popen([program, "-c", path, "-e", f"{directory}/nginx-error.log"], pass_fds=numbers, env=environment)
