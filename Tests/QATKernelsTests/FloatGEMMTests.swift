import CQATKernels
import Testing

extension KernelTests {
  @Suite("Float products")
  struct FloatGEMMTests {
    struct Problem {
      var m: Int, n: Int, k: Int
      var transposeA = false, transposeB = false, bf16 = false
      var a: [Float], b: [Float], c: [Float], rowBias: [Float], columnBias: [Float]
      var alpha: Float = 1.5, beta: Float = 0.5
      /// How far apart the rows of A lie; `nil` for one after the other.
      private(set) var spread: Int?

      init(_ m: Int, _ n: Int, _ k: Int, seed: UInt64) {
        (self.m, self.n, self.k) = (m, n, k)
        var random = Random(seed)
        a = random.floats(m * k)
        b = random.floats(k * n)
        c = random.floats(m * n)
        rowBias = random.floats(m)
        columnBias = random.floats(n)
      }

      /// The same with rows of A that far apart.
      func spread(_ stride: Int) -> Problem {
        var result = self
        result.spread = stride
        result.a = [Float](repeating: .nan, count: m * stride)
        for i in 0..<m {
          result.a.replaceSubrange(i * stride..<i * stride + k, with: a[i * k..<i * k + k])
        }
        return result
      }

      func run(threads: Int = 1, packed: Bool = false) -> [Float] {
        let pool = Pool(threads)
        let scratch = Aligned(4 * qat_sgemm_scratch() * threads)
        let packedB = Aligned(4 * qat_sgemm_packed_b_size(Int64(k), Int64(n)))
        let strideA = Int64(spread ?? (transposeA ? m : k))
        let strideB = Int64(transposeB ? k : n)
        if packed {
          qat_sgemm_pack_b(Int64(k), Int64(n), b, strideB, transposeB, packedB.floats)
        }
        var result = c
        a.withUnsafeBufferPointer { a in
          b.withUnsafeBufferPointer { b in
            result.withUnsafeMutableBufferPointer { c in
              rowBias.withUnsafeBufferPointer { rowBias in
                columnBias.withUnsafeBufferPointer { columnBias in
                  var arguments = qat_sgemm_arguments()
                  (arguments.m, arguments.n, arguments.k) = (Int64(m), Int64(n), Int64(k))
                  arguments.bf16 = bf16
                  arguments.a = a.baseAddress
                  arguments.a_stride = strideA
                  arguments.a_transposed = transposeA
                  arguments.b = packed ? nil : b.baseAddress
                  arguments.b_stride = strideB
                  arguments.b_transposed = transposeB
                  arguments.c = c.baseAddress
                  arguments.c_stride = Int64(n)
                  (arguments.alpha, arguments.beta) = (alpha, beta)
                  arguments.row_bias = rowBias.baseAddress
                  arguments.column_bias = columnBias.baseAddress
                  if packed {
                    arguments.b_packed = UnsafePointer(packedB.floats)
                    arguments.b_packed_columns = Int64(n)
                  }
                  qat_sgemm_batch(&arguments, 1, 0, 0, 0, pool.pool, scratch.floats)
                }
              }
            }
          }
        }
        return result
      }

      /// The same from codes in the place of b, without the other terms.
      func run(of codes: Codes, threads: Int) -> [Float] {
        let pool = Pool(threads)
        let scratch = Aligned(4 * qat_sgemm_scratch() * threads)
        var result = [Float](repeating: .nan, count: m * n)
        a.withUnsafeBufferPointer { a in
          result.withUnsafeMutableBufferPointer { c in
            codes.withPointer { codes in
              var arguments = qat_sgemm_arguments()
              (arguments.m, arguments.n, arguments.k) = (Int64(m), Int64(n), Int64(k))
              (arguments.a, arguments.a_stride) = (a.baseAddress, Int64(transposeA ? m : k))
              (arguments.a_transposed, arguments.alpha) = (transposeA, 1)
              (arguments.b_codes, arguments.b_stride) = (codes, Int64(n))
              (arguments.c, arguments.c_stride) = (c.baseAddress, Int64(n))
              qat_sgemm_batch(&arguments, 1, 0, 0, 0, pool.pool, scratch.floats)
            }
          }
        }
        return result
      }

      var reference: [Double] {
        (0..<m * n).map { index in
          let i = index / n
          let j = index % n
          let sum = (0..<k).reduce(0.0) { sum, l in
            sum + Double(transposeA ? a[l * m + i] : a[i * k + l])
              * Double(transposeB ? b[j * k + l] : b[l * n + j])
          }
          return Double(alpha) * sum + Double(beta) * Double(c[index]) + Double(rowBias[i])
            + Double(columnBias[j])
        }
      }
    }

