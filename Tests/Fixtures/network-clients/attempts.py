# SPDX-License-Identifier: Apache-2.0
"""What programs inside a sandbox try against the network. Each attempt prints one line: label, tab, what became of it.

Runs inside (mounted at /run/clients) and, for the control, on the laboratory's host. Only the standard library.
"""
import errno
import json
import os
import select
import socket
import ssl
import struct

# The longest wait for an answer; a refusal comes at once, so only a fault takes this long.
PATIENCE = 20
POOL = "198.18."


def attempt(label, what, *arguments, **options):
    """Prints what came of one attempt: its result, the errno's name, or the alert of TLS."""
    try:
        result = what(*arguments, **options)
    except ssl.SSLError as error:
        result = "tls " + (error.reason or str(error))
    except socket.timeout:
        result = "no answer"
    except socket.gaierror as error:
        result = {-2: "EAI_NONAME", -3: "EAI_AGAIN", -5: "EAI_NODATA"}.get(error.errno, f"EAI {error.errno}")
    except OSError as error:
        result = errno.errorcode.get(error.errno, str(error))
    print(label, result, sep="\t", flush=True)


def dial(host, port):
    """A connection; `host` is a name or an address."""
    return socket.create_connection((host, port), PATIENCE)


def tcp(host, port):
    with dial(host, port):
        return "connected"


def _latin(data):
    return data.encode("latin-1") if isinstance(data, str) else data


def read_all(connection):
    """What comes until the peer ends or resets."""
    data = b""
    try:
        while chunk := connection.recv(65536):
            data += chunk
    except ConnectionResetError:
        data += b"" if data else b"RESET"
    return data


def until(connection, mark):
    """Reads up to some bytes; false when the peer ended before them."""
    data = b""
    while mark not in data:
        chunk = connection.recv(65536)
        if not chunk:
            return False
        data += chunk
    return True


def summary(answer):
    """The status of an HTTP answer, and the reason code where it is the gateway's own."""
    if not answer:
        return "closed"
    head, _, body = answer.partition(b"\r\n\r\n")
    line = head.split(b"\r\n")[0].decode("latin-1")
    if not line.startswith("HTTP/"):
        return line
    status = line.split(" ")[1]
    if body.startswith(b"{"):
        try:
            told = json.loads(body)
            return f"{status} {told.get('reason', told.get('error', '?'))}"
        except ValueError:
            pass
    return status


def exchange(host, port, data):
    """Sends bytes, ends sending, and sums up what came back."""
    with dial(host, port) as connection:
        try:
            connection.sendall(_latin(data))
            connection.shutdown(socket.SHUT_WR)
        except (BrokenPipeError, ConnectionResetError):
            pass
        return summary(read_all(connection))


def talk(host, port, data):
    """Sends bytes without ending and gives the first that come back, for protocols that answer."""
    with dial(host, port) as connection:
        connection.sendall(_latin(data))
        return connection.recv(65536).decode("latin-1")


def get(host, port=80, path="/", name=None, method="GET", extra=""):
    where = (name or host) + ("" if port in (80, 443) else f":{port}")
    return exchange(host, port, f"{method} {path} HTTP/1.1\r\nHost: {where}\r\n{extra}Connection: close\r\n\r\n")


def context():
    made = ssl.create_default_context()
    made.check_hostname = False
    made.verify_mode = ssl.CERT_NONE
    return made


def tls(host, port=443, name=None, inner=None, verify=False):
    """A handshake with a server name, then one request; the address dialled is that of `host`."""
    settings = ssl.create_default_context() if verify else context()
    if verify is False and name is None:
        settings.check_hostname = False
    with dial(host, port) as connection:
        with settings.wrap_socket(connection, server_hostname=name) as secure:
            secure.sendall(f"GET / HTTP/1.1\r\nHost: {inner or name or host}\r\nConnection: close\r\n\r\n".encode())
            return summary(read_all(secure))


def client_hello(name, settings=None):
    """The bytes of the first message of a handshake, without a record header."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    client = (settings or context()).wrap_bio(incoming, outgoing, server_hostname=name)
    try:
        client.do_handshake()
    except ssl.SSLWantReadError:
        pass
    return outgoing.read()[5:]


def records(message, size):
    """A handshake message cut into records of `size` bytes."""
    parts = [message[at:at + size] for at in range(0, len(message), size)]
    return b"".join(b"\x16\x03\x01" + struct.pack("!H", len(part)) + part for part in parts)


def extensions(hello):
    """Where the list of extensions begins (its length field) in a ClientHello."""
    at = 4 + 2 + 32
    at += 1 + hello[at]
    at += 2 + struct.unpack("!H", hello[at:at + 2])[0]
    return at + 1 + hello[at]


def with_extension(hello, number, body):
    """The same hello with one more extension, all lengths made right."""
    at = extensions(hello)
    rest = hello[at + 2:] + struct.pack("!HH", number, len(body)) + body
    inner = hello[4:at] + struct.pack("!H", len(rest)) + rest
    return hello[:1] + struct.pack("!I", len(inner))[1:] + inner


def server_name(name):
    """The body of the server_name extension for any bytes."""
    entry = b"\0" + struct.pack("!H", len(name)) + name
    return struct.pack("!H", len(entry)) + entry


def answer_to(host, port, data):
    """Sends raw bytes and says what kind of TLS record came back: an alert by number, or a handshake."""
    with dial(host, port) as connection:
        try:
            connection.sendall(data)
            head = connection.recv(7, socket.MSG_WAITALL)
        except ConnectionResetError:
            return "ECONNRESET"
        if not head:
            return "closed"
        if head[0] == 21 and len(head) == 7:
            return f"alert {head[6]}"
        return "handshake" if head[0] == 22 else repr(head)


def udp(host, port, data=b"x" * 64):
    """One connected datagram: the kernel of the sandbox refuses it, or it is gone."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((host, port))
        one.send(data)
        poll = select.poll()
        poll.register(one, select.POLLIN)
        if not poll.poll(500):
            return "no answer"
        return "answered " + str(len(one.recv(65536)))


