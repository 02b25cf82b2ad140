# SPDX-License-Identifier: Apache-2.0
"""A model's vendor for tests: what it does is what the last word of the prompt says.

    upstream.py [--keys FILE] [CERTIFICATE KEY]

FILE has keys of AWS, by which requests to Bedrock have to be signed. Prints its port, then one line of JSON for each request with head and body, before it answers. Lines on standard input let
requests go on that wait for one; at its end the program ends.
"""
import base64, calendar, hashlib, hmac, http.server, json, queue, socket, ssl, struct, sys, threading, time
import urllib.parse, zlib

gate = queue.Queue()
printing = threading.Lock()
keys = None


def tell(value):
    with printing: print(json.dumps(value), flush=True)


def usage(api, reading, writing, cached=0):
    """What was read, of which a cache had some, and written, as each API tells it."""
    if api in ("messages", "invoke"):
        more = {"cache_read_input_tokens": cached} if cached else {}
        return dict({"input_tokens": reading - cached, "output_tokens": writing}, **more)
    if api == "converse":
        more = {"cacheReadInputTokens": cached} if cached else {}
        return dict({"inputTokens": reading - cached, "outputTokens": writing, "totalTokens": reading + writing}, **more)
    if api == "gemini":
        return {"promptTokenCount": reading, "cachedContentTokenCount": cached, "candidatesTokenCount": writing}
    if api == "responses":
        more = {"input_tokens_details": {"cached_tokens": cached}} if cached else {}
        return dict({"input_tokens": reading, "output_tokens": writing, "total_tokens": reading + writing}, **more)
    more = {"prompt_tokens_details": {"cached_tokens": cached}} if cached else {}
    return dict({"prompt_tokens": reading, "completion_tokens": writing, "total_tokens": reading + writing}, **more)


def whole(api, model, text, *counts):
    counts = counts or (100, 20)
    if api in ("messages", "invoke"):
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": usage(api, *counts)}
    if api == "converse":
        return {"output": {"message": {"role": "assistant", "content": [{"text": text}]}}, "stopReason": "end_turn",
                "usage": usage(api, *counts), "metrics": {"latencyMs": 1}}
    if api == "gemini":
        return {"modelVersion": model, "usageMetadata": usage(api, *counts),
                "candidates": [{"content": {"role": "model", "parts": [{"text": text}]}, "finishReason": "STOP"}]}
    if api == "responses":
        return {"id": "resp_1", "object": "response", "status": "completed", "model": model, "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
            "usage": usage(api, *counts)}
    return {"id": "chat_1", "object": "chat.completion", "model": model, "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": usage(api, *counts)}


def event(value, named=True):
    name = f"event: {value['type']}\n" if named and "type" in value else ""
    return (name + "data: " + json.dumps(value) + "\n\n").encode()


def frame(kind, value):
    """One message of AWS's event streams, with both of its checksums."""
    payload, headers = json.dumps(value).encode(), b""
    for name, text in ((":message-type", "event"), (":event-type", kind), (":content-type", "application/json")):
        headers += struct.pack(">B", len(name)) + name.encode() + struct.pack(">BH", 7, len(text)) + text.encode()
    prelude = struct.pack(">II", 16 + len(headers) + len(payload), len(headers))
    message = prelude + struct.pack(">I", zlib.crc32(prelude)) + headers + payload
    return message + struct.pack(">I", zlib.crc32(message))


