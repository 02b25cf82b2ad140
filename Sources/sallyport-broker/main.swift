// SPDX-License-Identifier: Apache-2.0
import Brokers
import Glibc

// The one descriptor that the supervisor leaves open.
exit(GitBroker(control: 3).run())
