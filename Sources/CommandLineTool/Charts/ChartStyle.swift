import Foundation

/// Colors and strokes of every chart and report, for light and dark paper. The six of the series are at least 30 apart in CIELAB for
/// normal color vision, deuteranopia and protanopia (simulated after Machado, Oliveira & Fernandes 2009), and their lines differ in dashes.
enum ChartStyle {
    private static let light: [(name: String, color: String)] = [
        ("paper", "#ffffff"), ("ink", "#1c2530"), ("soft", "#5b6875"), ("rule", "#d8dee5"), ("band", "#f4f6f8"),
        ("c0", "#1f5fbf"), ("c1", "#d9660a"), ("c2", "#21988f"), ("c3", "#3e0a5b"), ("c4", "#503907"), ("c5", "#341523"),
        ("good", "#15703a"), ("bad", "#b3261e"), ("warn", "#8a5a00"),
    ]
    private static let dark: [(name: String, color: String)] = [
        ("paper", "#14191f"), ("ink", "#e6ebf0"), ("soft", "#9aa7b4"), ("rule", "#313b46"), ("band", "#1c232b"),
        ("c0", "#6ea8ff"), ("c1", "#ffa25e"), ("c2", "#85d8d4"), ("c3", "#c225a1"), ("c4", "#f9f5c0"), ("c5", "#d66d6e"),
        ("good", "#5fd08a"), ("bad", "#ff8a80"), ("warn", "#f0c35a"),
    ]

    /// Custom properties; the dark set applies where the reader prefers dark, never in print.
    static let variables = """
        :root{\(properties(light))}
        @media screen and (prefers-color-scheme:dark){:root{\(properties(dark))}}
        """

    private static func properties(_ palette: [(name: String, color: String)]) -> String {
        palette.map { "--\($0.name):\($0.color)" }.joined(separator: ";")
    }

    /// The rules in light colors, for programs that draw SVG without knowing custom properties.
    static let plainRules = light.reduce(rules) { $0.replacingOccurrences(of: "var(--\($1.name))", with: $1.color) }

    /// Number of series colors before they repeat.
    static let seriesCount = 6

    /// Dashes of each series' lines.
    private static let dashes = ["none", "9 3", "2 3", "9 3 2 3", "16 4", "5 5"]

    static let rules = """
        .paper{fill:var(--paper)}
        text{font:12px system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif;fill:var(--ink);paint-order:stroke;stroke:var(--paper);stroke-width:3px;stroke-linejoin:round}
        text.label{fill:var(--soft)} text.axis{fill:var(--ink)} text.value{fill:var(--ink);font-size:11px} text.small{fill:var(--soft);font-size:10.5px}
        .grid{stroke:var(--rule);stroke-width:1} .frame{stroke:var(--soft);stroke-width:1;fill:none}
        .cut{stroke:var(--bad);stroke-width:1.5;stroke-dasharray:5 3;fill:none} .bound{stroke:var(--soft);stroke-width:1.5;fill:none}
        .whisker{stroke:var(--ink);stroke-width:1;fill:none}
        .cloud{fill:var(--c0);fill-opacity:.35} .contact{fill:var(--c1);stroke:var(--paper);stroke-width:1} .hull{stroke:var(--c2);stroke-width:2;fill:none}
        \((0..<seriesCount).map { ".line\($0){stroke:var(--c\($0));stroke-width:2;stroke-dasharray:\(dashes[$0]);fill:none} .dash\($0){stroke:var(--c\($0));stroke-width:1.5;stroke-dasharray:4 3;fill:none} .dot\($0){fill:var(--c\($0))} .bar\($0){fill:var(--c\($0))} .pale\($0){fill:var(--c\($0));fill-opacity:.3}" }.joined(separator: "\n"))
        """
}
