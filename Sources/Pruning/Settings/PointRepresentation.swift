// What stands for a channel in the geometry.

/// How a channel becomes a point.
///
/// Channel i has an incoming vector (pᵢ, bᵢ), batch normalization folded in, an outgoing vector Vᵢ, and under an input model a
/// covariance C with the others. Source: Tukan, Mualem & Maalouf, NeurIPS 2022 (arXiv 2209.08554) for `incoming`.
public enum PointRepresentation: String, Sendable, Codable, CaseIterable {
    /// (pᵢ, bᵢ): what the channel responds to. Says little where there are fewer channels than inputs.
    case incoming
    /// Vᵢ: what the next layers make of it.
    case outgoing
    /// ‖Vᵢ‖·(pᵢ, bᵢ): positive homogeneity folds the outgoing weight into the point.
    case product
    /// fᵢ with ⟨fᵢ, fⱼ⟩ = ⟨Vᵢ, Vⱼ⟩·Cᵢⱼ: the function a channel contributes. Needs an input model.
    case function
}
