// Mutation fuzzing of everything that reads files: `scripts/fuzz` runs it.
//
//     Fuzz TARGET --count N [--seconds S] [--seed K] --save FILE
//     Fuzz TARGET --replay FILE
//     Fuzz --list
//
// Every input is in FILE (a mapping, so that a crash cannot lose it) before it is tried; an input that takes longer than ten seconds ends
// the process like one that traps.

import Foundation
import RandomNumbers

@main
enum FuzzMain {
    static func main() throws {
        var options: [String: String] = [:]
        var words = Array(CommandLine.arguments.dropFirst())
        let name = words.isEmpty ? "" : words.removeFirst()
        while words.count >= 2 {
            options[words[0]] = words[1]
            words.removeFirst(2)
        }
        if name == "--list" {
            for target in FuzzTarget.all { print(target.name) }
            return
        }
        guard let target = FuzzTarget.all.first(where: { $0.name == name }), words.isEmpty else {
            print("expected a target (\(FuzzTarget.all.map(\.name).joined(separator: ", "))), found \(name)")
            exit(2)
        }
        let run = try target.prepare()
        if let path = options["--replay"] {
            let stored = try Data(contentsOf: URL(fileURLWithPath: path))
            let count = Int(stored.prefix(8).reversed().reduce(UInt64(0)) { $0 << 8 | UInt64($1) })
            print(run(Array(stored.dropFirst(8).prefix(count))) ? "accepted" : "refused")
            return
        }
        let current = options["--save"].flatMap(CurrentInput.init)
        let limit = options["--count"].flatMap(Int.init) ?? 10_000
        let seconds = options["--seconds"].flatMap(Double.init) ?? .infinity
        var generator = SeededGenerator(seed: options["--seed"].flatMap(UInt64.init) ?? 1)
        let start = ContinuousClock.now
        var (tried, accepted) = (0, 0)
        let seeds = try target.seeds()
        for seed in seeds {
            current?.set(seed)
            precondition(run(seed), "\(name): a seed input was refused")
        }
        while tried < limit {
            if tried % 64 == 0 {
                alarm(10)
                let spent = start.duration(to: .now)
                if Double(spent.components.seconds) >= seconds { break }
            }
            let input = target.mutate(seeds, &generator)
            current?.set(input)
            if run(input) { accepted += 1 }
            tried += 1
        }
        alarm(0)
        print("\(name): \(tried) inputs, \(accepted) accepted, nothing found, seed \(options["--seed"] ?? "1")")
    }
}

/// The input being tried, in a file that outlives the process.
final class CurrentInput {
    private static let capacity = 1 << 22
    private let base: UnsafeMutableRawPointer

    init?(path: String) {
        let descriptor = open(path, O_RDWR | O_CREAT | O_TRUNC, 0o644)
        guard descriptor >= 0, ftruncate(descriptor, off_t(Self.capacity)) == 0,
            let base = mmap(nil, Self.capacity, PROT_READ | PROT_WRITE, MAP_SHARED, descriptor, 0), base != MAP_FAILED
        else { return nil }
        close(descriptor)
        self.base = base
    }

    func set(_ bytes: [UInt8]) {
        let count = min(bytes.count, Self.capacity - 8)
        base.storeBytes(of: UInt64(count).littleEndian, as: UInt64.self)
        bytes.withUnsafeBytes { (base + 8).copyMemory(from: $0.baseAddress ?? UnsafeRawPointer(base), byteCount: count) }
    }
}
