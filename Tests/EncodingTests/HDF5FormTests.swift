#if HDF5
import Encoding
import Files
import HDF5
import Shards
import TestSupport
import Testing

/// What h5py makes of the files is tested with the tools; here is what they hold.
struct HDF5FormTests {
    @Test(arguments: [RowStorage.float32, .float16], [1, 2])
    func aDataSetASentence(storage: RowStorage, layers: Int) throws {
        let directory = try TemporaryDirectory()
        let path = directory.file("v.hdf5"), width = 4 / layers
        let file = try HDF5Writer(path: path)
        let writer = try HDF5VectorWriter(file, VectorLayout(layers: layers, width: width, storage: storage))
        for sentence in VectorWriterTests.sentences {
            try writer.begin(sentence.words)
            // A long sentence comes in pieces.
            for token in sentence.words.indices {
                try writer.append(Array(sentence.values[token * 4..<(token + 1) * 4]), tokens: 1)
            }
            writer.end()
        }
        try writer.finish()
        try file.commit()
        let read = try HDF5File(path: path)
        for (index, sentence) in VectorWriterTests.sentences.enumerated() {
            let tokens = sentence.words.count
            let name = "/\(index)"
            let shape = layers == 1 ? [tokens, width] : [layers, tokens, width]
            #expect(try read.dataset(name).shape == shape)
            let values = try read.values(name)
            for token in 0..<tokens {
                for layer in 0..<layers {
                    for place in 0..<width {
                        let expected = sentence.values[(token * layers + layer) * width + place]
                        #expect(values[(layer * tokens + token) * width + place] == expected)
                    }
                }
            }
        }
    }
}
#endif