def open_socket(family, kind, protocol=0):
    with socket.socket(family, kind, protocol):
        return "opened"


def lookup(name):
    """What a program's resolver gives: pool, or the addresses themselves."""
    found = {entry[4][0] for entry in socket.getaddrinfo(name, 80, type=socket.SOCK_STREAM)}
    synthetic = all(one.startswith(POOL) or one.startswith("fd53:") for one in found)
    return "pool" if synthetic else " ".join(sorted(found))


RCODES = {0: "NOERROR", 1: "FORMERR", 2: "SERVFAIL", 3: "NXDOMAIN", 4: "NOTIMP", 5: "REFUSED"}


def labels(name):
    """A name's bytes in a question; each character is one byte, so a test can put anything into a label."""
    return b"".join(bytes([len(label)]) + label.encode("latin-1") for label in name.split(".")) + b"\0"


def question(encoded, kind=1, edns=True):
    additional = b"\0" + struct.pack("!HHIH", 41, 1232, 0, 0) if edns else b""
    return (os.urandom(2) + struct.pack("!HHHHH", 0x0100, 1, 0, 0, 1 if edns else 0) + encoded
            + struct.pack("!HH", kind, 1) + additional)


def _skip_name(message, at):
    while message[at]:
        if message[at] >= 0xC0:
            return at + 2
        at += 1 + message[at]
    return at + 1


def _told(message):
    """Response code, addresses and the number of an extended error."""
    flags, questions, answers, authorities, additional = struct.unpack("!HHHHH", message[2:12])
    at = 12
    for _ in range(questions):
        at = _skip_name(message, at) + 4
    words = [RCODES.get(flags & 15, str(flags & 15))]
    for index in range(answers + authorities + additional):
        at = _skip_name(message, at)
        kind, _, _, length = struct.unpack("!HHIH", message[at:at + 10])
        data = message[at + 10:at + 10 + length]
        if index < answers:
            words.append("pool" if kind in (1, 28) and (data[:2] == b"\xc6\x12" or data[:2] == b"\xfd\x53") else f"type{kind}")
        elif kind == 41:
            while len(data) >= 4:
                option, size = struct.unpack("!HH", data[:4])
                if option == 15:
                    words.append(f"EDE{struct.unpack('!H', data[4:6])[0]}")
                data = data[4 + size:]
        at += 10 + length
    return " ".join(words)


def ask(server, name, kind=1, stream=False, encoded=None, port=53):
    """One question over UDP or TCP; `encoded` replaces the name by raw bytes."""
    return send_question(server, question(encoded if encoded is not None else labels(name), kind), stream, port)


def send_question(server, message, stream=False, port=53):
    if stream:
        with dial(server, port) as connection:
            connection.sendall(struct.pack("!H", len(message)) + message)
            size = connection.recv(2, socket.MSG_WAITALL)
            if len(size) < 2:
                return "closed"
            return _told(connection.recv(struct.unpack("!H", size)[0], socket.MSG_WAITALL))
    family = socket.AF_INET6 if ":" in server else socket.AF_INET
    with socket.socket(family, socket.SOCK_DGRAM) as one:
        one.connect((server, port))
        one.send(message)
        poll = select.poll()
        poll.register(one, select.POLLIN)
        if not poll.poll(3000):
            return "no answer"
        return _told(one.recv(65536))


# The random of a ServerHello that is a HelloRetryRequest. RFC 8446 4.1.3
RETRY = bytes.fromhex("cf21ad74e59a6111be1d8c021e65b891c2a211167abb8c5e079e09e2c8a8339c")


def replaced(hello, number, body):
    """The same hello with another body in one extension."""
    at = extensions(hello)
    size, rest = struct.unpack("!H", hello[at:at + 2])[0], b""
    place, end = at + 2, at + 2 + size
    while place < end:
        kind, length = struct.unpack("!HH", hello[place:place + 4])
        own = body if kind == number else hello[place + 4:place + 4 + length]
        rest += struct.pack("!HH", kind, len(own)) + own
        place += 4 + length
    inner = hello[4:at] + struct.pack("!H", len(rest)) + rest
    return hello[:1] + struct.pack("!I", len(inner))[1:] + inner


def second_hello(host, name, between=b"", size=16384, padding=0):
    """Makes the server ask for a second hello by offering no key, and names another server in that one."""
    hello = client_hello(host)
    second = replaced(hello, 0, server_name(name.encode()))
    if padding:
        second = with_extension(second, 0x5A5A, b"\0" * padding)
    with dial(host, 443) as connection:
        def message():
            head = connection.recv(5, socket.MSG_WAITALL)
            if len(head) < 5:
                return 0, b""
            return head[0], connection.recv(struct.unpack("!H", head[3:5])[0], socket.MSG_WAITALL)

        try:
            connection.sendall(records(replaced(hello, 51, b"\0\0"), 16384))
            kind, body = message()
            if kind != 22 or body[6:38] != RETRY:
                return "no retry"
            connection.sendall(between + records(second, size))
            kind, body = message()
            while kind == 20:
                kind, body = message()
        except ConnectionResetError:
            return "ECONNRESET"
        if kind == 22 and body[0] == 2 and body[6:38] != RETRY:
            return "taken"
        return f"alert {body[1]}" if kind == 21 else "closed"