def pieces(api, model, text, *counts):
    """The events of a streamed answer; the first one is no end of it."""
    counts = counts or (100, 20)
    if api == "converse":
        yield frame("messageStart", {"role": "assistant"})
        yield frame("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"text": text}})
        yield frame("messageStop", {"stopReason": "end_turn"})
        yield frame("metadata", {"usage": usage(api, *counts), "metrics": {"latencyMs": 1}})
    elif api == "gemini":
        first = whole(api, model, text, counts[0], 0, *counts[2:])
        del first["candidates"][0]["finishReason"]
        yield event(first)
        yield event(whole(api, model, "", *counts))
    elif api in ("messages", "invoke"):
        def wrapped(value):
            if api == "messages": return event(value)
            return frame("chunk", {"bytes": base64.b64encode(json.dumps(value).encode()).decode(), "p": "abc"})
        message = dict(whole(api, model, ""), content=[], stop_reason=None,
                       usage=usage(api, counts[0], min(1, counts[1]), *counts[2:]))
        yield wrapped({"type": "message_start", "message": message})
        yield wrapped({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        yield wrapped({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        yield wrapped({"type": "content_block_stop", "index": 0})
        yield wrapped({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                     "usage": {"output_tokens": counts[1]}})
        last = {"type": "message_stop"}
        if api == "invoke":
            told = usage(api, *counts)
            last["amazon-bedrock-invocationMetrics"] = {
                "inputTokenCount": told["input_tokens"], "outputTokenCount": counts[1],
                "cacheReadInputTokenCount": told.get("cache_read_input_tokens", 0), "cacheWriteInputTokenCount": 0}
        yield wrapped(last)
    elif api == "responses":
        begun = dict(whole(api, model, ""), status="in_progress", output=[], usage=None)
        yield event({"type": "response.created", "sequence_number": 0, "response": begun})
        yield event({"type": "response.output_text.delta", "sequence_number": 1, "delta": text})
        yield event({"type": "response.completed", "sequence_number": 2, "response": whole(api, model, text, *counts)})
    else:
        def chunk(choices, **more):
            return event(dict({"id": "chat_1", "object": "chat.completion.chunk", "model": model, "choices": choices},
                              **more), named=False)
        yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        yield chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])
        yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        yield chunk([], usage=usage(api, *counts))
        yield b"data: [DONE]\n\n"


def last_words(body):
    """The text of the last thing said in a prompt of any shape."""
    said = body.get("messages", body.get("input", body.get("contents", "")))
    while isinstance(said, (list, dict)):
        said = said[-1] if isinstance(said, list) else next(
            (said[key] for key in ("content", "parts", "text") if key in said), "")
    return str(said).split()


def most_written(body):
    """The bound of an answer, which each API has somewhere else."""
    for key in ("max_tokens", "max_output_tokens", "max_completion_tokens"):
        if key in body: return body[key]
    return body.get("inferenceConfig", {}).get("maxTokens") or body["generationConfig"]["maxOutputTokens"]


def api_of(path):
    if path.startswith("/model/"): return "converse" if "/converse" in path else "invoke"
    if path.startswith("/v1beta/"): return "gemini"
    return "messages" if "messages" in path else "responses" if "responses" in path else "chat"


def is_signed(method, path, fields, body):
    """Whether a request has AWS's signature, by its documentation and nothing of ours; in words if not."""
    scheme, _, rest = fields.get("authorization", "").partition(" ")
    parts = dict(part.strip().split("=", 1) for part in rest.split(",") if "=" in part)
    if scheme != "AWS4-HMAC-SHA256" or set(parts) != {"Credential", "SignedHeaders", "Signature"}: return "no signature"
    access, day, region, service, end = parts["Credential"].split("/")
    if (access, region, service, end) != (keys["access_key"], keys["region"], "bedrock", "aws4_request"): return "scope"
    date, names = fields.get("x-amz-date", ""), parts["SignedHeaders"].split(";")
    if date[:8] != day or abs(calendar.timegm(time.strptime(date, "%Y%m%dT%H%M%SZ")) - time.time()) > 300: return "time"
    if fields.get("x-amz-security-token") != keys["session_token"]: return "token"
    if names != sorted(names) or not {"host", "x-amz-date", "x-amz-security-token"} <= set(names): return "fields"
    headers = "".join(f"{name}:{' '.join(fields[name].split())}\n" for name in names)
    request = "\n".join([method, urllib.parse.quote(path, safe="/-_.~"), "", headers, ";".join(names),
                         hashlib.sha256(body).hexdigest()])
    text = "\n".join([scheme, date, f"{day}/{region}/{service}/{end}", hashlib.sha256(request.encode()).hexdigest()])
    key = ("AWS4" + keys["secret_key"]).encode()
    for part in (day, region, service, end): key = hmac.digest(key, part.encode(), "sha256")
    return hmac.new(key, text.encode(), "sha256").hexdigest() == parts["Signature"] or "signature"


class Vendor(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_GET(self): self.do_POST()

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.close_connection = True
        body = json.loads(content) if content else {}
        words = last_words(body)
        # Of those there are many, and each has a line of its own.
        if words[-1:] != ["counted"]:
            tell({"method": self.command, "target": self.path, "fields": {k.lower(): v for k, v in self.headers.items()},
                  "body": content.decode(), "peer": self.client_address[1]})
        self.api = api_of(self.path)
        self.model, self.streams = body.get("model", "mock-1"), bool(body.get("stream")) or "tream" in self.path
        self.bytes, self.bound = len(content), most_written(body) if content else 0
        if keys and self.path.startswith("/model/"):
            signed = is_signed(self.command, self.path, {k.lower(): v for k, v in self.headers.items()}, content)
            tell({"signed": signed})
            if signed is not True: return self.json(403, {"message": "The request signature does not match."})
        try: self.chosen(words)(words)
        except (BrokenPipeError, ConnectionResetError): tell({"lost": self.client_address[1]})

    def chosen(self, words): return getattr(self, "do_" + (words[-1] if words else "").replace("-", "_"), self.do_answer)

    def head(self, status=200, kind="application/json", length=None, **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        for name, value in fields.items(): self.send_header(name.replace("_", "-"), value)
        if length is None: self.send_header("Transfer-Encoding", "chunked")
        else: self.send_header("Content-Length", str(length))
        self.end_headers()

    def piece(self, data):
        self.wfile.write(b"%x\r\n%s\r\n" % (len(data), data))
        self.wfile.flush()

    def json(self, status, value, **fields):
        data = json.dumps(value).encode()
        self.head(status, length=len(data), **fields)
        self.wfile.write(data)

    def events(self): return list(pieces(self.api, self.model, "hello"))

    def kind(self):
        return "application/vnd.amazon.eventstream" if self.api in ("invoke", "converse") else \
            "text/event-stream; charset=utf-8"

    def do_answer(self, words):
        if not self.streams: return self.json(200, whole(self.api, self.model, "hello"), request_id="req_1",
                                              set_cookie="a=b", server_timing="x")
        self.head(kind=self.kind())
        for data in self.events(): self.piece(data)
        self.wfile.write(b"0\r\n\r\n")

    def do_counted(self, words):
        """NUMBER READ CACHED WRITTEN END counted: counts for itself, and ends the answer after END thousandths of it.

        What was read is so many thousandths of the request's bytes, what was written so many of what it may be.
        """
        number, read, cached, written, end = (int(word) for word in words[-6:-1])
        reading = max(1, self.bytes * read // 1000)
        writing = max(1, self.bound * written // 1000)
        cached = reading * cached // 1000
        counts = (reading, writing, cached)
        if self.streams:
            parts = list(pieces(self.api, self.model, "some words", *counts))
            # What comes behind the count tells nothing more.
            last = parts[:-1] if self.api == "chat" else parts
            told = sum(map(len, last))
        else:
            parts = [json.dumps(whole(self.api, self.model, "some words", *counts)).encode()]
            told = len(parts[0])
        data = b"".join(parts)
        size = len(data) * end // 1000
        # Millionths of a dollar, rounded up.
        cost = -(-((reading - cached) * 10 + writing * 100 + cached) // 10)
        tell({"counted": number, "api": self.api, "stream": self.streams, "cost": cost, "told": size >= told,
              "whole": size == len(data)})
        self.head(kind=self.kind() if self.streams else "application/json", length=None if self.streams else len(data))
        sent = 0
        for part in parts:
            part = part[:size - sent]
            if not part: break
            self.piece(part) if self.streams else self.wfile.write(part)
            sent += len(part)
        if size < len(data): self.connection.shutdown(socket.SHUT_RDWR)
        elif self.streams: self.wfile.write(b"0\r\n\r\n")

    def do_say(self, words):
        """Answers, plainly, with the word before."""
        self.json(200, whole(self.api, self.model, words[-2]))

    def do_gated(self, words):
        """The second piece comes after the first was seen by somebody who says so."""
        self.head(kind=self.kind())
        first, *rest = self.events()
        self.piece(first)
        gate.get()
        for data in rest: self.piece(data)
        self.wfile.write(b"0\r\n\r\n")
        tell({"finished": self.client_address[1]})

    def do_cut(self, words):
        self.head(kind="text/event-stream")
        self.piece(self.events()[0])
        self.connection.shutdown(socket.SHUT_RDWR)

    def do_drop(self, words): self.connection.shutdown(socket.SHUT_RDWR)

    def do_stall(self, words):
        self.head(kind="text/event-stream")
        self.piece(self.events()[0])
        gate.get()

    def do_status(self, words):
        status = int(words[-2])
        self.json(status, {"type": "error", "error": {"type": "vendor_error", "message": f"vendor says {status}"}},
                  retry_after="7", **{"x-should-retry": "true"})

    def do_page(self, words):
        data = b"<html>a proxy's page</html>"
        self.head(int(words[-2]), "text/html", length=len(data))
        self.wfile.write(data)

    def do_redirect(self, words):
        self.head(307, length=0, Location=f"http://127.0.0.1:{self.server.server_address[1]}/v1/elsewhere")

    def do_repeat(self, words):
        sent = self.headers.get("x-api-key") or self.headers.get("authorization", "").split()[-1]
        answer = whole(self.api, self.model, "your key is " + sent)
        data = json.dumps(answer).encode()
        self.head()
        # In two pieces, the secret in both.
        middle = data.index(sent.encode()) + 5
        self.piece(data[:middle])
        self.piece(data[middle:])
        self.wfile.write(b"0\r\n\r\n")

    def do_packed(self, words):
        self.json(200, whole(self.api, self.model, "hello"), content_encoding="gzip")

    def do_flood(self, words):
        """Events without an end, until nobody takes them."""
        self.head(kind="text/event-stream")
        data, count = event({"type": "ping", "padding": "x" * 16000}), 0
        self.piece(self.events()[0])
        tell({"flooding": True})
        try:
            while True:
                self.piece(data)
                count += len(data)
        finally: tell({"flooded": count})


def main(vendor, arguments):
    global keys
    if arguments[:1] == ["--keys"]:
        with open(arguments[1]) as file: keys = json.load(file)
        arguments = arguments[2:]
    certificate = arguments
    server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), vendor)
    server.daemon_threads = True
    if certificate:
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.load_cert_chain(*certificate)
        server.socket = context.wrap_socket(server.socket, server_side=True, do_handshake_on_connect=False)
    with printing: print(server.server_address[1], flush=True)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    for line in sys.stdin: gate.put(line)


if __name__ == "__main__": main(Vendor, sys.argv[1:])
