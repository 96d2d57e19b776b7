// The vocabulary of BLAS as Swift types. The routines are in BLAS+Double.swift and BLAS+Float.swift.

internal import CLapack

/// Thin package-level façade of the BLAS routines in use. Column-major throughout.
package enum BLAS {
    package enum Transpose: Sendable { case normal, transposed }
    package enum Triangle: Sendable { case lower, upper }
    package enum Side: Sendable { case left, right }
    package enum Diagonal: Sendable { case unit, nonUnit }

    /// BLAS integer; a dimension of 2³¹ or more is a programmer error here: public entry points check sizes first.
    @inline(__always)
    static func int(_ value: Int) -> Int32 { Int32(value) }
}

extension BLAS.Transpose {
    var cblas: CBLAS_TRANSPOSE { self == .normal ? CblasNoTrans : CblasTrans }
    var letter: CChar { self == .normal ? 78 : 84 }  // "N", "T"
}

extension BLAS.Triangle {
    var cblas: CBLAS_UPLO { self == .lower ? CblasLower : CblasUpper }
    var letter: CChar { self == .lower ? 76 : 85 }  // "L", "U"
}

extension BLAS.Side {
    var cblas: CBLAS_SIDE { self == .left ? CblasLeft : CblasRight }
    var letter: CChar { self == .left ? 76 : 82 }  // "L", "R"
}

extension BLAS.Diagonal {
    var cblas: CBLAS_DIAG { self == .unit ? CblasUnit : CblasNonUnit }
    var letter: CChar { self == .unit ? 85 : 78 }  // "U", "N"
}
