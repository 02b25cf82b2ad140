// SPDX-License-Identifier: Apache-2.0
import Glibc
import TestSupport
import Testing

/// The programs of this build as an operator installs them, readable by everybody.
struct Installation {
    let home: Scratch
    var sallyport: String { home.at("bin/sallyport") }

    init() throws {
        home = try Scratch()
        let programs = try home.directory("bin")
        let share = try home.directory("share")
        for program in ["", "-task", "-gateway", "-broker", "-runner"].map({ "sallyport" + $0 }) + ["sp-init"] {
            try #require(try Command("/bin/cp", [Executables.path(program), programs]).run().code == 0)
        }
        try home.directory("share/sallyport")
        let profiles = Executables.sources + "/profiles"
        try #require(try Command("/bin/cp", ["-r", profiles, share + "/sallyport"]).run().code == 0)
        try #require(try Command("/bin/chmod", ["-R", "u=rwX,go=rX", programs, share]).run().code == 0)
    }

    /// A command with another id, and no right that it could get back.
    static func become(_ uid: UInt32) -> [String] {
        [
            "/usr/bin/setpriv", "--reuid", "\(uid)", "--regid", "\(uid)", "--clear-groups", "--inh-caps=-all",
            "--bounding-set=-all",
        ]
    }
}

/// Another machine, as far as one machine can show it: a root file system with a Debian's programs in /usr, read-only, and
/// otherwise next to nothing: no certificates, no alternatives, no cache of the linker. No directory of the host's operator is in it.
struct FreshRoot {
    let installation: Installation
    private let scratch: Scratch

    init(_ installation: Installation) throws {
        self.installation = installation
        scratch = try Scratch()
    }

    // pivot_root, not chroot: the kernel refuses user namespaces to a process in a chroot. user_namespaces(7), EPERM
    private static let enter = """
        set -eu
        root=$1 installed=$2 bundle=$3 key=$4 uid=$5 packages=$6; shift 6
        mount --bind "$root" "$root"; cd "$root"
        mkdir -p usr etc dev proc sys run tmp var/lib/dpkg home/me opt/sallyport old
        for link in bin sbin lib lib64; do ln -s "usr/$link" "$link"; done
        chmod 1777 tmp
        mount --bind /usr usr; mount -o remount,bind,ro usr
        mount --bind "$installed" opt/sallyport; mount -o remount,bind,ro opt/sallyport
        printf 'root:x:0:0::/root:/bin/sh\\nme:x:4343:4343::/home/me:/bin/sh\\n' >etc/passwd
        cp /var/lib/dpkg/status var/lib/dpkg; printf %s "$packages" >>var/lib/dpkg/status
        cp -r "$bundle" home/me/bundle; cp "$key" home/me/key; chown -R "$uid" home/me
        mount --rbind /dev dev; mount --rbind /sys sys; mount -t proc proc proc; mount -t tmpfs -o mode=0755 run run
        pivot_root . old; umount -l old; cd /home/me
        exec env -i PATH=/usr/sbin:/usr/bin:/sbin:/bin HOME=/home/me LANG=C XDG_RUNTIME_DIR=/home/me/run "$@"
        """

    /// Reproduces a bundle there.
    ///
    /// - Parameter packages: What its list of packages has beside the host's.
    func reproduce(
        _ bundle: String, key: String, as uid: UInt32, packages: String = "", _ options: [String] = []
    ) throws -> Finished {
        let root = try scratch.directory("root\(UInt32.random(in: 0...UInt32.max))")
        let become = uid == 0 ? [] : Installation.become(uid)
        let command = become + ["/opt/sallyport/bin/sallyport", "reproduce", "bundle", "--key", "key"] + options
        return try Command(
            "/usr/bin/unshare",
            [
                "--mount", "--propagation", "private", "/bin/sh", "-c", Self.enter, "fresh", root,
                installation.home.path, bundle, key, "\(uid)", packages,
            ] + command
        ).run()
    }
}
