import CQATKernels
import Foundation
import QATCore
import Testing

extension KernelTests {
  @Suite("Element-wise float")
  struct ElementwiseTests {
    static let x: [Float] =
      (-2200...2200).map { Float($0) / 20 } + [0, -0.0, 1e-30, -1e-6, 88.7, -87.4]

    private func apply(_ op: qat_unary, _ x: [Float], _ p: Float = 1, _ q: Float = 1) -> [Float] {
      var y = [Float](repeating: 0, count: x.count)
      qat_unary_f32(op, Int64(x.count), x, p, q, &y)
      return y
    }

    /// 3 units in the last place are 3.6e-7.
    @Test("functions agree with the C library in Double and are the same on each CPU")
    func matchDouble() {
      let functions: [(qat_unary, (Double) -> Double)] = [
        (QAT_EXP, { exp($0) }), (QAT_TANH, { tanh($0) }), (QAT_SIGMOID, { 1 / (1 + exp(-$0)) }),
        (QAT_ERF, { erf($0) }), (QAT_GELU, { 0.5 * $0 * (1 + erf($0 / 2.0.squareRoot())) }),
        (QAT_SWISH, { $0 / (1 + exp(-$0)) }), (QAT_MISH, { $0 * tanh(log1p(exp($0))) }),
        (QAT_SOFTPLUS, { max($0, 0) + log1p(exp(-abs($0))) }),
        (QAT_RELU, { max($0, 0) }), (QAT_ABS, { abs($0) }), (QAT_SIN, { sin($0) }),
        (QAT_HARD_SWISH, { $0 * min(max($0 / 6 + 0.5, 0), 1) }),
      ]
      for (op, function) in functions {
        // Beyond, exp(-x) has fewer bits than a float should have.
        let values = Self.x.filter { abs($0) <= 87 }
        let y = withEachCPU { _ in apply(op, values) }
        for other in y { #expect(other.bits == y[0].bits, "\(op)") }
        let worst = zip(y[0], values).map { y, x in
          let exact = function(Double(x))
          return abs(Double(y) - exact) / max(abs(exact), 1e-20)
        }.max()!
        // Near their zeros these two are differences, which lose all but absolute accuracy.
        if op == QAT_GELU || op == QAT_HARD_SWISH {
          for (y, x) in zip(y[0], values) {
            #expect(abs(Double(y) - function(Double(x))) <= 3e-7 * max(1, abs(Double(x))))
          }
        } else {
          #expect(worst < 4e-7, "\(op): \(worst)")
        }
      }
      #expect(apply(QAT_EXP, [200, -200, .infinity, -.infinity]) == [.infinity, 0, .infinity, 0])
      #expect(apply(QAT_EXP, [.nan])[0].isNaN && apply(QAT_TANH, [.nan])[0].isNaN)
      #expect(apply(QAT_TANH, [-100, 100, -.infinity]) == [-1, 1, -1])
    }

    @Test("gradients agree with central differences")
    func matchDifferences() {
      let x: [Float] = [-4.3, -2.1, -0.7, -0.2, 0.3, 0.9, 1.7, 4.4]
      let ops: [(qat_unary, Float, Float)] = [
        (QAT_RELU, 0, 0), (QAT_LEAKY_RELU, 0.1, 0), (QAT_CLIP, -1, 1), (QAT_SIGMOID, 0, 0),
        (QAT_TANH, 0, 0), (QAT_EXP, 0, 0), (QAT_GELU, 0, 0), (QAT_GELU_TANH, 0, 0),
        (QAT_SWISH, 1, 0), (QAT_SWISH, 1.3, 0), (QAT_MISH, 0, 0), (QAT_SOFTPLUS, 0, 0),
        (QAT_HARD_SIGMOID, 0.2, 0.5), (QAT_HARD_SWISH, 0, 0), (QAT_ELU, 0.7, 1),
        (QAT_ELU, 1.758, 1.0507),
        (QAT_SIN, 0, 0), (QAT_COS, 0, 0), (QAT_ERF, 0, 0), (QAT_ABS, 0, 0), (QAT_RECIPROCAL, 0, 0),
      ]
      for (op, p, q) in ops {
        let y = apply(op, x, p, q)
        let h: Float = 1.0 / 128
        let ahead = apply(op, x.map { $0 + h }, p, q)
        let behind = apply(op, x.map { $0 - h }, p, q)
        var dx = [Float](repeating: 0, count: x.count)
        qat_unary_gradient_f32(op, Int64(x.count), x, y, x.map { _ in 1 }, p, q, &dx)
        for i in x.indices {
          // The step leaves h^2 / 6 of the third derivative, which 1/x at 0.2 makes large.
          let slope = (ahead[i] - behind[i]) / (2 * h)
          #expect(
            abs(dx[i] - slope) < 1e-3 * max(1, abs(slope)) * (op == QAT_RECIPROCAL ? 3 : 1),
            "\(op) at \(x[i])")
        }
      }
    }

