// Settings that have a name.

/// A named combination of settings.
public enum Recipe: String, Sendable, Codable, CaseIterable {
    /// What measures best.
    case best
    /// Löwner ellipsoid → Carathéodory → peeling → sampling → coreset weights, as published.
    case paper
}
