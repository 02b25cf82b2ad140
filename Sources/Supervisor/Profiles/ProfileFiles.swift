// SPDX-License-Identifier: Apache-2.0
internal import Glibc
package import LinuxSystem
package import Policy

/// Where profiles are read from, and what makes a file fit to be one.
///
/// A profile decides what a hostile program may do, so its file must not be changeable by anybody but root or the
/// caller, and must not be reached through a symlink, which somebody else could point elsewhere (P10).
package struct ProfileFiles: Sendable {
    package let directories: [String]

    /// The operator's directory first, then the shipped one.
    package init(shipped: String) { directories = ["/etc/sallyport/profiles", shipped] }

    /// The prices of models that are shipped.
    var modelPrices: String { "\(directories.last ?? "")/\(Self.pricesName)" }

    /// The one file among them that is no profile.
    private static let pricesName = "models.yaml"

    /// Loads a profile by name, or by path when `name` holds a slash or ends in .yaml.
    package func load(_ name: String) throws(PolicyError) -> Profile {
        try Profile.load(name: name) { wanted throws(PolicyError) in try source(wanted, allowPath: wanted == name) }
    }

    /// Like ``load(_:)`` without refusing what lint would.
    package func resolve(_ name: String) throws(PolicyError) -> Profile {
        try Profile.resolve(name: name) { wanted throws(PolicyError) in try source(wanted, allowPath: wanted == name) }
    }

    /// What a profile is for, and whether it is only a part that others extend.
    package func summary(_ name: String) throws(PolicyError) -> (reason: String, isPart: Bool) {
        try Profile.summary(name: name) { wanted throws(PolicyError) in try source(wanted, allowPath: wanted == name) }
    }

    package func source(_ name: String, allowPath: Bool) throws(PolicyError) -> (file: String, bytes: [UInt8]) {
        if allowPath && (name.contains("/") || name.hasSuffix(".yaml")) { return (name, try read(name)) }
        guard !name.isEmpty,
            name.utf8.allSatisfy({ (97...122).contains($0) || (48...57).contains($0) || $0 == 45 || $0 == 95 })
        else {
            throw PolicyError(
                "profile name \"\(name)\" is no name", file: name,
                remedy: "Use letters a-z, digits, - and _, or give a path to a .yaml file.")
        }
        for directory in directories {
            let path = "\(directory)/\(name).yaml"
            do { _ = try FileStatus.path(path) } catch {
                if error.errno == .noEntry || error.errno == .notDirectory { continue }
                throw PolicyError("\(error)", file: path, remedy: "Make it readable.")
            }
            return (path, try read(path))
        }
        throw PolicyError(
            "no profile has the name \"\(name)\"", file: name,
            remedy:
                "`sallyport profile list` shows the known ones; they are looked for in \(directories.joined(separator: " and "))."
        )
    }

    private func read(_ path: String) throws(PolicyError) -> [UInt8] {
        do throws(SystemError) {
            let file = try TrustedFile.open(path, what: "profile ")
            return try file.readAll(limit: 262_144, subject: "\"\(path)\"")
        } catch {
            throw PolicyError("\(error.explanationLine)", file: path, remedy: error.remedy ?? "Check the path.")
        }
    }

    /// Every profile that can be named, with the directory it comes from; the operator's hides a shipped one.
    package func list() throws(SystemError) -> [(name: String, file: String)] {
        var found: [(name: String, file: String)] = []
        for path in directories {
            let directory: Directory
            do { directory = try Directory.open(path) } catch {
                if error.errno == .noEntry { continue }
                throw error
            }
            for entry in try directory.names() {
                let text = String(decoding: entry, as: UTF8.self)
                guard text.hasSuffix(".yaml"), text != Self.pricesName else { continue }
                let name = String(text.dropLast(5))
                if !found.contains(where: { $0.name == name }) { found.append((name, "\(path)/\(text)")) }
            }
        }
        return found.sorted { $0.name < $1.name }
    }
}

extension SystemError {
    /// The sentence without the remedy, for errors that carry a remedy of their own.
    package var explanationLine: String { "cannot \(operation) \(subject): \(errno.explanation) (\(errno))" }
}
