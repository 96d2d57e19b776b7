// What stands for a channel in the geometry.

/// How a channel becomes a point.
public enum PointRepresentation: String, Sendable, Codable, CaseIterable {
    case incoming, outgoing, product, function
}
