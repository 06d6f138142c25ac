import CQATKernels
import Testing

extension KernelTests {
  @Suite("Pooling")
  struct PoolingTests {
    static func shape(
      _ planes: Int, _ height: Int, _ width: Int, _ oh: Int, _ ow: Int, k: (Int, Int),
      stride: (Int, Int), dilation: (Int, Int) = (1, 1), pads: (Int, Int, Int, Int) = (0, 0, 0, 0)
    ) -> qat_pool_shape {
      qat_pool_shape(
        planes: Int64(planes), in_height: Int64(height), in_width: Int64(width),
        out_height: Int64(oh), out_width: Int64(ow), kernel_height: Int64(k.0),
        kernel_width: Int64(k.1), stride_y: Int64(stride.0), stride_x: Int64(stride.1),
        dilation_y: Int64(dilation.0), dilation_x: Int64(dilation.1), pad_top: Int64(pads.0),
        pad_left: Int64(pads.1), pad_bottom: Int64(pads.2), pad_right: Int64(pads.3))
    }

    static let shapes = [
      shape(3, 8, 8, 4, 4, k: (2, 2), stride: (2, 2)),
      shape(17, 9, 11, 5, 6, k: (3, 3), stride: (2, 2), pads: (1, 1, 1, 1)),
      shape(2, 7, 7, 4, 4, k: (2, 2), stride: (2, 2)),  // ceil mode
      shape(2, 10, 9, 6, 3, k: (3, 2), stride: (1, 2), dilation: (2, 3), pads: (0, 0, 0, 1)),
      shape(1, 4, 4, 1, 1, k: (4, 4), stride: (1, 1)),
    ]

    @Test("visits the pixels that its window says", arguments: 0..<shapes.count)
    func matchLoop(_ index: Int) {
      var s = Self.shapes[index]
      var random = Random(UInt64(index))
      let count = Int(s.planes * s.in_height * s.in_width)
      let outCount = Int(s.planes * s.out_height * s.out_width)
      let x = (0..<count).map { _ in Float(random.integer(in: -9...9)) }
      let codes = x.map { UInt8($0 + 100) }
      let signed = x.map { Int8($0 * 9) }
      let windows = s.windows
      let pool = Pool(2)

      let places = windows.map { window in
        window.inside.max { x[$0] < x[$1] || x[$0] == x[$1] && $0 > $1 }
      }
      let largest = places.map { $0.map { x[$0] } ?? -.infinity }
      var indices = [Int64](repeating: 0, count: outCount)
      for withIndices in [false, true] {
        let y = sameOnEachCPU {
          var y = [Float](repeating: 0, count: outCount)
          if withIndices {
            qat_maxpool_f32(&s, x, &y, &indices, pool.pool)
          } else {
            qat_maxpool_f32(&s, x, &y, nil, pool.pool)
          }
          return y
        }
        #expect(y == largest)
      }
      #expect(indices == places.map { Int64($0 ?? -1) })
      var ones = [UInt8](repeating: 0, count: outCount)
      var minus = [Int8](repeating: 0, count: outCount)
      qat_maxpool_s8(&s, 1, codes, false, &ones, pool.pool)
      qat_maxpool_s8(&s, 1, signed, true, &minus, pool.pool)
      #expect(ones == places.map { $0.map { codes[$0] } ?? 0 })
      #expect(minus == places.map { $0.map { signed[$0] } ?? -128 })

      for countsPadding in [false, true] {
        let means = windows.map { window in
          window.inside.reduce(Float(0)) { $0 + x[$1] }
            / Float(countsPadding ? window.padded : window.inside.count)
        }
        var y = [Float](repeating: 0, count: outCount)
        qat_averagepool_f32(&s, x, countsPadding, &y, pool.pool)
        #expect(y == means)
        let dy = (0..<outCount).map { Float($0 + 1) }
        var dx = [Float](repeating: 9, count: count)
        var expected = [Double](repeating: 0, count: count)
        for (i, window) in windows.enumerated() {
          for at in window.inside {
            expected[at] +=
              Double(dy[i]) / Double(countsPadding ? window.padded : window.inside.count)
          }
        }
        qat_averagepool_f32_gradient(&s, dy, countsPadding, &dx, pool.pool)
        #expect(distance(dx, expected) < 1e-6)
        var q = [UInt8](repeating: 0, count: outCount)
        qat_qlinear_averagepool(
          &s, 1, codes, false, 0.5, 100, 0.25, 7, countsPadding, 0, 255, &q, pool.pool)
        #expect(
          q
            == windows.map { window in
              let sum = window.inside.reduce(Float(0)) { $0 + Float(Int(codes[$1]) - 100) * 0.5 }
              let v = sum / Float(countsPadding ? window.padded : window.inside.count) / 0.25 + 7
              return UInt8(min(max(v.rounded(.toNearestOrEven), 0), 255))
            })
      }
      let dy = (0..<outCount).map { Float($0 + 1) }
      var dx = [Float](repeating: 9, count: count)
      var expected = [Float](repeating: 0, count: count)
      for (i, place) in places.enumerated() { if let place { expected[place] += dy[i] } }
      qat_maxpool_f32_gradient(&s, dy, indices, &dx, pool.pool)
      #expect(dx == expected)
    }

