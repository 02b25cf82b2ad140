// SPDX-License-Identifier: Apache-2.0
import Brokers
import Glibc

/// A line for people; whoever does not read it has lost nothing else.
func say(_ text: String, to descriptor: Int32) {
    let line = Array("sallyport: \(text)\n".utf8)
    _ = line.withUnsafeBytes { write(descriptor, $0.baseAddress, $0.count) }
}

// The one descriptor that the supervisor leaves open.
let control: Int32 = 3
let words = Array(CommandLine.arguments.dropFirst())
switch words.first {
case nil: exit(GitBroker(control: control).run())
case "forge": exit(ForgeBroker(control: control).run())
case "packages": exit(PackageBroker(control: control).run())
case "model": exit(ModelBroker(control: control).run())
case "replay" where words.count == 3:
    do {
        let server = try ReplayServer(file: words[1], listen: words[2]) { say($0, to: 1) }
        exit(try server.run())
    } catch {
        say("\(error)", to: 2)
        exit(125)
    }
case let other?:
    say("sallyport-broker is started by sallyport, and does nothing by the name \"\(other)\"", to: 2)
    exit(125)
}
