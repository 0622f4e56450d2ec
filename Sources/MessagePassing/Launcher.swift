internal import Glibc

/// The launcher of MPI programs, such as `mpiexec`, that started this process, according to the environment.
public struct Launcher: Sendable, Equatable {
    /// A family of launchers, whose libraries can find the other processes.
    public enum Family: Sendable {
        /// Open MPI.
        case openMPI
        /// MPICH, and all that use its protocol PMI: Intel MPI, Cray MPICH, MVAPICH, Slurm's `srun --mpi=pmi2`.
        case mpich
        /// PMIx without a sign of Open MPI: `srun --mpi=pmix`, PRRTE.
        case pmix
    }

    /// Family of the launcher.
    public let family: Family
    /// Index of this process among those started together, and their number, if the launcher states them.
    public let rank, size: Int?

    /// Rank and machine of this process, for errors before the ranks have joined.
    public var place: String { "\(rank.map { "rank \($0) on " } ?? "")host \(Communicator.nameOfThisMachine())" }

    /// The launcher of this process; `nil` if it was started alone.
    public static var current: Launcher? { Launcher { name in getenv(name).map { String(cString: $0) } } }

    /// Recognises a launcher from the environment; `nil` if there is none.
    /// - Parameter variable: returns the value of a variable.
    public init?(_ variable: (String) -> String?) {
        func number(_ name: String) -> Int? { variable(name).flatMap { Int($0) } }
        if variable("OMPI_COMM_WORLD_SIZE") != nil {
            (family, rank, size) = (.openMPI, number("OMPI_COMM_WORLD_RANK"), number("OMPI_COMM_WORLD_SIZE"))
        } else if variable("PMI_RANK") != nil {
            (family, rank, size) = (.mpich, number("PMI_RANK"), number("PMI_SIZE"))
        } else if variable("PMIX_RANK") != nil {
            (family, rank, size) = (.pmix, number("PMIX_RANK"), number("SLURM_STEP_NUM_TASKS"))
        } else {
            return nil
        }
    }
}