    @Test("every 16-bit float widens and rounds back, and ties go to even on each CPU")
    func halves() {
      let codes = (0...UInt16.max).map { $0 }
      // What lies between neighbours, and just beside it.
      var between: [Float] = [65504, 65519.99, 65520, 1e30, -1e30, .infinity, 1e-8, -2e-8, 1e-40]
      for (widen, round, decode) in [
        (qat_widen_f16, qat_round_f16, { NarrowFloat(.f16)!.decode(Int($0)) }),
        (qat_widen_bf16, qat_round_bf16, { NarrowFloat(.bf16)!.decode(Int($0)) }),
      ]
        as [(
          (Int64, UnsafePointer<UInt16>?, UnsafeMutablePointer<Float>?) -> Void,
          (Int64, UnsafePointer<Float>?, UnsafeMutablePointer<UInt16>?) -> Void, (UInt16) -> Float
        )]
      {
        let format = NarrowFloat(decode(0x3C00) == 1 ? .f16 : .bf16)!
        let exact = codes.map(decode)
        for (a, b) in zip(exact, exact.dropFirst()) where a.isFinite && b.isFinite {
          let middle = Float((Double(a) + Double(b)) / 2)
          between += [middle, middle.nextUp, middle.nextDown]
        }
        let results = withEachCPU { _ in
          var wide = [Float](repeating: 0, count: codes.count)
          widen(Int64(codes.count), codes, &wide)
          #expect(zip(wide, exact).allSatisfy { $0 == $1 || ($0.isNaN && $1.isNaN) })
          var narrow = [UInt16](repeating: 0, count: between.count)
          round(Int64(between.count), between, &narrow)
          return narrow
        }
        let expected = between.map { UInt16(format.encode($0)) }
        for result in results { #expect(result == expected) }
      }
      var nan = [UInt16](repeating: 0, count: 1)
      qat_round_f16(1, [.nan], &nan)
      #expect(NarrowFloat(.f16)!.decode(Int(nan[0])).isNaN)
      qat_round_bf16(1, [.nan], &nan)
      #expect(NarrowFloat(.bf16)!.decode(Int(nan[0])).isNaN)
    }

    @Test("pairs combine, with one operand for all where asked")
    func combine() {
      let a: [Float] = [1, -2, .nan, 4, 0.5]
      let b: [Float] = [3, 5, 1, .nan, 0.25]
      typealias Function = (Float, Float) -> Float
      let least: Function = { p, q in p.isNaN || q.isNaN ? .nan : min(p, q) }
      let most: Function = { p, q in p.isNaN || q.isNaN ? .nan : max(p, q) }
      let functions: [(qat_binary, Function)] = [
        (QAT_ADD, { p, q in p + q }), (QAT_SUBTRACT, { p, q in p - q }),
        (QAT_MULTIPLY, { p, q in p * q }), (QAT_DIVIDE, { p, q in p / q }), (QAT_MINIMUM, least),
        (QAT_MAXIMUM, most), (QAT_PRELU, { p, q in p < 0 ? p * q : p }),
      ]
      for (op, function) in functions {
        for (stepA, stepB): (Int32, Int32) in [(1, 1), (0, 1), (1, 0), (0, 0)] {
          var y = [Float](repeating: 0, count: 5)
          qat_binary_f32(op, 5, a, stepA, b, stepB, &y)
          for i in 0..<5 {
            let expected = function(a[stepA == 1 ? i : 0], b[stepB == 1 ? i : 0])
            #expect(y[i] == expected || y[i].isNaN && expected.isNaN, "\(op)")
          }
        }
      }
    }

    @Test(
      "reductions agree with Double and do not depend on the CPU",
      arguments: [0, 1, 15, 17, 4097, 20000])
    func reduce(_ axis: Int) {
      var random = Random(4)
      for inner in [1, 3] {
        let x = random.floats(2 * axis * inner)
        typealias Function = ([Double]) -> Double
        let sum: Function = { column in column.reduce(0, +) }
        let mean: Function = { column in column.reduce(0, +) / Double(column.count) }
        let squares: Function = { column in column.reduce(0) { total, v in total + v * v } }
        let functions: [(qat_reduction, Function)] = [
          (QAT_SUM, sum), (QAT_SUM_SQUARES, squares), (QAT_MEAN, mean),
          (QAT_MIN, { $0.min() ?? .infinity }), (QAT_MAX, { $0.max() ?? -.infinity }),
        ]
        for (op, function) in functions where axis > 0 || op != QAT_MEAN {
          let y = withEachCPU { _ in
            var y = [Float](repeating: 0, count: 2 * inner)
            qat_reduce_f32(op, 2, Int64(axis), Int64(inner), x, &y, nil)
            return y
          }
          for other in y { #expect(other.bits == y[0].bits) }
          for i in 0..<2 * inner {
            let start = i / inner * axis * inner + i % inner
            let column = (0..<axis).map { Double(x[start + $0 * inner]) }
            let exact = function(column)
            let value = Double(y[0][i])
            // 20000 values of about 1/2: a block adds 256 to a lane, and 5 blocks follow.
            #expect(value == exact || abs(value - exact) < 1e-5 * (1 + abs(exact)))
          }
        }
      }
    }

    @Test("the range tells of what is not finite")
    func range() {
      var lowest: Float = 0
      var highest: Float = 0
      let x = (0..<100).map { Float($0 % 37) - 10 }
      #expect(qat_range_f32(100, x, &lowest, &highest))
      #expect(lowest == -10 && highest == 26)
      for strange in [Float.nan, .infinity, -.infinity] {
        for at in [0, 50, 99] {
          var y = x
          y[at] = strange
          #expect(!qat_range_f32(100, y, &lowest, &highest))
        }
      }
    }

    @Test("copies reorder axes for each size of element")
    func copy() {
      let shape = [3, 5, 37]
      let order = [2, 0, 1]
      func check<Element: FixedWidthInteger>(_: Element.Type) {
        let x = (0..<555).map { Element(truncatingIfNeeded: $0) }
        var y = [Element](repeating: 0, count: 555)
        let strides = [185, 37, 1]
        let target = order.map { shape[$0] }
        qat_copy_strided(
          3, target.map(Int64.init), Int32(MemoryLayout<Element>.size), x,
          order.map { Int64(strides[$0]) }, &y, [15, 5, 1])
        for i in 0..<3 {
          for j in 0..<5 {
            for k in 0..<37 { #expect(y[k * 15 + i * 5 + j] == x[i * 185 + j * 37 + k]) }
          }
        }
      }
      check(UInt8.self)
      check(UInt16.self)
      check(UInt32.self)
      check(UInt64.self)
    }
  }
}
