// SPDX-License-Identifier: Apache-2.0
import Glibc

// One program, two roles, never in one process: what reads the network has no terminal, and the other way round.
exit(CommandLine.arguments.dropFirst() == ["egress"] ? EgressRole.run() : Gateway.run())
