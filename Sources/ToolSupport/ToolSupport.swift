// ToolSupport: see docs/architecture.md.
