import CQATKernels
import QATCore
import Testing

extension KernelTests {
  @Suite("Codes")
  struct QuantizeTests {
    /// Ties, borders, values far outside, and what is not a number.
    static let reals: [Float] =
      (-600...600).map { Float($0) / 4 }
      + [
        .nan, .infinity, -.infinity, 1e30, -1e30, 0, -0.0, .leastNonzeroMagnitude, 127.49999,
        3.4e38,
      ]

    @Test("are quantized, dequantized and masked as the contract says")
    func matchContract() {
      let x = Self.reals
      let count = Int64(x.count)
      for (zero, grid) in [
        (Int32(0), IntegerGrid.int8), (3, .int8), (-7, .int8), (128, .uint8), (1, .uint8),
        (0, IntegerGrid.uint8),
      ] {
        for scale: Float in [1, 0.5, 0.3, 2] {
          let lo = Int32(grid.min)
          let hi = Int32(grid.max)
          let parameters = AffineGrid(scale: scale, zeroPoint: Int(zero), grid: grid)
          let expected = x.map { parameters.quantize($0) }
          let type = grid.min < 0 ? QAT_S8 : QAT_U8
          let codes = sameOnEachCPU {
            var q = [UInt8](repeating: 0, count: x.count)
            qat_quantize(1, 1, count, x, [scale], [zero], lo, hi, type, &q)
            return q
          }
          #expect(codes.map { grid.min < 0 ? Int(Int8(bitPattern: $0)) : Int($0) } == expected)
          let back = sameOnEachCPU {
            var y = [Float](repeating: 0, count: x.count)
            qat_dequantize(1, 1, count, codes, type, [scale], [zero], &y)
            return y.bits
          }
          #expect(back == expected.map { parameters.dequantize($0).bitPattern })
          let fake = sameOnEachCPU {
            var y = [Float](repeating: 0, count: x.count)
            qat_fake_quantize(1, 1, count, x, [scale], [zero], lo, hi, &y)
            return y.bits
          }
          #expect(fake == back)
          let mask = sameOnEachCPU {
            var mask = [UInt8](repeating: 9, count: x.count)
            qat_inside_mask(1, 1, count, x, [scale], [zero], lo, hi, &mask)
            return mask
          }
          let inside = x.map { value -> UInt8 in
            let steps = (value / scale).rounded(.toNearestOrEven)
            return steps >= Float(lo - zero) && steps <= Float(hi - zero) ? 1 : 0
          }
          #expect(mask == inside)
          let dy = x.indices.map { Float($0) }
          let dx = sameOnEachCPU {
            var dx = [Float](repeating: 9, count: x.count)
            qat_fake_quantize_gradient(1, 1, count, x, [scale], [zero], lo, hi, dy, &dx)
            return dx
          }
          #expect(dx == zip(dy, inside).map { $1 == 1 ? $0 : 0 })
        }
      }
    }

    @Test("have a scale a channel")
    func useAxis() {
      let scale: [Float] = [1, 0.5, 0.25]
      let zero: [Int32] = [0, 10, -10]
      let x = (0..<2 * 3 * 5).map { Float($0) - 14.5 }
      let q = sameOnEachCPU {
        var q = [Int16](repeating: 0, count: 30)
        qat_quantize(2, 3, 5, x, scale, zero, -32768, 32767, QAT_S16, &q)
        return q
      }
      #expect(
        q
          == x.indices.map { i in
            let c = i / 5 % 3
            return Int16((x[i] / scale[c]).rounded(.toNearestOrEven)) + Int16(zero[c])
          })
    }

