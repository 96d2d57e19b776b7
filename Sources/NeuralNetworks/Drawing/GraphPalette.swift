// The colors of drawn graphs, and what tells the kinds apart without them.

/// Three fills that differ in hue for every kind of color vision (blue, orange, grey), each with an outline of its own.
enum GraphPalette {
    static func light(_ kind: DrawnGraph.Kind) -> (fill: String, stroke: String) {
        switch kind {
        case .plain: ("#ffffff", "#5b6875")
        case .cuttable: ("#cfe2ff", "#1f5fbf")
        case .stream: ("#ffdfb0", "#a65300")
        case .whole: ("#e2e4e7", "#5b6875")
        }
    }

    static func dark(_ kind: DrawnGraph.Kind) -> (fill: String, stroke: String) {
        switch kind {
        case .plain: ("#14191f", "#9aa7b4")
        case .cuttable: ("#1d3d6b", "#6ea8ff")
        case .stream: ("#63400f", "#ffb45e")
        case .whole: ("#39424c", "#9aa7b4")
        }
    }

    /// Dashes of the outline.
    static func dashes(_ kind: DrawnGraph.Kind) -> String {
        switch kind {
        case .plain, .cuttable: "none"
        case .stream: "9 3"
        case .whole: "3 3"
        }
    }

    static func meaning(_ kind: DrawnGraph.Kind) -> String {
        switch kind {
        case .plain: "no channels of its own"
        case .cuttable: "channels may be cut"
        case .stream: "residual stream, cut when asked for"
        case .whole: "stays whole"
        }
    }
}
