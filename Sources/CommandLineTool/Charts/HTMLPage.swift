// One self-contained page: no network, light and dark, printable, from 400 to any number of pixels wide. Its scripts sort tables and scroll; all
// else is there without it.

import NeuralNetworks

/// A page that grows section by section.
struct HTMLPage {
    let title: String
    private var body = ""

    init(title: String) { self.title = title }

    /// A heading with whatever follows it.
    mutating func section(_ heading: String) { body += "<h2>\(Self.text(heading))</h2>\n" }

    /// What follows is hidden until the reader opens it.
    mutating func beginDetails(_ summary: String) { body += "<details><summary>\(Self.text(summary))</summary>\n" }

    mutating func endDetails() { body += "</details>\n" }

    /// A line below the title: when, with what, of which version.
    mutating func byline(_ text: String) { body += "<p class=\"byline\">\(Self.text(text))</p>\n" }

    /// A line for a shell, to be copied.
    mutating func command(_ line: String) { body += "<pre>\(SVGText.escaped(line))</pre>\n" }

    mutating func paragraph(_ text: String) { body += "<p>\(Self.text(text))</p>\n" }

    mutating func note(_ text: String, isBad: Bool = false) {
        body += "<p class=\"note\(isBad ? " bad" : "")\">\(Self.text(text))</p>\n"
    }

    /// Large numbers with a caption, side by side; below it, what the number means.
    mutating func tiles(_ tiles: [Tile]) {
        guard !tiles.isEmpty else { return }
        body += "<div class=\"tiles\">\n"
        for tile in tiles {
            body += "<div><b>\(Self.text(tile.value))</b><span>\(Self.text(tile.caption))</span>"
            body += (tile.meaning.map { "<small>\(Self.text($0))</small>" } ?? "") + "</div>\n"
        }
        body += "</div>\n"
    }

    struct Tile {
        let value: String
        let caption: String
        /// A sentence for those who meet the number for the first time.
        var meaning: String?
    }

    mutating func tiles(_ tiles: [(value: String, caption: String)]) {
        self.tiles(tiles.map { Tile(value: $0.value, caption: $0.caption) })
    }

    /// A network in a frame of its own, its legend in sight while the page scrolls through it.
    mutating func graph(_ drawing: NetworkDrawing) {
        body += "<div class=\"network\">\(drawing.legend)<div class=\"scroll\">\(drawing.fragment)</div></div>\n"
    }

    /// Charts in as many columns as fit.
    mutating func charts(_ drawings: [(drawing: SVG, label: String)]) {
        guard !drawings.isEmpty else { return }
        body += "<div class=\"charts\">\n"
        for entry in drawings { body += "<figure>\(entry.drawing.inline(label: entry.label))</figure>\n" }
        body += "</div>\n"
    }

