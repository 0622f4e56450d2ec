// Vocabulary: see docs/architecture.md.
