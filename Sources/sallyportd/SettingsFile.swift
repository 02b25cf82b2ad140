// SPDX-License-Identifier: Apache-2.0
internal import Documents
internal import Glibc
internal import LinuxSystem
internal import Orchestrator

/// The operator's file: of root where it has its place, of root or of the daemon's own user where it is named.
enum SettingsFile {
    private static let longest = 1 << 20

    /// - Parameter path: Nil is the one of this host, which need not be there.
    static func read(_ path: String?) throws -> DaemonSettings {
        let name = path ?? DaemonSettings.path
        let file: Descriptor
        do throws(SystemError) {
            file = try TrustedFile.open(name, what: "settings ", owner: path == nil ? .root : .rootOrCaller)
        } catch {
            // Only what is not there is nothing; what cannot be read may say something.
            guard path == nil, error.errno == .noEntry else { throw error }
            return DaemonSettings()
        }
        return try DaemonSettings.read(try file.readAll(limit: longest, subject: "\"\(name)\""), file: name)
    }

    /// What the daemon would make of the file, in words.
    static func check(_ path: String?) throws -> String {
        let settings = try read(path)
        let isThere = path != nil || access(DaemonSettings.path, F_OK) == 0
        let budgets = settings.budgets
        let count = budgets.users.count + budgets.repositories.count + budgets.teams.count
        return """
            \(path ?? DaemonSettings.path): \(isThere ? "can be used" : "is not there; the defaults hold")
            slots       \(settings.slots) of all owners, \(settings.slotsPerOwner) of each
            rate        \(settings.tasksPerHour) tasks of an owner within an hour
            capacity    \(settings.share.memoryPercent) % of memory, \(settings.share.processorPercent) % of processors, \(settings.share.diskPercent) % of the disk
            budgets     \(count) by name\(budgets.eachUser == .init() && budgets.eachRepository == .init() ? "" : ", and those that hold for each")
            """
    }
}
