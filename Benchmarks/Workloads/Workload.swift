// What is timed. One workload is one name at one size: prepare once, run many times, verify first and last.

/// A named size, for example n = 1000.
package struct Size: Sendable, Equatable {
    package let name: String
    package let value: Int

    package init(_ name: String, _ value: Int) {
        self.name = name
        self.value = value
    }
}

/// Work at one size, described but not yet prepared.
package struct Workload: Sendable {
    package let suite: Suite
    /// What is computed, in a few words; unique in its suite together with the sizes.
    package let name: String
    package let sizes: [Size]
    package let tier: Tier
    /// Comparisons that make sense for this workload.
    package let comparisons: Set<Comparison>
    /// The size that varies when this workload belongs to a scaling sweep.
    package let sweep: String?
    /// Builds the inputs, deterministic; not timed.
    package let prepare: @Sendable () throws -> Instance

    package init(
        _ suite: Suite, _ name: String, _ sizes: [Size], tier: Tier = .quick, comparisons: Set<Comparison> = [],
        sweep: String? = nil, prepare: @escaping @Sendable () throws -> Instance
    ) {
        self.suite = suite
        self.name = name
        self.sizes = sizes
        self.tier = tier
        self.comparisons = comparisons
        self.sweep = sweep
        self.prepare = prepare
    }

    /// "kernels/cholesky n=1000": stable between versions, the key by which results are compared.
    package var identifier: String { "\(suite.rawValue)/\(name) \(sizeText)" }

    /// "n=1000 d=20".
    package var sizeText: String { sizes.map { "\($0.name)=\($0.value)" }.joined(separator: " ") }
}

/// Prepared work.
package struct Instance {
    /// Floating-point operations of one run by the textbook count; `nil` when the count depends on the data.
    package var flops: Double?
    /// Bytes that one run must read at least once; `nil` when meaningless.
    package var bytes: Double?
    /// Whether the work is in single precision (its roof is another).
    package var singlePrecision = false
    /// Runs the product's code once.
    package var run: () throws -> Answer
    /// The same work in plain Swift.
    package var plain: (() throws -> Answer)?
    /// The same work for other programs.
    package var peer: PeerInput?

    package init(
        flops: Double? = nil, bytes: Double? = nil, singlePrecision: Bool = false, run: @escaping () throws -> Answer,
        plain: (() throws -> Answer)? = nil, peer: PeerInput? = nil
    ) {
        self.flops = flops
        self.bytes = bytes
        self.singlePrecision = singlePrecision
        self.run = run
        self.plain = plain
        self.peer = peer
    }
}

/// The result of one run, with what it takes to check it.
package struct Answer {
    /// Iterations of the method, where it iterates.
    package var iterations: Int?
    /// How an error falls with what is kept, for the report; not timed.
    package var curve: (() -> ErrorCurve)?
    /// Recomputes the error of this answer from the inputs, with loops of its own. Not timed.
    package var check: () throws -> Verification

    package init(iterations: Int? = nil, curve: (() -> ErrorCurve)? = nil, check: @escaping () throws -> Verification) {
        self.iterations = iterations
        self.curve = curve
        self.check = check
    }
}

/// How wrong an answer is, and how wrong it may be.
package struct Verification: Sendable {
    /// What `error` measures, in a few words.
    package let measure: String
    package let error: Double
    package let tolerance: Double

    package init(_ measure: String, error: Double, tolerance: Double) {
        self.measure = measure
        self.error = error
        self.tolerance = tolerance
    }

    /// NaN never passes.
    package var passed: Bool { error <= tolerance }

    /// What is wrong; `nil` when nothing is.
    package var failure: String? { passed ? nil : "expected \(measure) at most \(tolerance), found \(error)" }
}
