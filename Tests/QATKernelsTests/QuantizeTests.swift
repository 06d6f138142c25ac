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

    /// A grid, a scale of any size, and numbers at the borders between its codes and beside them.
    private struct Borders {
      let low: Int32, high: Int32, zero: Int32, scale: Float, x: [Float]

      init(_ random: inout Random) {
        let signed = random.integer(in: 0...1) == 1, bits = random.integer(in: 2...8)
        low = signed ? -(1 << (bits - 1)) : 0
        high = low + (1 << bits) - 1
        zero = random.integer(in: 0...1) == 1 ? 0 : Int32(random.integer(in: Int(low)...Int(high)))
        scale =
          (1 + Float(random.integer(in: 0...0x7f_ffff)) * 0x1p-23)
          * Float(sign: .plus, exponent: random.integer(in: -120...120), significand: 1)
        var x: [Float] = [.nan, .infinity, -.infinity, 0, -0.0, .leastNonzeroMagnitude, 3e38]
        for half in -300...300 {
          let border = Float(half) / 2 * scale
          x += [border.nextDown, border, border.nextUp, -Float.leastNonzeroMagnitude]
        }
        self.x = x
      }

      /// How many steps lie before x, kept inside the grid and one step around it.
      var steps: [Float] {
        x.map {
          $0.isNaN ? .nan : min(max($0 / scale, Float(low - zero - 1)), Float(high - zero + 1))
        }
      }
    }

    @Test("round as a division does, at each border of any grid")
    func borders() {
      var random = Random(17)
      for round in 0..<200 {
        let b = Borders(&random), count = b.x.count, bytes = (count + 7) / 8
        let positive = round % 2 == 0
        let rounded = b.steps.map { $0.rounded(.toNearestOrEven) }
        let lowest = Float(b.low - b.zero), highest = Float(b.high - b.zero)
        let results = sameOnEachCPU {
          var codes = [UInt8](repeating: 9, count: count),
            bits = [UInt8](repeating: 9, count: bytes)
          qat_quantize_bits(
            Int64(count), b.x, b.scale, b.zero, b.low, b.high, positive, &codes, &bits)
          return [codes, bits]
        }
        let codes = rounded.map {
          UInt8(truncatingIfNeeded: Int32($0.isNaN ? 0 : min(max($0, lowest), highest)) + b.zero)
        }
        #expect(results[0] == codes, "scale \(b.scale)")
        let passes = zip(rounded, b.x).map {
          $0 >= lowest && $0 <= highest && (!positive || $1 > 0)
        }
        let found = b.x.indices.map { results[1][$0 / 8] >> ($0 % 8) & 1 == 1 }
        #expect(found == passes, "scale \(b.scale)")
      }
    }

    @Test("have the learned gradients of a quotient, at each border of any grid")
    func learnedBorders() {
      var random = Random(19)
      for round in 0..<200 {
        let b = Borders(&random), count = b.x.count
        let positive = round % 2 == 0
        let dy = b.x.indices.map { Float($0 % 17) - 8 }
        let lowest = Float(b.low - b.zero), highest = Float(b.high - b.zero)
        for method in [QAT_LSQ, QAT_LSQ_PLUS, QAT_PACT] {
          var sums = [0.0, 0.0]
          let dx = sameOnEachCPU {
            var dx = [Float](repeating: 9, count: count)
            qat_learned_gradient(
              1, 1, Int64(count), b.x, [b.scale], [b.zero], b.low, b.high, method, positive, dy,
              &dx, &sums)
            return dx
          }
          let origin = method == QAT_LSQ_PLUS ? 0 : b.zero
          var expected: [Float] = [], scales = 0.0, offsets = 0.0, size = 1.0
          for ((t, x), dy) in zip(zip(b.steps, b.x), dy) {
            let inside = t > lowest && t < highest
            expected.append(inside && (!positive || x > 0) ? dy : 0)
            let rounding = method == QAT_PACT ? 0 : t.rounded(.toNearestOrEven) - t
            let part = inside ? rounding : Float((t > lowest ? b.high : b.low) - origin)
            scales += Double(dy) * Double(part)
            size += abs(Double(dy) * Double(part))
            offsets += inside ? 0 : Double(dy)
          }
          #expect(dx == expected, "scale \(b.scale)")
          #expect(abs(sums[0] - scales) < 1e-5 * size, "scale \(b.scale)")
          #expect(method != QAT_LSQ_PLUS || abs(sums[1] - offsets) < 1e-3, "scale \(b.scale)")
        }
      }
    }

    @Test(
      "update weights as a step of SGD by their learned gradients does",
      arguments: [5, 32, 83, 4200])
    func learnedSteps(_ inner: Int) {
      var random = Random(UInt64(inner)),
        step = qat_sgd(
          rate: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: inner % 2 == 0)
      let count = 3 * inner, dy = random.floats(count), w = random.floats(count)
      let velocity = random.floats(count)
      // Everything inside, some of it, and nearly nothing; of a number that has no inverse, too.
      for scales in [[0.1, 0.01, 1e-4], [0.1, 1e-35, 0.02]] as [[Float]] {
        let zeros: [Int32] = [0, 3, 0]
        var sums = [Double](repeating: 9, count: 6)
        let found = sameOnEachCPU {
          var moved = w, faster = velocity
          moved.withUnsafeMutableBufferPointer { w in
            faster.withUnsafeMutableBufferPointer { v in
              qat_learned_sgd(
                3, Int64(inner), scales, zeros, -128, 127, &step, dy, w.baseAddress, v.baseAddress,
                w.baseAddress, v.baseAddress, &sums)
            }
          }
          return [moved, faster]
        }
        var dx = dy, moved = w, faster = velocity
        var expected = [Double](repeating: 0, count: 6)
        qat_learned_gradient(
          1, 3, Int64(inner), w, scales, zeros, -128, 127, QAT_LSQ, false, dy, &dx, &expected)
        qat_sgd_f32(Int64(count), &step, dx, w, velocity, &moved, &faster)
        #expect(found == [moved, faster] && sums == expected)
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
