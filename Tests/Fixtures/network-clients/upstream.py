# SPDX-License-Identifier: Apache-2.0
"""A forge for the tests of mirrors: git http-backend behind nginx with TLS and basic auth.

    upstream.py DIRECTORY SHA1

Repositories lie in DIRECTORY/repositories. SHA1 is the base64 of the digest of the one password of x-access-token, so
that the password itself is nowhere here. Prints the port, has nginx write one line for each request that it got to
DIRECTORY/requests.log, its own answers included, the authority to DIRECTORY/ca.pem, and ends with its standard input.

    /private/NAME.git  with the password    /open/NAME.git  without
    /moved/...         answers 301          /broken/...     answers 500        /gone/...  answers 410
    /expired/N/NAME.git   with the password, which is good for the first N requests only
    /cut/NAME.git         with the password; a pack ends in its middle
    /silent/NAME.git      with the password; a push is taken, and its answer lost on the way
"""
import collections
import http.server
import os
import re
import socket
import subprocess
import sys
import threading

directory, digest = sys.argv[1:3]
repositories = os.path.join(directory, "repositories")
answered = collections.Counter()


class Backend(http.server.BaseHTTPRequestHandler):
    """Runs git http-backend, as a CGI server would."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, query = self.path.partition("?")
        expiry = re.match("/expired/([0-9]+)(/.*)", path)
        if expiry:
            number, path = expiry.groups()
            answered[number] += 1
            if answered[number] > int(number): return self.deny()
        is_cut = path.startswith("/cut/")
        if is_cut: path = path[4:]
        is_silent = path.startswith("/silent/")
        if is_silent: path = path[7:]
        environment = {
            "PATH": "/usr/bin:/bin", "GIT_PROJECT_ROOT": repositories, "GIT_HTTP_EXPORT_ALL": "1", "PATH_INFO": path,
            "QUERY_STRING": query, "REQUEST_METHOD": self.command, "CONTENT_TYPE": self.headers.get("Content-Type", ""),
            "CONTENT_LENGTH": str(len(body)), "HTTP_CONTENT_ENCODING": self.headers.get("Content-Encoding", ""),
            "GIT_PROTOCOL": self.headers.get("Git-Protocol", ""), "GIT_CONFIG_COUNT": "1",
            "GIT_CONFIG_KEY_0": "safe.directory", "GIT_CONFIG_VALUE_0": "*",
        }
        done = subprocess.run(["git", "http-backend"], input=body, env=environment, capture_output=True)
        head, _, content = done.stdout.partition(b"\r\n\r\n")
        status, fields = 200, []
        for line in head.decode("latin-1").split("\r\n"):
            key, _, value = line.partition(":")
            if key.lower() == "status":
                status = int(value.split()[0])
            elif value:
                fields.append((key, value.strip()))
        # nginx then answers by itself that nothing came.
        if is_silent and path.endswith("/git-receive-pack"): return
        self.send_response(status)
        for key, value in fields:
            self.send_header(key, value)
        is_cut = is_cut and b"PACK" in content
        # A pack is made on the way, so its length is not announced; a proxy only notices an end that is not the announced one.
        if self.command == "GET" or is_cut: self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content[:len(content) // 2] if is_cut else content)

    def deny(self):
        self.send_response(401)
        self.send_header("WWW-Authenticate", 'Basic realm="x"')
        self.send_header("Content-Length", "0")
        self.end_headers()

    do_GET = do_POST = answer


backend = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Backend)
threading.Thread(target=backend.serve_forever, daemon=True).start()

key, certificate = os.path.join(directory, "server.key"), os.path.join(directory, "ca.pem")
subprocess.run(
    ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-nodes", "-keyout", key,
     "-out", certificate, "-days", "2", "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1"],
    check=True, capture_output=True)
with open(os.path.join(directory, "users"), "w") as file:
    file.write("x-access-token:{SHA}" + digest + "\n")

listener = socket.create_server(("127.0.0.1", 0))
listener.set_inheritable(True)
port = listener.getsockname()[1]
temporary = "".join(f"{kind}_temp_path {directory}/nginx-{kind};" for kind in
                    ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
backend_url = f"http://127.0.0.1:{backend.server_port}"
no_password = "proxy_set_header Authorization \"\";"
onwards = f"proxy_pass {backend_url}/; {no_password}"
password = f"auth_basic \"x\"; auth_basic_user_file {directory}/users;"
with open(os.path.join(directory, "nginx.conf"), "w") as file:
    file.write(f"""daemon off; user root; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{ worker_connections 64; }}
http {{ log_format line "$request_method $request_uri $status $body_bytes_sent"; access_log {directory}/requests.log line;
  client_max_body_size 0; {temporary}
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    location /private/ {{ {password} {onwards} }}
    location /expired/ {{ {password} proxy_pass {backend_url}; {no_password} }}
    location /cut/ {{ {password} proxy_pass {backend_url}; {no_password} }}
    location /silent/ {{ {password} proxy_pass {backend_url}; {no_password} }}
    location /gone/ {{ return 410; }}
    location /open/ {{ {onwards} }}
    location /moved/ {{ return 301 https://localhost:{port}/open/$uri; }}
    location /broken/ {{ return 500; }} }} }}
""")
# Handed over listening, as nginx hands it to itself in an upgrade: nobody has to wait until it has started.
nginx = subprocess.Popen(
    ["/usr/sbin/nginx", "-c", f"{directory}/nginx.conf", "-e", f"{directory}/nginx-error.log"],
    pass_fds=[listener.fileno()], env={"PATH": os.environ["PATH"], "NGINX": f"{listener.fileno()};"})
print(port, flush=True)
sys.stdin.read()
nginx.terminate()
nginx.wait()
