// SPDX-License-Identifier: Apache-2.0
package import Policy

/// The files of one project as an index lists them, in either form of the simple API. PEP 503, 592, 658, 691, 700
package struct SimplePage: Sendable {
    package struct File: Sendable, Equatable {
        package let name: String
        package let location: PackageLocation
        /// Algorithm and hexadecimal digits.
        package var hashes: [Hash] = []
        package var requiresPython: String?
        /// Nil unless it was taken back; empty without a reason.
        package var yanked: String?
        /// A wheel's metadata lies beside it.
        package var hasMetadata = false
        /// Seconds since 1970.
        package var uploaded: Int64?

        init(_ name: String, _ location: PackageLocation) {
            self.name = name
            self.location = location
        }

        package var isWheel: Bool { name.hasSuffix(".whl") }
    }

    package struct Hash: Sendable, Equatable {
        package let algorithm: String
        package let digits: String

        /// Nil for what is no digest that a client could compare.
        init?(_ algorithm: some StringProtocol, _ digits: some StringProtocol) {
            guard ["sha256", "sha384", "sha512"].contains(String(algorithm)), (64...128).contains(digits.utf8.count),
                digits.utf8.allSatisfy({ (0x30...0x39).contains($0) || (0x61...0x66).contains($0 | 0x20) })
            else { return nil }
            self.algorithm = String(algorithm)
            self.digits = digits.lowercased()
        }
    }

    /// Why bytes are no page.
    package struct Flaw: Error, Equatable, Sendable {
        package let reason: String
        package init(reason: String) { self.reason = reason }
    }

    package static let mostFiles = 100_000
    package internal(set) var files: [File] = []
    /// What is listed and cannot be had here: a name or a place that is none.
    package internal(set) var unusable = 0

    /// What of a page a session may see.
    package struct Rules: Sendable, Equatable {
        /// Where files may lie.
        package let origins: [ModelOrigin]
        package let minimumAgeDays: UInt64
        package let wheelsOnly: Bool

        package init(origins: [ModelOrigin], minimumAgeDays: UInt64 = 0, wheelsOnly: Bool = false) {
            self.origins = origins.map { $0.root }
            self.minimumAgeDays = minimumAgeDays
            self.wheelsOnly = wheelsOnly
        }
    }

    /// How many files are not shown, by the reason.
    package struct Hidden: Sendable, Equatable {
        /// They lie on a host that the index may not send to.
        package var elsewhere = 0
        package var young = 0
        /// The index does not say when they were uploaded, and that counts.
        package var undated = 0
        package var sources = 0

        package var count: Int { elsewhere + young + undated + sources }
    }

    /// The page as a session sees it.
    ///
    /// - Parameter now: Seconds since 1970.
    package func shown(by rules: Rules, at now: Int64) -> (page: SimplePage, hidden: Hidden) {
        var hidden = Hidden()
        var page = self
        let latest = now - Int64(rules.minimumAgeDays) * 86_400
        page.files = files.filter { file in
            if !rules.origins.contains(file.location.origin) {
                hidden.elsewhere += 1
            } else if rules.wheelsOnly, !file.isWheel {
                hidden.sources += 1
            } else if rules.minimumAgeDays > 0, file.uploaded == nil {
                hidden.undated += 1
            } else if rules.minimumAgeDays > 0, let uploaded = file.uploaded, uploaded > latest {
                hidden.young += 1
            } else {
                return true
            }
            return false
        }
        return (page, hidden)
    }

    /// Takes a file, the first of its name.
    mutating func add(_ file: File) throws(Flaw) {
        guard files.count < Self.mostFiles else { throw Flaw(reason: "it lists more than \(Self.mostFiles) files") }
        files.append(file)
    }
}
