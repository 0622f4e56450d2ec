import Files

/// Why nothing is read or written in a build without the library; `file` is the one that would have been.
func withoutLibrary(_ file: String) -> ToolError {
    ToolError(
        .unavailable,
        "\(file): these tools were built without HDF5; install it and build again: apt install libhdf5-dev, then make")
}
