import QATCore
import QATIR
import QATKernels

extension Attention: Executable {
  /// For floats, with a mask of floats or truth values; past keys and values where the present ones
  /// are wanted, which then hold all that is read.
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard (0..<3).allSatisfy({ request.element($0) == .f32 && !request.shape($0).contains(0) }),
      !request.isPresent(3) || [.f32, .bool].contains(request.element(3)),
      !request.resultShape().contains(0), request.resultShape() != []
    else { return nil }
    let wants = (0..<4).map { $0 < request.results.count && request.results[$0] != nil }
    guard wants[0], !request.isPresent(4) || (wants[1] && wants[2]) else { return nil }
    let keys = JoinedHeads(request, past: 4, new: 1, isKept: wants[1], heads: keyHeadCount)
    let values = JoinedHeads(request, past: 5, new: 2, isKept: wants[2], heads: keyHeadCount)
    let kernel = try kernel(request, keys, values), pool = request.pool
    let hasMask = request.isPresent(3)
    return Kernel(scratchByteCount: kernel.scratchByteCount(pool)) { call throws(Diagnostic) in
      guard let scratch = call.scratch else { return }
      if let lengths = call.optional(6) {
        try checkLengths(lengths.int64s.map { Int($0) }, keys: kernel.keys)
      }
      kernel.run(
        q: call[0], k: keys.join(call, result: 1), v: values.join(call, result: 2),
        y: call.result(), mask: hasMask ? call.optional(3) : nil, lengths: call.optional(6),
        scores: wants[3] ? call.result(3) : nil, pool, scratch: scratch)
    }
  }

  private func kernel(
    _ request: KernelRequest, _ keys: JoinedHeads, _ values: JoinedHeads
  ) throws(Diagnostic) -> AttentionKernel {
    let q = HeadPlaces(request.shape(0), heads: queryHeadCount)
    var kernel = AttentionKernel()
    (kernel.batch, kernel.heads, kernel.keyHeads) = (q.batch, q.count, keys.places.count)
    (kernel.queries, kernel.keys) = (q.length, keys.places.length)
    (kernel.size, kernel.valueSize) = (q.size, values.places.size)
    kernel.query = q.strides
    kernel.key = keys.places.strides
    kernel.value = values.places.strides
    kernel.result = HeadPlaces(request.resultShape(), heads: queryHeadCount).strides
    kernel.scale = scale ?? 1 / Float(q.size).squareRoot()
    kernel.softcap = softcap
    kernel.isCausal = isCausal
    (kernel.left, kernel.right) = (leftWindow, rightWindow)
    kernel.past = keys.past
    kernel.stage = scoreStage.rawValue
    if request.isPresent(3) {
      let mask = request.shape(3), length = mask.last ?? kernel.keys
      let target = [q.batch, q.count, q.length, length]
      kernel.mask = .init(strides: broadcastStrides(mask, to: target), length: length)
    }
    return kernel
  }
}

/// The keys or values that an attention reads: an operand as it is, or past and new ones joined in
/// a result.
private struct JoinedHeads {
  /// Of all of them.
  let places: HeadPlaces
  /// How many come from the past.
  let past: Int
  private let own: HeadPlaces
  private let isKept: Bool
  private let operands: (past: Int, new: Int)

  init(_ request: KernelRequest, past: Int, new: Int, isKept: Bool, heads: Int?) {
    own = HeadPlaces(request.shape(new), heads: heads)
    self.past = request.isPresent(past) ? request.shape(past)[2] : 0
    self.isKept = isKept
    operands = (past, new)
    places =
      isKept
      ? HeadPlaces([own.batch, own.count, self.past + own.length, own.size], heads: nil) : own
  }

  /// All of them, joined in the result where it is wanted.
  func join(_ call: KernelCall, result: Int) -> TensorView {
    guard isKept else { return call[operands.new] }
    let target = call.result(result), rowsAreTogether = own.step == own.size
    for head in 0..<own.batch * own.count {
      let start = head * places.length * own.size, before = past * own.size
      if before > 0 {
        let from = call[operands.past].part(at: head * before, shape: [before])
        target.part(at: start, shape: [before]).copy(from: from)
      }
      let run = rowsAreTogether ? own.length : 1
      for step in stride(from: 0, to: own.length, by: run) {
        let offset = own.offset(head / own.count, head % own.count, step), count = run * own.size
        target.part(at: start + before + step * own.size, shape: [count])
          .copy(from: call[operands.new].part(at: offset, shape: [count]))
      }
    }
    return target.readOnly
  }
}

extension HeadPlaces {
  fileprivate var strides: HeadStrides {
    HeadStrides(entry: entryStep, head: headStep, step: step)
  }
}

extension RotaryEmbedding: Executable {
  public func kernel(for request: KernelRequest) throws(Diagnostic) -> Kernel? {
    guard request.element(0) == .f32, !request.shape(0).contains(0),
      let half = request.shape(1).last
    else { return nil }
    let places = HeadPlaces(request.shape(0), heads: headCount), pool = request.pool
    let table = request.shape(1)[0], interleaved = interleaved
    return Kernel { call throws(Diagnostic) in
      let positions = call.optional(3)
      if let positions { try checkPositions(positions.int64s.map { Int($0) }, below: table) }
      RotaryKernels.run(
        batch: places.batch, heads: places.count, steps: places.length, size: places.size,
        strides: places.strides, half: half, interleaved: interleaved, positions: positions,
        cosine: call[1], sine: call[2], x: call[0], y: call.result(), pool)
    }
  }
}
