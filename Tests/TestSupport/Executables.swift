// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Where the programs under test lie: beside the test bundle, or where SALLYPORT_TEST_BIN says.
package enum Executables {
    /// The build directory that holds this test bundle and the executables of the same build.
    package static let directory: String = {
        if let named = getenv("SALLYPORT_TEST_BIN") { return String(cString: named) }
        var buffer = [UInt8](repeating: 0, count: 4096)
        let length = buffer.withUnsafeMutableBytes {
            readlink("/proc/self/exe", $0.baseAddress!.assumingMemoryBound(to: CChar.self), $0.count)
        }
        let path = String(decoding: buffer.prefix(max(0, length)), as: UTF8.self)
        return String(path[..<(path.lastIndex(of: "/") ?? path.startIndex)])
    }()

    package static func path(_ name: String) -> String { "\(directory)/\(name)" }

    package static var sallyport: String { path("sallyport") }
    package static var probe: String { path("sp-probe") }

    /// The root of the source tree, from the place of this file in it.
    package static let sources: String = {
        let parts = #filePath.split(separator: "/").dropLast(3)
        return "/" + parts.joined(separator: "/")
    }()
}
