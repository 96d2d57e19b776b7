import Foundation
import Testing

@Suite struct DoctorTests {
    @Test func reportHasTheKeysScriptsRelyOn() throws {
        let folder = try ScratchFolder()
        let outcome = try BuiltTool.run(["doctor", "--json", "--threads", "1"], in: folder)
        #expect(outcome.status == 0)
        let report = try outcome.json()
        for key in ["cpu", "coreType", "coreTypeAtLoad", "openblas"] {
            #expect((report[key] as? String)?.isEmpty == false, "\(key)")
        }
        #expect(report["threads"] as? Int == 1)
        #expect(try #require(report["gflops"] as? Double) > 0)
        #expect(report["problems"] is [String])
    }

    /// The kernels that suit this processor best, where any are known to.
    static let recommended =
        (try? BuiltTool.run(["doctor", "--json", "--threads", "1"], in: ScratchFolder()).json())?["coreTypeRecommended"] as? String

    @Test(.enabled(if: recommended != nil, "no kernels are recommended for this processor"))
    func slowKernelsAskedForByTheUserAreRespectedAndNamed() throws {
        let folder = try ScratchFolder()
        let best = try #require(Self.recommended)
        let outcome = try BuiltTool.run(
            ["doctor", "--json", "--threads", "1"], in: folder, environment: ["OPENBLAS_CORETYPE": "Prescott"])
        let report = try outcome.json()
        #expect(report["coreType"] as? String == "Prescott")
        let problems = try #require(report["problems"] as? [String])
        #expect(problems.contains { $0.contains("OPENBLAS_CORETYPE=Prescott") && $0.contains(best) })
    }

    @Test func wrongUsageIsOneLineAndExitCodeTwo() throws {
        let folder = try ScratchFolder()
        for arguments in [["doctor", "--unknown"], ["nonsense"], ["doctor", "--threads", "-1"], ["doctor", "--threads", "many"]] {
            let outcome = try BuiltTool.run(arguments, in: folder)
            #expect(outcome.status == 2, "\(arguments)")
            #expect(outcome.errors.split(separator: "\n").count == 1, "\(arguments): \(outcome.errors)")
            #expect(outcome.output.isEmpty)
        }
    }

    @Test func helpAndVersionSucceed() throws {
        let folder = try ScratchFolder()
        #expect(try BuiltTool.run(["--version"], in: folder).output == "0.2.0\n")
        let help = try BuiltTool.run(["doctor", "--help"], in: folder)
        #expect(help.status == 0)
        #expect(help.output.contains("EXAMPLE"))
    }
}
