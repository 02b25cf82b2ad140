// SPDX-License-Identifier: Apache-2.0
internal import Documents

/// What a task has to know of a resolved profile, from the file that `sallyport run --record-files` writes.
struct ProfileFile {
    let rootfs: String
    /// The names of the caller's variables that sandboxes get.
    let passed: [String]

    init(_ bytes: [UInt8]) throws(TaskFailure) {
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw Self.malformed(error.reason)
        }
        guard let rootfs = json["rootfs"]?.stringValue, let passed = json["environment"]?["pass"]?.arrayValue else {
            throw Self.malformed("it names no rootfs or no environment")
        }
        self.rootfs = rootfs
        self.passed = passed.compactMap(\.stringValue)
    }

    private static func malformed(_ reason: String) -> TaskFailure {
        TaskFailure("read", "the profile of a sandbox", reason, remedy: "Use one build of all programs.")
    }
}
