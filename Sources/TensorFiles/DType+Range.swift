extension DType {
    /// The largest Float that rounds to a finite value of this type; nil where every finite Float does, and for integers.
    package var largestRoundable: Float? {
        switch self {
        // Half way between 65504 and the next number there would be, which itself rounds up.
        case .f16: Float(65520).nextDown
        // The same for bf16, whose largest is 2¹²⁷·(2 − 2⁻⁷).
        case .bf16: Float(bitPattern: 0x7f7f_8000).nextDown
        default: nil
        }
    }
}