    static let sizes = [
      (1, 1, 1), (5, 7, 3), (14, 32, 256), (15, 33, 257), (170, 530, 7), (3, 600, 520),
      (200, 40, 100), (31, 70, 1300), (1010, 290, 20), (2, 2, 0),
    ]

    @Test(
      "of codes are those of their numbers, bit for bit", arguments: 0..<sizes.count, [false, true])
    func readCodes(_ index: Int, _ isSigned: Bool) {
      let (m, n, k) = Self.sizes[index]
      var problem = Problem(m, n, k, seed: UInt64(index))
      let codes = Codes(problem.b, isSigned: isSigned)
      (problem.b, problem.alpha, problem.beta) = (codes.numbers, 1, 0)
      problem.rowBias = Array(repeating: 0, count: m)
      problem.columnBias = Array(repeating: 0, count: n)
      for transposeA in [false, true] {
        problem.transposeA = transposeA
        let expected = problem.run()
        for result in withEachCPU({ _ in [1, 2].map { problem.run(of: codes, threads: $0) } })
          .joined()
        {
          // A sum with a bias of 0 is equal, and not always the same zero.
          #expect(result == expected)
        }
      }
    }

    /// k products of values below 1 lose less than k times half a unit of the largest partial sum.
    @Test(
      "agree with a sum in Double and have the same bits everywhere", arguments: 0..<sizes.count)
    func matchDouble(_ index: Int) {
      let (m, n, k) = Self.sizes[index]
      var problem = Problem(m, n, k, seed: UInt64(index))
      for (alpha, beta) in [(1.5, 0.5), (1, 0), (1, 1)] as [(Float, Float)] {
        (problem.alpha, problem.beta) = (alpha, beta)
        for (transposeA, transposeB) in [
          (false, false), (false, true), (true, false), (true, true),
        ] {
          (problem.transposeA, problem.transposeB) = (transposeA, transposeB)
          let result = withEachCPU { _ in (problem.run(), problem.run(packed: true)) }
          for other in result {
            #expect(other.0.bits == result[0].0.bits)
            if k > 0 { #expect(other.1.bits == result[0].0.bits) }
          }
          #expect(distance(result[0].0, problem.reference) < Double(k + 4) * 6e-8)
        }
      }
    }

    @Test(
      "read rows 4 KiB apart as any others",
      arguments: [(30, 130, 40), (5, 130, 1100), (340, 300, 20), (190, 140, 1100)])
    func spreadRows(_ m: Int, _ n: Int, _ k: Int) {
      let problem = Problem(m, n, k, seed: 7), spread = problem.spread(k <= 1024 ? 1024 : 2048)
      for packed in [false, true] {
        let expected = problem.run(packed: packed).bits
        for threads in [1, 3] {
          for bits in withEachCPU({ _ in spread.run(threads: threads, packed: packed).bits }) {
            #expect(bits == expected)
          }
        }
      }
    }

    /// Products of bfloat16 are exact in float32: the bound is the one above.
    @Test("of bfloat16 agree with a sum in Double", arguments: 0..<sizes.count)
    func matchDoubleOfBfloat16(_ index: Int) {
      let (m, n, k) = Self.sizes[index]
      var problem = Problem(m, n, k, seed: UInt64(index))
      var rounded = problem
      rounded.a = problem.a.map(throughBfloat16)
      rounded.b = problem.b.map(throughBfloat16)
      problem.bf16 = true
      withRoundingKernels {
        for (transposeA, transposeB) in [(false, false), (false, true), (true, false)] {
          (problem.transposeA, problem.transposeB) = (transposeA, transposeB)
          (rounded.transposeA, rounded.transposeB) = (transposeA, transposeB)
          let result = problem.run()
          #expect(distance(result, rounded.reference) < Double(k + 4) * 6e-8)
          #expect(problem.run(threads: 2).bits == result.bits)
          if k > 0 { #expect(problem.run(packed: true).bits == result.bits) }
        }
      }
    }

    @Test("do not depend on threads, nor a row on the others")
    func dependOnTheirRowAlone() {
      let problem = Problem(181, 700, 300, seed: 9)
      let serial = problem.run()
      #expect(problem.run(threads: 3).bits == serial.bits)
      for row in [0, 13, 84, 180] {
        var one = Problem(1, 700, 300, seed: 9)
        one.a = Array(problem.a[row * 300..<(row + 1) * 300])
        one.b = problem.b
        one.c = Array(problem.c[row * 700..<(row + 1) * 700])
        one.rowBias = [problem.rowBias[row]]
        one.columnBias = problem.columnBias
        #expect(one.run().bits == Array(serial[row * 700..<(row + 1) * 700]).bits)
      }
    }
  }
}
