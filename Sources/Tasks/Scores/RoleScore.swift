public import Probing

/// An argument of a predicate: its role, and the ordered parts of the sentence that form it. Most arguments have one part.
public struct RoleArgument: Hashable, Sendable {
    /// The name of the role.
    public let role: String
    /// The ranges of words, in order.
    public let parts: [Range<Int>]

    /// Makes an argument.
    public init(role: String, parts: [Range<Int>]) {
        (self.role, self.parts) = (role, parts)
    }

    /// Returns the arguments that the spans of a predicate form, in the order of their beginnings. A span of `C-ARG1` continues the
    /// last `ARG1` before it, and is an ARG1 itself if there is none. `R-ARG1` is a role like any other.
    public static func arguments(of spans: [RoleSpan]) -> [RoleArgument] {
        var arguments: [RoleArgument] = []
        var last: [String: Int] = [:]
        for span in spans.sorted(by: { $0.words.lowerBound < $1.words.lowerBound }) {
            let isContinuation = span.role.utf8.starts(with: "C-".utf8)
            let role = isContinuation ? String(Substring(span.role.utf8.dropFirst(2))) : span.role
            if isContinuation, let index = last[role] {
                arguments[index] = RoleArgument(role: role, parts: arguments[index].parts + [span.words])
            } else {
                last[role] = arguments.count
                arguments.append(RoleArgument(role: role, parts: [span.words]))
            }
        }
        return arguments
    }
}

/// The counts of arguments that were found, by all their parts and role, as the script srl-eval.pl of CoNLL-2005 counts them (Carreras
/// and Màrquez 2005): V does not count.
public struct RoleScore: Sendable, Equatable {
    /// The counts of each role that was expected or found; continuations count with their roles.
    public private(set) var roles: [String: SpanCounts] = [:]
    /// The counts of all roles together. The published score is its `f1`.
    public private(set) var total = SpanCounts()
    /// The number of predicates.
    public private(set) var predicates = 0
    /// The number of predicates whose arguments are all found, without any additional ones.
    public private(set) var perfect = 0

    /// Makes a score without predicates.
    public init() {}

    /// Adds the spans of a predicate; spans of the same side do not overlap.
    public mutating func add(predicted: [RoleSpan], expected: [RoleSpan]) {
        let found = Set(RoleArgument.arguments(of: predicted)).filter { $0.role != Self.predicate }
        let expected = Set(RoleArgument.arguments(of: expected)).filter { $0.role != Self.predicate }
        let correct = found.intersection(expected)
        for argument in found { roles[argument.role, default: SpanCounts()].found += 1 }
        for argument in expected { roles[argument.role, default: SpanCounts()].expected += 1 }
        for argument in correct { roles[argument.role, default: SpanCounts()].correct += 1 }
        total.correct += correct.count
        total.found += found.count
        total.expected += expected.count
        predicates += 1
        if correct.count == found.count && correct.count == expected.count { perfect += 1 }
    }

    /// The role of the predicate itself.
    private static let predicate = "V"
}
