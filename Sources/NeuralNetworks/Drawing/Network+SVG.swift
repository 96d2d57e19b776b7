// The graph as a picture that needs nothing else.

extension Network {
    /// The graph as an SVG document (``NetworkDrawing``).
    /// - Parameter smaller: this network after pruning; arrows then say how many channels it has.
    /// - Throws: ``NetworkError`` when a layer's tensors are missing or misshapen.
    public func svg(comparedWith smaller: Network? = nil) throws(NetworkError) -> String {
        try NetworkDrawing(self, comparedWith: smaller).document
    }
}
