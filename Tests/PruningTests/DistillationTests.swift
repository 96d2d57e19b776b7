// Learning from the original: improves, never harms, repeats itself to the bit.

import NeuralNetworks
import Pruning
import TestSupport
import Testing

@Suite struct DistillationTests {
    /// A perceptron and what a blind cut to the first neurons leaves of it.
    private func dense() throws -> (teacher: Network, student: Network, inputs: ActivationTensor) {
        let teacher = try Network.perceptron([12, 24, 10, 3], seed: 5).inferringShapes()
        return (teacher, try teacher.keeping(["fc1": Array(0..<12)]), .random([400, 12], seed: 6))
    }

    private func settings(_ steps: Int, batch: Int = 32, rate: Double = 3e-3) -> LearningSettings {
        LearningSettings(steps: steps, batch: batch, rate: rate, seed: 3)
    }

    @Test func outputsComeCloser() throws {
        let (teacher, student, inputs) = try dense()
        let (better, report) = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(200)).run()
        #expect(report.steps == 200)
        #expect(report.heldOutCount == 50)
        #expect(report.heldOutAfter < 0.8 * report.heldOutBefore)
        // What is reported is true of fresh inputs as well, roughly.
        let fresh = ActivationTensor.random([500, 12], seed: 77)
        func distance(_ network: Network) throws -> Double {
            let (y, z) = (try teacher.forward(fresh).observed[0].values, try network.forward(fresh).observed[0].values)
            return zip(y, z).reduce(0) { $0 + Double($1.0 - $1.1) * Double($1.0 - $1.1) }
        }
        #expect(try distance(better) < 0.8 * distance(student))
        // Nothing but weights has changed.
        #expect(better.nodes == student.nodes && better.parameters.mapValues(\.shape) == student.parameters.mapValues(\.shape))
    }

    @Test func inputsThatRepeatOthersAreLeftOut() throws {
        let (teacher, student, inputs) = try dense()
        let distinct = inputs.samples(0..<40)
        let repeated = ActivationTensor(shape: [400, 12], values: (0..<10).flatMap { _ in distinct.values })
        let lesson = try Distillation(teacher: teacher, student: student, inputs: [repeated], settings: settings(20))
        #expect(lesson.repeats == .inputsRepeated(distinct: 40, given: 400))
        let plain = try Distillation(teacher: teacher, student: student, inputs: [distinct], settings: settings(20))
        #expect(plain.repeats == nil)
        // The same inputs are learned and held out, whatever stands beside them.
        #expect(try lesson.run().network.parameters == plain.run().network.parameters)
        let alike = ActivationTensor(shape: [9, 12], values: (0..<9).flatMap { _ in inputs.samples(0..<1).values })
        #expect(throws: PruningError.tooFewInputs(expected: 2, found: 1)) {
            try Distillation(teacher: teacher, student: student, inputs: [alike], settings: settings(20))
        }
    }

    @Test func bytesDependOnTheSeedAlone() throws {
        let (teacher, student, inputs) = try dense()
        let lesson = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(40))
        let (first, _) = try lesson.run()
        let (second, _) = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(40)).run()
        #expect(first.parameters == second.parameters)
        var other = settings(40)
        other.seed = 4
        let (third, _) = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: other).run()
        #expect(first.parameters != third.parameters)
        // A run that is stopped, saved and taken up again ends where an uninterrupted one does.
        for stop in [1, 7, 23] {
            var saved: LearningState?
            _ = try lesson.run { progress in
                saved = progress.state
                return progress.step < stop
            }
            let state = try #require(saved)
            #expect(state.step == stop)
            let archive = try state.archive(fingerprint: lesson.fingerprint)
            let reread = try #require(LearningState(archive, fingerprint: lesson.fingerprint))
            #expect(reread == state)
            #expect(LearningState.isSaved(in: archive))
            #expect(LearningState(archive, fingerprint: "0") == nil)
            #expect(try lesson.run(resuming: reread).network.parameters == first.parameters)
        }
    }

    @Test func damagedStatesAreNoStates() throws {
        let (teacher, student, inputs) = try dense()
        let lesson = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(3))
        var saved: LearningState?
        _ = try lesson.run { progress in
            saved = progress.state
            return true
        }
        let whole = try #require(saved).archive(fingerprint: "f")
        #expect(LearningState(whole, fingerprint: "f") != nil)
        for (key, value) in [
            ("step", "-1"), ("momentSteps", "9999"), ("rate", "-1"), ("rate", "nan"), ("loewner.learning", "2"),
        ] {
            var damaged = whole
            damaged.metadata[key] = value
            #expect(LearningState(damaged, fingerprint: "f") == nil, "\(key) = \(value)")
        }
        for name in whole.names {
            var damaged = whole
            damaged[name] = nil
            #expect(LearningState(damaged, fingerprint: "f") == nil, "without \(name)")
        }
        var short = try #require(saved)
        short.values.removeLast()
        #expect(throws: PruningError.self) { _ = try lesson.run(resuming: short) }
    }

    /// However wild the steps, held-out inputs decide.
    @Test func heldOutErrorNeverRises() throws {
        let (teacher, student, inputs) = try dense()
        for rate in [1e-9, 1.0, 1e4, 1e30] {
            let (better, report) = try Distillation(
                teacher: teacher, student: student, inputs: [inputs], settings: settings(30, rate: rate)
            ).run()
            #expect(report.heldOutAfter <= report.heldOutBefore, "rate \(rate)")
            if report.heldOutAfter == report.heldOutBefore { #expect(better.parameters == student.parameters) }
        }
        // The original has nothing to learn.
        let (same, report) = try Distillation(teacher: teacher, student: teacher, inputs: [inputs], settings: settings(20)).run()
        #expect(report.heldOutBefore == 0 && report.heldOutAfter == 0)
        #expect(same.parameters == teacher.parameters)
        let (idle, none) = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(0)).run()
        #expect(none.steps == 0 && idle.parameters == student.parameters)
    }

    /// Images are augmented, and judged by augmented ones.
    @Test func imagesAreAugmented() throws {
        let teacher = try Network.perceptron([192, 24, 3], seed: 5, inputShape: [3, 8, 8]).inferringShapes()
        let student = try teacher.keeping(["fc1": Array(0..<12)])
        let inputs = ActivationTensor.random([200, 3, 8, 8], seed: 6)
        let choice = LearningSettings(steps: 120, batch: 32, seed: 3)
        let lesson = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: choice)
        var shown: [Int] = []
        let (better, report) = try lesson.run { progress in
            shown.append(progress.step)
            return true
        }
        #expect(report.steps == 120 && shown == Array(1...120))
        #expect(report.heldOutCount == 50)
        #expect(report.heldOutAfter < report.heldOutBefore)
        let (again, _) = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: choice).run()
        #expect(again.parameters == better.parameters)
    }

    @Test func labelsAreLearned() throws {
        let (teacher, student, inputs) = try dense()
        let logits = try teacher.forward(inputs).observed[0]
        let labels = (0..<inputs.batchCount).map { sample in
            (0..<3).max { logits.values[3 * sample + $0] < logits.values[3 * sample + $1] } ?? 0
        }
        let (better, report) = try Distillation(
            teacher: teacher, student: student, inputs: [inputs], labels: labels, settings: settings(400, rate: 0.02)
        ).run()
        #expect(report.heldOutAfter < report.heldOutBefore)
        let missed = try Evaluator.accuracy(logits: better.forward(inputs).observed[0], labels: labels)
        let before = try Evaluator.accuracy(logits: student.forward(inputs).observed[0], labels: labels)
        #expect(missed.correct > before.correct)
        #expect(throws: PruningError.self) {
            _ = try Distillation(teacher: teacher, student: student, inputs: [inputs], labels: [0, 1])
        }
        #expect(throws: PruningError.self) {
            _ = try Distillation(
                teacher: teacher, student: student, inputs: [inputs], labels: [Int](repeating: 3, count: inputs.batchCount))
        }
    }

    @Test func convolutionsAndNormalizationsMove() throws {
        let teacher = try Network.residual(channels: 6, width: 8).inferringShapes()
        let student = try teacher.keeping(["a": [0, 2, 3, 5, 6]])
        let inputs = ActivationTensor.random([96, 2, 7, 7], seed: 8)
        let lesson = try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: settings(80, batch: 16))
        let (better, report) = try lesson.run()
        #expect(report.heldOutAfter < 0.9 * report.heldOutBefore)
        for name in ["a.weight", "a.bn.bias", "b.weight", "fc.weight"] {
            #expect(better.parameters[name] != student.parameters[name], "\(name)")
        }
        for name in ["a.bn.mean", "a.bn.var", "b.bn.var"] { #expect(better.parameters[name] == student.parameters[name], "\(name)") }
    }

    /// A plan that has learned replays to the learned network, and its masked network computes the same.
    @Test func plansLearn() throws {
        let network = try Network.residual(channels: 6, width: 8).inferringShapes()
        let inputs = ActivationTensor.random([96, 2, 7, 7], seed: 8)
        let plan = try Pruner(network: network, settings: PruningSettings(budget: .keep(0.5))).plan(calibration: inputs)
        let (learned, report) = try plan.learning(
            from: network, inputs: [inputs], settings: settings(60, batch: 16))
        #expect(report.heldOutAfter < report.heldOutBefore)
        #expect(learned.groups == plan.groups && learned != plan)
        let (small, masked) = (try learned.apply(to: network), try learned.masked(network))
        let (a, b) = (try small.forward(inputs).observed[0].values, try masked.forward(inputs).observed[0].values)
        #expect(zip(a, b).allSatisfy { ($0 - $1).magnitude <= 1e-4 * (1 + $0.magnitude) })
        // Statistics served the learning alone.
        #expect(small.parameters["b.bn.var"] == network.parameters["b.bn.var"])
    }

    @Test func matchedValuesAreThoseOfUncutChannels() throws {
        let teacher = try Network.residual(channels: 6, width: 8).inferringShapes()
        let student = try teacher.keeping(["a": [0, 2, 3]]).inferringShapes()
        let matched = try MatchedValues(teacher: teacher, student: student)
        #expect(matched.features.map { student.values[$0.student].name } == ["stem.relu", "pool"])
        #expect(matched.outputs.map { student.values[$0.student].name } == ["fc"])
        let other = try Network.perceptron([12, 24, 10, 4], seed: 5).inferringShapes()
        #expect(throws: PruningError.self) {
            _ = try MatchedValues(teacher: other, student: Network.perceptron([12, 24, 10, 3], seed: 5).inferringShapes())
        }
    }

    /// Few inputs leave the last layer as it is.
    @Test func lastLayersAreFrozenWhereInputsAreFew() throws {
        let teacher = try Network.perceptron([6, 40, 30, 3], seed: 9).inferringShapes()
        let student = try teacher.keeping(["fc1": Array(0..<20)])
        for (count, isFrozen) in [(60, true), (400, false)] {
            let (better, _) = try Distillation(
                teacher: teacher, student: student, inputs: [.random([count, 6], seed: 10)], settings: settings(40)
            ).run()
            #expect(better.parameters["fc1.weight"] != student.parameters["fc1.weight"])
            #expect((better.parameters["fc3.weight"] == student.parameters["fc3.weight"]) == isFrozen)
        }
    }

    @Test func unfitInputsAreRefused() throws {
        let (teacher, student, inputs) = try dense()
        func attempt(_ inputs: [ActivationTensor], _ settings: LearningSettings = LearningSettings()) throws {
            _ = try Distillation(teacher: teacher, student: student, inputs: inputs, settings: settings)
        }
        #expect(throws: PruningError.self) { try attempt([]) }
        #expect(throws: PruningError.self) { try attempt([inputs, inputs]) }
        #expect(throws: PruningError.self) { try attempt([inputs.samples(0..<1)]) }
        #expect(throws: PruningError.self) { try attempt([.random([8, 13], seed: 1)]) }
        var nan = inputs
        nan.values[17] = .nan
        #expect(throws: PruningError.nonFiniteData(index: 17)) { try attempt([nan]) }
        #expect(throws: PruningError.self) { try attempt([inputs], LearningSettings(steps: -1)) }
        #expect(throws: PruningError.self) { try attempt([inputs], LearningSettings(batch: 0)) }
        #expect(throws: PruningError.self) { try attempt([inputs], LearningSettings(rate: .nan)) }
        #expect(throws: PruningError.self) { try attempt([inputs], LearningSettings(work: -1)) }
        // The least that can be learned from, and work for nothing.
        try attempt([inputs.samples(0..<2)])
        #expect(try Distillation(teacher: teacher, student: student, inputs: [inputs], settings: LearningSettings(work: 0)).steps == 0)
    }
}
