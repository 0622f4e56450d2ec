// Encoding: see docs/architecture.md.
