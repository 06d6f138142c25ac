import CQATKernels
import Testing

extension KernelTests {
  @Suite("8-bit products")
  struct IntegerGEMMTests {
    static let sizes = [
      (1, 1, 1), (5, 7, 3), (13, 65, 17), (7, 130, 300), (97, 64, 257), (6, 64, 4), (100, 17, 1),
      (3, 16, 515), (0, 5, 5), (4, 6, 0),
    ]

    @Test(
      "are those of a plain loop, for each kernel, sign and zero point", arguments: 0..<sizes.count)
    func matchLoop(_ index: Int) {
      let (m, n, k) = Self.sizes[index]
      var random = Random(UInt64(index))
      for aSigned in [false, true] {
        for bSigned in [false, true] {
          for hasZeros in [false, true] {
            let a = random.bytes(m * k)
            let b = random.bytes(k * n)
            let aZero = hasZeros ? Int32(random.integer(in: -128...255)) : 0
            let zeros = (0..<n).map { _ in Int32(random.integer(in: -128...255)) }
            let bias = (0..<n).map { _ in Int32(truncatingIfNeeded: random.next()) }
            let expected = product(
              m, n, k, a, aSigned, aZero, b, bSigned, hasZeros ? zeros : nil, bias)
            for row in 0..<qat_igemm_count() {
              guard let kernel = qat_igemm_at(row) else { continue }
              let packed = Aligned(qat_igemm_packed_size(kernel, Int64(k), Int64(n)))
              qat_igemm_pack(kernel, Int64(k), Int64(n), b, Int64(n), 1, bSigned, packed.start)
              let sums = run(
                kernel, m, n, k, a, aSigned, aZero, packed, bSigned, hasZeros ? zeros : nil, bias)
              #expect(sums == expected, "\(String(cString: qat_igemm_name(kernel)))")
            }
          }
        }
      }
    }

    @Test("split among threads are the same")
    func splitEvenly() {
      let (m, n, k) = (301, 300, 310)
      var random = Random(3)
      let a = random.bytes(m * k)
      let b = random.bytes(n * k)
      let kernel = qat_igemm_best()!
      let packed = Aligned(qat_igemm_packed_size(kernel, Int64(k), Int64(n)))
      // Stored transposed: [n, k].
      qat_igemm_pack(kernel, Int64(k), Int64(n), b, 1, Int64(k), true, packed.start)
      let serial = run(kernel, m, n, k, a, false, 7, packed, true, nil, nil)
      let pool = Pool(3)
      #expect(run(kernel, m, n, k, a, false, 7, packed, true, nil, nil, pool) == serial)
    }

    private func run(
      _ kernel: OpaquePointer, _ m: Int, _ n: Int, _ k: Int, _ a: [UInt8], _ aSigned: Bool,
      _ aZero: Int32, _ packed: Aligned, _ bSigned: Bool, _ zeros: [Int32]?, _ bias: [Int32]?,
      _ pool: Pool? = nil
    ) -> [Int32] {
      // One column more than the product has, to see that it stays as it is.
      var sums = [Int32](repeating: 77, count: m * (n + 1))
      a.withUnsafeBytes { a in
        sums.withUnsafeMutableBufferPointer { c in
          withPointer(zeros) { zeros in
            withPointer(bias) { bias in
              var arguments = qat_igemm_arguments(
                m: Int64(m), n: Int64(n), k: Int64(k), a: a.baseAddress, a_stride: Int64(k),
                a_signed: aSigned, a_zero: aZero, b: packed.start, b_signed: bSigned, b_zero: zeros,
                bias: bias, c: c.baseAddress, c_stride: Int64(n + 1))
              if let pool {
                qat_igemm_parallel(kernel, &arguments, pool.pool)
              } else {
                qat_igemm(kernel, &arguments)
              }
            }
          }
        }
      }
      for row in 0..<m { #expect(sums[row * (n + 1) + n] == 77) }
      return (0..<m * n).map { sums[$0 / n * (n + 1) + $0 % n] }
    }

    private func product(
      _ m: Int, _ n: Int, _ k: Int, _ a: [UInt8], _ aSigned: Bool, _ aZero: Int32, _ b: [UInt8],
      _ bSigned: Bool, _ zeros: [Int32]?, _ bias: [Int32]
    ) -> [Int32] {
      func value(_ byte: UInt8, _ signed: Bool) -> Int32 {
        signed ? Int32(Int8(bitPattern: byte)) : Int32(byte)
      }
      var sums = [Int32](repeating: 0, count: m * n)
      for i in 0..<m {
        for j in 0..<n {
          var sum = bias[j]
          for l in 0..<k {
            sum &+=
              (value(a[i * k + l], aSigned) - aZero)
              * (value(b[l * n + j], bSigned) - (zeros?[j] ?? 0))
          }
          sums[i * n + j] = sum
        }
      }
      return sums
    }
  }
}

func withPointer<Element, Result>(
  _ array: [Element]?, _ body: (UnsafePointer<Element>?) -> Result
) -> Result {
  guard let array else { return body(nil) }
  return array.withUnsafeBufferPointer { body($0.baseAddress) }
}
