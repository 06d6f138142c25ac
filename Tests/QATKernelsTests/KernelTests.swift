import CQATKernels
import Testing

/// All tests of kernels, one after the other: some narrow the CPU features of the process.
@Suite("Kernels", .serialized)
enum KernelTests {}

/// A small generator with a fixed start (SplitMix64), so that a failure can be repeated.
struct Random {
  private var state: UInt64
  init(_ seed: UInt64) { state = seed }

  mutating func next() -> UInt64 {
    state &+= 0x9E37_79B9_7F4A_7C15
    var z = state
    z = (z ^ z >> 30) &* 0xBF58_476D_1CE4_E5B9
    z = (z ^ z >> 27) &* 0x94D0_49BB_1331_11EB
    return z ^ z >> 31
  }

  mutating func integer(in range: ClosedRange<Int>) -> Int {
    range.lowerBound + Int(next() % UInt64(range.count))
  }

  /// Multiples of 1/4096 inside -1...1.
  mutating func float() -> Float { Float(integer(in: -4096...4096)) / 4096 }
  mutating func floats(_ count: Int) -> [Float] { (0..<count).map { _ in float() } }
  mutating func bytes(_ count: Int) -> [UInt8] {
    (0..<count).map { _ in UInt8(truncatingIfNeeded: next()) }
  }
}

/// Runs `body` once for each set of features that this CPU has, the plain C first.
func withEachCPU<Result>(_ body: (UInt32) throws -> Result) rethrows -> [Result] {
  let all = qat_cpu_features()
  var seen: [UInt32] = []
  for mask: UInt32 in [0, 1, 3, 5, 15] where !seen.contains(all & mask) { seen.append(all & mask) }
  defer { _ = qat_cpu_limit(~0) }
  return try seen.map { mask in
    _ = qat_cpu_limit(mask)
    return try body(mask)
  }
}

/// What `body` computes has the same bits under each set of CPU features; returns it.
func sameOnEachCPU<Element: Equatable>(
  _ body: () throws -> [Element], _ location: SourceLocation = #_sourceLocation
) rethrows -> [Element] {
  let results = try withEachCPU { _ in try body() }
  for result in results.dropFirst() { #expect(result == results[0], sourceLocation: location) }
  return results[0]
}

/// Runs `body` with each kernel that rounds its operands to bfloat16 itself: AMX's on the model of its
/// tiles, and that of this CPU.
func withRoundingKernels(_ body: () throws -> Void) rethrows {
  if qat_sgemm_rounds() { try body() }
  qat_cpu_emulate_tiles(true)
  defer { qat_cpu_emulate_tiles(false) }
  try body()
}

/// Runs `body` without the CPU's instructions for bfloat16.
func withoutRoundingKernels(_ body: () throws -> Void) rethrows {
  let instructions = UInt32(QAT_CPU_AMXBF16 | QAT_CPU_AVX512BF16)
  let limit = qat_cpu_limit(~instructions)
  defer { _ = qat_cpu_limit(limit) }
  try body()
}

/// The nearest bfloat16, of two as near the even one; for what is finite.
func throughBfloat16(_ x: Float) -> Float {
  let low = x.bitPattern & 0xFFFF, kept = x.bitPattern & 0xFFFF_0000
  let up = low > 0x8000 || (low == 0x8000 && kept & 0x1_0000 != 0)
  return Float(bitPattern: up ? kept + 0x1_0000 : kept)
}

extension Array where Element == Float {
  var bits: [UInt32] { map(\.bitPattern) }
}

/// 64-byte aligned memory for the length of a test.
final class Aligned {
  let start: UnsafeMutableRawPointer
  init(_ byteCount: Int) { start = .allocate(byteCount: max(byteCount, 64), alignment: 64) }
  deinit { start.deallocate() }
  var floats: UnsafeMutablePointer<Float> { start.assumingMemoryBound(to: Float.self) }
}

/// A pool for the length of a test.
final class Pool {
  let pool: OpaquePointer?
  init(_ threads: Int) { pool = qat_pool_create(Int32(threads)) }
  deinit { qat_pool_destroy(pool) }
  var threads: Int { Int(qat_pool_threads(pool)) }
}

/// Largest |a - b| / (1 + |b|).
func distance(_ a: [Float], _ b: [Double]) -> Double {
  zip(a, b).reduce(0) { worst, pair in
    let error = abs(Double(pair.0) - pair.1) / (1 + abs(pair.1))
    return error.isNaN ? .infinity : max(worst, error)
  }
}
