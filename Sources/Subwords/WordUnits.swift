/// The units of all words in one list of letters, in which neighbours join.
///
/// A unit of several letters stands at the place of its first one, and the places of the others are below zero: the first and the
/// last of them hold the number of the unit's letters, so that its neighbours on both sides are found in one step.
struct WordUnits {
    /// Symbols; below zero what is none.
    private var letters: [Int32] = [wordBreak]
    /// Where each word begins.
    private var starts: [Int] = []

    /// Before each word and behind the last.
    private static let wordBreak: Int32 = -1

    var wordCount: Int { starts.count }
    /// Places of all words' letters and of what is between the words.
    var placeCount: Int { letters.count }

    mutating func beginWord() { starts.append(letters.count) }
    mutating func append(_ symbol: Int32) { letters.append(symbol) }
    mutating func endWord() { letters.append(Self.wordBreak) }

    /// Where a word begins; at a word's end the next begins behind one place.
    func start(of word: Int) -> Int { starts[word] }

    /// The word in which a place is.
    func word(at place: Int) -> Int {
        var low = 0, high = starts.count
        while high - low > 1 {
            let middle = (low + high) / 2
            if starts[middle] <= place { low = middle } else { high = middle }
        }
        return low
    }

    /// The symbol of the unit at a place; below zero if no unit begins there.
    func symbol(at place: Int) -> Int32 { letters[place] }

    /// Where the unit behind that at `place` begins, or where the word ends.
    func next(_ place: Int) -> Int {
        let behind = letters[place + 1]
        return behind < Self.wordBreak ? place - Int(behind) : place + 1
    }

    /// Where the unit before that at `place` begins; `nil` if it is the word's first.
    func previous(_ place: Int) -> Int? {
        let before = letters[place - 1]
        if before == Self.wordBreak { return nil }
        return before < 0 ? place + Int(before) : place - 1
    }

    /// Joins the unit at a place and the one behind it.
    mutating func join(_ place: Int, into symbol: Int32) {
        let second = next(place), end = next(second), length = Int32(end - place)
        letters[place] = symbol
        letters[second] = -length
        letters[place + 1] = -length
        letters[end - 1] = -length
    }
}
