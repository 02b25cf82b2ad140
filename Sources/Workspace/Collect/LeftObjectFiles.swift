// SPDX-License-Identifier: Apache-2.0
internal import LinuxSystem

/// The files in which objects lie, before anything opens them: plain files in plain directories, and nothing else.
///
/// libgit2 opens them by name. A symlink would lead it away, and a FIFO would hold it for ever.
enum LeftObjectFiles {
    private static let mostFiles = 3_000_000

    /// - Parameter repository: The directory that holds `objects`.
    static func check(_ repository: borrowing LeftDirectory) throws(GitError) {
        let objects = try open("objects", Array("objects".utf8), in: repository)
        var seen = 0
        for name in try names("objects", objects) {
            let path = "objects/" + PrintableText.escaped(name, longest: 300)
            guard let status = try LeftRepository.reading(path, { () throws(SystemError) in try objects.status(name) })
            else { continue }
            guard status.isDirectory else {
                try require(status, path)
                continue
            }
            let below = try open(path, name, in: objects)
            for file in try names(path, below) {
                seen += 1
                guard seen <= mostFiles else {
                    throw LeftRepository.refused("objects", "there are more than \(mostFiles) files")
                }
                let place = path + "/" + PrintableText.escaped(file, longest: 300)
                let status = try LeftRepository.reading(place) { () throws(SystemError) in try below.status(file) }
                if let status, !status.isDirectory { try require(status, place) }
            }
        }
    }

    private static func require(_ status: FileStatus, _ path: String) throws(GitError) {
        if status.isRegular { return }
        let kind = status.isSymlink ? "a symlink" : status.isFifo ? "a FIFO" : status.isSocket ? "a socket" : "a device"
        throw LeftRepository.refused(path, "it is \(kind), not a file")
    }

    private static func open(_ path: String, _ name: [UInt8], in parent: borrowing LeftDirectory) throws(GitError)
        -> LeftDirectory
    {
        try LeftRepository.reading(path) { () throws(SystemError) in try parent.directory(name) }
    }

    private static func names(_ path: String, _ directory: borrowing LeftDirectory) throws(GitError) -> [[UInt8]] {
        try LeftRepository.reading(path) { () throws(SystemError) in try directory.names() }
    }
}
