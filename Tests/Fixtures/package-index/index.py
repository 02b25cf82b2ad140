# SPDX-License-Identifier: Apache-2.0
"""A package index for one test: `index.py LOG SPEC`. Prints its port; each request is a line of LOG before it is answered.

SPEC is JSON: {"name": ..., "form": "json" or "html", "basic": "user:password" or absent,
"projects": {NAME: [{"version": ..., "days": age, "source": true for an archive that would run code}, ...]},
"pages": {NAME: {"redirect": URL} or {"echo": true} or {"status": N}}}. An installed package has the index's name and its
version in it. Whatever is sent to it is taken: it is the session that must not be able to send.
"""
import base64
import datetime
import hashlib
import http.server
import io
import json
import sys
import tarfile
import threading
import zipfile

log = open(sys.argv[1], "a", buffering=1)
with open(sys.argv[2]) as file:
    spec = json.load(file)


def wheel(name, version):
    """A wheel with one module that says where it is from."""
    module = name.replace("-", "_")
    info = f"{module}-{version}.dist-info"
    files = {
        f"{module}.py": f"INDEX = {spec['name']!r}\nVERSION = {version!r}\n",
        f"{info}/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    files[f"{info}/RECORD"] = "".join(f"{path},,\n" for path in [*files, f"{info}/RECORD"])
    data = io.BytesIO()
    with zipfile.ZipFile(data, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
    return f"{module}-{version}-py3-none-any.whl", data.getvalue()


def source(name, version):
    data = io.BytesIO()
    with tarfile.open(fileobj=data, mode="w:gz") as archive:
        text = b"raise SystemExit('code of a package ran while it was installed')\n"
        entry = tarfile.TarInfo(f"{name}-{version}/setup.py")
        entry.size = len(text)
        archive.addfile(entry, io.BytesIO(text))
    return f"{name}-{version}.tar.gz", data.getvalue()


projects = {}
for project, releases in spec.get("projects", {}).items():
    for release in releases:
        file, content = (source if release.get("source") else wheel)(project, release["version"])
        then = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(days=release.get("days", 100))
        projects.setdefault(project, []).append((file, content, then))


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, kind, body, **fields):
        self.send_response(status)
        self.send_header("Content-Type", kind)
        self.send_header("Content-Length", str(len(body)))
        for name, value in fields.items():
            self.send_header(name, value)
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    def take(self):
        told = self.headers.get("Authorization", "-")
        log.write(f"{self.command} {self.path} {told}\n")
        self.rfile.read(int(self.headers.get("Content-Length", "0")))
        wanted = spec.get("basic")
        if wanted and told != "Basic " + base64.b64encode(wanted.encode()).decode():
            return self.answer(401, "text/plain", b"who are you?")
        parts = self.path.strip("/").split("/")
        if parts[0] == "simple" and len(parts) == 2:
            return self.page(parts[1])
        for file, content, _ in projects.get(parts[1], []) if parts[0] == "held" and len(parts) == 3 else []:
            if file == parts[2]:
                return self.answer(200, "application/octet-stream", content)
        self.answer(200 if self.command == "POST" else 404, "text/plain", b"there is nothing here")

    def page(self, name):
        special = spec.get("pages", {}).get(name, {})
        if "redirect" in special:
            return self.answer(302, "text/plain", b"", Location=special["redirect"])
        if "status" in special:
            return self.answer(special["status"], "text/plain", b"no")
        if "echo" in special:
            return self.answer(200, "text/html", f"<p>{self.headers['Authorization']}".encode())
        if name not in projects:
            return self.answer(404, "text/plain", b"no such project")
        if spec.get("form") == "html":
            rows = "".join(
                f'<a href="../../held/{name}/{file}#sha256={hashlib.sha256(content).hexdigest()}">{file}</a><br>'
                for file, content, _ in projects[name])
            return self.answer(200, "text/html; charset=utf-8", f"<!DOCTYPE html><html><body>{rows}</body></html>".encode())
        page = {"meta": {"api-version": "1.1"}, "name": name, "files": [
            {"filename": file, "url": f"/held/{name}/{file}", "size": len(content),
             "hashes": {"sha256": hashlib.sha256(content).hexdigest()},
             "upload-time": then.strftime("%Y-%m-%dT%H:%M:%S.%fZ")}
            for file, content, then in projects[name]]}
        self.answer(200, "application/vnd.pypi.simple.v1+json", json.dumps(page).encode())

    do_GET = do_HEAD = do_POST = do_PUT = do_DELETE = take


server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
server.daemon_threads = True
threading.Thread(target=server.serve_forever, daemon=True).start()
print(server.server_address[1], flush=True)
# Until the test is over.
sys.stdin.read()
