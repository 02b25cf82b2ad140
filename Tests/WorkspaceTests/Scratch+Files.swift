// SPDX-License-Identifier: Apache-2.0
import Foundation
import Testing

extension Scratch {
    func exists(_ name: String) -> Bool { FileManager.default.fileExists(atPath: "\(path)/\(name)") }

    func names(_ directory: String) throws -> [String] {
        try FileManager.default.contentsOfDirectory(atPath: "\(path)/\(directory)").sorted()
    }

    /// Every file below a directory with its bytes and time of change, for "nothing was touched".
    func listing(_ name: String) throws -> [String: String] {
        let top = "\(path)/\(name)"
        var result: [String: String] = [:]
        for file in try FileManager.default.subpathsOfDirectory(atPath: top) {
            let attributes = try FileManager.default.attributesOfItem(atPath: "\(top)/\(file)")
            let bytes = FileManager.default.contents(atPath: "\(top)/\(file)")?.base64EncodedString() ?? "directory"
            let changed = attributes[.modificationDate] as? Date
            result[file] = "\(changed?.timeIntervalSince1970 ?? 0) \(bytes)"
        }
        try #require(!result.isEmpty)
        return result
    }

    /// A line for `update-index --index-info -z` that puts an empty file under a name of any bytes.
    func indexEntry(_ name: [UInt8]) throws -> [UInt8] {
        let blob = try git("source", "hash-object", "-w", "--stdin")
        return Array("100644 \(blob)\t".utf8) + name + [0]
    }
}
