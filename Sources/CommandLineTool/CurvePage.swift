// `curve --report C.html`: what every size costs and does, drawn.

enum CurvePage {
    static func html(_ curve: SizeCurve) -> String {
        var page = HTMLPage(title: "\(curve.model) at every size")
        page.tiles(tiles(curve))
        page.paragraph(
            "Every point is a network of its own, planned from one measurement of the original; nothing was retrained. Left of the chart is cheaper, higher is better."
        )
        if let phrase = curve.predictionPhrase { page.paragraph(phrase.prefix(1).uppercased() + phrase.dropFirst() + ".") }
        page.section("What stays of the answers")
        page.charts(
            [
                quality(curve, "Answers over parameters", "parameters kept, % of the original") { point in
                    Double(point.parameters) / Double(max(curve.parameters, 1))
                }
            ]
                + (curve.macs.map { whole in
                    [
                        quality(curve, "Answers over multiply–adds", "multiply–adds kept, % of the original") { point in
                            Double(point.macs ?? whole) / Double(max(whole, 1))
                        }
                    ]
                } ?? []))
        page.section("What is saved")
        page.charts([
            savings(curve, "Size of the file", "% of the original's \(Format.bytes(curve.bytes))") {
                Double($0.bytes) / Double(max(curve.bytes, 1))
            },
            savings(curve, "Time of \(curve.latencyBatch) inputs, \(curve.threads) threads", "% of the original's, timed in turns") {
                1 / $0.speedup
            },
        ])
        page.section("Numbers")
        let (header, rows) = curve.table
        page.table(header, rows)
        page.paragraph(
            "Same class: share of the evaluation inputs that both networks put into the same class, whatever the label. Speedup: the median ratio of both networks timed in turns; on a busy machine it need not be the ratio of the median times beside it. A dash means that the number was not computed."
        )
        if !curve.unreachable.isEmpty {
            page.note(
                "No choice of channels reaches --\(curve.budget) \(curve.unreachable.map(Format.number).joined(separator: ", ")): what is not cut, or not allowed to be, is more than that."
            )
        }
        return page.text()
    }

    private static func tiles(_ curve: SizeCurve) -> [(value: String, caption: String)] {
        var tiles = [
            (Format.count(curve.parameters), "parameters of the original"), (Format.bytes(curve.bytes), "in its file"),
        ]
        if let macs = curve.macs { tiles.append((Format.count(macs), "multiply–adds per input")) }
        if let accuracy = curve.accuracy {
            let count = curve.evaluationCount.map { " of \(Format.count($0)) inputs" } ?? ""
            tiles.append((Format.fixed(100 * accuracy, 2) + " %", "right answers\(count)"))
        }
        return tiles
    }

    private static func quality(
        _ curve: SizeCurve, _ title: String, _ axis: String, _ x: (SizeCurve.Point) -> Double
    ) -> (drawing: SVG, label: String) {
        let measures: [(String, XYChart.Series.Mark, (SizeCurve.Point) -> Double?)] = [
            ("accuracy", .linePoints, \.accuracy), ("same class as the original", .dashes, \.agreement),
            ("same class, predicted", .line, \.predictedAgreement),
        ]
        var series: [XYChart.Series] = []
        for (color, (name, mark, value)) in measures.enumerated() {
            let known = curve.points.compactMap { point in value(point).map { (point, $0) } }
            guard !known.isEmpty else { continue }
            // Alone, the prediction is what the page is about.
            series.append(
                XYChart.Series(
                    name: name, points: known.map { (100 * x($0.0), 100 * $0.1) }, mark: curve.accuracy == nil ? .linePoints : mark,
                    color: color,
                    titles: known.map { "--\(curve.budget) \(Format.number($0.0.share)): \(name) \(Format.percent($0.1))" }))
        }
        if let accuracy = curve.accuracy {
            series.append(
                XYChart.Series(
                    name: "the original's accuracy", points: [(0, 100 * accuracy), (100, 100 * accuracy)], mark: .dashes, color: 3))
        }
        let drawing = XYChart(
            title: title, xLabel: axis, yLabel: "%", xScale: AxisScale(from: 0, to: 100, step: 20),
            yScale: AxisScale(.linear, covering: series.flatMap { $0.points.map(\.y) }), series: series
        ).drawing()
        return (drawing, title)
    }

    private static func savings(
        _ curve: SizeCurve, _ title: String, _ axis: String, _ y: (SizeCurve.Point) -> Double
    ) -> (drawing: SVG, label: String) {
        let points = curve.points.map { (x: 100 * $0.share, y: 100 * y($0)) }
        let drawing = XYChart(
            title: title, xLabel: "--\(curve.budget), %", yLabel: axis, xScale: AxisScale(from: 0, to: 100, step: 20),
            yScale: AxisScale(.linear, covering: points.map(\.y) + [100], includingZero: true),
            series: [
                XYChart.Series(
                    name: title, points: points, mark: .linePoints, color: 0, inLegend: false,
                    titles: zip(curve.points, points).map { "\(Format.number($0.share)): \(Format.fixed($1.y, 1)) %" })
            ]
        ).drawing()
        return (drawing, title)
    }
}
