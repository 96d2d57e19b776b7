// `loewner doctor`: is this machine set up so that the numbers in the README can be reached?

import ArgumentParser
import BenchmarkSuite
import LinearAlgebra
import NeuralNetworks

struct Doctor: ParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Show CPU, BLAS kernels and measured speed, and name what slows this machine down.",
        discussion: """
            EXAMPLE:
              loewner doctor --threads 1
            """)

    @Flag(help: "Print, as Markdown, which ONNX operators are followed, evaluated and differentiated, and nothing else.")
    var operators = false

    @OptionGroup var threading: ThreadOptions
    @OptionGroup var format: FormatOptions

    private struct Report: Encodable {
        let cpu: String
        let processors: Int
        let system: String
        let coreType: String
        let coreTypeAtLoad: String
        let coreTypeRecommended: String?
        let threads: Int
        let gflops: Double
        let gflopsSinglePrecision: Double
        let gflopsOneThread: Double
        let gigabytesPerSecond: Double
        let openblas: String
        let loadAverage: Double?
        let problems: [String]
    }

    private struct Problem {
        let problem: String
        let remedy: String
    }

    func run() throws {
        if operators {
            if format.json {
                try JSONOutput.show(["operators": ONNXOperators.table])
            } else {
                Console.say(String(ONNXOperators.markdown.dropLast()))
            }
            return
        }
        let threads = threading.apply()
        let machine = Machine.current()
        let load = Machine.loadAverage()
        let peak = PeakProbe.measure()
        let single = threads == 1 ? peak : BLASConfiguration.withSingleThread { PeakProbe.measure(seconds: 0.15) }
        let problems = problems(machine: machine, threads: threads, load: load, peak: peak, single: single)
        let report = Report(
            cpu: machine.cpu, processors: machine.processors, system: machine.system, coreType: machine.coreType,
            coreTypeAtLoad: machine.coreTypeAtLoad, coreTypeRecommended: BLASConfiguration.selection.recommended,
            threads: threads, gflops: peak.gflops, gflopsSinglePrecision: peak.gflopsSinglePrecision,
            gflopsOneThread: single.gflops, gigabytesPerSecond: peak.gigabytesPerSecond, openblas: machine.openblas,
            loadAverage: load, problems: problems.map { "\($0.problem); remedy: \($0.remedy)" })
        if format.json { try JSONOutput.show(report) } else { show(report, problems) }
    }

    private func show(_ report: Report, _ problems: [Problem]) {
        func field(_ name: String, _ value: String) {
            Console.say(Ink.bold(name.padding(toLength: 14, withPad: " ", startingAt: 0)) + value)
        }
        field("CPU", "\(report.cpu), \(report.processors) processors")
        field("system", report.system)
        field("OpenBLAS", report.openblas)
        field(
            "kernels",
            report.coreType == report.coreTypeAtLoad
                ? "\(report.coreType) (as chosen at load)" : "\(report.coreType) (re-selected; at load: \(report.coreTypeAtLoad))")
        field("threads", "\(report.threads)")
        field("dgemm", "\(Format.fixed(report.gflops, 1)) GFLOP/s (one thread \(Format.fixed(report.gflopsOneThread, 1)))")
        field("sgemm", "\(Format.fixed(report.gflopsSinglePrecision, 1)) GFLOP/s")
        field("memory", "\(Format.fixed(report.gigabytesPerSecond, 1)) GB/s read")
        if let load = report.loadAverage { field("load", "\(Format.fixed(load, 2)) (one minute)") }
        Console.say()
        if problems.isEmpty {
            Console.say(Ink.green("no problems found"))
        } else {
            for entry in problems {
                Console.say(Ink.yellow("problem: ") + entry.problem)
                Console.say(Ink.bold("remedy:  ") + entry.remedy)
            }
        }
    }

    private func problems(machine: Machine, threads: Int, load: Double?, peak: PeakProbe, single: PeakProbe) -> [Problem] {
        var found: [Problem] = []
        let selection = BLASConfiguration.selection
        if let best = selection.recommended, BLASConfiguration.isWeaker(selection.coreType, than: best) {
            if let requested = selection.requestedByUser {
                found.append(
                    Problem(
                        problem: "OPENBLAS_CORETYPE=\(requested) asks for \(selection.coreType) kernels; this CPU can run \(best)",
                        remedy: "unset OPENBLAS_CORETYPE"))
            } else {
                found.append(
                    Problem(
                        problem:
                            "OpenBLAS runs \(selection.coreType) kernels and cannot choose again in the process; this CPU can run \(best)",
                        remedy: "start with OPENBLAS_CORETYPE=\(best), or install a newer libopenblas0-pthread"))
            }
        }
        let options = machine.openblas.uppercased()
        if options.contains("SINGLE_THREADED") {
            found.append(
                Problem(
                    problem: "this OpenBLAS was built for one thread", remedy: "apt-get install libopenblas0-pthread"))
        } else if threads < machine.processors, threading.threads == nil {
            let variable = ["OPENBLAS_NUM_THREADS", "GOTO_NUM_THREADS", "OMP_NUM_THREADS"].first { Console.environment($0) != nil }
            found.append(
                Problem(
                    problem: "\(threads) of \(machine.processors) processors are used" + (variable.map { " because \($0) is set" } ?? ""),
                    remedy: "pass --threads \(machine.processors)" + (variable.map { " or unset \($0)" } ?? "")))
        }
        if threads > machine.processors {
            found.append(
                Problem(
                    problem: "\(threads) threads share \(machine.processors) processors", remedy: "pass --threads \(machine.processors)"))
        }
        let isBusy = load.map { $0 > Double(machine.processors) } ?? false
        if let load, isBusy {
            found.append(
                Problem(
                    problem:
                        "load average \(Format.fixed(load, 1)) on \(machine.processors) processors: other programs take part of the time measured here",
                    remedy: "repeat on an idle machine before trusting absolute times"))
        }
        // Real cores add nearly their full speed each; two threads of one core add next to nothing.
        if threads > 1, !isBusy, peak.gflops < 1.2 * single.gflops {
            found.append(
                Problem(
                    problem:
                        "\(threads) threads are hardly faster than one (\(Format.fixed(peak.gflops, 1)) against \(Format.fixed(single.gflops, 1)) GFLOP/s)",
                    remedy: "close other programs; if it stays so the processors share one core: pass --threads 1"))
        }
        return found
    }
}
