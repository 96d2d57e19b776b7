import LinearAlgebra
import Testing

@Suite(.serialized) struct KernelsTests {
    @Test func selectionIsNamedAndNeverWeakerThanAtLoad() {
        let selection = Kernels.selection
        #expect(!selection.coreType.isEmpty)
        #expect(!Kernels.configuration.isEmpty)
        if selection.requestedByUser == nil, selection.canReselect, let best = selection.recommended, selection.coreTypeAtLoad == "Prescott" {
            #expect(selection.coreType == best)
        }
    }

    @Test func threadsAreSetAndRestored() {
        let before = Kernels.threads
        defer { Kernels.threads = before }
        Kernels.threads = 2
        #expect(Kernels.withSingleThread { Kernels.threads } == 1)
        #expect(Kernels.threads == 2)
    }
}
