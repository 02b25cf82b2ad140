# SPDX-License-Identifier: Apache-2.0
"""A model's vendor that answers from a script, in the shape in which it is asked; else as upstream.py.

    scripted.py FILE        tells what it was asked in FILE.told

One line of JSON for each request, in their order:

    {"text": "...", "calls": [{"name": "read", "input": {"path": "a"}}], "stop": "cut"}
    {"status": 529, "fields": {"retry-after": "1"}, "message": "busy"}
    {"raw": "{not json"}        {"drop": true}
"""
import json, socket, sys
import upstream

# What it tells goes to a file: nobody reads along, and a conversation is longer than a pipe.
told = open(sys.argv[1] + ".told", "w", buffering=1)
upstream.tell = lambda value: told.write(json.dumps(value) + "\n")
script = [json.loads(line) for line in open(sys.argv[1])]


def messages(model, line):
    content = [{"type": "text", "text": line["text"]}] if "text" in line else []
    for number, call in enumerate(line.get("calls", [])):
        content.append({"type": "tool_use", "id": f"toolu_{number + 1}", "name": call["name"], "input": call["input"]})
    stop = "max_tokens" if line.get("stop") == "cut" else "tool_use" if line.get("calls") else "end_turn"
    return dict(upstream.whole("messages", model, ""), content=content, stop_reason=stop)


def chat(model, line):
    message = {"role": "assistant", "content": line.get("text")}
    if "calls" in line:
        message["tool_calls"] = [
            {"id": f"call_{number + 1}", "type": "function",
             "function": {"name": call["name"], "arguments": json.dumps(call["input"])}}
            for number, call in enumerate(line["calls"])]
    stop = "length" if line.get("stop") == "cut" else "tool_calls" if line.get("calls") else "stop"
    answer = upstream.whole("chat", model, "")
    answer["choices"] = [{"index": 0, "finish_reason": stop, "message": message}]
    return answer


class Scripted(upstream.Vendor):
    def chosen(self, words): return self.do_answer

    def do_answer(self, words):
        if not script: return self.json(500, {"error": {"message": "the script has ended"}}, x_should_retry="false")
        line = script.pop(0)
        if "drop" in line: return self.connection.shutdown(socket.SHUT_RDWR)
        if "status" in line:
            fields = {name.replace("-", "_"): value for name, value in line.get("fields", {}).items()}
            return self.json(line["status"], {"error": {"message": line.get("message", "")}}, **fields)
        if "raw" in line:
            data = line["raw"].encode()
            self.head(length=len(data))
            return self.wfile.write(data)
        return self.json(200, (messages if self.api == "messages" else chat)(self.model, line))


upstream.main(Scripted, [])
