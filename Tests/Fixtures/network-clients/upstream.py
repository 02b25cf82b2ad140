# SPDX-License-Identifier: Apache-2.0
"""A forge for the tests of mirrors: git http-backend behind nginx with TLS and basic auth.

    upstream.py DIRECTORY SHA1

Repositories lie in DIRECTORY/repositories. SHA1 is the base64 of the digest of the one password of x-access-token, so
that the password itself is nowhere here. Prints the port, writes one line for each request to DIRECTORY/requests.log,
the authority to DIRECTORY/ca.pem, and ends with its standard input.

    /private/NAME.git  with the password    /open/NAME.git  without
    /moved/...         answers 301          /broken/...     answers 500
"""
import http.server
import os
import socket
import subprocess
import sys
import threading

directory, digest = sys.argv[1:3]
repositories = os.path.join(directory, "repositories")
log = open(os.path.join(directory, "requests.log"), "a", buffering=1)


class Backend(http.server.BaseHTTPRequestHandler):
    """Runs git http-backend, as a CGI server would."""

    protocol_version = "HTTP/1.0"

    def log_message(self, *_):
        pass

    def answer(self):
        body = self.rfile.read(int(self.headers.get("Content-Length", "0")))
        path, _, query = self.path.partition("?")
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
        log.write(f"{self.command} {self.path} {status} {len(content)}\n")
        self.send_response(status)
        for key, value in fields:
            self.send_header(key, value)
        self.send_header("Content-Length", str(len(content)))
        self.end_headers()
        self.wfile.write(content)

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
onwards = f"proxy_pass http://127.0.0.1:{backend.server_port}/; proxy_set_header Authorization \"\";"
with open(os.path.join(directory, "nginx.conf"), "w") as file:
    file.write(f"""daemon off; user root; worker_processes 1; pid {directory}/nginx.pid;
error_log {directory}/nginx-error.log;
events {{ worker_connections 64; }}
http {{ access_log off; client_max_body_size 0; {temporary}
  server {{ listen 127.0.0.1:{port} ssl; ssl_certificate {certificate}; ssl_certificate_key {key};
    location /private/ {{ auth_basic "x"; auth_basic_user_file {directory}/users; {onwards} }}
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
