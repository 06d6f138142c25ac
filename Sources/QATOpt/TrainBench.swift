import ArgumentParser
import QAT

#if canImport(Glibc)
  import Glibc
#elseif canImport(Musl)
  import Musl
#else
  import Darwin
#endif

/// The options of `train --bench`: how long steps take, on random data.
struct TrainBenchOptions: ParsableArguments {
  @Flag(help: "Time steps on random data; nothing is written.") var bench = false
  @Option(help: "With --bench: steps to time.") var steps = 20
  @Flag(help: "With --bench: print the nodes of a step, the costly ones first.") var profile = false

  /// Made-up data with as many classes as the first output has elements.
  static func data(for graph: Graph, batch: Int) -> String {
    let classes = graph.outputs.first.flatMap { graph[$0].type.shape?.dimensions.last?.size }
    return "random:\(batch)?classes=\(classes ?? 2)"
  }

  /// Prints {"ms": [per step], "rss_mib": R} as the last line.
  func run(_ step: TrainingStep, on data: any DataSet, batch: Int, threads: Int)
    throws(Diagnostic)
  {
    let batch = try data.batch(Array(0..<batch))
    for _ in 0..<3 { _ = try step.run(batch, learningRate: 1e-4) }
    let clock = ContinuousClock()
    var milliseconds: [Double] = []
    for _ in 0..<steps {
      let start = clock.now
      _ = try step.run(batch, learningRate: 1e-4)
      milliseconds.append((clock.now - start) / .milliseconds(1))
    }
    if profile {
      let nodes = try step.profile(batch, learningRate: 1e-4)
      Terminal.print(costs(nodes, try KernelPeaks(threads: threads)) + "\n")
    }
    let times = milliseconds.map { "\($0)" }.joined(separator: ", ")
    Terminal.print("{\"ms\": [\(times)], \"rss_mib\": \(fixed(Self.peakMemory, 1))}")
  }

  /// The process's largest resident memory so far, in MiB.
  private static var peakMemory: Double {
    var usage = rusage()
    #if canImport(Glibc)
      let own = __rusage_who_t(RUSAGE_SELF.rawValue)
    #else
      let own = RUSAGE_SELF
    #endif
    // SAFETY: the structure outlives the call.
    guard unsafe getrusage(own, &usage) == 0 else { return 0 }
    #if os(macOS)
      return Double(usage.ru_maxrss) / 1_048_576
    #else
      return Double(usage.ru_maxrss) / 1024
    #endif
  }
}
