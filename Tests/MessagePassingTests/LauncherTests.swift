import MessagePassing
import Testing

@Suite struct LauncherTests {
    @Test func theEnvironmentSaysHowAProcessWasStarted() {
        func launcher(_ variables: [String: String]) -> Launcher? { Launcher { variables[$0] } }
        #expect(launcher(["PATH": "/bin"]) == nil)
        let openMPI = launcher(["OMPI_COMM_WORLD_SIZE": "4", "OMPI_COMM_WORLD_RANK": "3", "PMIX_RANK": "3"])
        #expect(openMPI?.family == .openMPI && openMPI?.rank == 3 && openMPI?.size == 4)
        let mpich = launcher(["PMI_RANK": "1", "PMI_SIZE": "2"])
        #expect(mpich?.family == .mpich && mpich?.rank == 1 && mpich?.size == 2)
        let slurm = launcher(["PMIX_RANK": "5", "SLURM_STEP_NUM_TASKS": "8"])
        #expect(slurm?.family == .pmix && slurm?.rank == 5 && slurm?.size == 8)
        #expect(launcher(["PMIX_RANK": "5"])?.size == nil)
    }
}