    @Test("over whole planes of codes is exact")
    func averagePlanes() {
      var random = Random(2)
      let x = random.bytes(7 * 49)
      let ratio = Float(0.1) / (Float(0.07) * 49)
      for isSigned in [false, true] {
        let y = sameOnEachCPU {
          var y = [UInt8](repeating: 0, count: 7)
          qat_qlinear_global_averagepool(
            7, 1, 49, x, isSigned, 5, ratio, 3, isSigned ? -128 : 0, isSigned ? 127 : 255, &y)
          return y
        }
        // The same planes as one image whose channels come last.
        let last = sameOnEachCPU {
          var y = [UInt8](repeating: 0, count: 7)
          let turned = (0..<343).map { (i: Int) -> UInt8 in x[i % 7 * 49 + i / 7] }
          qat_qlinear_global_averagepool(
            7, 7, 49, turned, isSigned, 5, ratio, 3, isSigned ? -128 : 0, isSigned ? 127 : 255, &y)
          return y
        }
        #expect(last == y)
        for plane in 0..<7 {
          let sum = (0..<49).reduce(0) { sum, i in
            let byte = x[plane * 49 + i]
            return sum + (isSigned ? Int(Int8(bitPattern: byte)) : Int(byte)) - 5
          }
          let code = Int((Float(sum) * ratio).rounded(.toNearestOrEven)) + 3
          let range = isSigned ? -128...127 : 0...255
          let expected = min(max(code, range.lowerBound), range.upperBound)
          #expect(y[plane] == UInt8(truncatingIfNeeded: expected))
        }
      }
    }

    @Test("passes a NaN on")
    func passNaN() {
      var s = Self.shapes[0]
      var x = [Float](repeating: 1, count: 3 * 64)
      var y = [Float](repeating: 0, count: 48)
      x[9] = .nan
      qat_maxpool_f32(&s, x, &y, nil, nil)
      #expect(y[0].isNaN && y.dropFirst().allSatisfy { $0 == 1 })
      var indices = [Int64](repeating: 0, count: 48)
      qat_maxpool_f32(&s, x, &y, &indices, nil)
      #expect(y[0].isNaN && indices[0] == 9)
    }
  }
}

extension qat_pool_shape {
  /// For each output its pixels inside the image, in row order, and the number of those inside the
  /// padded one.
  var windows: [(inside: [Int], padded: Int)] {
    var windows: [(inside: [Int], padded: Int)] = []
    for plane in 0..<planes {
      for oy in 0..<out_height {
        for ox in 0..<out_width {
          var inside: [Int] = []
          var padded = 0
          for i in 0..<kernel_height {
            for j in 0..<kernel_width {
              let y = oy * stride_y - pad_top + i * dilation_y
              let x = ox * stride_x - pad_left + j * dilation_x
              if y < in_height + pad_bottom && x < in_width + pad_right { padded += 1 }
              if y >= 0 && y < in_height && x >= 0 && x < in_width {
                inside.append(Int((plane * in_height + y) * in_width + x))
              }
            }
          }
          windows.append((inside, padded))
        }
      }
    }
    return windows
  }
}
