// SPDX-License-Identifier: Apache-2.0
package import Blueprints
package import Documents
internal import LinuxSystem

/// Who applies or removes a blueprint, and when.
package struct Author: Sendable, Hashable {
    package let uid: UInt32
    /// Seconds since 1970.
    package let moment: Int

    package init(uid: UInt32, moment: Int) {
        self.uid = uid
        self.moment = moment
    }
}

/// One change of a repository's blueprint: the file of the registry that is never changed again.
package struct BlueprintChange: Sendable {
    package enum Status: String, Sendable, CaseIterable { case active, removed }

    struct Content {
        let text: String
        let canonical: [UInt8]
        let onboardedAt: Int
    }

    package let repository: RepositoryName
    package let number: Int
    package let status: Status
    /// When the repository was onboarded, first or again after it had been removed.
    package let onboardedAt: Int
    package let updatedAt: Int
    package let author: UInt32
    /// As its author wrote it.
    package let text: String
    /// With every default as it was then.
    package let canonical: [UInt8]
    /// Digest of the change before it.
    package let previous: String?
    package let file: String

    init(
        repository: RepositoryName, number: Int, status: Status, content: Content, previous: String?, author: Author,
        file: String
    ) {
        self.repository = repository
        self.number = number
        self.status = status
        onboardedAt = content.onboardedAt
        updatedAt = author.moment
        self.author = author.uid
        text = content.text
        canonical = content.canonical
        self.previous = previous
        self.file = file
    }

    /// SHA-256 of the blueprint with every default written out: the same for the same decisions.
    package var blueprintDigest: String { Digest.sha256(canonical) }
    /// SHA-256 of the whole change.
    package var digest: String { Digest.sha256(bytes) }

    package func blueprint() throws(RegistryError) -> Blueprint {
        // As it counted when it was applied: a later program's defaults do not change it.
        do throws(BlueprintRefusal) { return try Blueprint.read(canonical, file: file) } catch {
            throw RegistryError(
                "use", file, "this program does not take it any more: \(error.flaws.first?.message ?? "")",
                remedy: "Apply it anew: sallyport blueprint apply FILE.")
        }
    }

    /// Without the two texts.
    package var summary: [JSON.Member] {
        [
            .init("repo", .string(repository.description)), .init("status", .string(status.rawValue)),
            .init("number", .int(number)), .init("onboarded_at", .string(Timestamp.text(onboardedAt))),
            .init("updated_at", .string(Timestamp.text(updatedAt))), .init("uid", .int(Int(author))),
            .init("sha256", .string(blueprintDigest)), .init("previous", .optional(previous)),
        ]
    }

    var bytes: [UInt8] {
        JSONWriter(pretty: true).write(
            .object(
                [.init("version", 1)] + summary + [
                    .init("text", .string(text)),
                    .init("blueprint", .string(String(decoding: canonical, as: UTF8.self))),
                ])) + [0x0A]
    }

    init(_ bytes: [UInt8], file: String) throws(RegistryError) {
        func malformed(_ reason: String) -> RegistryError {
            RegistryError("read", file, reason, remedy: "Restore it from a backup; nobody but sallyport writes it.")
        }
        let json: JSON
        do throws(JSONParser.Failure) { json = try JSONParser.parse(bytes) } catch {
            throw malformed("it is no JSON: \(error.reason) at byte \(error.offset)")
        }
        guard json["version"] == 1, let name = json["repo"]?.stringValue, let repository = RepositoryName(name),
            let status = json["status"]?.stringValue.flatMap(Status.init(rawValue:)),
            let number = json["number"]?.intValue, let author = json["uid"]?.intValue.flatMap(UInt32.init(exactly:)),
            let onboarded = json["onboarded_at"]?.stringValue.flatMap(Timestamp.seconds),
            let updated = json["updated_at"]?.stringValue.flatMap(Timestamp.seconds),
            let text = json["text"]?.stringValue, let canonical = json["blueprint"]?.stringValue
        else { throw malformed("a field is missing or has another form") }
        self.repository = repository
        self.number = number
        self.status = status
        self.author = author
        self.text = text
        self.canonical = Array(canonical.utf8)
        self.file = file
        onboardedAt = onboarded
        updatedAt = updated
        previous = json["previous"]?.stringValue
        guard json["sha256"]?.stringValue == blueprintDigest, self.bytes == bytes else {
            throw malformed("it was changed since it was written")
        }
    }
}
