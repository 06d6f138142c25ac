import CQATKernels
import Testing

extension KernelTests {
  @Suite("Convolutions")
  struct ConvolutionTests {
    static func shape(
      _ batch: Int, c: Int, _ height: Int, _ width: Int, m: Int, k: (Int, Int),
      stride: (Int, Int) = (1, 1),
      dilation: (Int, Int) = (1, 1), pads: (Int, Int, Int, Int) = (0, 0, 0, 0), groups: Int = 1
    ) -> qat_conv_shape {
      let oh = (height + pads.0 + pads.2 - dilation.0 * (k.0 - 1) - 1) / stride.0 + 1
      let ow = (width + pads.1 + pads.3 - dilation.1 * (k.1 - 1) - 1) / stride.1 + 1
      return qat_conv_shape(
        batch: Int64(batch), in_channels: Int64(c), in_height: Int64(height),
        in_width: Int64(width),
        out_channels: Int64(m), out_height: Int64(oh), out_width: Int64(ow),
        kernel_height: Int64(k.0), kernel_width: Int64(k.1), groups: Int64(groups),
        stride_y: Int64(stride.0), stride_x: Int64(stride.1), dilation_y: Int64(dilation.0),
        dilation_x: Int64(dilation.1), pad_top: Int64(pads.0), pad_left: Int64(pads.1),
        bf16: false, minimal: false)
    }

    static let shapes = [
      shape(2, c: 3, 9, 7, m: 5, k: (3, 3), pads: (1, 1, 1, 1)),
      shape(1, c: 4, 8, 8, m: 6, k: (1, 1)),
      shape(3, c: 4, 8, 9, m: 7, k: (1, 1), stride: (2, 2)),
      shape(
        2, c: 6, 11, 10, m: 4, k: (3, 2), stride: (2, 3), dilation: (2, 1), pads: (2, 0, 1, 1),
        groups: 2),
      shape(2, c: 5, 9, 20, m: 10, k: (3, 3), pads: (1, 1, 1, 1), groups: 5),
      shape(
        1, c: 3, 12, 13, m: 3, k: (5, 3), stride: (2, 2), dilation: (1, 2), pads: (4, 3, 4, 3),
        groups: 3),
      shape(1, c: 2, 3, 3, m: 2, k: (3, 3), pads: (2, 2, 2, 2)),
      shape(2, c: 70, 6, 6, m: 90, k: (3, 3), pads: (1, 1, 1, 1)),
      shape(1, c: 2, 60, 60, m: 3, k: (5, 5), pads: (2, 2, 2, 2)),
      shape(2, c: 20, 40, 50, m: 3, k: (3, 3)),
      shape(0, c: 2, 5, 5, m: 3, k: (3, 3)),
      shape(1, c: 1, 2, 2, m: 1, k: (2, 2), stride: (3, 3), pads: (1, 1, 3, 3)),
    ]