    @Test("come from sums by one rounding a step, in rows, along rows and transposed")
    func requantize() {
      let rows = 37
      let columns = 83
      var random = Random(5)
      let corners: [Int32] = [.min, .max, 0, 1, -1, 1 << 24 + 1, 2, 3, 5, -5]
      let sums = (0..<rows * columns).map { _ in
        random.integer(in: 0...9) == 0
          ? corners[random.integer(in: 0...9)] : Int32(random.integer(in: -3000...3000))
      }
      for alongRows in [false, true] {
        let channels = alongRows ? rows : columns
        let bias = (0..<channels).map { _ in Int32(random.integer(in: -100...100)) }
        for m in [
          (0..<channels).map { _ in Float(random.integer(in: 1...64)) / 128 }, [0.5], [1e30],
        ] {
          for (zero, lo, hi): (Int32, Int32, Int32) in [(3, 0, 255), (0, 0, 15), (255, 0, 255)] {
            let codes = sameOnEachCPU {
              var q = [UInt8](repeating: 0, count: rows * columns)
              requantize(sums, rows, columns, bias, m, alongRows, zero, lo, hi, &q)
              return q
            }
            var wrong = 0
            for i in 0..<rows {
              for j in 0..<columns {
                let c = alongRows ? i : j
                let scale = m.count == 1 ? m[0] : m[c]
                let value = Float(sums[i * columns + j] &+ bias[c]) * scale
                let code = Double(value.rounded(.toNearestOrEven)) + Double(zero)
                let expected = Int(min(max(code, Double(lo)), Double(hi)))
                if Int(codes[i * columns + j]) != expected { wrong += 1 }
              }
            }
            #expect(wrong == 0)
          }
        }
      }
    }

    private func requantize(
      _ sums: [Int32], _ rows: Int, _ columns: Int, _ bias: [Int32], _ m: [Float],
      _ alongRows: Bool, _ zero: Int32, _ lo: Int32, _ hi: Int32,
      _ q: inout [UInt8]
    ) {
      sums.withUnsafeBufferPointer { sums in
        bias.withUnsafeBufferPointer { bias in
          m.withUnsafeBufferPointer { m in
            q.withUnsafeMutableBytes { q in
              var arguments = qat_requantize_arguments(
                rows: Int64(rows), columns: Int64(columns), acc: sums.baseAddress,
                stride: Int64(columns), bias: bias.baseAddress, m: m.baseAddress,
                m_scalar: m.count == 1, along_rows: alongRows, zero: zero, lo: lo, hi: hi,
                q: q.baseAddress, q_stride: Int64(columns))
              qat_requantize(&arguments)
            }
          }
        }
      }
    }

    @Test("add and multiply by the stated rules, for all pairs")
    func combinePairs() {
      let pairs = (0..<65536)
      let a = pairs.map { UInt8($0 >> 8) }
      let b = pairs.map { UInt8($0 & 255) }
      let steps: [(Float, Float, Float)] = [(0.5, 0.5, 1), (0.1, 0.3, 0.2), (1, 1, 1)]
      for (sa, sb, sc) in steps {
        for (za, zb, zc): (Int32, Int32, Int32) in [(0, 0, 0), (128, 3, 7), (255, 1, 101)] {
          let ra = sa / sc
          let rb = sb / sc
          let rm = (sa * sb) / sc
          let sums = sameOnEachCPU {
            var c = [UInt8](repeating: 0, count: 65536)
            qat_qlinear_add(65536, a, 1, b, 1, false, ra, za, rb, zb, zc, 0, 255, &c)
            return c
          }
          let fixed = Float(zc) - (rb * Float(zb)).addingProduct(ra, Float(za))
          #expect(
            sums
              == pairs.map { i in
                let v = fixed.addingProduct(Float(b[i]), rb).addingProduct(Float(a[i]), ra)
                return UInt8(min(max(v.rounded(.toNearestOrEven), 0), 255))
              })
          let products = sameOnEachCPU {
            var c = [UInt8](repeating: 0, count: 65536)
            qat_qlinear_mul(65536, a, 1, b, 1, false, za, zb, rm, zc, 0, 255, &c)
            return c
          }
          #expect(
            products
              == pairs.map { i in
                let v = Float((Int32(a[i]) - za) * (Int32(b[i]) - zb)) * rm + Float(zc)
                return UInt8(min(max(v.rounded(.toNearestOrEven), 0), 255))
              })
        }
      }
      // One operand for all, signed.
      var c = [Int8](repeating: 0, count: 5)
      qat_qlinear_add(5, [Int8](-2...2), 1, [Int8(100)], 0, true, 1, 0, 1, 0, 0, -128, 101, &c)
      #expect(c == [98, 99, 100, 101, 101])
    }
  }
}
