import Testing
import WordVectors

@Suite struct EditDistanceTests {
    @Test(arguments: [("", "", 0), ("a", "", 1), ("kitten", "sitting", 3), ("日本", "日本語", 1), ("abc", "cab", 2)])
    func editDistances(a: String, b: String, distance: Int) {
        let a = a.unicodeScalars.map(\.value), b = b.unicodeScalars.map(\.value)
        #expect(EditDistance(a[...]).distance(to: b[...], below: 100) == distance)
        #expect(EditDistance(b[...]).distance(to: a[...], below: 100) == distance)
        if distance > 0 { #expect(EditDistance(a[...]).distance(to: b[...], below: distance) == distance) }
    }

    /// The same as cell by cell, also for words that fill the machine word; a limit above the distance changes nothing.
    @Test func randomWords() {
        var random = TestRandom(5)
        for round in 0..<2_000 {
            let alphabet = round % 2 == 0 ? 3 : 200
            func word(_ most: Int) -> [UInt32] { (0..<random.below(most + 1)).map { _ in UInt32(0x40 + random.below(alphabet)) } }
            let a = round % 10 == 0 ? (0..<EditDistance.longest).map { _ in UInt32(0x61 + random.below(3)) } : word(EditDistance.longest)
            let b = word(80), distance = Self.definition(a, b), limit = random.below(100)
            #expect(EditDistance(a[...]).distance(to: b[...], below: .max) == distance)
            #expect(EditDistance(a[...]).distance(to: b[...], below: limit) == min(distance, limit))
        }
    }

    private static func definition(_ a: [UInt32], _ b: [UInt32]) -> Int {
        var row = Array(0...b.count)
        for (i, x) in a.enumerated() {
            var diagonal = row[0]
            row[0] = i + 1
            for (j, y) in b.enumerated() {
                let substituted = diagonal + (x == y ? 0 : 1)
                diagonal = row[j + 1]
                row[j + 1] = min(substituted, row[j] + 1, row[j + 1] + 1)
            }
        }
        return row[b.count]
    }
}
