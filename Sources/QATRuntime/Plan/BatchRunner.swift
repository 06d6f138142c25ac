import QATCore
import QATIR
import QATKernels
import Synchronization

/// Runs a batch in parts, where a graph keeps its samples apart: few enough samples at a time that what
/// nodes leave for each other is still in the caches, and on each thread others. Results are those of
/// the whole batch, to the last bit.
final class BatchRunner {
  private let graph: Graph
  private let samples: Samples
  private let pool: ThreadPool
  /// One for each thread: its plans know of no other threads.
  private let caches: [PlanCache]
  /// How many samples go together, where it was asked for.
  private let together: Int?
  /// That of the last run.
  private var last: Division?

  /// `nil` where the graph does not keep samples apart.
  /// - Parameter together: how many samples a part has; `nil` for what the caches hold.
  init?(
    _ graph: Graph, variables: [String: VariableBuffer], pool: ThreadPool, together: Int? = nil
  ) {
    let outer = graph.inputs + graph.outputs
    guard let samples = Samples(graph),
      outer.allSatisfy({ graph[$0].type.element.bitWidth % 8 == 0 })
    else { return nil }
    (self.graph, self.samples, self.pool, self.together) = (graph, samples, pool, together)
    caches = (0..<pool.threads).map { _ in
      PlanCache(
        graph, capacity: PlanCache.ofSession, variables: variables, pool: .single, keep: [])
    }
  }

  /// Bytes of the arenas of all threads.
  var arenaByteCount: Int { caches.reduce(0) { $0 + $1.arenaByteCount } }

  /// How many plans a thread keeps.
  var planCount: Int { caches.map(\.count).max() ?? 0 }

  // MARK: - Running

  /// Runs the graph. The inputs are in the order of the graph's.
  /// - Returns: the outputs; `nil` where the batch is better run as a whole.
  func run(_ inputs: [AnyTensor]) throws(Diagnostic) -> [AnyTensor]? {
    guard let division = try division(of: inputs), let parts = division.parts else { return nil }
    return try AnyTensor.filled(division.outputs) { (outputs) throws(Diagnostic) in
      let next = Atomic(0), failure = Mutex<(part: Int, Diagnostic)?>(nil)
      pool.share(caches.count, by: 1) { threads in
        for thread in threads {
          while failure.withLock({ $0 == nil }) {
            let index = next.add(1, ordering: .relaxed).oldValue
            guard index < parts.count else { break }
            do throws(Diagnostic) {
              try run(parts[index], of: inputs, to: outputs, on: caches[thread])
            } catch {
              failure.withLock { if index < $0?.part ?? .max { $0 = (index, error) } }
            }
          }
        }
      }
      if let (_, error) = failure.withLock({ $0 }) { throw error }
    }
  }

  private func run(
    _ part: Range<Int>, of inputs: [AnyTensor], to outputs: [MutableTensorView],
    on cache: PlanCache
  ) throws(Diagnostic) {
    let inputs = self.inputs(inputs, part)
    let plan = try cache.plan(for: inputs)
    try plan.run(inputs)
    for (index, id) in graph.outputs.enumerated() {
      guard let y = plan.readView(of: id) else { continue }
      let entries = samples.outputs[index], size = outputs[index].shape.dropFirst().reduce(1, *)
      outputs[index].part(at: part.lowerBound * entries * size, shape: y.shape).copy(from: y)
    }
  }

  /// Runs all parts one after the other.
  /// - Returns: as of a plan, each step with what it is in all parts together; `nil` as of `run`.
  func timedRun(
    _ inputs: [AnyTensor]
  ) throws(Diagnostic) -> [(step: Plan.Step, nanoseconds: Double)]? {
    guard let parts = try division(of: inputs)?.parts else { return nil }
    var all: [(step: Plan.Step, nanoseconds: Double)] = []
    for part in parts {
      let inputs = self.inputs(inputs, part)
      let times = try caches[0].plan(for: inputs).timedRun(inputs)
      guard !all.isEmpty else { all = times; continue }
      for (index, time) in times.enumerated() {
        all[index].nanoseconds += time.nanoseconds
        all[index].step.multiplyAdds += time.step.multiplyAdds
        all[index].step.byteCount += time.step.byteCount
      }
    }
    return all
  }

