import CQATKernels
import QATCore
import QATKernels
import Testing

extension KernelTests {
  /// What the safe wrappers do with `.bf16` where no kernel rounds by itself: the kernels of float32 on
  /// operands that were rounded, to the last bit.
  @Suite("Products of bfloat16")
  struct ProductPrecisionTests {
    @Test("round ties to even, keep infinities, NaN and signs, and carry into the exponent")
    func roundNumbers() {
      let x: [Float] = [
        1 + 0x1p-8, 1 + 0x1p-7 + 0x1p-8, 1 + 0x1p-8 + 0x1p-20, -0.0, .infinity, -.infinity,
        .greatestFiniteMagnitude, 2 - 0x1p-20, 0x1p-140,
      ]
      let expected: [Float] = [
        1, 1 + 0x1p-6, 1 + 0x1p-7, -0.0, .infinity, -.infinity, .infinity, 2, 0x1p-133,
      ]
      let y = sameOnEachCPU { () -> [UInt32] in
        var y = [Float](repeating: 7, count: x.count)
        qat_round_through_bf16(Int64(x.count), x, &y, nil)
        return y.bits
      }
      #expect(y.dropLast() == expected.bits.dropLast())
      #expect(Float(bitPattern: y[8]) == 0)  // below half of the least
      var rounded: Float = 0
      qat_round_through_bf16(1, [.nan], &rounded, nil)
      #expect(rounded.isNaN)
    }

    @Test("of matrices are those of rounded ones", arguments: [1, 2])
    func roundMatrices(_ threads: Int) {
      let (m, n, k) = (37, 50, 301)
      var random = Random(5)
      let a = random.floats(m * k), b = random.floats(k * n), pool = ThreadPool(threads: threads)
      func product(_ a: [Float], _ b: [Float], _ precision: ProductPrecision) -> [Float] {
        let bytes = FloatProduct.scratchByteCount(pool, precision, operands: a.count + b.count)
        return Memory.run([m, n], scratch: bytes) { y, scratch in
          FloatProduct.run(
            m: m, n: n, k: k, a: TensorView(AnyTensor(shape: [m, k], a)), transposeA: false,
            b: TensorView(AnyTensor(shape: [k, n], b)), transposeB: false, c: y,
            precision: precision, pool, scratch: scratch)
        }
      }
      withoutRoundingKernels {
        let rounded = product(a.map(throughBfloat16), b.map(throughBfloat16), .f32)
        #expect(product(a, b, .bf16).bits == rounded.bits)
        #expect(product(a, b, .f32).bits != rounded.bits)
      }
    }

    @Test("in convolutions, forward and backward, are those of rounded images", arguments: [1, 2])
    func roundImages(_ threads: Int) {
      let pool = ThreadPool(threads: threads)
      let shape = ConvolutionShape(
        x: [2, 20, 9, 7], w: [33, 20, 3, 3], y: [2, 33, 5, 4], groups: 1, strides: [2, 2],
        dilations: [1, 1], pads: [1, 1])
      var random = Random(6)
      let x = random.floats(2 * 20 * 9 * 7), w = random.floats(33 * 20 * 9)
      let dy = random.floats(2 * 33 * 5 * 4)
      func results(
        _ x: [Float], _ w: [Float], _ dy: [Float], _ precision: ProductPrecision
      ) -> [[UInt32]] {
        let convolution = ChannelsLastConvolution(shape, precision)
        let scratch = convolution.scratchByteCount(pool)
        let views = [x, w, dy].map { TensorView(AnyTensor(shape: [$0.count], $0)) }
        let packed = AnyTensor(.u8, shape: [convolution.packedByteCount]) {
          convolution.pack(w: views[1], to: $0, pool)
        }
        let turned = AnyTensor(.u8, shape: [convolution.gradientPackedByteCount]) {
          convolution.packForGradient(w: views[1], to: $0, pool)
        }
        return [
          Memory.run([dy.count], scratch: scratch) {
            convolution.forward(
              x: views[0], packed: TensorView(packed), bias: nil, y: $0, pool, scratch: $1)
          },
          Memory.run([x.count], scratch: scratch) {
            convolution.inputGradient(
              dy: views[2], packed: TensorView(turned), dx: $0, pool, scratch: $1)
          },
          Memory.run([w.count], scratch: scratch) {
            convolution.weightGradient(dy: views[2], x: views[0], dw: $0, pool, scratch: $1)
          },
        ].map(\.bits)
      }
      withoutRoundingKernels {
        let rounded = results(
          x.map(throughBfloat16), w.map(throughBfloat16), dy.map(throughBfloat16), .f32)
        #expect(results(x, w, dy, .bf16) == rounded)
        #expect(results(x, w, dy, .f32) != rounded)
      }
    }
  }
}

/// Memory for one call of a kernel.
private enum Memory {
  /// What a kernel writes into a tensor of floats of that shape.
  static func run(
    _ shape: [Int], scratch bytes: Int,
    _ body: (MutableTensorView, _ scratch: MutableTensorView) -> Void
  ) -> [Float] {
    let arena = Arena(byteCount: max(bytes, 64))
    let y = AnyTensor(.f32, shape: shape) { body($0, arena.view(at: 0, .u8, shape: [bytes])) }
    return TensorView(y).floats
  }
}
