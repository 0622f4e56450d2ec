// Tests of Parallel.
