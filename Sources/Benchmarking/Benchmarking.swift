// Benchmarking: see docs/architecture.md.
