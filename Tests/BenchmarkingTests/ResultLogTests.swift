import Benchmarking
import Files
import TestSupport
import Testing

@Suite struct ResultLogTests {
    @Test func valuesThatAreNilAreLeftOut() throws {
        let directory = try TemporaryDirectory()
        let output = try OutputFile(path: directory.file("lines"), binary: false), missing: Double? = nil
        let log = ResultLog(output)
        try log.write(["event": "round", "missing": missing, "none": nil, "list": [1, 2], "text": "a/b", "seconds": Spread([3])])
        try log.write(InterruptedRecord(run: "costs"))
        try output.commit()
        #expect(
            String(decoding: try contents(of: directory.file("lines")), as: UTF8.self) == """
                {"event":"round","list":[1,2],"seconds":{"highest":3,"lowest":3,"median":3},"text":"a/b"}
                {"event":"interrupted","run":"costs"}

                """)
    }
}
