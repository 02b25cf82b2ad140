// SPDX-License-Identifier: Apache-2.0
internal import CGit2

/// Hands the objects of a ``LeftStore`` to libgit2, which holds each against its name.
enum LeftBackend {
    /// - Returns: A backend that frees itself, and lets go of the store, when its database does.
    static func make(_ store: LeftStore) -> UnsafeMutablePointer<git_odb_backend> {
        let made = UnsafeMutablePointer<sp_left_backend>.allocate(capacity: 1)
        made.initialize(to: sp_left_backend())
        made.pointee.store = Unmanaged.passRetained(store).toOpaque()
        let backend = UnsafeMutableRawPointer(made).assumingMemoryBound(to: git_odb_backend.self)
        backend.pointee.version = UInt32(GIT_ODB_BACKEND_VERSION)
        backend.pointee.exists = { backend, id in
            guard let store = LeftBackend.store(backend), let id else { return 0 }
            return store.contains(LeftBackend.bytes(id)) ? 1 : 0
        }
        backend.pointee.read_header = { size, type, backend, id in
            LeftBackend.answer { () throws(LeftFlaw) in
                guard let store = LeftBackend.store(backend), let id, let size, let type,
                    let header = try store.header(of: LeftBackend.bytes(id))
                else { return GIT_ENOTFOUND.rawValue }
                size.pointee = header.size
                type.pointee = git_object_t(Int32(header.kind.rawValue))
                return 0
            }
        }
        backend.pointee.read = { data, size, type, backend, id in
            LeftBackend.answer { () throws(LeftFlaw) in
                guard let store = LeftBackend.store(backend), let id, let data, let size, let type,
                    let object = try store.object(LeftBackend.bytes(id))
                else { return GIT_ENOTFOUND.rawValue }
                // Freed by libgit2, which also wants room for a NUL behind it.
                guard let room = git_odb_backend_data_alloc(backend, object.bytes.count + 1) else {
                    throw LeftFlaw(reason: "there is no memory for it")
                }
                object.bytes.withUnsafeBytes {
                    room.copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(room), byteCount: $0.count)
                }
                room.storeBytes(of: 0, toByteOffset: object.bytes.count, as: UInt8.self)
                data.pointee = room
                size.pointee = object.bytes.count
                type.pointee = git_object_t(Int32(object.kind.rawValue))
                return 0
            }
        }
        backend.pointee.free = { backend in
            guard let backend else { return }
            let made = UnsafeMutableRawPointer(backend).assumingMemoryBound(to: sp_left_backend.self)
            if let store = made.pointee.store { Unmanaged<LeftStore>.fromOpaque(store).release() }
            made.deallocate()
        }
        return backend
    }

    private static func store(_ backend: UnsafeMutablePointer<git_odb_backend>?) -> LeftStore? {
        guard let backend else { return nil }
        let made = UnsafeMutableRawPointer(backend).assumingMemoryBound(to: sp_left_backend.self)
        return made.pointee.store.map { Unmanaged<LeftStore>.fromOpaque($0).takeUnretainedValue() }
    }

    private static func bytes(_ id: UnsafePointer<git_oid>) -> [UInt8] {
        withUnsafeBytes(of: id.pointee.id) { Array($0) }
    }

    private static func answer(_ body: () throws(LeftFlaw) -> Int32) -> Int32 {
        do throws(LeftFlaw) {
            return try body()
        } catch {
            git_error_set_str(Int32(GIT_ERROR_ODB.rawValue), error.reason)
            return GIT_ERROR.rawValue
        }
    }
}
