// What a channel computes, up to a factor and a constant.
//
//   h = scale·T + offset                                                                                  (1)
// T is a term: a function of the network's inputs over samples and places. Two channels with the same term are multiples of
// each other up to a constant, whatever the inputs are. Terms are numbered by a table that recognizes equal ones: the same
// operation on the same terms with the same coefficients, to the rounding of Float32.

/// The form (1) of one channel.
struct ChannelForm: Sendable, Equatable {
    /// Number of T; meaningless when `scale` is 0.
    var term: Int
    var scale: Double
    var offset: Double

    static func constant(_ value: Double) -> ChannelForm { ChannelForm(term: -1, scale: 0, offset: value) }

    var isConstant: Bool { scale == 0 }

    /// factor·h + shift.
    func mapped(_ factor: Double, _ shift: Double) -> ChannelForm {
        let moved = offset * factor + shift
        return scale * factor == 0 ? .constant(moved) : ChannelForm(term: term, scale: scale * factor, offset: moved)
    }
}

/// The channels of one value, along one axis of a sample; the other axes are places.
struct ChannelForms: Sendable {
    var axis: Int
    var forms: [ChannelForm]
}

/// Lower and upper bound of a term for every input.
struct TermBounds: Sendable, Equatable {
    var lower: Double
    var upper: Double

    static let unbounded = TermBounds(lower: -.infinity, upper: .infinity)

    /// Bounds of scale·T + offset.
    func mapped(_ form: ChannelForm) -> TermBounds {
        if form.isConstant { return TermBounds(lower: form.offset, upper: form.offset) }
        let (a, b) = (form.scale * lower + form.offset, form.scale * upper + form.offset)
        return form.scale > 0 ? TermBounds(lower: a, upper: b) : TermBounds(lower: b, upper: a)
    }

    /// Bounds where zeros may join, as padding does.
    var withZero: TermBounds { TermBounds(lower: Swift.min(lower, 0), upper: Swift.max(upper, 0)) }
}
