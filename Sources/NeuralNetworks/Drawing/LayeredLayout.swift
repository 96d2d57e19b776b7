// Layered drawing of a directed acyclic graph (Sugiyama, Tagawa & Toda, IEEE Trans. Syst. Man Cybern. 1981): longest-path
// layers, dummy vertices on long arrows, barycenter sweeps against crossings, then coordinates by averaging neighbours.

/// Where boxes and the bends of arrows go.
struct LayeredLayout: Sendable {
    struct Point: Sendable, Equatable {
        var x: Double
        var y: Double
    }

    /// Center of every box.
    private(set) var centers: [Point] = []
    /// Points that every arrow passes between its ends.
    private(set) var bends: [[Point]] = []
    private(set) var width = 0.0
    private(set) var height = 0.0

    /// - Parameters:
    ///   - sizes: width and height per box, boxes in topological order.
    ///   - arrows: pairs of positions, from a lower to a higher one.
    init(sizes: [(width: Double, height: Double)], arrows: [(from: Int, to: Int)], gap: Double = 28) {
        guard !sizes.isEmpty else { return }
        var layer = [Int](repeating: 0, count: sizes.count)
        for arrow in arrows.sorted(by: { $0.to < $1.to }) { layer[arrow.to] = max(layer[arrow.to], layer[arrow.from] + 1) }

        // Vertices: boxes, then one dummy per layer that an arrow crosses.
        var widths = sizes.map(\.width)
        var segments: [(from: Int, to: Int)] = []
        var dummies: [[Int]] = []
        for arrow in arrows {
            var chain: [Int] = []
            var previous = arrow.from
            for between in stride(from: layer[arrow.from] + 1, to: layer[arrow.to], by: 1) {
                layer.append(between)
                widths.append(8)
                chain.append(widths.count - 1)
                segments.append((previous, widths.count - 1))
                previous = widths.count - 1
            }
            segments.append((previous, arrow.to))
            dummies.append(chain)
        }
        var rows = [[Int]](repeating: [], count: (layer.max() ?? 0) + 1)
        for vertex in widths.indices { rows[layer[vertex]].append(vertex) }
        var up = [[Int]](repeating: [], count: widths.count)
        var down = up
        for segment in segments {
            down[segment.from].append(segment.to)
            up[segment.to].append(segment.from)
        }

        Self.reduceCrossings(&rows, up: up, down: down)
        let x = Self.horizontal(rows, widths: widths, up: up, down: down, gap: gap)
        var rowTops: [Double] = []
        var y = gap
        var rowHeights: [Double] = []
        for row in rows {
            let height = row.map { $0 < sizes.count ? sizes[$0].height : 0 }.max() ?? 0
            rowTops.append(y)
            rowHeights.append(height)
            y += height + gap
        }
        func point(_ vertex: Int) -> Point { Point(x: x[vertex], y: rowTops[layer[vertex]] + rowHeights[layer[vertex]] / 2) }
        centers = sizes.indices.map(point)
        bends = dummies.map { $0.map(point) }
        width = widths.indices.map { x[$0] + widths[$0] / 2 }.max().map { $0 + gap } ?? 0
        height = y
    }

    /// Orders every row by the mean place of its neighbours, downwards and upwards in turn.
    private static func reduceCrossings(_ rows: inout [[Int]], up: [[Int]], down: [[Int]]) {
        var place = [Double](repeating: 0, count: up.count)
        for row in rows { for (index, vertex) in row.enumerated() { place[vertex] = Double(index) } }
        for sweep in 0..<8 {
            let isDownwards = sweep % 2 == 0
            for index in isDownwards ? Array(rows.indices) : rows.indices.reversed() {
                let keyed = rows[index].map { vertex -> (vertex: Int, key: Double) in
                    let neighbours = isDownwards ? up[vertex] : down[vertex]
                    guard !neighbours.isEmpty else { return (vertex, place[vertex]) }
                    return (vertex, neighbours.reduce(0) { $0 + place[$1] } / Double(neighbours.count))
                }
                rows[index] = keyed.sorted { ($0.key, $0.vertex) < ($1.key, $1.vertex) }.map(\.vertex)
                for (position, vertex) in rows[index].enumerated() { place[vertex] = Double(position) }
            }
        }
    }

    /// Moves every vertex towards its neighbours while rows keep their order and gaps.
    private static func horizontal(_ rows: [[Int]], widths: [Double], up: [[Int]], down: [[Int]], gap: Double) -> [Double] {
        var x = [Double](repeating: 0, count: widths.count)
        for row in rows {
            var right = 0.0
            for vertex in row {
                x[vertex] = right + widths[vertex] / 2
                right += widths[vertex] + gap
            }
            // Rows start out centered on each other.
            for vertex in row { x[vertex] -= (right - gap) / 2 }
        }
        for sweep in 0..<12 {
            let isDownwards = sweep % 2 == 0
            for row in isDownwards ? rows : rows.reversed() {
                let wanted = row.map { vertex -> Double in
                    let neighbours = isDownwards ? up[vertex] : down[vertex]
                    return neighbours.isEmpty ? x[vertex] : neighbours.reduce(0) { $0 + x[$1] } / Double(neighbours.count)
                }
                // Nearest positions that respect the gaps: the mean of pushing right and pushing left.
                var right = wanted
                for i in row.indices.dropFirst() {
                    right[i] = max(right[i], right[i - 1] + (widths[row[i - 1]] + widths[row[i]]) / 2 + gap)
                }
                var left = wanted
                for i in row.indices.dropLast().reversed() {
                    left[i] = min(left[i], left[i + 1] - (widths[row[i + 1]] + widths[row[i]]) / 2 - gap)
                }
                for (i, vertex) in row.enumerated() { x[vertex] = (left[i] + right[i]) / 2 }
            }
        }
        let shift = x.indices.map { x[$0] - widths[$0] / 2 }.min() ?? 0
        return x.map { $0 - shift + gap }
    }
}
