// `--force`, and the check that an output may be written before hours are spent on its content.

import ArgumentParser
import Foundation

/// `--force`, for every verb that writes a file.
struct OverwriteOptions: ParsableArguments {
    @Flag(help: "Overwrite existing outputs.")
    var force = false

    /// Fails early when `path` exists and may not be overwritten, when its folder is missing, or when it is one of `inputs`.
    func check(_ path: String?, inputs: [String] = []) throws {
        guard let path else { return }
        let url = URL(fileURLWithPath: path).resolvingSymlinksInPath()
        for input in inputs where URL(fileURLWithPath: input).resolvingSymlinksInPath().path == url.path {
            throw CommandFailure.usage("expected an output that is not an input, found \(path)")
        }
        var isFolder: ObjCBool = false
        if FileManager.default.fileExists(atPath: url.path, isDirectory: &isFolder) {
            if isFolder.boolValue { throw CommandFailure.failure("expected a file name, found the folder \(path)") }
            if !force { throw CommandFailure.failure("expected no file at \(path), found one; --force overwrites it") }
        } else if !FileManager.default.fileExists(atPath: url.deletingLastPathComponent().path, isDirectory: &isFolder)
            || !isFolder.boolValue
        {
            throw CommandFailure.failure("expected a folder to write \(path) into, found none")
        }
    }
}
