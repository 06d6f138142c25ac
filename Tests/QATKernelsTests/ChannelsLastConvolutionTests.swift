import CQATKernels
import Testing

/// Each image [rows][columns] to [columns][rows].
func turned<Element>(_ x: [Element], _ rows: Int, _ columns: Int) -> [Element] {
  x.indices.map { i in
    let image = i / (rows * columns)
    let at = i % (rows * columns)
    return x[image * rows * columns + at % rows * columns + at / rows]
  }
}

extension KernelTests {
  @Suite("Convolutions with channels last")
  struct ChannelsLastConvolutionTests {
    typealias Planes = ConvolutionTests
    static let shapes =
      Planes.shapes + [
        Planes.shape(3, c: 40, 7, 7, m: 37, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(
          2, c: 9, 8, 11, m: 33, k: (3, 3), stride: (2, 2), dilation: (2, 2), pads: (2, 2, 2, 2)),
        // Four blocks of a sum.
        Planes.shape(1, c: 1024, 3, 5, m: 70, k: (1, 1)),
        // Rows 4 KiB apart, and with the stride.
        Planes.shape(1, c: 1024, 6, 10, m: 130, k: (1, 1)),
        Planes.shape(1, c: 512, 3, 7, m: 130, k: (1, 1), stride: (2, 2)),
        // More pixels of fewer channels are copied than of the results' for the gradient.
        Planes.shape(1, c: 512, 20, 28, m: 600, k: (1, 1), stride: (2, 2)),
        // Squares of 4 x 4 that end where the image does, and beyond it; more than one chunk of them, with
        // few channels, and where the weights are large.
        Planes.shape(1, c: 32, 20, 20, m: 32, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(3, c: 16, 13, 14, m: 19, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(2, c: 21, 9, 10, m: 45, k: (3, 3), pads: (0, 2, 1, 0)),
        Planes.shape(1, c: 90, 21, 22, m: 83, k: (3, 3), pads: (1, 1, 1, 1)),
        // Squares of 2 x 2, likewise.
        Planes.shape(1, c: 300, 16, 17, m: 34, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(3, c: 40, 7, 9, m: 37, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(1, c: 33, 5, 4, m: 50, k: (3, 3)),
        Planes.shape(1, c: 32, 4, 5, m: 34, k: (3, 3), pads: (0, 2, 1, 0)),
        // Squares that see nothing of the image.
        Planes.shape(1, c: 32, 2, 2, m: 32, k: (3, 3), pads: (4, 5, 4, 5)),
        // Their sums of two blocks, and their inputs 4 KiB apart.
        Planes.shape(1, c: 300, 5, 7, m: 34, k: (3, 3), pads: (1, 1, 1, 1)),
        Planes.shape(1, c: 1024, 3, 3, m: 32, k: (3, 3), pads: (1, 1, 1, 1)),
        // A stride beyond the kernel: pixels that no window sees.
        Planes.shape(1, c: 8, 7, 9, m: 16, k: (1, 2), stride: (3, 3)),
        // Few channels: five panels of taps and two blocks of a sum; pixels that no tap sees, kernels
        // that see padding alone.
        Planes.shape(2, c: 3, 15, 17, m: 300, k: (7, 7), stride: (2, 2), pads: (3, 3, 3, 3)),
        Planes.shape(2, c: 3, 7, 9, m: 16, k: (1, 2), stride: (3, 3)),
        Planes.shape(1, c: 1, 2, 2, m: 9, k: (3, 3), dilation: (2, 1), pads: (5, 5, 5, 5)),
        Planes.shape(1, c: 7, 9, 8, m: 4, k: (2, 3), dilation: (3, 1), pads: (0, 2, 1, 0)),
      ]

    /// y, dx and dw of one convolution, computed with the present CPU features.
    struct Run {
      var s: qat_conv_shape
      var x: [Float], w: [Float], bias: [Float], residual: [Float], dy: [Float]

      /// The same of images, weights and gradients rounded to bfloat16.
      var rounded: Run {
        var run = self
        run.x = x.map(throughBfloat16)
        run.w = w.map(throughBfloat16)
        run.dy = dy.map(throughBfloat16)
        return run
      }

      init(_ s: qat_conv_shape, seed: UInt64) {
        var random = Random(seed)
        self.s = s
        x = random.floats(s.inputCount)
        w = random.floats(s.weightCount)
        bias = random.floats(Int(s.out_channels))
        residual = random.floats(s.outputCount)
        dy = random.floats(s.outputCount)
      }

      func results(threads: Int) -> [[Float]] {
        var s = s
        let pool = Pool(threads)
        let scratch = Aligned(qat_conv_nhwc_scratch(&s, Int32(threads)))
        let packed = Aligned(4 * qat_conv_nhwc_packed_size(&s))
        let gradientPacked = Aligned(4 * qat_conv_nhwc_gradient_packed_size(&s))
        qat_conv_nhwc_pack(&s, w, packed.floats, pool.pool)
        qat_conv_nhwc_gradient_pack(&s, w, gradientPacked.floats, pool.pool)
        var y = [Float](repeating: .nan, count: s.outputCount)
        var dx = [Float](repeating: .nan, count: s.inputCount)
        var dw = [Float](repeating: .nan, count: s.weightCount)
        bias.withUnsafeBufferPointer { bias in
          residual.withUnsafeBufferPointer { residual in
            var epilogue = qat_conv_epilogue(
              bias: bias.baseAddress, residual: residual.baseAddress, clamps: true, low: -1, high: 2
            )
            qat_conv_nhwc(&s, x, packed.floats, &epilogue, &y, pool.pool, scratch.start)
          }
        }
        qat_conv_nhwc_input_gradient(
          &s, dy, gradientPacked.floats, &dx, pool.pool, scratch.start)
        qat_conv_nhwc_weight_gradient(&s, dy, x, nil, &dw, pool.pool, scratch.start)
        return [y, dx, dw]
      }

      /// The gradient of the weights from codes in the place of x.
      func weightGradient(of codes: Codes, threads: Int) -> [Float] {
        var s = s
        let pool = Pool(threads)
        let scratch = Aligned(qat_conv_nhwc_codes_scratch(&s, Int32(threads)))
        var dw = [Float](repeating: .nan, count: s.weightCount)
        codes.withPointer { codes in
          qat_conv_nhwc_weight_gradient(&s, dy, nil, codes, &dw, pool.pool, scratch.start)
        }
        return dw
      }

      /// Whether it is one of those that minimal filtering may compute, in the precision of the shape.
      var isFiltered: Bool {
        let one = [s.stride_y, s.stride_x, s.dilation_y, s.dilation_x, s.groups]
        let least = min(s.in_height, s.in_width, s.out_height, s.out_width)
        return s.kernel_height == 3 && s.kernel_width == 3 && one.allSatisfy { $0 == 1 }
          && min(s.in_channels, s.out_channels) >= (s.bf16 ? 32 : 16) && least > 1
      }

      /// The root of the sum of the squares of an element's products: what rounding of factors, each on its
      /// own, is measured by.
      var noise: [[Double]] {
        var squares = self
        squares.x = x.map { $0 * $0 }
        squares.w = w.map { $0 * $0 }
        squares.dy = dy.map { $0 * $0 }
        return squares.sums.map { $0.map { $0.squareRoot() } }
      }

      /// The same in Double, from the definition.
      var exact: [[Double]] {
        var results = sums
        let m = Int(s.out_channels)
        for i in results[0].indices {
          results[0][i] = min(max(results[0][i] + Double(bias[i % m]) + Double(residual[i]), -1), 2)
        }
        return results
      }

      /// The sums of products alone.
      private var sums: [[Double]] {
        let inPlane = Int(s.in_height * s.in_width)
        let (c, m) = (Int(s.in_channels), Int(s.out_channels))
        let x = turned(self.x, inPlane, c)
        let dy = turned(self.dy, s.outPlane, m)
        var y = [Double](repeating: 0, count: s.outputCount)
        var dx = [Double](repeating: 0, count: x.count)
        var dw = [Double](repeating: 0, count: w.count)
        s.forEachProduct { xi, wi, yi in
          y[yi] += Double(x[xi]) * Double(w[wi])
          dx[xi] += Double(dy[yi]) * Double(w[wi])
          dw[wi] += Double(dy[yi]) * Double(x[xi])
        }
        return [turned(y, m, s.outPlane), turned(dx, c, inPlane), dw]
      }
    }

    @Test(
      "and their gradients agree with sums in Double, whatever CPU and threads",
      arguments: 0..<shapes.count)
    func matchDouble(_ index: Int) {
      let run = Run(Self.shapes[index], seed: UInt64(index))
      let results = withEachCPU { _ in [1, 2, 3].map { run.results(threads: $0) } }
      for ofCPU in results {
        for ofThreads in ofCPU { #expect(ofThreads.map(\.bits) == results[0][0].map(\.bits)) }
      }
      // Float sums of n products below 1: n * 2^-24 of the largest partial sum is never reached. Minimal
      // filtering rounds by up to 10^-5 of a typical sum.
      for (result, (exact, noise)) in zip(results[0][0], zip(run.exact, run.noise)) {
        let most = run.isFiltered ? 0x1p-16 * max(1, noise.max() ?? 0) : 3e-5
        #expect(distance(result, exact) < most)
      }
    }

    /// Depthwise ones do not round.
    static let dense = shapes.filter { $0.groups == 1 || $0.groups != $0.in_channels }

    @Test("of bfloat16 agree with sums in Double", arguments: 0..<dense.count)
    func matchDoubleOfBfloat16(_ index: Int) {
      var run = Run(Self.dense[index], seed: UInt64(index))
      run.s.bf16 = true
      let exact = run.isFiltered ? run.exact : run.rounded.exact, noise = run.noise
      withRoundingKernels {
        let results = run.results(threads: 1)
        for (result, (exact, noise)) in zip(results, zip(exact, noise)) {
          guard run.isFiltered else {
            #expect(distance(result, exact) < 3e-5)
            continue
          }
          // Factors of minimal filtering are sums of up to four, and round by 2^-9 of themselves.
          let most = 0x1p-5 * (noise.max() ?? 0)
          #expect(zip(result, exact).allSatisfy { abs(Double($0) - $1) <= most })
        }
        #expect(run.results(threads: 2).map(\.bits) == results.map(\.bits))
      }
    }

    @Test(
      "have the gradients of weights from codes that they have from their numbers, bit for bit",
      arguments: 0..<dense.count, [false, true])
    func readCodes(_ index: Int, _ isSigned: Bool) {
      var run = Run(Self.dense[index], seed: UInt64(index))
      let codes = Codes(run.x, isSigned: isSigned)
      run.x = codes.numbers
      let expected = run.results(threads: 1)[2].bits
      let results = withEachCPU { _ in
        [1, 2, 3].map { run.weightGradient(of: codes, threads: $0).bits }
      }
      for result in results.joined() { #expect(result == expected) }
    }

    @Test("add up in the order of a matrix product")
    func matchProduct() {
      // A kernel of one pixel is the product of pixels and channels.
      let s = Planes.shape(2, c: 300, 3, 7, m: 45, k: (1, 1))
      let run = Run(s, seed: 3)
      let y = sameOnEachCPU { () -> [UInt32] in
        var s = s
        let packed = Aligned(4 * qat_conv_nhwc_packed_size(&s))
        let scratch = Aligned(qat_conv_nhwc_scratch(&s, 1))
        qat_conv_nhwc_pack(&s, run.w, packed.floats, nil)
        var y = [Float](repeating: 0, count: s.outputCount)
        qat_conv_nhwc(&s, run.x, packed.floats, nil, &y, nil, scratch.start)
        return y.bits
      }
      let product = Aligned(4 * qat_sgemm_scratch())
      var c = [Float](repeating: 0, count: s.outputCount)
      run.x.withUnsafeBufferPointer { a in
        run.w.withUnsafeBufferPointer { b in
          c.withUnsafeMutableBufferPointer { c in
            var arguments = qat_sgemm_arguments()
            (arguments.m, arguments.n, arguments.k) = (42, 45, 300)
            (arguments.a, arguments.a_stride) = (a.baseAddress, 300)
            (arguments.b, arguments.b_stride, arguments.b_transposed) = (b.baseAddress, 300, true)
            (arguments.c, arguments.c_stride, arguments.alpha) = (c.baseAddress, 45, 1)
            qat_sgemm(&arguments, product.floats)
          }
        }
      }
      #expect(y == c.bits)
    }

    @Test("of one image do not depend on the batch", arguments: [8, 32])
    func dependOnTheirImage(_ channels: Int) {
      let run = Run(
        Planes.shape(5, c: channels, 14, 14, m: 2 * channels, k: (3, 3), pads: (1, 1, 1, 1)),
        seed: 1)
      func forward(_ s: qat_conv_shape, _ x: [Float]) -> [UInt32] {
        var s = s
        let packed = Aligned(4 * qat_conv_nhwc_packed_size(&s))
        let scratch = Aligned(qat_conv_nhwc_scratch(&s, 1))
        qat_conv_nhwc_pack(&s, run.w, packed.floats, nil)
        var y = [Float](repeating: 0, count: s.outputCount)
        qat_conv_nhwc(&s, x, packed.floats, nil, &y, nil, scratch.start)
        return y.bits
      }
      let all = forward(run.s, run.x)
      var one = run.s
      one.batch = 1
      for image in 0..<5 {
        let x = Array(run.x[image * one.inputCount..<(image + 1) * one.inputCount])
        #expect(
          forward(one, x) == Array(all[image * one.outputCount..<(image + 1) * one.outputCount]))
      }
    }
  }
}
