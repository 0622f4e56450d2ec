#if !HDF5
import Files
import HDF5
import Testing

struct WithoutLibraryTests {
    @Test func readerAndWriterSayHowToGetTheLibrary() throws {
        let advice = "these tools were built without HDF5; install it and build again: apt install libhdf5-dev, then make"
        let reading = #expect(throws: ToolError.self) { try HDF5File(path: "weights.hdf5") }
        #expect(reading?.status == .unavailable && reading?.description == "weights.hdf5: \(advice)")
        let writing = #expect(throws: ToolError.self) { try HDF5Writer(path: "vectors.hdf5") }
        #expect(writing?.status == .unavailable && writing?.description == "vectors.hdf5: \(advice)")
    }
}
#endif
