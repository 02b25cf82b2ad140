// SPDX-License-Identifier: Apache-2.0

extension RequestHead {
    /// Fields by which frameworks let a client replace the method or the path after the server has routed it.
    static let overriding: Set<String> = [
        "x-http-method", "x-http-method-override", "x-method-override", "x-original-url", "x-rewrite-url",
        "x-original-uri", "x-forwarded-prefix", "x-forwarded-uri",
    ]

    /// True where the server may take another method or path than those that a rule compares.
    package var overridesItself: Bool { fields.contains { Self.overriding.contains($0.key) } }
}
