#if !HDF5
import Files
import HDF5
import Testing

struct WithoutLibraryTests {
    @Test func theReaderSaysHowToGetTheLibrary() throws {
        let error = #expect(throws: ToolError.self) { try HDF5File(path: "weights.hdf5") }
        #expect(error?.status == .unavailable)
        #expect(
            error?.description
                == "weights.hdf5: these tools were built without HDF5; install it and build again: apt install libhdf5-dev, then make")
    }
}
#endif
