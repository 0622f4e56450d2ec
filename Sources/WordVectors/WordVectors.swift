// WordVectors: see docs/architecture.md.
