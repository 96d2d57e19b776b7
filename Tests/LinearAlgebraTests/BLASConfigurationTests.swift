import LinearAlgebra
import Testing

@Suite(.serialized) struct BLASConfigurationTests {
    @Test func selectionIsNamedAndNeverWeakerThanAtLoad() {
        let selection = BLASConfiguration.selection
        #expect(!selection.coreType.isEmpty)
        #expect(!BLASConfiguration.configuration.isEmpty)
        if selection.requestedByUser == nil, selection.canReselect, let best = selection.recommended, selection.coreTypeAtLoad == "Prescott"
        {
            #expect(selection.coreType == best)
        }
    }

    @Test func threadsAreSetAndRestored() {
        let before = BLASConfiguration.configuredThreads
        defer { BLASConfiguration.threads = before }
        BLASConfiguration.threads = 2
        #expect(BLASConfiguration.withSingleThread { BLASConfiguration.threads } == 1)
        #expect(BLASConfiguration.configuredThreads == 2)
        BLASConfiguration.withSingleThread {
            // Regions overlap: the inner one's end does not end the outer one, and a new count waits for both.
            BLASConfiguration.withSingleThread { BLASConfiguration.threads = 3 }
            #expect(BLASConfiguration.threads == 1)
            #expect(BLASConfiguration.configuredThreads == 3)
        }
        #expect(BLASConfiguration.configuredThreads == 3)
    }
}
