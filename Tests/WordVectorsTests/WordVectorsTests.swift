// Tests of WordVectors.
