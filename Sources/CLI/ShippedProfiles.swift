// SPDX-License-Identifier: Apache-2.0
internal import Glibc

/// Where the files of `profiles/` are: installed beside a program, or in the source tree that it was built in.
package enum ShippedProfiles {
    /// - Parameter programs: The directory of the running program.
    /// - Returns: `../share/sallyport/profiles`, or `profiles` of the nearest source tree above; nil when there is neither.
    package static func directory(beside programs: String) -> String? {
        let installed = programs + "/../share/sallyport/profiles"
        if exists(installed + "/strict.yaml") { return installed }
        var directory = programs
        while !directory.isEmpty {
            if exists(directory + "/Package.swift") && exists(directory + "/profiles/strict.yaml") {
                return directory + "/profiles"
            }
            guard let slash = directory.lastIndex(of: "/") else { break }
            directory = String(directory[..<slash])
        }
        return nil
    }

    private static func exists(_ path: String) -> Bool { access(path, F_OK) == 0 }
}
