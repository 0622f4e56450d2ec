import Benchmarking
import Testing

@Suite struct TextTableTests {
    @Test func alignsColumns() {
        var table = TextTable(["", "words/s", "x"])
        table.append(["training", "1,234", "0.5"])
        table.append(["a", "7", "10.25"])
        #expect(
            table.text == """
                          words/s      x
                training    1,234    0.5
                a               7  10.25

                """)
    }
}
