/// A point in the work of a device: behind the operations that were queued before it was made.
public protocol WorkMark: AnyObject {
    /// Waits until these operations are done.
    func wait()
}

/// The mark of operations that were done when they returned.
final class DoneWork: WorkMark {
    func wait() {}
}
