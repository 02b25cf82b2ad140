// SPDX-License-Identifier: Apache-2.0
import Brokers
import Glibc

// The one descriptor that the supervisor leaves open.
let control: Int32 = 3
if CommandLine.arguments.count > 1 { exit(ModelBroker(control: control).run()) }
exit(GitBroker(control: control).run())
