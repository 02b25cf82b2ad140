// SPDX-License-Identifier: Apache-2.0

/// What the escape probes of one sandbox reported, read as bytes that a hostile program wrote.
///
/// One line is one attempt: `ID TAB refused TAB ERRNO TAB what`, `ID TAB ESCAPE:ID TAB detail`,
/// `ID TAB not-applicable TAB reason` or `ID TAB broken TAB ERRNO TAB what`. Anything else is not guessed at: it counts
/// as unreadable, and an attempt that is missing, or told twice, keeps the posture from being complete.
package struct Posture: Sendable {
    package enum Verdict: Sendable, Equatable {
        case refused(String)
        case escaped, notApplicable, broken
        /// Succeeded, as this mode says that it does.
        case byDesign
    }

    package struct Attempt: Sendable, Equatable {
        package let id: String
        package fileprivate(set) var verdict: Verdict
        package let text: String
    }

    /// A part of the catalogue of threats, by the first letter of its ids.
    package enum Layer: String, Sendable, CaseIterable {
        case setup = "R"
        case kernel = "K"
        case resources = "L"
        case terminal = "T"
        package var name: String { "\(self)" }
        static func of(_ id: String) -> Layer? { id.first.flatMap { Layer(rawValue: String($0)) } }
    }

    package private(set) var attempts: [Attempt] = []
    /// Ids that the list has and the report has not.
    package private(set) var silent: [String] = []
    /// Lines that are none of the forms, or tell of an attempt that is not on the list or was told before.
    package private(set) var unreadable = 0

    /// More than every attempt could say.
    package static let limit = 1 << 20

    /// - Parameters:
    ///   - report: what came out of the sandbox.
    ///   - expected: the ids of every attempt, from the probes' own list, taken outside.
    ///   - notHeld: attempts that the mode does not claim to refuse; their success is no escape.
    package init(report: [UInt8], expected: [String], notHeld: Set<String> = []) {
        var open = Set(expected)
        for line in report.split(separator: 0x0A) {
            guard var attempt = Self.attempt(line), open.remove(attempt.id) != nil else {
                unreadable += 1
                continue
            }
            if attempt.verdict == .escaped && notHeld.contains(attempt.id) { attempt.verdict = .byDesign }
            attempts.append(attempt)
        }
        silent = expected.filter { open.contains($0) }
    }

    /// What rootless mode does not hold: pid 1 has the one id that everything inside has, so what is done to it is within
    /// the agent's trust. The kernel itself keeps pid 1 from being stopped or killed from inside. pid_namespaces(7)
    package static let notHeldRootless: Set<String> = ["K29a", "K29b", "K29c", "K29d"]

    /// The ids of `sp-probe list`: what stands before the first tab of each line.
    package static func ids(list: [UInt8]) -> [String] {
        list.split(separator: 0x0A).compactMap { line in word(line.prefix { $0 != 0x09 }, limit: 24) }
    }

    private static func attempt(_ line: ArraySlice<UInt8>) -> Attempt? {
        let fields = line.split(separator: 0x09, omittingEmptySubsequences: false)
        guard line.count <= 512, fields.count >= 3, let id = word(fields[0], limit: 24), Layer.of(id) != nil else {
            return nil
        }
        guard let verdict = word(fields[1], limit: 40), let text = phrase(fields[fields.count - 1]) else { return nil }
        switch (verdict, fields.count) {
        case ("refused", 4):
            guard let errno = word(fields[2], limit: 24) else { return nil }
            return Attempt(id: id, verdict: .refused(errno), text: text)
        case ("broken", 4):
            return Attempt(id: id, verdict: .broken, text: text)
        case ("not-applicable", 3): return Attempt(id: id, verdict: .notApplicable, text: text)
        case ("ESCAPE:" + id, 3): return Attempt(id: id, verdict: .escaped, text: text)
        default: return nil
        }
    }

    /// Letters, digits and `._:-` of ASCII only.
    private static func word(_ bytes: ArraySlice<UInt8>, limit: Int) -> String? {
        guard !bytes.isEmpty, bytes.count <= limit else { return nil }
        let allowed = bytes.allSatisfy {
            (0x30...0x39).contains($0) || (0x41...0x5A).contains($0) || (0x61...0x7A).contains($0)
                || "._:-".utf8.contains($0)
        }
        return allowed ? String(decoding: bytes, as: UTF8.self) : nil
    }

    /// Printable ASCII only: nothing here can act on a terminal, whatever wrote it.
    private static func phrase(_ bytes: ArraySlice<UInt8>) -> String? {
        bytes.allSatisfy { (0x20...0x7E).contains($0) } ? String(decoding: bytes, as: UTF8.self) : nil
    }

    // MARK: What it comes to

    package var escapes: [Attempt] { attempts.filter { $0.verdict == .escaped } }
    package var broken: [Attempt] { attempts.filter { $0.verdict == .broken } }

    /// Every attempt was made and told, in a form that can be believed.
    package var isComplete: Bool { !attempts.isEmpty && silent.isEmpty && unreadable == 0 && broken.isEmpty }

    package var byDesign: [Attempt] { attempts.filter { $0.verdict == .byDesign } }

    package struct Count: Equatable, Sendable {
        package var refused = 0
        package var escaped = 0
        package var byDesign = 0
        package var notApplicable = 0
        package var broken = 0
        package init(refused: Int = 0, escaped: Int = 0, byDesign: Int = 0, notApplicable: Int = 0, broken: Int = 0) {
            self.refused = refused
            self.escaped = escaped
            self.byDesign = byDesign
            self.notApplicable = notApplicable
            self.broken = broken
        }
    }

    package func count(_ layer: Layer) -> Count {
        var count = Count()
        for attempt in attempts where Layer.of(attempt.id) == layer {
            switch attempt.verdict {
            case .refused: count.refused += 1
            case .escaped: count.escaped += 1
            case .notApplicable: count.notApplicable += 1
            case .broken: count.broken += 1
            case .byDesign: count.byDesign += 1
            }
        }
        return count
    }

    /// 0: every attempt was refused or does not apply; 1: something escaped; 2: not every attempt could be told.
    package var exitStatus: Int32 { !escapes.isEmpty ? 1 : isComplete ? 0 : 2 }
}
