import QAT

/// What `--list-ops` prints: an operation a line, and what the project can do with it.
func listing(of registry: OpRegistry) -> String {
  var rows = [["operation", "runs", "gradient", "quantized"]]
  for name in registry.names {
    guard let type = registry[name] else { continue }
    let runs =
      type is any Executable.Type
      ? "kernel"
      : type is any Evaluable.Type || type is any ControlFlow.Type ? "reference" : "no"
    rows.append([
      name.description, runs, type is any Differentiable.Type ? "yes" : "no",
      type is any Quantizable.Type ? "yes" : "no",
    ])
  }
  return table(rows)
}
