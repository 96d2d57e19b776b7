// One self-contained page: no scripts, no network, light and dark, printable, from 400 to any number of pixels wide.

/// A page that grows section by section.
struct HTMLPage {
    let title: String
    private var body = ""

    init(title: String) { self.title = title }

    /// A heading with whatever follows it.
    mutating func section(_ heading: String) { body += "<h2>\(SVG.escape(heading))</h2>\n" }

    mutating func paragraph(_ text: String) { body += "<p>\(SVG.escape(text))</p>\n" }

    mutating func note(_ text: String, isBad: Bool = false) {
        body += "<p class=\"note\(isBad ? " bad" : "")\">\(SVG.escape(text))</p>\n"
    }

    /// Large numbers with a caption, side by side.
    mutating func tiles(_ tiles: [(value: String, caption: String)]) {
        guard !tiles.isEmpty else { return }
        body += "<div class=\"tiles\">\n"
        for tile in tiles { body += "<div><b>\(SVG.escape(tile.value))</b><span>\(SVG.escape(tile.caption))</span></div>\n" }
        body += "</div>\n"
    }

    /// Charts in as many columns as fit.
    mutating func charts(_ drawings: [(drawing: SVG, label: String)]) {
        guard !drawings.isEmpty else { return }
        body += "<div class=\"charts\">\n"
        for entry in drawings { body += "<figure>\(entry.drawing.inline(label: entry.label))</figure>\n" }
        body += "</div>\n"
    }

    /// A table; columns from `numeric` on are right-aligned. Wide tables scroll inside their own frame.
    mutating func table(_ headers: [String], _ rows: [[String]], numericFrom numeric: Int = 1, markBad: (Int) -> Bool = { _ in false }) {
        body += "<div class=\"scroll\"><table><thead><tr>"
        for (column, header) in headers.enumerated() { body += "<th\(column >= numeric ? " class=\"n\"" : "")>\(SVG.escape(header))</th>" }
        body += "</tr></thead><tbody>\n"
        for (index, row) in rows.enumerated() {
            body += markBad(index) ? "<tr class=\"bad\">" : "<tr>"
            for (column, cell) in row.enumerated() { body += "<td\(column >= numeric ? " class=\"n\"" : "")>\(SVG.escape(cell))</td>" }
            body += "</tr>\n"
        }
        body += "</tbody></table></div>\n"
    }

    /// Names and values, one pair per line.
    mutating func definitions(_ entries: [(name: String, value: String)]) {
        body += "<dl>\n"
        for entry in entries { body += "<dt>\(SVG.escape(entry.name))</dt><dd>\(SVG.escape(entry.value))</dd>\n" }
        body += "</dl>\n"
    }

    /// The whole page.
    func text() -> String {
        """
        <!DOCTYPE html>
        <html lang="en">
        <head>
        <meta charset="utf-8"/>
        <meta name="viewport" content="width=device-width, initial-scale=1"/>
        <meta name="color-scheme" content="light dark"/>
        <title>\(SVG.escape(title))</title>
        <style>
        \(ChartStyle.variables)
        \(ChartStyle.rules)
        \(Self.rules)
        </style>
        </head>
        <body>
        <main>
        <h1>\(SVG.escape(title))</h1>
        \(body)</main>
        </body>
        </html>

        """
    }

    private static let rules = """
        *{box-sizing:border-box}
        body{margin:0;background:var(--paper);color:var(--ink);font:15px/1.5 system-ui,-apple-system,"Segoe UI",Roboto,"DejaVu Sans",sans-serif}
        main{max-width:1240px;margin:0 auto;padding:20px 16px 60px}
        h1{font-size:1.5rem;line-height:1.25;margin:0 0 12px;overflow-wrap:anywhere} h2{font-size:1.1rem;margin:32px 0 10px;padding-top:10px;border-top:1px solid var(--rule)}
        p{margin:8px 0;max-width:75ch;overflow-wrap:anywhere}
        .note{border-left:4px solid var(--warn);background:var(--band);padding:8px 12px} .note.bad{border-color:var(--bad)}
        .tiles{display:grid;grid-template-columns:repeat(auto-fill,minmax(150px,1fr));gap:10px;margin:12px 0}
        .tiles div{background:var(--band);padding:10px 12px;border-radius:6px} .tiles b{display:block;font-size:1.25rem;line-height:1.3;overflow-wrap:anywhere} .tiles span{color:var(--soft);font-size:.85rem}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,370px),1fr));gap:22px 30px;align-items:start}
        figure{margin:0;min-width:0} svg.chart{width:100%;height:auto;display:block;overflow:visible}
        .scroll{overflow-x:auto;margin:10px 0} table{border-collapse:collapse;font-size:.85rem;white-space:nowrap}
        th,td{padding:4px 10px 4px 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top} th{color:var(--soft);font-weight:600} .n{text-align:right;font-variant-numeric:tabular-nums} tr.bad td{color:var(--bad)}
        dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 16px;font-size:.9rem} dt{color:var(--soft)} dd{margin:0;overflow-wrap:anywhere}
        @media (max-width:520px){dl{grid-template-columns:1fr} dd{margin-bottom:6px}}
        @media print{main{max-width:none;padding:0} figure,.tiles div,tr{break-inside:avoid} .scroll{overflow:visible} table{font-size:.65rem;white-space:normal}}
        """
}
