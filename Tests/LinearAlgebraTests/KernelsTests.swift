import LinearAlgebra
import Testing

@Suite(.serialized) struct KernelsTests {
    @Test func selectionIsNamedAndNeverWeakerThanAtLoad() {
        let selection = Kernels.selection
        #expect(!selection.coreType.isEmpty)
        #expect(!Kernels.configuration.isEmpty)
        if selection.requestedByUser == nil, selection.canReselect, let best = selection.recommended, selection.coreTypeAtLoad == "Prescott"
        {
            #expect(selection.coreType == best)
        }
    }

    @Test func threadsAreSetAndRestored() {
        let before = Kernels.configuredThreads
        defer { Kernels.threads = before }
        Kernels.threads = 2
        #expect(Kernels.withSingleThread { Kernels.threads } == 1)
        #expect(Kernels.configuredThreads == 2)
        Kernels.withSingleThread {
            // Regions overlap: the inner one's end does not end the outer one, and a new count waits for both.
            Kernels.withSingleThread { Kernels.threads = 3 }
            #expect(Kernels.threads == 1)
            #expect(Kernels.configuredThreads == 3)
        }
        #expect(Kernels.configuredThreads == 3)
    }
}
