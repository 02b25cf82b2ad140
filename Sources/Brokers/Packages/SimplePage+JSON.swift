// SPDX-License-Identifier: Apache-2.0
package import Documents
package import Policy

extension SimplePage {
    /// The type of the form with times of upload.
    package static let jsonType = "application/vnd.pypi.simple.v1+json"

    /// Reads the JSON form. Members that are not known are passed over, as PEP 691 has it.
    package init(json bytes: [UInt8], at page: PackageLocation) throws(Flaw) {
        let text: JSONText
        do throws(JSONText.Flaw) { text = try JSONText(bytes, limits: .init(depth: 32, values: 4_000_000)) } catch {
            throw Flaw(reason: "it is no JSON (\(error.reason) at \(error.offset))")
        }
        guard let version = text.root["meta"]?["api-version"]?.string, version.hasPrefix("1.") else {
            throw Flaw(reason: "it has another version of the simple API")
        }
        guard let list = text.root["files"], list.kind == .array else { throw Flaw(reason: "it has no files") }
        self.init()
        for item in list.elements {
            guard let name = item["filename"]?.string, PackageRoute.isFile(name),
                let location = item["url"]?.string.flatMap({ page.resolving($0) })
            else {
                unusable += 1
                continue
            }
            var file = File(name, location)
            file.hashes =
                item["hashes"]?.members.compactMap { name, value in
                    value.string.flatMap { Hash(name, $0) }
                } ?? []
            file.requiresPython = item["requires-python"]?.string
            if let yanked = item["yanked"] { file.yanked = yanked.bool == true ? "" : yanked.string }
            let metadata = item["core-metadata"] ?? item["dist-info-metadata"]
            file.hasMetadata = metadata?.bool == true || metadata?.kind == .object
            file.uploaded = item["upload-time"]?.string.flatMap { UploadTime.seconds($0) }
            try add(file)
        }
    }

    /// The JSON form, with addresses here.
    package func json(of name: PackageName) -> JSON {
        [
            "meta": ["api-version": "1.0"], "name": .string(name.text),
            "files": .array(files.map { $0.json(of: name) }),
        ]
    }
}

extension SimplePage.File {
    /// Where it is found here.
    func address(of package: PackageName) -> String { "http://\(PackageRoute.host)/files/\(package)/\(name)" }

    fileprivate func json(of package: PackageName) -> JSON {
        var members: [JSON.Member] = [
            .init("filename", .string(name)), .init("url", .string(address(of: package))),
            .init("hashes", .object(hashes.map { .init($0.algorithm, .string($0.digits)) })),
        ]
        if let requiresPython { members.append(.init("requires-python", .string(requiresPython))) }
        if let yanked { members.append(.init("yanked", yanked.isEmpty ? .bool(true) : .string(yanked))) }
        // Both names: the first is that of newer clients.
        if hasMetadata {
            members += [.init("core-metadata", .bool(true)), .init("dist-info-metadata", .bool(true))]
        }
        return .object(members)
    }
}

/// A time as PEP 700 has it: `2022-11-09T12:30:00.123456Z`.
enum UploadTime {
    /// Seconds since 1970; nil for another form.
    static func seconds(_ text: String) -> Int64? {
        let bytes = Array(text.utf8)
        guard bytes.count >= 20, bytes.last == UInt8(ascii: "Z"), bytes[4] == 0x2D, bytes[7] == 0x2D,
            bytes[10] == UInt8(ascii: "T"), bytes[13] == 0x3A, bytes[16] == 0x3A,
            bytes.count == 20 || bytes[19] == UInt8(ascii: ".") && bytes[20..<(bytes.count - 1)].allSatisfy(isDigit),
            let year = number(bytes[0..<4]), let month = number(bytes[5..<7]), let day = number(bytes[8..<10]),
            let hour = number(bytes[11..<13]), let minute = number(bytes[14..<16]),
            let second = number(bytes[17..<19]), year >= 1970, (1...12).contains(month), (1...31).contains(day),
            hour < 24, minute < 60, second <= 60
        else { return nil }
        return days(year, month, day) * 86_400 + hour * 3600 + minute * 60 + second
    }

    /// Days since 1970, by years that begin in March: then the odd day of a leap year is the last one.
    private static func days(_ year: Int64, _ month: Int64, _ day: Int64) -> Int64 {
        let shifted = month > 2 ? year : year - 1
        let inYear = (153 * ((month + 9) % 12) + 2) / 5 + day - 1
        return shifted * 365 + shifted / 4 - shifted / 100 + shifted / 400 + inYear - 719_468
    }

    private static func number(_ digits: ArraySlice<UInt8>) -> Int64? {
        guard digits.allSatisfy(isDigit) else { return nil }
        return digits.reduce(0) { $0 * 10 + Int64($1 - 0x30) }
    }

    private static func isDigit(_ byte: UInt8) -> Bool { (0x30...0x39).contains(byte) }
}
