// `loewner manual`: what scripts/install puts beside the tool.

import ArgumentParser
import Foundation
import TensorFiles

struct Manual: ParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Write the manual pages, one for each verb.", shouldDisplay: false)

    @Argument(help: "The folder they go to.", completion: .directory)
    var folder: String

    @OptionGroup var overwrite: OverwriteOptions

    func run() throws {
        let pages = try ManualPage.all()
        let paths = pages.map { folder + "/" + $0.fileName }
        for path in paths { try overwrite.check(path) }
        for (page, path) in zip(pages, paths) { try AtomicFile.write(Array(page.text.utf8), to: path, force: overwrite.force) }
    }
}
