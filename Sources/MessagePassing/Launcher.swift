internal import Glibc

/// The launcher of MPI programs, such as `mpiexec`, that started this process, as the environment tells.
public struct Launcher: Sendable, Equatable {
    /// The family of a launcher, whose libraries know how to find the other processes.
    public enum Family: Sendable {
        case openMPI
        /// MPICH's, and of all that speak its protocol, PMI: Intel MPI, Cray MPICH, MVAPICH, Slurm's `srun --mpi=pmi2`.
        case mpich
        /// PMIx without a sign of Open MPI: `srun --mpi=pmix`, PRRTE.
        case pmix
    }

    public let family: Family
    /// The place of this process among those that were started together, and their number, if the launcher says them.
    public let rank, size: Int?

    /// The rank and the machine of this process, for errors that are met before the ranks have joined.
    public var place: String { "\(rank.map { "rank \($0) on " } ?? "")host \(Communicator.nameOfThisMachine())" }

    /// The launcher of this process; `nil` if it was started by itself.
    public static var current: Launcher? { Launcher { name in getenv(name).map { String(cString: $0) } } }

    /// The launcher that an environment tells of; `nil` if it tells of none.
    /// - Parameter variable: the value of a variable.
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
