// SPDX-License-Identifier: Apache-2.0
internal import CLinux
internal import Documents
internal import Glibc
package import Isolation
package import LinuxSystem

/// The one file system of this host for workspaces that are too large for memory: an image under a loop device, with
/// project quota, mounted in the state directory.
///
/// It is made by the operator's verbs alone, never on the way to a session. The only mount of ours in the host's mount
/// namespace. What lies in it belongs to live sessions: kept changes are elsewhere, so nothing is lost with it.
package struct Pool {
    /// What every session's limits have to fit into, unless the operator says otherwise.
    package static let standardBytes: UInt64 = 20 << 30
    /// Less is mostly journal.
    package static let leastBytes: UInt64 = 256 << 20

    static let recordName = "pool.json"
    let paths: HostPaths
    let fault: FaultPoint

    package init(_ paths: HostPaths, fault: FaultPoint = FaultPoint(nil)) {
        self.paths = paths
        self.fault = fault
    }

    // MARK: What is written down

    var standardImage: String { paths.state + "/pool.img" }

    /// The state directory under the lock that keeps verbs of the pool apart, and sessions from making a directory in it
    /// while it is mounted or taken away. Gone with the descriptor.
    func locked(_ how: Int32) throws(SystemError) -> Directory {
        let state = try Directory.open(paths.state)
        let fd = state.fd.number
        try checked("lock", "\"\(paths.state)\"") { sp_flock(fd, how) }
        return state
    }

    /// What was asked for, written down before it was made.
    struct Record {
        let image: String
        /// Whether the image has ever had its name.
        let isWhole: Bool
    }

    /// Nil when no pool was asked for.
    static func recorded(_ state: borrowing Directory) throws(SystemError) -> Record? {
        guard try state.contains(recordName) else { return nil }
        let subject = "\"\(state.path)/\(recordName)\""
        let bytes = try state.read(recordName, limit: 1 << 16)
        do throws(DocumentError) {
            let json = try JSON.read(bytes, file: subject)
            if let image = json["image"]?.stringValue, let isWhole = json["whole"]?.boolValue {
                return Record(image: image, isWhole: isWhole)
            }
        } catch { throw SystemError("read", subject, .invalid, remedy: error.description) }
        throw SystemError(
            "read", subject, .invalid,
            remedy: "It names no image. Unmount \"\(state.path)/pool\" if it is mounted, remove both files, and run "
                + "`sallyport pool create`.")
    }

    /// Where the image lies that another program could take for a part of a workspace; nil when there is none.
    package static func image(_ paths: HostPaths) throws(SystemError) -> String? {
        try recorded(try Directory.open(paths.state))?.image
    }

    func write(_ record: Record, _ state: borrowing Directory) throws(SystemError) {
        let json = JSON.object([
            .init("version", 1), .init("image", .string(record.image)), .init("whole", .bool(record.isWhole)),
        ])
        try state.replace(Self.recordName, with: Array(json.prettyText.utf8) + [10])
    }

    // MARK: What is there

    /// Looks at everything and changes nothing.
    package func show() throws(SystemError) -> PoolReport { try look(try locked(LOCK_SH)) }

    func look(_ state: borrowing Directory) throws(SystemError) -> PoolReport {
        var report = PoolReport(state: .absent, mountPoint: paths.pool)
        let recorded = try Self.recorded(state)
        // Whatever the record says, nobody else puts a file by that name into our directory.
        let unrecorded = try state.contains("pool.img") ? standardImage : nil
        if let path = recorded?.image ?? unrecorded {
            report.image = path
            report.state = recorded?.isWhole == true ? .missing : .unfinished
            try look(at: path, &report)
        }
        if try isMountPoint(state) {
            report.state = report.device == nil ? .foreign : .mounted
            try lookInside(state, &report)
        }
        return report
    }

    private func look(at path: String, _ report: inout PoolReport) throws(SystemError) {
        let image: PoolImage
        do throws(SystemError) { image = try PoolImage.at(path) } catch {
            // The disk that it lies on may not be mounted.
            if error.errno == .noEntry { return }
            throw error
        }
        guard try image.exists() else { return }
        report.state = .unmounted
        let status = try image.status()
        report.imageBytes = status.size
        let file = try image.directory.open(image.name, O_RDONLY | O_NONBLOCK)
        let fd = file.number
        report.bytesOnDisk = UInt64(try checked("inspect", "\"\(path)\"") { sp_bytes_on_disk(fd) })
        guard let mounted = try mountedDevice() else { return }
        for device in try LoopDevice.holding(status) where try FileStatus.path(device).deviceNumber == mounted {
            report.device = device
        }
    }

    private func lookInside(_ state: borrowing Directory, _ report: inout PoolReport) throws(SystemError) {
        let pool = try state.directory("pool")
        let fd = pool.fd.number
        var total: UInt64 = 0
        var available: UInt64 = 0
        try checked("inspect", "\"\(paths.pool)\"") { sp_space(fd, &total, &available) }
        report.totalBytes = total
        report.availableBytes = available
        report.quota = Self.countsProjects(fd)
        report.sessions = try pool.names().map { String(decoding: $0, as: UTF8.self) }.filter { SessionID($0) != nil }
    }

    /// Whether limits of a project would be counted on the file system of a descriptor: its first project can be asked for.
    static func countsProjects(_ fd: Int32) -> Bool {
        var usage: [UInt64] = [0, 0, 0, 0]
        return usage.withUnsafeMutableBufferPointer { sp_project_usage(fd, 0, $0.baseAddress!) } >= 0
    }

    /// Whether a file system of its own is mounted in the pool's place, whoever did that.
    func isMountPoint(_ state: borrowing Directory) throws(SystemError) -> Bool {
        guard try state.contains("pool") else { return false }
        return try state.status("pool").device != FileStatus.of(state.fd, subject: "\"\(paths.state)\"").device
    }

    private func mountedDevice() throws(SystemError) -> UInt64? {
        do throws(SystemError) { return try FileStatus.path(paths.pool).device } catch {
            if error.errno == .noEntry { return nil }
            throw error
        }
    }
}
