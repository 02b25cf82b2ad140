# SPDX-License-Identifier: Apache-2.0
"""A model's vendor for tests: what it does is what the last word of the prompt says.

    upstream.py [CERTIFICATE KEY]

Prints its port, then one line of JSON for each request with head and body, before it answers. Lines on standard input let
requests go on that wait for one; at its end the program ends.
"""
import http.server, json, queue, socket, ssl, sys, threading

gate = queue.Queue()
printing = threading.Lock()


def tell(value):
    with printing: print(json.dumps(value), flush=True)


def usage(api, reading, writing):
    if api == "messages": return {"input_tokens": reading, "output_tokens": writing}
    if api == "responses":
        return {"input_tokens": reading, "output_tokens": writing, "total_tokens": reading + writing}
    return {"prompt_tokens": reading, "completion_tokens": writing, "total_tokens": reading + writing}


def whole(api, model, text):
    if api == "messages":
        return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
                "content": [{"type": "text", "text": text}], "usage": usage(api, 100, 20)}
    if api == "responses":
        return {"id": "resp_1", "object": "response", "status": "completed", "model": model, "output": [
            {"type": "message", "role": "assistant", "content": [{"type": "output_text", "text": text}]}],
            "usage": usage(api, 100, 20)}
    return {"id": "chat_1", "object": "chat.completion", "model": model, "choices": [
        {"index": 0, "finish_reason": "stop", "message": {"role": "assistant", "content": text}}],
        "usage": usage(api, 100, 20)}


def event(value, named=True):
    name = f"event: {value['type']}\n" if named and "type" in value else ""
    return (name + "data: " + json.dumps(value) + "\n\n").encode()


def pieces(api, model, text):
    """The events of a streamed answer; the first one is no end of it."""
    if api == "messages":
        message = dict(whole(api, model, ""), content=[], stop_reason=None, usage=usage(api, 100, 1))
        yield event({"type": "message_start", "message": message})
        yield event({"type": "content_block_start", "index": 0, "content_block": {"type": "text", "text": ""}})
        yield event({"type": "content_block_delta", "index": 0, "delta": {"type": "text_delta", "text": text}})
        yield event({"type": "content_block_stop", "index": 0})
        yield event({"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None},
                     "usage": {"output_tokens": 20}})
        yield event({"type": "message_stop"})
    elif api == "responses":
        begun = dict(whole(api, model, ""), status="in_progress", output=[], usage=None)
        yield event({"type": "response.created", "sequence_number": 0, "response": begun})
        yield event({"type": "response.output_text.delta", "sequence_number": 1, "delta": text})
        yield event({"type": "response.completed", "sequence_number": 2, "response": whole(api, model, text)})
    else:
        def chunk(choices, **more):
            return event(dict({"id": "chat_1", "object": "chat.completion.chunk", "model": model, "choices": choices},
                              **more), named=False)
        yield chunk([{"index": 0, "delta": {"role": "assistant", "content": ""}, "finish_reason": None}])
        yield chunk([{"index": 0, "delta": {"content": text}, "finish_reason": None}])
        yield chunk([{"index": 0, "delta": {}, "finish_reason": "stop"}])
        yield chunk([], usage=usage(api, 100, 20))
        yield b"data: [DONE]\n\n"


def last_words(body):
    """The text of the last thing said in a prompt of any of the three shapes."""
    said = body.get("messages", body.get("input", ""))
    while isinstance(said, (list, dict)):
        said = said[-1] if isinstance(said, list) else said.get("content", said.get("text", ""))
    return str(said).split()


class Vendor(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_): pass

    def do_GET(self): self.do_POST()

    def do_POST(self):
        content = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        tell({"method": self.command, "target": self.path, "fields": {k.lower(): v for k, v in self.headers.items()},
              "body": content.decode(), "peer": self.client_address[1]})
        self.close_connection = True
        body = json.loads(content) if content else {}
        words = last_words(body)
        self.api = "messages" if "messages" in self.path else "responses" if "responses" in self.path else "chat"
        self.model, self.streams = body.get("model", ""), bool(body.get("stream"))
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

    def do_answer(self, words):
        if not self.streams: return self.json(200, whole(self.api, self.model, "hello"), request_id="req_1",
                                              set_cookie="a=b", server_timing="x")
        self.head(kind="text/event-stream; charset=utf-8")
        for data in self.events(): self.piece(data)
        self.wfile.write(b"0\r\n\r\n")

    def do_gated(self, words):
        """The second piece comes after the first was seen by somebody who says so."""
        self.head(kind="text/event-stream")
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


def main(vendor, certificate):
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
