import TensorFiles
import Testing

@Suite struct CheckedSizeTests {
    @Test func productsAndSumsAreThoseOfIntegers() {
        #expect(CheckedSize.product([]).value == 1)
        #expect(CheckedSize.product([3, 4, 5]).value == 60)
        #expect(CheckedSize.product([3, 0, 5]).value == 0)
        #expect(CheckedSize.sum([]).value == 0)
        #expect(CheckedSize.sum([3, 4]).value == 7)
        #expect((CheckedSize(3) * 4 + 5).value == 17)
    }

    @Test func whatNothingHoldsHasNoValue() {
        for dimensions in [
            [-1], [1 << 61], [1 << 32, 1 << 32], [.max, .max], [1 << 62, 1 << 62, 0], [0, -1], [.min, .min], [.max, 2, 0],
        ] {
            #expect(CheckedSize.product(dimensions).value == nil, "\(dimensions)")
        }
        #expect(CheckedSize.sum([CheckedSize.limit, 1]).value == nil)
        #expect(CheckedSize.sum([5, -1]).value == nil)
        #expect((CheckedSize(.max) * 0).value == nil)
        #expect(CheckedSize.sum([CheckedSize.limit]).value == CheckedSize.limit)
    }

    @Test func whatHasAValueMayBeScaledByTheWidthOfAnElement() {
        #expect(!CheckedSize.limit.multipliedReportingOverflow(by: 16 * 16).overflow)
    }
}
