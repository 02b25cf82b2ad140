// SPDX-License-Identifier: Apache-2.0

extension ModelRequest {
    /// Judges a request whole, and builds the one that goes to the vendor.
    ///
    /// The budget is asked afterwards, with ``AdmittedRequest/estimate`` and ``AdmittedRequest/ceiling``.
    package func admitted(
        by policy: ModelPolicy, prices: PriceTable
    ) throws(ModelRefusal) -> AdmittedRequest {
        throw ModelRefusal(.route, "no request is served yet", remedy: "")
    }
}

extension ModelRoute {
    /// Finds the route of a request from its head alone, so that a body nobody wants is never read.
    package static func find(
        method: String, target: String, fields: [ModelField], policy: ModelPolicy
    ) throws(ModelRefusal) -> ModelRoute {
        throw ModelRefusal(.route, "no request is served yet", remedy: "")
    }
}
