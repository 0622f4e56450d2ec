// swift-tools-version: 6.1
import PackageDescription

// The layout is the architecture: docs/architecture.md draws it. Arrows point one way,
//   tools -> Training, Encoding, WordVectors, ... -> Model -> Layers -> Kernels -> Parallel
//   tools -> ... -> Shards -> Files
// and formats (Shards, Files) know nothing of models.

let settings: [SwiftSetting] = [
    .swiftLanguageMode(.v6),
    .enableUpcomingFeature("ExistentialAny"),
    .enableUpcomingFeature("InternalImportsByDefault"),
    .enableUpcomingFeature("MemberImportVisibility"),
]

let argumentParser = Target.Dependency.product(name: "ArgumentParser", package: "swift-argument-parser")
let subprocess = Target.Dependency.product(name: "Subprocess", package: "swift-subprocess")
let mustache = Target.Dependency.product(name: "Mustache", package: "swift-mustache")
let systemPackage = Target.Dependency.product(name: "SystemPackage", package: "swift-system")

func library(_ name: String, _ dependencies: [Target.Dependency] = []) -> Target {
    .target(name: name, dependencies: dependencies, swiftSettings: settings)
}

func tool(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .executableTarget(
        name: name, dependencies: ["ToolSupport", argumentParser] + dependencies, swiftSettings: settings)
}

func tests(_ name: String, _ dependencies: [Target.Dependency]) -> Target {
    .testTarget(name: name, dependencies: dependencies, swiftSettings: settings)
}

