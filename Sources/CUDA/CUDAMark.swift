@_spi(HostMemory) public import Kernels

/// An event of the driver: a point that a stream reaches when everything queued on it before is done.
final class CUDAMark: WorkMark {
    private let device: CUDADevice
    fileprivate let event: Handle?

    init(_ device: CUDADevice, on stream: Handle?) {
        self.device = device
        // Events that measure no time cost a stream least.
        let takesNoTime: UInt32 = 2
        var event: Handle?
        device.makeCurrent()
        device.check(device.driver.createEvent(&event, takesNoTime), "event")
        device.check(device.driver.recordEvent(event, stream), "event")
        self.event = event
    }

    deinit { _ = device.driver.destroyEvent(event) }

    func wait() {
        device.makeCurrent()
        device.check(device.driver.waitForEvent(event), "computing")
    }
}

// Synchronisation of the host and several streams without waiting for each other's last operation.
extension CUDABackend {
    public func mark() -> any WorkMark { CUDAMark(device, on: stream) }

    public func follow(_ mark: any WorkMark) { follow([mark], on: stream) }

    /// Makes what is queued on a stream from now on wait for marks.
    private func follow(_ marks: [any WorkMark], on stream: Handle?) {
        device.makeCurrent()
        for case let mark as CUDAMark in marks {
            device.check(device.driver.waitOnStream(stream, mark.event, 0), "event")
        }
    }

    public func deliver(_ source: Matrix, to target: Matrix, after marks: [any WorkMark]) -> any WorkMark {
        precondition(source.rows == target.rows && source.columns == target.columns && source.element == target.element)
        precondition(source.isDense && target.isDense, "what is delivered has no gaps")
        let stream = deliveryStream()
        follow(marks, on: stream)
        let bytes = source.rows * source.columns * source.element.size
        if bytes > 0 {
            device.check(
                device.driver.copy(address(target.start), address(source.start), bytes, stream), "copy of \(bytes) bytes")
        }
        return CUDAMark(device, on: stream)
    }
}
