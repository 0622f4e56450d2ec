/// The letters of a group of words, as places in a list of the group's characters, in which each is once.
final class GroupLetters {
    /// Of each character in the list its place, -1 for all others.
    private let placeOf: UnsafeMutableBufferPointer<Int32>
    private let list, letters: UnsafeMutableBufferPointer<Int32>
    private var listed = 0
    private var count = 0

    /// For groups of at most `letters` letters, in an alphabet of `characters`.
    init(characters: Int, letters: Int) {
        placeOf = .allocate(capacity: characters)
        placeOf.initialize(repeating: -1)
        list = .allocate(capacity: min(characters, letters))
        list.initialize(repeating: 0)
        self.letters = .allocate(capacity: letters)
        self.letters.initialize(repeating: 0)
    }

    deinit {
        placeOf.deallocate()
        list.deallocate()
        letters.deallocate()
    }

    /// The group's characters in the order of their first letters.
    var distinct: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(rebasing: list[..<listed]) }

    /// For each letter the place of its character in `distinct`.
    var places: UnsafeBufferPointer<Int32> { UnsafeBufferPointer(rebasing: letters[..<count]) }

    /// Takes the letters of the next group.
    func take(_ characters: UnsafeBufferPointer<Int32>) {
        for character in distinct { placeOf[Int(character)] = -1 }
        listed = 0
        count = characters.count
        for (index, character) in characters.enumerated() {
            if placeOf[Int(character)] < 0 {
                placeOf[Int(character)] = Int32(listed)
                list[listed] = character
                listed += 1
            }
            letters[index] = placeOf[Int(character)]
        }
    }
}
