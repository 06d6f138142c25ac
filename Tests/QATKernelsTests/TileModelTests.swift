import CQATKernels
import Testing

extension KernelTests {
  /// The model that stands for AMX's tiles, against plain loops over the definition.
  @Suite("The model of tile registers")
  struct TileModelTests {
    /// Tiles 0, 1, 2: m x n sums, A, B.
    private func configure(_ m: Int, _ n: Int, _ k: Int) {
      var shapes = qat_tile_shapes()
      shapes.palette = 1
      (shapes.rows.0, shapes.rows.1, shapes.rows.2) = (UInt8(m), UInt8(m), UInt8(k))
      (shapes.row_bytes.0, shapes.row_bytes.1) = (UInt16(4 * n), UInt16(4 * k))
      shapes.row_bytes.2 = UInt16(4 * n)
      qat_model_configure(&shapes)
    }

    static let sizes = [(16, 16, 16), (1, 1, 1), (9, 16, 5), (16, 3, 16), (7, 11, 13)]

    @Test("adds products of bytes of each pair of signs", arguments: sizes)
    func addByteProducts(_ m: Int, _ n: Int, _ k: Int) {
      var random = Random(UInt64(m * 1000 + n * 100 + k))
      for (aSigned, bSigned) in [(true, true), (true, false), (false, true), (false, false)] {
        for extremes in [false, true] {
          let ends: [UInt8] = [0, 127, 128, 255]
          let a = random.bytes(m * 4 * k).map { extremes ? ends[Int($0 % 4)] : $0 }
          let b = random.bytes(k * 4 * n).map { extremes ? ends[Int($0 % 4)] : $0 }
          let start = (0..<m * n).map { _ in Int32(truncatingIfNeeded: random.next()) }
          func value(_ byte: UInt8, _ signed: Bool) -> Int32 {
            signed ? Int32(Int8(bitPattern: byte)) : Int32(byte)
          }
          var expected = start
          for i in 0..<m {
            for j in 0..<n {
              for l in 0..<4 * k {
                expected[i * n + j] &+=
                  value(a[i * 4 * k + l], aSigned)
                  * value(b[l / 4 * 4 * n + 4 * j + l % 4], bSigned)
              }
            }
          }
          configure(m, n, k)
          qat_model_load(0, start, Int64(4 * n))
          qat_model_load(1, a, Int64(4 * k))
          qat_model_load(2, b, Int64(4 * n))
          switch (aSigned, bSigned) {
          case (true, true): qat_model_dpbssd(0, 1, 2)
          case (true, false): qat_model_dpbsud(0, 1, 2)
          case (false, true): qat_model_dpbusd(0, 1, 2)
          case (false, false): qat_model_dpbuud(0, 1, 2)
          }
          var sums = [Int32](repeating: 0, count: m * n)
          qat_model_store(0, &sums, Int64(4 * n))
          qat_model_release()
          #expect(sums == expected)
        }
      }
    }

    /// One sum c + Σ a·b of pairs of bfloat16.
    private func dot(_ c: Float, _ a: [(Float, Float)], _ b: [(Float, Float)]) -> Float {
      func halves(_ pairs: [(Float, Float)]) -> [UInt32] {
        pairs.map { ($0.0.bitPattern >> 16) | ($0.1.bitPattern & 0xffff_0000) }
      }
      configure(1, 1, a.count)
      qat_model_load(0, [c], 4)
      qat_model_load(1, halves(a), 64)
      qat_model_load(2, halves(b), 4)
      qat_model_dpbf16ps(0, 1, 2)
      var sum: Float = 0
      qat_model_store(0, &sum, 4)
      qat_model_release()
      return sum
    }

    @Test("sums the first and the second of pairs of bfloat16 apart, then adds both")
    func sumPairs() {
      let one: Float = 1, large: Float = 0x1p24
      #expect(dot(0.5, [(2, 3), (4, 5)], [(1, 10), (100, 1000)]) == 5432.5)
      // 2^24 + 1 rounds to 2^24 before the start is added; one after the other gave 1.
      #expect(dot(-large, [(1, 1)], [(large, one)]) == 0)
      // Among the first of pairs 2^24 + 1 rounds down each time; 1 + 1 of the second ones counts.
      #expect(dot(0, [(1, 1), (1, 1), (1, 0)], [(large, 1), (1, 1), (1, 0)]) == large + 2)
    }

    @Test("takes denormal bfloat16 and sums for 0, and keeps signs, infinities and NaN")
    func flushDenormals() {
      let tiny = Float.leastNormalMagnitude
      #expect(dot(0, [(tiny / 2, 0)], [(0x1p100, 0)]) == 0)
      #expect(dot(tiny / 2, [(0, 0)], [(0, 0)]) == 0)
      #expect(dot(0, [(tiny, 0)], [(0.5, 0)]) == 0)
      #expect(dot(0, [(tiny, tiny)], [(1, 1)]) == 2 * tiny)
      #expect(dot(1, [(.infinity, 0)], [(-2, 0)]) == -.infinity)
      #expect(dot(1, [(.infinity, 0)], [(0, 0)]).isNaN)
    }
  }
}