    @Test(
      "and their gradients agree with sums in Double, whatever CPU and threads",
      arguments: 0..<shapes.count)
    func matchDouble(_ index: Int) {
      let s = Self.shapes[index]
      var random = Random(UInt64(index))
      let x = random.floats(s.inputCount)
      let w = random.floats(s.weightCount)
      let bias = random.floats(Int(s.out_channels))
      let dy = random.floats(s.outputCount)
      var y =
        bias.isEmpty
        ? [] : (0..<s.outputCount).map { Double(bias[$0 / s.outPlane % Int(s.out_channels)]) }
      var dx = [Double](repeating: 0, count: x.count)
      var dw = [Double](repeating: 0, count: w.count)
      s.forEachProduct { xi, wi, yi in
        y[yi] += Double(x[xi]) * Double(w[wi])
        dx[xi] += Double(dy[yi]) * Double(w[wi])
        dw[wi] += Double(dy[yi]) * Double(x[xi])
      }
      let results = withEachCPU { _ in
        [1, 2, 3].map { threads in
          let pool = Pool(threads)
          var s = s
          let scratch = Aligned(qat_conv_f32_scratch(&s, Int32(threads)))
          var fy = [Float](repeating: .nan, count: y.count)
          var fdx = [Float](repeating: .nan, count: x.count)
          var fdw = [Float](repeating: .nan, count: w.count)
          qat_conv_f32(&s, x, w, bias, &fy, pool.pool, scratch.start)
          qat_conv_f32_input_gradient(&s, dy, w, &fdx, pool.pool, scratch.start)
          qat_conv_f32_weight_gradient(&s, dy, x, &fdw, pool.pool, scratch.start)
          return [fy, fdx, fdw]
        }
      }
      for ofCPU in results {
        for ofThreads in ofCPU { #expect(ofThreads.map(\.bits) == results[0][0].map(\.bits)) }
      }
      // Float sums of n products below 1: n * 2^-24 of the largest partial sum is never reached.
      #expect(distance(results[0][0][0], y) < 1e-5)
      #expect(distance(results[0][0][1], dx) < 1e-5)
      #expect(distance(results[0][0][2], dw) < 2e-5)
    }

    @Test("of one image do not depend on the batch")
    func dependOnTheirImage() {
      var s = Self.shape(5, c: 8, 14, 14, m: 16, k: (3, 3), pads: (1, 1, 1, 1))
      var random = Random(1)
      let x = random.floats(s.inputCount)
      let w = random.floats(s.weightCount)
      let scratch = Aligned(qat_conv_f32_scratch(&s, 1))
      var all = [Float](repeating: 0, count: s.outputCount)
      qat_conv_f32(&s, x, w, nil, &all, nil, scratch.start)
      s.batch = 1
      for image in 0..<5 {
        var one = [Float](repeating: 0, count: s.outputCount)
        qat_conv_f32(
          &s, Array(x[image * s.inputCount..<(image + 1) * s.inputCount]), w, nil, &one, nil,
          scratch.start)
        #expect(one.bits == Array(all[image * s.outputCount..<(image + 1) * s.outputCount]).bits)
      }
    }

    @Test(
      "on codes are exact, for each kernel, sign, layout and form of the result",
      arguments: 0..<shapes.count)
    func matchIntegers(_ index: Int) {
      let s = Self.shapes[index]
      let channels = Int(s.out_channels)
      var random = Random(UInt64(index))
      let x = random.bytes(s.inputCount)
      let w = random.bytes(s.weightCount)
      let zeros = (0..<channels).map { _ in Int32(random.integer(in: -128...127)) }
      let bias = (0..<channels).map { _ in Int32(random.integer(in: -5000...5000)) }
      let m = (0..<channels).map { _ in Float(random.integer(in: 1...99)) / 65536 }
      for (xSigned, wSigned) in [(false, true), (true, true), (false, false), (true, false)] {
        let xZero: Int32 = xSigned ? -3 : 131
        var sums = (0..<s.outputCount).map { bias[$0 / s.outPlane % channels] }
        s.forEachProduct { xi, wi, yi in
          let a = xSigned ? Int32(Int8(bitPattern: x[xi])) : Int32(x[xi])
          let b = wSigned ? Int32(Int8(bitPattern: w[wi])) : Int32(w[wi])
          sums[yi] += (a - xZero) * (b - zeros[s.channel(ofWeight: wi)])
        }
        let codes = sums.indices.map { i -> UInt8 in
          let v = (Float(sums[i]) * m[i / s.outPlane % channels]).rounded(.toNearestOrEven)
          return UInt8(min(max(v + 128, 0), 255))
        }
        let reals = sums.indices.map { Float(sums[$0]) * m[$0 / s.outPlane % channels] }
        let moved = sums.indices.map {
          let m = m[$0 / s.outPlane % channels]
          return m.addingProduct(Float(sums[$0]), m)
        }
        for row in 0..<qat_igemm_count() {
          guard let kernel = qat_igemm_at(row) else { continue }
          for (layout, threads) in [(false, 1), (true, 2)] {
            let run = CodeRun(
              s: s, kernel: kernel, x: x, xSigned: xSigned, xZero: xZero, w: w, wSigned: wSigned,
              zeros: zeros, bias: bias, m: m, channelsLast: layout, threads: threads)
            #expect(run.result(QAT_CONV_SUMS, Int32.self) == sums)
            #expect(run.result(QAT_CONV_CODES, UInt8.self) == codes)
            #expect(run.result(QAT_CONV_REALS, Float.self).bits == reals.bits)
            #expect(run.result(QAT_CONV_REALS, Float.self, moved: true).bits == moved.bits)
          }
        }
      }
    }

    struct CodeRun {
      var s: qat_conv_shape, kernel: OpaquePointer
      var x: [UInt8], xSigned: Bool, xZero: Int32, w: [UInt8], wSigned: Bool
      var zeros: [Int32], bias: [Int32], m: [Float], channelsLast: Bool, threads: Int

      /// - Parameter moved: the multipliers are the offsets, too.
      func result<Element: Numeric>(
        _ kind: qat_conv_result, _: Element.Type, moved: Bool = false
      ) -> [Element] {
        var s = s
        let pool = Pool(threads)
        let packed = Aligned(qat_conv_s8_packed_size(&s))
        let weightScratch = Aligned(w.count)
        qat_conv_s8_pack(&s, w, wSigned, packed.start, weightScratch.start)
        let inPlane = Int(s.in_height * s.in_width)
        let c = Int(s.in_channels)
        let channels = Int(s.out_channels)
        let images = channelsLast ? turned(x, c, inPlane) : x
        var y = [Element](repeating: 0, count: s.outputCount)
        images.withUnsafeBytes { x in
          zeros.withUnsafeBufferPointer { zeros in
            bias.withUnsafeBufferPointer { bias in
              m.withUnsafeBufferPointer { m in
                y.withUnsafeMutableBytes { y in
                  var arguments = qat_conv_s8_arguments(
                    x: x.baseAddress, x_signed: xSigned, x_channels_last: channelsLast,
                    x_zero: xZero, w: packed.start, w_signed: wSigned, w_zero: zeros.baseAddress,
                    bias: bias.baseAddress, result: kind, m: m.baseAddress, m_scalar: false,
                    offset: moved ? m.baseAddress : nil,
                    zero: 128, lo: 0, hi: 255, add: nil, y: y.baseAddress,
                    y_channels_last: channelsLast)
                  let scratch = Aligned(qat_conv_s8_scratch(&s, &arguments, Int32(threads)))
                  qat_conv_s8(kernel, &s, &arguments, pool.pool, scratch.start)
                }
              }
            }
          }
        }
        return channelsLast ? turned(y, s.outPlane, channels) : y
      }

      /// Each image [rows][columns] to [columns][rows].
      private func turned<Element>(_ x: [Element], _ rows: Int, _ columns: Int) -> [Element] {
        x.indices.map { i in
          let image = i / (rows * columns)
          let at = i % (rows * columns)
          return x[image * rows * columns + at % rows * columns + at / rows]
        }
      }
    }
  }
}

extension qat_conv_shape {
  var outPlane: Int { Int(out_height * out_width) }
  var inputCount: Int { Int(batch * in_channels * in_height * in_width) }
  var outputCount: Int { Int(batch * out_channels) * outPlane }
  var weightCount: Int { Int(out_channels * (in_channels / groups) * kernel_height * kernel_width) }
  func channel(ofWeight index: Int) -> Int { index / (weightCount / Int(out_channels)) }

  /// Calls `body` with the elements of x, w and y of each product of the convolution.
  func forEachProduct(_ body: (_ x: Int, _ w: Int, _ y: Int) -> Void) {
    let perGroup = in_channels / groups
    let results = out_channels / groups
    for n in 0..<batch {
      for m in 0..<out_channels {
        for oy in 0..<out_height {
          for ox in 0..<out_width {
            let y = ((n * out_channels + m) * out_height + oy) * out_width + ox
            for c in 0..<perGroup {
              let plane = n * in_channels + m / results * perGroup + c
              for i in 0..<kernel_height {
                let iy = oy * stride_y - pad_top + i * dilation_y
                if iy < 0 || iy >= in_height { continue }
                for j in 0..<kernel_width {
                  let ix = ox * stride_x - pad_left + j * dilation_x
                  if ix < 0 || ix >= in_width { continue }
                  body(
                    Int((plane * in_height + iy) * in_width + ix),
                    Int(((m * perGroup + c) * kernel_height + i) * kernel_width + j), Int(y))
                }
              }
            }
          }
        }
      }
    }
  }
}
