import ArgumentParser
import QAT

/// `qat-opt bench MODEL`: latency, throughput, and what each node costs.
struct BenchCommand: DiagnosedCommand {
  static let configuration = CommandConfiguration(
    commandName: "bench", abstract: "Measure how fast a model runs, and which nodes take the time.")

  @Argument(help: "The model: .onnx or .qir.") var model: String
  @Option(help: "A second model, measured in turn with the first.") var against: String?
  @Option(help: "Samples in a batch, where the model does not say.") var batch = 1
  @Option(help: "Threads; 0 for one on each core.") var threads = 0
  @Option(help: "Runs that count.") var runs = 21
  @Option(help: "Runs that do not, before them.") var warmup = 3
  @Option(help: "Data to run on; made up where left out.") var data: String?
  @Flag(help: "Print the nodes, the costly ones first.") var profile = false
  @Flag(help: "Print JSON: {\"ms\": [one per run], ...}.") var json = false

  func validate() throws {
    if batch < 1 { throw ValidationError("--batch must be 1 or more") }
    if runs < 1 { throw ValidationError("--runs must be 1 or more") }
    if warmup < 0 { throw ValidationError("--warmup must be 0 or more") }
  }

  func execute() throws(Diagnostic) {
    var contestants = [try contestant(model)]
    if let against { contestants.append(try contestant(against)) }
    for _ in 0..<warmup { for one in contestants { _ = try one.session.run(one.inputs) } }
    let clock = ContinuousClock()
    for _ in 0..<runs {
      for index in contestants.indices {
        let start = clock.now
        _ = try contestants[index].session.run(contestants[index].inputs)
        contestants[index].milliseconds.append((clock.now - start) / .milliseconds(1))
      }
    }
    let peaks = profile ? try KernelPeaks(threads: threads) : nil
    if json {
      for one in contestants.reversed() { Terminal.print(try one.json(runs, peaks)) }
      return
    }
    Terminal.print(table([Contestant.header] + contestants.map(\.row)))
    if contestants.count == 2 {
      let ratio = contestants[0].quantile(0.5) / contestants[1].quantile(0.5)
      Terminal.print("\(fixed(ratio, 3)) × the time of \(contestants[1].path)")
    }
    guard let peaks else { return }
    for one in contestants {
      Terminal.print("\n" + costs(try one.session.profile(one.inputs, runs: runs), peaks))
    }
    Terminal.print(
      "\nkernels of products in the caches: \(fixed(peaks.integer, 0)) GOPS on 8-bit codes"
        + " (\(peaks.integerKernel)), \(fixed(peaks.float, 0)) GFLOPS (\(peaks.floatKernel))")
  }

  private func contestant(_ path: String) throws(Diagnostic) -> Contestant {
    let graph = try GraphFiles.read(path, registry: QatOpt.tools.ops).preparedToRun()
    let batch = graph.batchSize(batch)
    let set = try load(data ?? "random:\(batch)", for: graph, split: .test)
    guard set.count >= batch else {
      throw Diagnostic(
        .invalidData, "\(set.count) samples for a batch of \(batch)", hint: "lower --batch")
    }
    return Contestant(
      path: path, batch: batch, session: try Session(graph, threads: threads),
      inputs: try set.batch(Array(0..<batch)).inputs)
  }
}

/// A model that is being measured.
private struct Contestant {
  let path: String
  let batch: Int
  let session: Session
  let inputs: [String: AnyTensor]
  var milliseconds: [Double] = []

  static let header = ["model", "median ms", "p10", "p90", "samples/s", "arena MiB"]

  func quantile(_ share: Double) -> Double {
    let sorted = milliseconds.sorted()
    return sorted[min(Int(share * Double(sorted.count)), sorted.count - 1)]
  }

  var row: [String] {
    let median = quantile(0.5)
    return [
      path, fixed(median, 4), fixed(quantile(0.1), 4), fixed(quantile(0.9), 4),
      fixed(1000 * Double(batch) / median, 0),
      fixed(Double(session.arenaByteCount) / 1_048_576, 2),
    ]
  }

  func json(_ runs: Int, _ peaks: KernelPeaks?) throws(Diagnostic) -> String {
    var fields = [
      "\"model\": \(quoted(path))", "\"batch\": \(batch)",
      "\"ms\": [\(milliseconds.map { "\($0)" }.joined(separator: ", "))]",
    ]
    if let peaks {
      let nodes = try session.profile(inputs, runs: runs).map { node in
        "{\"name\": \(quoted(node.name)), \"op\": \"\(node.op)\", \"us\": \(node.nanoseconds / 1000),"
          + " \"multiply_adds\": \(node.multiplyAdds), \"bytes\": \(node.byteCount),"
          + " \"share_of_peak\": \(node.share(of: peaks))}"
      }
      fields.append(
        "\"peaks\": {\"integer\": \(peaks.integer), \"float\": \(peaks.float),"
          + " \"kernels\": [\(quoted(peaks.integerKernel)), \(quoted(peaks.floatKernel))]}")
      fields.append("\"nodes\": [\(nodes.joined(separator: ", "))]")
    }
    return "{\(fields.joined(separator: ", "))}"
  }
}

/// Where the time goes: a table of nodes, the costly ones first.
func costs(_ nodes: [NodeProfile], _ peaks: KernelPeaks) -> String {
  let total = nodes.reduce(0) { $0 + $1.nanoseconds }
  var rows = [["node", "operation", "µs", "share", "GOPS", "of peak", "run by"]]
  for node in nodes.sorted(by: { $0.nanoseconds > $1.nanoseconds }) {
    rows.append([
      node.name, node.op.description, fixed(node.nanoseconds / 1000, 1),
      fixed(100 * node.nanoseconds / total, 1) + " %",
      node.multiplyAdds > 0 ? fixed(node.gigaOps, 0) : "",
      node.multiplyAdds > 0 ? fixed(100 * node.share(of: peaks), 0) + " %" : "",
      node.isKernel ? "kernel" : "reference",
    ])
  }
  return table(rows)
}
