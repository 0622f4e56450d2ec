/// A point in a device's work, behind the operations queued before it was created.
///
/// ```swift
/// let mark = backend.mark()
/// mark.wait()
/// ```
public protocol WorkMark: AnyObject {
    /// Waits until these operations have finished.
    func wait()
}

/// A mark for operations that finish when they return.
final class DoneWork: WorkMark {
    func wait() {}
}
