# SPDX-License-Identifier: Apache-2.0
"""What the laboratory's internet looks like: addresses, names and ports.

The addresses are ordinary public ones, because ranges for documentation are refused by the very filter under test. They
exist in two network namespaces only. Every further address leads to the same servers, so that a filter which fails
connects for real: the metadata services, private ranges and carriers' ranges are traps that answer.
"""

# The host on which sallyport runs, and its link. MARKER is its second address: the servers tell by it what the
# laboratory itself sends to find out that they have seen everything before.
HOST4, MARKER4, GATEWAY4, LINK4 = "45.33.10.2", "45.33.10.3", "45.33.10.1", "45.33.10.0/24"
HOST6, MARKER6, GATEWAY6, LINK6 = "2a01:7e00:1::2", "2a01:7e00:1::3", "2a01:7e00:1::1", "2a01:7e00:1::/64"

# The only server in the host's resolv.conf; what is asked at any other address is answered and recorded too.
RESOLVER4, RESOLVER6 = "185.228.20.53", "2a0d:2a00:20::53"

# Zone, then the address of each name in it that has none of its own.
ZONES = {
    "allowed-lab.net": ("23.50.60.70", "2a04:4e42:60::70"),
    "second-lab.net": ("23.50.60.90", "2a04:4e42:60::90"),
    "denied-lab.org": ("23.50.61.80", "2a04:4e42:61::80"),
}
NAMES = {
    "nginx.allowed-lab.net": ("23.50.60.72", "2a04:4e42:60::72"),
    "git.allowed-lab.net": ("23.50.60.73", "2a04:4e42:60::73"),
    "private.allowed-lab.net": ("10.20.0.5", "fd12:3456::5"),
}

HTTP_PORTS = (80, 8080)
TLS_PORTS = (443, 8443)
# Whatever arrives is sent back; 5432 and the like stand for protocols that no proxy understands.
ECHO_PORTS = (22, 25, 853, 3128, 5432, 6379)
# UDP: recorded by the capture, answered by nobody but DNS.
MARK_PORT = 9
# What listens on the host's own addresses, its loopback included: reached only if the address filter fails.
HOST_PORTS = (80, 443, 5432, 8080)