  // MARK: - Parts

  /// What a batch comes to.
  private struct Division {
    let shapes: [[Int]]
    let batch: Int
    /// Samples of a part.
    let size: Int
    let outputs: [TensorType]

    /// `nil` for the batch as a whole.
    var parts: [Range<Int>]? {
      size < batch
        ? stride(from: 0, to: batch, by: size).map { $0..<min($0 + size, batch) } : nil
    }
  }

  private func inputs(_ inputs: [AnyTensor], _ part: Range<Int>) -> [AnyTensor] {
    zip(inputs, samples.inputs).map { tensor, entries in
      entries.map { tensor.samples(part.lowerBound * $0..<part.upperBound * $0) } ?? tensor
    }
  }

  /// How a batch is run; `nil` for a single sample, and for inputs that do not fit each other.
  private func division(of inputs: [AnyTensor]) throws(Diagnostic) -> Division? {
    let shapes = inputs.map(\.shape)
    if let last, last.shapes == shapes { return last }
    let counts = zip(shapes, samples.inputs).compactMap { shape, entries in
      entries.map { shape[0] % $0 == 0 ? shape[0] / $0 : 0 }
    }
    guard let batch = counts.first, batch > 1, Set(counts).count == 1 else { return nil }
    let single = try graph.specialized(to: self.inputs(inputs, 0..<1).map(\.type))
    let outputs = zip(single.outputs, samples.outputs).map { id, entries in
      let type = single[id].type
      return TensorType(
        type.element, Shape([Dimension(entries * batch)] + type.knownShape.dimensions.dropFirst()))
    }
    let division = Division(
      shapes: shapes, batch: batch, size: together ?? size(of: single, batch), outputs: outputs)
    last = division
    return division
  }

  /// What a thread's share of the caches holds.
  private static let cachedBytes = 1 << 20
  /// What of the weights is still in the caches when the next part begins.
  private static let keptBytes = 1 << 22

  /// How many samples go together; all of them where parts would leave threads without work.
  private func size(of single: Graph, _ batch: Int) -> Int {
    guard GraphSplit(single, wanted: Set(single.outputs)) == nil else { return batch }
    let arena = MemoryPlan(single, keep: []).byteCount
    let bytes = { (value: ValueID) in single[value].type.byteCount ?? 0 }
    // Those of codes count half as much again, a measured middle: kernels of 3 x 3 are read as eight
    // times their bytes where filtering is minimal, others as they are.
    let weights = single.constants.reduce(0) {
      $0 + (single[$1].type.element.bitWidth > 8 ? bytes($1) : bytes($1) * 3 / 2)
    }
    let traffic = single.nodes.lazy.flatMap { single[$0].operands + single[$0].results }
      .reduce(0) { $0 + ($1.map { single[$0].constant == nil ? bytes($0) : 0 } ?? 0) }
    // Each part waits for the weights again: not longer than for a quarter of what its samples take.
    let awaited = max(0, weights - Self.keptBytes)
    let most = max(1, Self.cachedBytes / max(arena, 1), 4 * awaited / max(traffic, 1))
    let threads = pool.threads, rounds = ceilDivide(batch, by: most * threads)
    let size = ceilDivide(batch, by: rounds * threads)
    let taken = ceilDivide(batch, by: size * threads) * size * threads
    return threads > 1 && 4 * taken > 5 * batch ? batch : size
  }
}

private func ceilDivide(_ count: Int, by divisor: Int) -> Int { (count + divisor - 1) / divisor }
