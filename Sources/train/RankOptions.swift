public import ArgumentParser
import Files
import MessagePassing
public import Training

/// The options of training with several ranks, and of the lanes that they share.
struct RankOptions: ParsableArguments {
    @Option(help: ArgumentHelp(
        """
        Parts of the batch whose gradients are added up in a fixed order, so that ranks of mpiexec may share them: the result depends on the \
        lanes and not on the ranks. A divisor of --batch [as many as ranks train a direction; with --resume, those of the checkpoint].
        """, valueName: "n"))
    var lanes: Int?

    @Option(
        help: ArgumentHelp(
            "The MPI library to open under mpiexec [that of the mpiexec: libmpi.so.40, libmpich.so.12 or libmpi_abi.so.1].", valueName: "file"),
        completion: .file())
    var mpiLibrary: String?

    @Option(help: """
        The form in which ranks send gradients: as they are (float32), or rounded to half of the bytes (bf16); then the result depends on the \
        number of ranks.
        """)
    var send: SendPrecision = .float32

    func validate() throws {
        guard mpiLibrary != "" else { throw ValidationError("--mpi-library is empty: it names a library, such as libmpi.so.40") }
        guard (1...65536).contains(lanes ?? 1) else { throw ValidationError("--lanes must be from 1 to 65536") }
    }

    /// The launcher that started this process together with others; `nil` if this process is the only one.
    static var launcher: Launcher? { Launcher.current.flatMap { $0.size == 1 ? nil : $0 } }

    /// Joins the ranks that `mpiexec` has started with this one. Returns `nil` if it was started alone. Throws `ToolError`,
    /// `unavailable`, without an MPI library.
    func join() throws -> Ranks? {
        guard let launcher = Self.launcher else {
            // A single rank of mpiexec has no other to talk to, and the same command line as several.
            guard mpiLibrary == nil || Launcher.current != nil else {
                throw ToolError(.usage, "--mpi-library is not used: this process was not started by mpiexec")
            }
            return nil
        }
        let communicator = try Communicator.join(launcher, library: mpiLibrary)
        return communicator.size > 1 ? Ranks(communicator) : nil
    }
}

extension SendPrecision: ExpressibleByArgument {}
