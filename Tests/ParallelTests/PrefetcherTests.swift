import Parallel
import Synchronization
import Testing

struct PrefetcherTests {
    struct Stop: Error {}

    @Test(arguments: [2, 3, 8], [1, 2, 7, 33]) func itemsComeInOrder(slots: Int, count: Int) throws {
        var made = 0
        let prefetcher = Prefetcher([[Int]](repeating: [], count: slots)) { item in
            made += 1
            item = [made]
        }
        var item: [Int] = []
        for number in 1...count {
            try prefetcher.next(&item)
            #expect(item == [number])
        }
    }

    /// What was made before an error is still given out; then the error comes, again and again.
    @Test func errorsComeInTheirPlace() throws {
        var made = 0
        let prefetcher = Prefetcher([0, 0, 0]) { item in
            made += 1
            if made == 5 { throw Stop() }
            item = made
        }
        var item = 0
        for number in 1...4 {
            try prefetcher.next(&item)
            #expect(item == number)
        }
        #expect(throws: Stop.self) { try prefetcher.next(&item) }
        #expect(throws: Stop.self) { try prefetcher.next(&item) }
    }

    @Test func nothingIsMadeAfterTheEnd() throws {
        final class Counter: Sendable { let value = Atomic<Int>(0) }
        let counter = Counter()
        var prefetcher: Prefetcher<Int>? = Prefetcher([0, 0]) { _ in counter.value.wrappingAdd(1, ordering: .relaxed) }
        var item = 0
        try prefetcher?.next(&item)
        #expect(prefetcher.map { $0.waited >= 0 } == true)
        prefetcher = nil
        let made = counter.value.load(ordering: .relaxed)
        #expect(made >= 1 && made <= 4)
        for _ in 0..<1000 { #expect(counter.value.load(ordering: .relaxed) == made) }
    }
}
