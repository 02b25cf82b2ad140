#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""lab.py - a small internet in namespaces, for the tests of egress.

Prints one JSON line when every server listens: the pid whose net and mount namespaces are the host's side, the record's
path below that process's root, and the plan. Then reads commands, one a line:

    mark TEXT    answers {"marked": TEXT, "open": N} when everything that arrived before is in the record

and ends, with all that it started, at the end of standard input or of its parent. Nothing stays: the directory is a tmpfs
in the mount namespace, the processes have a pid namespace of their own. Needs root, python3, iproute2, openssl and git.
"""
import json
import os
import signal
import socket
import subprocess
import sys
import threading

import capture
import certificates
import events
import kernel
import plan
import servers

# An existing directory of every Debian system that nothing here needs to see.
PLACE = "/mnt"


def prepare():
    """In the host's new mount namespace: our directory, and the files by which programs of this host find names."""
    kernel.mount(None, "/", None, kernel.MS_REC | kernel.MS_PRIVATE)
    kernel.mount("laboratory", PLACE, "tmpfs", 0, "mode=755,size=256m")
    certificates.make(PLACE)
    # A copy of /etc, not files bound over its own: a minimal system has no hosts, and a resolv.conf may be a symlink.
    etc = os.path.join(PLACE, "etc")
    subprocess.run(["cp", "-a", "/etc", etc], check=True)
    for name, text in (
        ("resolv.conf", f"nameserver {plan.RESOLVER4}\noptions timeout:2 attempts:1\n"),
        ("hosts", f"127.0.0.1 localhost\n::1 localhost\n{plan.HOST4} laboratory-host\n"),
    ):
        path = os.path.join(etc, name)
        if os.path.lexists(path):
            os.unlink(path)
        with open(path, "w") as file:
            file.write(text)
    # The system's own list of authorities with ours added, as an administrator would: clients need no option for it.
    with open(os.path.join(PLACE, "ca.pem")) as own, open(os.path.join(etc, "ssl/certs/ca-certificates.crt"), "a") as all_:
        all_.write(own.read())
    kernel.mount(etc, "/etc", None, kernel.MS_BIND)


def make_repository():
    """One commit in a bare repository that takes pushes."""
    root = os.path.join(PLACE, "repositories")
    work = os.path.join(PLACE, "work")
    git = ["git", "-c", "user.name=Laboratory", "-c", "user.email=laboratory@allowed-lab.net", "-c", "init.defaultBranch=main"]
    environment = {"PATH": os.environ["PATH"], "HOME": PLACE, "GIT_CONFIG_NOSYSTEM": "1"}

    def run(*arguments):
        subprocess.run([*git, *arguments], check=True, capture_output=True, env=environment)

    run("init", "-q", work)
    with open(os.path.join(work, "README"), "w") as file:
        file.write("a repository of the laboratory\n")
    run("-C", work, "add", ".")
    run("-C", work, "commit", "-q", "-m", "first")
    run("clone", "-q", "--bare", work, os.path.join(root, "sample.git"))
    run("-C", os.path.join(root, "sample.git"), "config", "http.receivepack", "true")
    return root


def internet(told, tell):
    """The other side; runs until it is killed. `told` brings commands of the host's side, `tell` takes the answers."""
    kernel.die_with_parent()
    kernel.unshare(kernel.CLONE_NEWNET)
    tell.write("unshared\n")
    tell.flush()
    told.readline()
    kernel.set_up_internet()
    events.start(os.path.join(PLACE, "events.jsonl"), "internet")
    packets = capture.open_capture("i0")
    seen, condition = set(), threading.Condition()

    def marked(text):
        with condition:
            seen.add(text)
            condition.notify_all()

    threading.Thread(target=capture.run, args=(packets, marked), daemon=True).start()
    ports = servers.start(PLACE, os.path.join(PLACE, "repositories"))
    nginx = servers.start_nginx(PLACE)
    tell.write(json.dumps({"ports": ports, "nginx": nginx is not None}) + "\n")
    tell.flush()
    for count, line in enumerate(told, 1):
        text = line.strip()
        with condition:
            condition.wait_for(lambda: text in seen, 20)
        left = servers.settle(ports, 2 * count, 10)
        tell.write(json.dumps({"marked": text, "open": left}) + "\n")
        tell.flush()


def mark(text, count, ports, tell, told):
    """One datagram for the capture, and one connection of each family to each listener, which accepts in order."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as one:
        one.bind((plan.MARKER4, 0))
        one.sendto(text.encode(), (plan.RESOLVER4, plan.MARK_PORT))
    for source, own, other in ((plan.MARKER4, plan.HOST4, plan.RESOLVER4), (plan.MARKER6, plan.HOST6, plan.RESOLVER6)):
        for target, listening in ((other, ports), (own, plan.HOST_PORTS)):
            for port in listening:
                socket.create_connection((target, port), 10, (source, 0)).close()
    tell.write(text + "\n")
    tell.flush()
    left = servers.settle(plan.HOST_PORTS, 2 * count, 10)
    answer = json.loads(told.readline())
    answer["open"] += left
    return json.dumps(answer) + "\n"


def host():
    """The host's side and pid 1 of all: whatever ends it ends everything."""
    kernel.die_with_parent()
    kernel.unshare(kernel.CLONE_NEWNS | kernel.CLONE_NEWNET)
    prepare()
    make_repository()
    down, up = os.pipe(), os.pipe()
    child = os.fork()
    if child == 0:
        os.close(down[1])
        os.close(up[0])
        internet(os.fdopen(down[0]), os.fdopen(up[1], "w"))
        os._exit(1)
    os.close(down[0])
    os.close(up[1])
    told, tell = os.fdopen(up[0]), os.fdopen(down[1], "w")
    told.readline()
    kernel.set_up_host(child)
    tell.write("linked\n")
    tell.flush()
    ready = json.loads(told.readline() or sys.exit("error: the internet of the laboratory did not start"))
    events.start(os.path.join(PLACE, "events.jsonl"), "host")
    servers.start_traps(os.path.join(PLACE, "repositories"))
    ready.update(events=os.path.join(PLACE, "events.jsonl"), authority=os.path.join(PLACE, "ca.pem"),
                 resolver=plan.RESOLVER4, host=[plan.HOST4, plan.HOST6], neighbour=plan.GATEWAY4,
                 zones=plan.ZONES, names=plan.NAMES)
    return ready, tell, told


def main():
    # Only this process and its children are moved; the caller's own namespaces stay as they are.
    kernel.unshare(kernel.CLONE_NEWPID)
    reader, writer = os.pipe()
    child = os.fork()
    if child:
        os.close(reader)
        # The child's pid as the caller sees it, which the child itself cannot know.
        os.write(writer, f"{child}\n".encode())
        os.close(writer)
        os.close(0)
        _, status = os.waitpid(child, 0)
        sys.exit(os.waitstatus_to_exitcode(status) if not os.WIFSIGNALED(status) else 1)
    os.close(writer)
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    ready, tell, told = host()
    with os.fdopen(reader) as pid:
        ready["pid"] = int(pid.readline())
    print(json.dumps(ready), flush=True)
    for count, line in enumerate(sys.stdin, 1):
        word, _, text = line.strip().partition(" ")
        if word != "mark":
            sys.exit(f"error: \"{word}\" is no command of the laboratory")
        print(mark(text, count, ready["ports"], tell, told), end="", flush=True)
    os._exit(0)


if __name__ == "__main__":
    main()
