// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Glibc
internal import LinuxSystem
internal import Store

private let usage = """
    usage: sallyportd serve [--settings FILE]
           sallyportd check [FILE]
           sallyportd gc (--dry-run | --now) [--settings FILE]
           sallyportd restore FILE

    Takes tasks over a socket, runs each as `sallyport task run`, and brings each to a terminal state, whatever process dies on
    the way. What it knows is in SALLYPORT_STATE_DIR/daemon (root: /var/lib/sallyport/daemon); it listens at daemon.sock in
    SALLYPORT_RUNTIME_DIR (root: /run/sallyport), for every local user that a blueprint names. Sessions go on while it is gone.

      serve           until SIGTERM or SIGINT; caps, rates and budgets are those of /etc/sallyport/daemon.yaml, or of FILE
      check           whether that file can be used; says where it cannot
      gc              shows what is old enough to go, or removes it; a daemon that runs is asked to, and does so every hour
      restore FILE    puts a file of `sallyport backup` in the place of the store; no daemon may run. The old one is kept
    """

private func say(_ text: String, to fd: Int32 = 2) {
    // A reader that is gone is its own loss.
    _ = Array((text + "\n").utf8).withUnsafeBytes { sp_write(fd, $0.baseAddress!, $0.count) }
}

private func run(_ arguments: [String]) -> Int32 {
    do {
        switch (arguments.first, arguments.count) {
        case ("serve", 1),
            ("serve", 3) where arguments[1] == "--settings":
            let settings = try SettingsFile.read(arguments.count == 3 ? arguments[2] : nil)
            let place = try DaemonPlace()
            let daemon = try Daemon(place, settings, log: { say($0) })
            say("ready \(place.runtime)/daemon.sock", to: 1)
            try daemon.run()
            return 0
        case ("check", 1), ("check", 2):
            say(try SettingsFile.check(arguments.count == 2 ? arguments[1] : nil), to: 1)
            return 0
        case ("gc", 2), ("gc", 4):
            say(try Housekeeping.run(Array(arguments.dropFirst())), to: 1)
            return 0
        case ("restore", 2):
            let place = try DaemonPlace()
            let kept = try SQLiteStore.restore(arguments[1], to: place.store)
            say(kept.map { "restored; the store that was there is now \($0)" } ?? "restored", to: 1)
            return 0
        case ("--help", 1), ("-h", 1), ("help", 1):
            say(usage, to: 1)
            return 0
        default:
            say(usage)
            return 125
        }
    } catch {
        say("sallyportd: \(error)")
        return 125
    }
}

if sp_ensure_standard_descriptors() < 0 { exit(125) }
exit(run(Array(CommandLine.arguments.dropFirst())))