let package = Package(
    name: "contour",
    products: [
        .executable(name: "tokenize", targets: ["tokenize"]),
        .executable(name: "build-vocab", targets: ["build-vocab"]),
        .executable(name: "embed-oov", targets: ["embed-oov"]),
        .executable(name: "train", targets: ["train"]),
        .executable(name: "encode", targets: ["encode"]),
        .executable(name: "bench", targets: ["bench"]),
        // For other packages: networks, arithmetic, and the files that pass between the tools (docs/example-package).
        .library(name: "Layers", targets: ["Layers"]),
        .library(name: "Kernels", targets: ["Kernels", "Parallel"]),
        .library(name: "Shards", targets: ["Shards", "Files", "Parallel"]),
        // For tests only: preloaded into a tool, it counts allocations.
        .library(name: "AllocationCounter", type: .dynamic, targets: ["AllocationCounter"]),
        // For tests only: stands in for the libraries of a GPU where there is none.
        .library(name: "FakeCUDA", type: .dynamic, targets: ["FakeCUDA"]),
        // For tests only: a program for mpiexec to start.
        .executable(name: "RankProbe", targets: ["RankProbe"]),
    ],
    traits: [
        .trait(name: "HDF5", description: "Reads and writes HDF5 files (needs libhdf5-dev); make turns it on where the library is."),
    ],
    dependencies: [
        .package(url: "https://github.com/apple/swift-argument-parser", from: "1.5.0"),
        .package(url: "https://github.com/apple/swift-system", from: "1.4.0"),
        .package(url: "https://github.com/swiftlang/swift-subprocess", from: "1.0.0"),
        // Templates of the pages that `bench report` makes.
        .package(url: "https://github.com/hummingbird-project/swift-mustache", from: "2.0.0"),
        .package(url: "https://github.com/swiftlang/swift-docc-plugin", from: "1.4.0"),
    ],
    targets: [
        // The tools: arguments in, one call of a library, exit status out.
        tool("tokenize", ["Tokenization", "Subwords", "Shards", "Files"]),
        tool("build-vocab", ["Vocabulary", "Subwords", "Shards", "Files"]),
        tool("embed-oov", ["WordVectors", "Shards", "Files"]),
        tool("train", ["NetworkArguments", "CUDA", "Training", "MessagePassing", "Model", "Kernels", "WordVectors", "Shards", "Files", "Parallel"]),
        tool(
            "encode",
            ["NetworkArguments", "Encoding", "ELMoWeights", "Model", "Kernels", "WordVectors", "Subwords", "Tokenization", "HDF5", "Shards", "Files", "Parallel"]),
        tool(
            "bench",
            ["Benchmarking", "NetworkArguments", "CUDA", "Probing", "Tasks", "Training", "Encoding", "Subwords", "Model", "WordVectors", "Kernels",
             "Shards", "Files", "Parallel"]),
        library("ToolSupport", ["Files", "Shards", "Parallel", argumentParser]),
        library("NetworkArguments", ["Model", "CUDA", "Kernels", "Files", argumentParser]),

        // The stages of the pipeline.
        library("Tokenization", ["Shards", "Files", "Parallel"]),
        library("Vocabulary", ["Shards", "Files", "Parallel"]),
        library("Subwords", ["Shards", "Files"]),
        library("WordVectors", ["Layers", "Kernels", "Shards", "Files", "Parallel"]),
        library("Training", ["Model", "Layers", "Kernels", "MessagePassing", "WordVectors", "Subwords", "Shards", "Files", "Parallel"]),
        library(
            "Encoding",
            ["Model", "Layers", "Kernels", "WordVectors", "Subwords", "Tokenization", "HDF5", "Shards", "Files", "Parallel"]),
        library(
            "Probing",
            ["Encoding", "Model", "Layers", "Kernels", "WordVectors", "Subwords", "Tokenization", "Shards", "Files", "Parallel"]),
        library(
            "Tasks",
            ["Differentiation", "Probing", "Encoding", "Model", "Layers", "Kernels", "WordVectors", "Subwords", "Tokenization", "HDF5", "Shards",
             "Files", "Parallel"]),
        .target(
            name: "Benchmarking",
            dependencies: ["Tasks", "Training", "Encoding", "Model", "Layers", "CUDA", "Kernels", "WordVectors", "Vocabulary", "Tokenization",
                           "Shards", "Files", "Parallel", mustache],
            resources: ["page", "method", "part", "table", "cell", "head", "figure", "frame", "axis", "lines", "scores", "bars"].map {
                .embedInCode("Report/Templates/\($0).mustache")
            } + [.embedInCode("Report/Templates/style.css")], swiftSettings: settings),

        // Models of others.
        library("ELMoWeights", ["Model", "Layers", "Kernels", "HDF5", "Files", "Parallel"]),

        // Networks, from the whole encoder down to the arithmetic.
        library("Model", ["Layers", "Kernels", "Shards", "Files", "Parallel"]),
        // Networks of tasks: the same operations, differentiated as they ran.
        library("Differentiation", ["Layers", "Kernels", "Parallel"]),
        library("Layers", ["Kernels", "Parallel"]),
        .target(
            name: "CUDA", dependencies: ["Kernels", "Files", "Parallel"],
            resources: ["Common", "Rows", "Elements", "Attention", "Cells", "Characters", "Losses", "Softmax", "Mix", "Training", "Scores"].map {
                .embedInCode("Kernels/\($0).cu")
            }, swiftSettings: settings),
        library("Kernels", ["CKernels", "Parallel"]),
        .target(name: "CKernels"),

        // Data between the stages.
        library("Shards", ["Files", "Parallel", "CLZ4"]),
        library("HDF5", ["Shards", "Files", .target(name: "CHDF5", condition: .when(traits: ["HDF5"]))]),
        library("Files", ["CLZ4", "CZlib", systemPackage]),
        library("Parallel"),

        // Between processes that train together.
        library("MessagePassing", ["Files", "Parallel"]),

        // Tests: one target a library, and one that runs the tools as a user does.
        .target(
            name: "TestSupport", dependencies: ["Files", subprocess, systemPackage], path: "Tests/TestSupport",
            swiftSettings: settings),
        .target(name: "AllocationCounter", path: "Tests/AllocationCounter"),
        .target(name: "FakeCUDA", path: "Tests/FakeCUDA"),
        .executableTarget(name: "RankProbe", dependencies: ["MessagePassing", "Files", "Parallel"], path: "Tests/RankProbe", swiftSettings: settings),
        .target(name: "PlainBackend", dependencies: ["Kernels"], path: "Tests/PlainBackend", swiftSettings: settings),
        // The program of docs/example-package, built here for its test; `make example` builds the package itself.
        .executableTarget(
            name: "ExampleProgram", dependencies: ["Layers", "Kernels", "Shards", "Files", "Parallel"],
            path: "docs/example-package/Sources/train-language-model", swiftSettings: settings),
        tests("ParallelTests", ["Parallel"]),
        tests("TasksTests", ["Tasks", "Differentiation", "Probing", "Shards", "Layers", "Kernels", "Files", "Parallel", "TestSupport"]),
        tests("DifferentiationTests", ["Differentiation", "Layers", "Kernels", "Parallel"]),
        tests("MessagePassingTests", ["MessagePassing", "TestSupport"]),
        tests("FilesTests", ["Files", "TestSupport"]),
        tests("HDF5Tests", ["HDF5", "Shards", "Files", "TestSupport"]),
        tests("ShardsTests", ["Shards", "Files", "Parallel", "TestSupport"]),
        tests("TokenizationTests", ["Tokenization", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("VocabularyTests", ["Vocabulary", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("SubwordsTests", ["Subwords", "Shards", "Files", "TestSupport"]),
        tests("KernelsTests", ["Kernels", "PlainBackend", "Parallel"]),
        tests("CUDATests", ["CUDA", "Encoding", "WordVectors", "Shards", "Benchmarking", "Model", "Layers", "Kernels", "PlainBackend", "Parallel", "Files", "TestSupport"]),
        tests("LayersTests", ["Layers", "Kernels", "PlainBackend", "Parallel"]),
        tests("ModelTests", ["Model", "Layers", "Kernels", "PlainBackend", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("WordVectorsTests", ["WordVectors", "Layers", "Kernels", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("TrainingTests", ["Training", "Model", "Layers", "WordVectors", "Kernels", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("EncodingTests", ["Encoding", "HDF5", "Subwords", "Layers", "Kernels", "Model", "WordVectors", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("ELMoWeightsTests", ["ELMoWeights", "Encoding", "Shards", "Model", "Layers", "Kernels", "HDF5", "Files", "Parallel", "TestSupport"]),
        tests("ProbingTests", ["Probing", "Encoding", "Model", "Layers", "WordVectors", "Kernels", "Shards", "Files", "Parallel", "TestSupport"]),
        tests("BenchmarkingTests", ["Benchmarking", "Training", "Model", "Kernels", "PlainBackend", "Parallel", "Files", "TestSupport"]),
        tests("ToolTests", ["Shards", "Files", "Parallel", "TestSupport"]),
        tests("HostileTests", ["Files", "TestSupport"]),

        .systemLibrary(name: "CHDF5", pkgConfig: "hdf5", providers: [.apt(["libhdf5-dev"])]),
        .systemLibrary(name: "CLZ4", pkgConfig: "liblz4", providers: [.apt(["liblz4-dev"])]),
        .systemLibrary(name: "CZlib", pkgConfig: "zlib", providers: [.apt(["zlib1g-dev"])]),
    ],
    cxxLanguageStandard: .cxx17
)
