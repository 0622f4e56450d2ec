// swift-tools-version: 6.1
import PackageDescription

// A package that uses Contour's libraries. In a package of your own, give the path or the URL of your copy of Contour.
let package = Package(
    name: "example-package",
    dependencies: [.package(name: "contour", path: "../..")],
    targets: [
        .executableTarget(
            name: "train-language-model",
            dependencies: [
                .product(name: "Kernels", package: "contour"),
                .product(name: "Layers", package: "contour"),
                .product(name: "Shards", package: "contour"),
            ]),
    ]
)