    /// A table that its headers sort; columns from `numeric` on are right-aligned. Wide tables scroll inside their own frame.
    mutating func table(_ headers: [String], _ rows: [[String]], numericFrom numeric: Int = 1, markBad: (Int) -> Bool = { _ in false }) {
        body += "<div class=\"scroll table\"><table><thead><tr>"
        for (column, header) in headers.enumerated() {
            body += "<th\(column >= numeric ? " class=\"n\"" : "")><button type=\"button\">\(Self.text(header))</button></th>"
        }
        body += "</tr></thead><tbody>\n"
        for (index, row) in rows.enumerated() {
            body += markBad(index) ? "<tr class=\"bad\">" : "<tr>"
            for (column, cell) in row.enumerated() { body += "<td\(column >= numeric ? " class=\"n\"" : "")>\(Self.text(cell))</td>" }
            body += "</tr>\n"
        }
        body += "</tbody></table></div>\n"
    }

    /// Escaped, and numbers kept on one line with their thousands and their units.
    private static func text(_ text: String) -> String {
        SVGText.escaped(text).replacing(/([0-9]) (?=[0-9]{3}(?:[^0-9]|$)|(?:%|[nµm]?s|min|[kMGT]?B)(?:[^A-Za-z]|$))/) {
            "\($0.output.1)\u{a0}"
        }
    }

    /// Names and values, one pair per line.
    mutating func definitions(_ entries: [(name: String, value: String)]) {
        body += "<dl>\n"
        for entry in entries { body += "<dt>\(Self.text(entry.name))</dt><dd>\(Self.text(entry.value))</dd>\n" }
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
        <title>\(Self.text(title))</title>
        <style>
        \(ChartStyle.variables)
        \(ChartStyle.rules)
        \(Self.rules)
        \(NetworkDrawing.style)
        </style>
        </head>
        <body>
        <main>
        <h1>\(Self.text(title))</h1>
        \(body)</main>
        \(body.contains("<table>") ? "<script>\(Self.sorting)</script>" : "")
        \(body.contains("class=\"network\"") ? "<script>\(Self.centering)</script>" : "")
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
        .tiles div{background:var(--band);padding:10px 12px;border-radius:6px} .tiles b{display:block;font-size:1.25rem;line-height:1.3;overflow-wrap:anywhere} .tiles span{color:var(--soft);font-size:.85rem} .tiles small{display:block;margin-top:6px;font-size:.8rem;line-height:1.4}
        .byline{color:var(--soft);font-size:.9rem;margin:0 0 4px} pre{background:var(--band);padding:8px 12px;border-radius:6px;white-space:pre-wrap;overflow-wrap:anywhere;font-size:.82rem;margin:6px 0 12px}
        details{margin:14px 0} summary{cursor:pointer;color:var(--soft)} .network{margin:10px 0}
        .charts{display:grid;grid-template-columns:repeat(auto-fill,minmax(min(100%,370px),1fr));gap:22px 30px;align-items:start}
        figure{margin:0;min-width:0} svg.chart{width:100%;height:auto;display:block;overflow:visible}
        .scroll{overflow-x:auto;margin:10px 0} .scroll.table{max-height:620px;overflow-y:auto;width:fit-content;max-width:100%;--edge:color-mix(in srgb,var(--ink) 28%,transparent);background:linear-gradient(to right,var(--paper) 40%,transparent) left/40px 100% no-repeat local,linear-gradient(to left,var(--paper) 40%,transparent) right/40px 100% no-repeat local,linear-gradient(to top,var(--paper) 40%,transparent) bottom/100% 40px no-repeat local,linear-gradient(to right,var(--edge),transparent) left/9px 100% no-repeat scroll,linear-gradient(to left,var(--edge),transparent) right/9px 100% no-repeat scroll,linear-gradient(to top,var(--edge),transparent) bottom/100% 9px no-repeat scroll} thead th{position:sticky;top:0;background:var(--paper)} table{border-collapse:collapse;font-size:.85rem;white-space:nowrap}
        th,td{padding:4px 10px 4px 0;border-bottom:1px solid var(--rule);text-align:left;vertical-align:top} th{color:var(--soft);font-weight:600} th button{all:unset;cursor:pointer} th button:focus-visible{outline:2px solid var(--c0)} th[aria-sort=ascending] button::after{content:" ↑"} th[aria-sort=descending] button::after{content:" ↓"} .n{text-align:right;font-variant-numeric:tabular-nums} tr.bad td{color:var(--bad)}
        dl{display:grid;grid-template-columns:max-content minmax(0,1fr);gap:3px 16px;font-size:.9rem} dt{color:var(--soft)} dd{margin:0;overflow-wrap:anywhere}
        @media (max-width:520px){dl{grid-template-columns:1fr} dd{margin-bottom:6px}}
        @media print{main{max-width:none;padding:0} figure,.tiles div,tr{break-inside:avoid} .scroll,.scroll.table{overflow:visible;max-height:none} details{display:block} table{font-size:.65rem;white-space:normal}}
        """

    /// Scrolls a wide network to its input: at the left there may be nothing to see.
    private static let centering = """
        document.querySelectorAll(".network .scroll").forEach(function (frame) {
        var own = frame.getBoundingClientRect()
        var boxes = Array.from(frame.querySelectorAll("rect")).map(function (box) { return box.getBoundingClientRect() })
        var first = boxes.sort(function (a, b) { return a.top - b.top })[0]
        if (first) frame.scrollLeft = first.left - own.left + (first.width - own.width) / 2
        })
        """

    /// Sorts a table by the column whose header is pressed, again to turn it round: numbers first, by value and unit, then words. Well-formed
    /// as XML, too: no character that has to be escaped.
    private static let sorting = """
        var units = {G: 1e9, M: 1e6, k: 1e3, m: 1e-3, "µ": 1e-6, n: 1e-9}
        function key(cell) {
        var text = cell.textContent.replace(/[ \\u00a0\\u202f\\u2009,](?=\\d)/g, ""), number = parseFloat(text)
        if (isNaN(number)) return [1, text]
        var unit = /(?:^|[\\d. ])([GMkmµn])(?:B|s)?$/.exec(text)
        return [0, number * (/min$/.test(text) ? 60 : unit ? units[unit[1]] : 1)]
        }
        function order(a, b) { return a[0] - b[0] || (a[0] ? a[1].localeCompare(b[1], undefined, {numeric: true}) : a[1] - b[1]) }
        document.querySelectorAll("table").forEach(function (table) {
        var heads = table.querySelectorAll("th")
        heads.forEach(function (head, column) {
        head.firstChild.onclick = function () {
        var turn = head.getAttribute("aria-sort") == "ascending" ? -1 : 1, body = table.tBodies[0]
        heads.forEach(function (other) { other.removeAttribute("aria-sort") })
        head.setAttribute("aria-sort", turn == 1 ? "ascending" : "descending")
        Array.from(body.rows).sort(function (a, b) { return turn * order(key(a.cells[column]), key(b.cells[column])) })
        .forEach(function (row) { body.appendChild(row) })
        }
        })
        })
        """
}
