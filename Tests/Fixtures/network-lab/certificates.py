# SPDX-License-Identifier: Apache-2.0
"""A test authority and one certificate for every name of the laboratory, made anew at each start; the key of the
authority is gone when this returns."""
import os
import subprocess

import plan


def make(directory):
    """Leaves ca.pem, server.pem and server.key in `directory`."""
    def at(name):
        return os.path.join(directory, name)

    def openssl(*arguments):
        subprocess.run(["openssl", *arguments], check=True, capture_output=True, cwd=directory)

    names = [f"{star}{zone}" for zone in plan.ZONES for star in ("", "*.")]
    addresses = [address for pair in plan.ZONES.values() for address in pair] + ["1.1.1.1", "169.254.169.254"]
    with open(at("leaf.ext"), "w") as file:
        file.write("basicConstraints=critical,CA:FALSE\nextendedKeyUsage=serverAuth\nsubjectAltName="
                   + ",".join([f"DNS:{n}" for n in names] + [f"IP:{a}" for a in addresses]))
    curve = ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-noenc"]
    openssl("req", "-x509", *curve, "-keyout", "ca.key", "-out", "ca.pem", "-days", "2", "-subj", "/CN=network laboratory",
            "-addext", "basicConstraints=critical,CA:TRUE", "-addext", "keyUsage=critical,keyCertSign")
    openssl("req", *curve, "-keyout", "server.key", "-out", "server.csr", "-subj", "/CN=laboratory server")
    openssl("x509", "-req", "-in", "server.csr", "-CA", "ca.pem", "-CAkey", "ca.key", "-set_serial", "2", "-days", "2",
            "-extfile", "leaf.ext", "-out", "server.pem")
    for name in ("ca.key", "server.csr", "leaf.ext"):
        os.unlink(at(name))
