// The machine a number was measured on. Recorded in every results file and shown by `loewner doctor`.

import Foundation
import LinearAlgebra

/// What a reader of a measurement must know about the machine and the build.
package struct Machine: Codable, Sendable, Equatable {
    /// Processor model as the operating system names it.
    package let cpu: String
    /// Processors available to this process.
    package let processors: Int
    /// Physical memory in bytes.
    package let memoryBytes: UInt64
    /// Operating system.
    package let system: String
    /// Compiler of this build.
    package let swift: String
    /// OpenBLAS's description of its build.
    package let openblas: String
    /// BLAS kernels chosen when the library was loaded, before any re-selection.
    package let coreTypeAtLoad: String
    /// BLAS kernels in use.
    package let coreType: String

    /// The machine this process runs on.
    package static func current() -> Machine {
        let process = ProcessInfo.processInfo
        return Machine(
            cpu: cpuModel(), processors: process.activeProcessorCount, memoryBytes: process.physicalMemory,
            system: systemName() ?? process.operatingSystemVersionString, swift: compiler,
            openblas: BLASConfiguration.configuration.trimmingCharacters(in: .whitespaces),
            coreTypeAtLoad: BLASConfiguration.selection.coreTypeAtLoad, coreType: BLASConfiguration.selection.coreType)
    }

    /// Tasks waiting for a processor, averaged over the last minute; `nil` where the system does not say.
    package static func loadAverage() -> Double? {
        guard let text = contents("/proc/loadavg"), let first = text.split(separator: " ").first else { return nil }
        return Double(first)
    }

    /// Largest resident set of this process so far, in bytes; `nil` where the system does not say.
    package static func peakResidentBytes() -> Int? { statusField("VmHWM") }

    /// Forgets the largest resident set so far and returns the present one; `nil` where the system cannot.
    package static func resetPeakResidentBytes() -> Int? {
        // "5" resets VmHWM (proc_pid_clear_refs(5)).
        guard let file = FileHandle(forWritingAtPath: "/proc/self/clear_refs"),
            (try? file.write(contentsOf: Data("5".utf8))) != nil, (try? file.close()) != nil
        else { return nil }
        return statusField("VmRSS")
    }

    private static var compiler: String {
        #if compiler(>=6.4)
            "6.4 or newer"
        #elseif compiler(>=6.3)
            "6.3"
        #elseif compiler(>=6.2)
            "6.2"
        #elseif compiler(>=6.1)
            "6.1"
        #else
            "6.0"
        #endif
    }

    private static func cpuModel() -> String {
        guard let text = contents("/proc/cpuinfo") else { return "unknown" }
        for line in text.split(separator: "\n") where line.hasPrefix("model name") || line.hasPrefix("Model") {
            if let colon = line.firstIndex(of: ":") {
                return line[line.index(after: colon)...].trimmingCharacters(in: .whitespaces)
            }
        }
        return "unknown"
    }

    private static func systemName() -> String? {
        guard let text = contents("/etc/os-release") else { return nil }
        let prefix = "PRETTY_NAME="
        return text.split(separator: "\n").first { $0.hasPrefix(prefix) }
            .map { $0.dropFirst(prefix.count).trimmingCharacters(in: CharacterSet(charactersIn: "\"")) }
    }

    private static func statusField(_ name: String) -> Int? {
        guard let text = contents("/proc/self/status") else { return nil }
        for line in text.split(separator: "\n") where line.hasPrefix(name + ":") {
            let fields = line.split(whereSeparator: { $0 == " " || $0 == "\t" })
            return fields.count >= 2 ? Int(fields[1]).map { $0 * 1024 } : nil
        }
        return nil
    }

    private static func contents(_ path: String) -> String? { try? String(contentsOfFile: path, encoding: .utf8) }
}
