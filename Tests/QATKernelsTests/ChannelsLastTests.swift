import CQATKernels
import Testing

extension KernelTests {
  /// The kernels for planes, which have tests of their own, are what these are compared with.
  @Suite("Channels last")
  struct ChannelsLastTests {
    @Test("are the transpose of channels first", arguments: [1, 2, 3, 16, 17, 40])
    func transpose(_ channels: Int) {
      var random = Random(9)
      let x = random.floats(3 * channels * 35)
      for (rows, columns) in [(channels, 35), (35, channels)] {
        let y = sameOnEachCPU {
          let pool = Pool(2)
          var y = [Float](repeating: .nan, count: x.count)
          qat_transpose_images_f32(3, Int64(rows), Int64(columns), x, &y, pool.pool)
          return y
        }
        #expect(y == turned(x, rows, columns))
      }
    }

    @Test(
      "are normalized as in Double, and so are the gradients",
      arguments: [(1, 5), (63, 16), (130, 33), (2500, 3), (1100, 70)], [Float(0), 40])
    func normalize(_ size: (pixels: Int, channels: Int), _ offset: Float) {
      let (pixels, channels) = size
      let (p, c) = (Int64(pixels), Int64(channels))
      var random = Random(UInt64(pixels))
      let x = random.floats(pixels * channels).map { $0 + offset }
      let dy = random.floats(pixels * channels)
      let gamma = random.floats(channels)
      let beta = random.floats(channels)
      let results = withEachCPU { _ in
        [1, 3].map { threads -> [[Float]] in
          let pool = Pool(threads)
          let scratch = Aligned(qat_batchnorm_nhwc_scratch(c))
          var mean = [Float](repeating: .nan, count: channels)
          var variance = mean
          var dgamma = mean
          var dbeta = mean
          var sums = mean
          var y = [Float](repeating: .nan, count: x.count)
          var dx = y
          qat_batchnorm_nhwc_statistics(p, c, x, &mean, &variance, pool.pool, scratch.start)
          qat_batchnorm_nhwc_apply(
            p, c, x, mean, variance, gamma, beta, 1e-3, &y, pool.pool)
          qat_batchnorm_nhwc_gradient(
            p, c, dy, x, gamma, 1e-3, &dx, &dgamma, &dbeta, pool.pool, scratch.start)
          qat_channel_sums_nhwc(p, c, dy, &sums, pool.pool, scratch.start)
          return [mean, variance, y, dx, dgamma, dbeta, sums]
        }
      }
      for ofCPU in results {
        for ofThreads in ofCPU { #expect(ofThreads.map(\.bits) == results[0][0].map(\.bits)) }
      }
      let exact = Self.exact(x, dy, gamma, beta, pixels: pixels, channels: channels)
      // Means of numbers near 40 are rounded to 40 * 2^-24.
      for (result, exact) in zip(results[0][0], exact) {
        #expect(distance(result, exact) < (offset == 0 ? 2e-5 : 5e-4))
      }
    }

    private static func exact(
      _ x: [Float], _ dy: [Float], _ gamma: [Float], _ beta: [Float], pixels: Int, channels: Int
    ) -> [[Double]] {
      var y = x.map(Double.init)
      var dx = y
      var vectors = [[Double]](repeating: [], count: 4)
      for c in 0..<channels {
        let places = (0..<pixels).map { $0 * channels + c }
        let n = Double(pixels)
        let mean = places.reduce(0) { $0 + Double(x[$1]) } / n
        let variance = places.reduce(0) { $0 + (Double(x[$1]) - mean) * (Double(x[$1]) - mean) } / n
        let r = 1 / (variance + 1e-3).squareRoot()
        let h = { (i: Int) in (Double(x[i]) - mean) * r }
        let dbeta = places.reduce(0) { $0 + Double(dy[$1]) }
        let dgamma = places.reduce(0) { $0 + Double(dy[$1]) * h($1) }
        for i in places {
          y[i] = h(i) * Double(gamma[c]) + Double(beta[c])
          dx[i] = Double(gamma[c]) * r * (Double(dy[i]) - dbeta / n - h(i) * dgamma / n)
        }
        for (index, number) in [mean, variance, dgamma, dbeta].enumerated() {
          vectors[index].append(number)
        }
      }
      return [vectors[0], vectors[1], y, dx, vectors[2], vectors[3], vectors[3]]
    }

    struct Window: Sendable {
      var kernel: (Int64, Int64), stride: (Int64, Int64), dilation: (Int64, Int64) = (1, 1)
      var pads: (Int64, Int64, Int64, Int64) = (0, 0, 0, 0)
    }
    static let windows = [
      Window(kernel: (2, 2), stride: (2, 2)), Window(kernel: (3, 3), stride: (2, 2)),
      Window(kernel: (3, 2), stride: (1, 3), dilation: (2, 1), pads: (2, 1, 1, 0)),
      Window(kernel: (2, 2), stride: (3, 2)),
      Window(kernel: (3, 3), stride: (1, 1), pads: (1, 1, 1, 1)),
    ]

    @Test("are pooled as planes are", arguments: 0..<windows.count, [3, 16, 70])
    func pool(_ index: Int, _ channels: Int) {
      let window = Self.windows[index]
      let (height, width): (Int64, Int64) = (9, 8)
      func size(_ x: Int64, _ k: Int64, _ s: Int64, _ d: Int64, _ pads: Int64) -> Int64 {
        (x + pads - d * (k - 1) - 1) / s + 1
      }
      let (kernel, stride, dilation) = (window.kernel, window.stride, window.dilation)
      let pads = window.pads
      var s = qat_pool_shape(
        planes: Int64(2 * channels), in_height: height, in_width: width,
        out_height: size(height, kernel.0, stride.0, dilation.0, pads.0 + pads.2),
        out_width: size(width, kernel.1, stride.1, dilation.1, pads.1 + pads.3),
        kernel_height: kernel.0, kernel_width: kernel.1, stride_y: stride.0, stride_x: stride.1,
        dilation_y: dilation.0, dilation_x: dilation.1, pad_top: pads.0, pad_left: pads.1,
        pad_bottom: pads.2, pad_right: pads.3)
      let inPlane = Int(height * width)
      let outPlane = Int(s.out_height * s.out_width)
      var random = Random(UInt64(index))
      // Few values, so that windows have several largest elements.
      let x = (0..<2 * channels * inPlane).map { _ in Float(random.integer(in: -3...3)) }
      let dy = (0..<2 * channels * outPlane).map { _ in Float(random.integer(in: -9...9)) }
      let (last, lastDy) = (turned(x, channels, inPlane), turned(dy, channels, outPlane))
      let c = Int64(channels)
      for countsPadding in [false, true] {
        var y = [Float](repeating: 0, count: dy.count)
        var mean = y
        var dx = [Float](repeating: 0, count: x.count)
        var meanDx = dx
        var indices = [Int64](repeating: 0, count: dy.count)
        qat_maxpool_f32(&s, x, &y, &indices, nil)
        qat_maxpool_f32_gradient(&s, dy, indices, &dx, nil)
        qat_averagepool_f32(&s, x, countsPadding, &mean, nil)
        qat_averagepool_f32_gradient(&s, dy, countsPadding, &meanDx, nil)
        let results = withEachCPU { _ -> [[Float]] in
          let pool = Pool(2)
          var a = [Float](repeating: .nan, count: dy.count)
          var b = a
          var da = [Float](repeating: .nan, count: x.count)
          var db = da
          qat_maxpool_nhwc(&s, 2, c, last, &a, pool.pool)
          qat_maxpool_nhwc_gradient(&s, 2, c, last, lastDy, &da, pool.pool)
          qat_averagepool_nhwc(&s, 2, c, last, countsPadding, &b, pool.pool)
          qat_averagepool_nhwc_gradient(&s, 2, c, lastDy, countsPadding, &db, pool.pool)
          return [a, b, da, db]
        }
        for result in results {
          #expect(result == results[0])
          #expect(result[0] == turned(y, channels, outPlane))
          #expect(result[1] == turned(mean, channels, outPlane))
          #expect(result[2] == turned(dx, channels, inPlane))
          #expect(result[3] == turned(meanDx, channels, inPlane))
        }
      }
    }

    @Test("are fake-quantized with a scale a channel, gradients up to the very border")
    func fakeQuantize() {
      let (rows, channels) = (300, 19)
      var random = Random(4)
      let scale = (0..<channels).map { $0 % 3 == 0 ? 0.0078125 : abs(random.float()) / 50 + 1e-4 }
      let zero = (0..<channels).map { _ in Int32(random.integer(in: 0...255)) }
      var x = (0..<rows * channels).map { i in
        Float(random.integer(in: -1400...1400)) / 2 * scale[i % channels]
      }
      for i in stride(from: 0, to: x.count, by: 7) {
        let c = i % channels
        let border = (Float(i % 2 == 0 ? 0 : 255) - Float(zero[c])) + (i % 2 == 0 ? -0.5 : 0.5)
        x[i] = [border * scale[c], (border * scale[c]).nextUp, (border * scale[c]).nextDown][i % 3]
      }
      x[3] = .nan
      x[4] = .infinity
      let dy = random.floats(x.count)
      let quotients = x.indices.map { (x[$0] / scale[$0 % channels]).rounded(.toNearestOrEven) }
      let inside = x.indices.map { i in
        let steps = quotients[i] + Float(zero[i % channels])
        return steps >= 0 && steps <= 255
      }
      let expected = x.indices.map { i -> Float in
        let z = Float(zero[i % channels])
        let steps = quotients[i].isNaN ? 0 : min(max(quotients[i], -z), 255 - z)
        return (steps + 0) * scale[i % channels]
      }
      // Channels last; then each channel as a run of its own.
      for isLast in [true, false] {
        let (outer, inner) = isLast ? (Int64(rows), Int64(1)) : (Int64(1), Int64(rows))
        let own = isLast ? x : turned(x, rows, channels)
        let ownDy = isLast ? dy : turned(dy, rows, channels)
        let results = withEachCPU { _ -> [[Float]] in
          var y = [Float](repeating: .nan, count: x.count)
          var dx = y
          qat_fake_quantize(outer, Int64(channels), inner, own, scale, zero, 0, 255, &y)
          qat_fake_quantize_gradient(
            outer, Int64(channels), inner, own, scale, zero, 0, 255, ownDy, &dx)
          return isLast ? [y, dx] : [turned(y, channels, rows), turned(dx, channels, rows)]
        }
        for result in results {
          #expect(result[0].bits == expected.bits)
          #expect(result[1] == x.indices.map { inside[$0] ? dy[$0] : 0 })
        }
      }
    }

    @Test("leave a bit of each element that tells its gradient", arguments: [1, 7, 16, 100, 5000])
    func keepBits(_ count: Int) {
      var random = Random(UInt64(count))
      let scale: Float = 0.25
      var x = (0..<count).map { _ in Float(random.integer(in: -600...600)) / 8 }
      if count > 20 { (x[3], x[4], x[17]) = (.nan, .infinity, -.infinity) }
      let dy = random.floats(count)
      var codes = [Int8](repeating: 0, count: count)
      var dx = [Float](repeating: 0, count: count)
      qat_fake_quantize_gradient(1, 1, Int64(count), x, [scale], [9], -128, 127, dy, &dx)
      for i in x.indices {
        let steps = x[i].isNaN ? 0 : max(-137, min(118, (x[i] / scale).rounded(.toNearestOrEven)))
        codes[i] = Int8(Int(steps) + 9)
      }
      for positive in [false, true] {
        let expected = dx.indices.map { positive && !(x[$0] > 0) ? 0 : dx[$0] }.bits
        let results = withEachCPU { _ -> ([Int8], [UInt32]) in
          var bits = [UInt8](repeating: 0xff, count: (count + 7) / 8)
          var bytes = [UInt8](repeating: 0, count: count), dz = dx
          for i in dz.indices { dz[i] = .nan }
          qat_quantize_bits(Int64(count), x, scale, 9, -128, 127, positive, &bytes, &bits)
          qat_apply_bits(Int64(count), dy, bits, &dz)
          return (bytes.map { Int8(bitPattern: $0) }, dz.bits)
        }
        for result in results { #expect(result.0 == codes && result.1 == expected) }
      }
    }

    @Test("divide as a division does, next to where a code ends above all")
    func divideExactly() {
      var random = Random(11)
      for _ in 0..<200 {
        let scale = Float(bitPattern: UInt32(random.integer(in: 0x3000_0000...0x4f00_0000)))
        var x: [Float] = [0, -0, .leastNonzeroMagnitude, .greatestFiniteMagnitude, 1e30, -1e30]
        for code in -300...300 {
          let edge = (Float(code) + 0.5) * scale
          x += [edge.nextDown.nextDown, edge.nextDown, edge, edge.nextUp, edge.nextUp.nextUp]
        }
        let expected = x.map {
          UInt8(max(-100, min(155, ($0 / scale).rounded(.toNearestOrEven))) + 100)
        }
        let results = withEachCPU { _ in
          var codes = [UInt8](repeating: 0, count: x.count)
          qat_quantize_bits(Int64(x.count), x, scale, 100, 0, 255, false, &codes, nil)
          return codes
        }
        for result in results { #expect(result == expected) }
      }
    }
  }
}
