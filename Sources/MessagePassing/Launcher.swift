internal import Glibc

/// How `mpiexec`, or another launcher of MPI programs, started this process: it says so in the environment.
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
    /// The processes that were started together, if the launcher says how many.
    public let size: Int?

    /// The launcher of this process; `nil` if it was started by itself.
    public static var current: Launcher? { Launcher { name in getenv(name).map { String(cString: $0) } } }

    /// - Parameter variable: the value of a variable of the environment.
    init?(_ variable: (String) -> String?) {
        if let size = variable("OMPI_COMM_WORLD_SIZE") {
            (family, self.size) = (.openMPI, Int(size))
        } else if variable("PMI_RANK") != nil {
            (family, size) = (.mpich, variable("PMI_SIZE").flatMap { Int($0) })
        } else if variable("PMIX_RANK") != nil {
            (family, size) = (.pmix, variable("SLURM_STEP_NUM_TASKS").flatMap { Int($0) })
        } else {
            return nil
        }
    }
}
