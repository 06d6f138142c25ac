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
              let packed = Aligned(qat_igemm_packed_size(Int64(k), Int64(n)))
              qat_igemm_pack(Int64(k), Int64(n), b, Int64(n), 1, bSigned, packed.start)
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
      let packed = Aligned(qat_igemm_packed_size(Int64(k), Int64(n)))
      // Stored transposed: [n, k].
      qat_igemm_pack(Int64(k), Int64(n), b, 1, Int64(k), true, packed.start)
      let kernel = qat_igemm_best()!
      let serial = run(kernel, m, n, k, a, false, 7, packed, true, nil, nil)
      let pool = Pool(3)
      #expect(run(kernel, m, n, k, a, false, 7, packed, true, nil, nil, pool) == serial)
    }

    @Test("of 65,536 steps at the ends of both types wrap around as 32 bits do")
    func wrapAround() {
      let (m, n, k) = (9, 17, 65536)
      let a = [UInt8](repeating: 255, count: m * k)
      let b = [UInt8](repeating: 128, count: k * n)
      let bias = [Int32](repeating: .min, count: n)
      let zeros = [Int32](repeating: 127, count: n)
      let expected = product(m, n, k, a, false, 0, b, true, zeros, bias)
      let packed = Aligned(qat_igemm_packed_size(Int64(k), Int64(n)))
      qat_igemm_pack(Int64(k), Int64(n), b, Int64(n), 1, true, packed.start)
      for row in 0..<qat_igemm_count() {
        guard let kernel = qat_igemm_at(row) else { continue }
        #expect(run(kernel, m, n, k, a, false, 0, packed, true, zeros, bias) == expected)
      }
    }

    private func run(
      _ kernel: OpaquePointer, _ m: Int, _ n: Int, _ k: Int, _ a: [UInt8], _ aSigned: Bool,
      _ aZero: Int32, _ packed: Aligned, _ bSigned: Bool, _ zeros: [Int32]?, _ bias: [Int32]?,
      _ pool: Pool? = nil
    ) -> [Int32] {
      // More than the product has, to see that it stays as it is.
      var sums = [Int32](repeating: 77, count: m * n + 1)
      var shape = qat_conv_shape(
        batch: Int64(m), in_channels: Int64(k), in_height: 1, in_width: 1, out_channels: Int64(n),
        out_height: 1, out_width: 1, kernel_height: 1, kernel_width: 1, groups: 1, stride_y: 1,
        stride_x: 1, dilation_y: 1, dilation_x: 1, pad_top: 0, pad_left: 0, bf16: false,
        minimal: false)
      a.withUnsafeBytes { a in
        sums.withUnsafeMutableBufferPointer { c in
          withPointer(zeros) { zeros in
            withPointer(bias) { bias in
              var arguments = qat_conv_s8_arguments()
              arguments.x = a.baseAddress
              arguments.x_signed = aSigned
              arguments.x_channels_last = true
              arguments.x_zero = aZero
              arguments.w = UnsafeRawPointer(packed.start)
              arguments.w_signed = bSigned
              arguments.w_zero = zeros
              arguments.bias = bias
              arguments.result = QAT_CONV_SUMS
              arguments.y = UnsafeMutableRawPointer(c.baseAddress)
              arguments.y_channels_last = true
              let threads = Int32(pool?.threads ?? 1)
              let scratch = Aligned(qat_conv_s8_scratch(&shape, &arguments, threads))
              qat_conv_s8(kernel, &shape, &arguments, pool?.pool, scratch.start)
            }
          }
        }
      }
      #expect(sums.removeLast() == 77)
      return sums
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
