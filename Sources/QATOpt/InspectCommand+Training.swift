import QAT

extension InspectCommand {
  /// What a model that is being trained carries: its schedule, the state of its quantizers.
  func trainingState(of graph: Graph) -> [String] {
    var lines: [String] = []
    if let schedule = graph.metadata[QuantizationSchedule.key] {
      lines.append("schedule: \(schedule)")
    }
    let learned = learnedRows(of: graph), observed = observedRows(of: graph)
    if !learned.isEmpty {
      let head = [
        "learned quantizer", "method", "codes", "parameter", "began as", "shift", "batches", "rate",
        "decay", "clip",
      ]
      lines.append(table([head] + learned))
    }
    if !observed.isEmpty {
      lines.append(table([["observed value", "observer", "min", "max", "batches"]] + observed))
    }
    return lines
  }

  private func learnedRows(of graph: Graph) -> [[String]] {
    graph.nodes.compactMap { id in
      guard let op = graph[id].op as? LearnRange, let x = graph[id].operands[0] else { return nil }
      let state = graph[id].operands.dropFirst().map { contents($0, graph) }
      return [
        graph[x].name, op.method.rawValue, op.grid.description, state[0], state[2], state[1],
        "\(state[3]) of \(op.limit)", "\(op.rate)", "\(op.weightDecay)", "\(op.clip)",
      ]
    }
  }

  private func observedRows(of graph: Graph) -> [[String]] {
    graph.nodes.compactMap { id in
      guard let op = graph[id].op as? Observe, let x = graph[id].operands[0] else { return nil }
      let state = graph[id].operands.dropFirst().map { contents($0, graph) }
      return [
        graph[x].name, op.kind.rawValue, state[0], state[1],
        op.limit == 0 ? state[2] : "\(state[2]) of \(op.limit)",
      ]
    }
  }

  /// The number in a parameter; the first and how many where they differ.
  private func contents(_ value: ValueID?, _ graph: Graph) -> String {
    guard let tensor = value.flatMap({ graph[$0].parameter }) else { return "-" }
    let texts =
      tensor.integers?.map(String.init) ?? tensor.doubles?.map { "\(Float($0))" } ?? []
    return Set(texts).count > 1 ? "\(texts[0]) … (\(texts.count))" : texts.first ?? "-"
  }
}
