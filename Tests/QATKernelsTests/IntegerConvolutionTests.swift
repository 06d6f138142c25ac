import CQATKernels
import Testing

extension KernelTests {
  /// Random shapes, types, zero points and forms of the result, for each kernel, against a plain
  /// loop: equal to the last bit.
  @Suite("Convolutions of codes, channels last")
  struct IntegerConvolutionTests {
    @Test("of odd shapes are those of a plain loop, for each kernel", arguments: 0..<160)
    func matchLoop(_ seed: Int) {
      let sample = CodeConvolution(seed)
      let expected = sample.expected()
      for threads in [1, 2] {
        for row in 0..<qat_igemm_count() {
          guard let kernel = qat_igemm_at(row) else { continue }
          let name = "\(String(cString: qat_igemm_name(kernel))), \(sample.shape)"
          #expect(
            sample.run(kernel, QAT_CONV_SUMS, Int32.self, threads) == expected.sums, "\(name)")
          #expect(
            sample.run(kernel, QAT_CONV_CODES, UInt8.self, threads) == expected.codes, "\(name)")
          #expect(
            sample.run(kernel, QAT_CONV_CODES, UInt8.self, threads, adds: true) == expected.added,
            "\(name)")
          #expect(
            sample.run(kernel, QAT_CONV_REALS, Float.self, threads).bits == expected.reals.bits,
            "\(name)")
        }
      }
    }

    @Test("pool as their planes do", arguments: [1, 3, 16, 50, 100])
    func poolAsPlanes(_ channels: Int) {
      var random = Random(UInt64(channels))
      for var s in PoolingTests.shapes {
        let images = 2
        s.planes = Int64(images * channels)
        let plane = Int(s.in_height * s.in_width)
        let outPlane = Int(s.out_height * s.out_width)
        let x = random.bytes(images * channels * plane)
        let last = turned(x, channels, plane)
        for isSigned in [false, true] {
          let range: (Int32, Int32) = isSigned ? (-128, 127) : (0, 255)
          var y = [UInt8](repeating: 0, count: images * channels * outPlane)
          qat_maxpool_s8(&s, 1, x, isSigned, &y, nil)
          let largest = sameOnEachCPU {
            var z = [UInt8](repeating: 1, count: y.count)
            qat_maxpool_s8(&s, Int64(channels), last, isSigned, &z, nil)
            return z
          }
          #expect(turned(largest, outPlane, channels) == y)
          qat_qlinear_averagepool(
            &s, 1, x, isSigned, 0.3, 5, 0.2, 7, false, range.0, range.1, &y, nil)
          let average = sameOnEachCPU {
            var z = [UInt8](repeating: 1, count: y.count)
            qat_qlinear_averagepool(
              &s, Int64(channels), last, isSigned, 0.3, 5, 0.2, 7, false, range.0, range.1, &z, nil)
            return z
          }
          #expect(turned(average, outPlane, channels) == y)
        }
      }
    }

    @Test("tables and transposes of any length are those of a plain loop")
    func matchPlainLoops() {
      var random = Random(8)
      let table = random.bytes(256)
      for count in [0, 1, 63, 64, 65, 200, 1000] {
        let x = random.bytes(count)
        let y = sameOnEachCPU {
          var y = [UInt8](repeating: 0, count: count)
          qat_lookup(Int64(count), x, table, &y)
          return y
        }
        #expect(y == x.map { table[Int($0)] })
      }
      for rows in [1, 2, 3, 5, 15, 16, 17, 49] {
        for columns in [1, 3, 7, 16, 31, 100] {
          let x = random.bytes(rows * columns)
          let y = sameOnEachCPU {
            var y = [UInt8](repeating: 0, count: x.count)
            qat_transpose_bytes(
              Int64(rows), Int64(columns), x, Int64(columns), &y, Int64(rows))
            return y
          }
          #expect(y == turned(x, rows, columns))
        }
      }
    }

    /// Each image [rows][columns] to [columns][rows].
    private func turned(_ x: [UInt8], _ rows: Int, _ columns: Int) -> [UInt8] {
      x.indices.map { i in
        let at = i % (rows * columns)
        return x[i - at + at % rows * columns + at / rows]
      }
    }
  }
}

/// A random convolution of codes.
struct CodeConvolution {
  var shape = qat_conv_shape()
  private var x: [UInt8] = [], w: [UInt8] = [], added: [UInt8] = []
  private var xSigned = false, wSigned = false, ySigned = false, addedFirst = false
  private var xZero: Int32 = 0, zero: Int32 = 0, lo: Int32 = 0, hi: Int32 = 0
  private var zeros: [Int32]?, bias: [Int32]?, m: [Float] = []
  private var ratios: (own: Float, other: Float) = (1, 1)
  private var addedZero: Int32 = 0, sumZero: Int32 = 0

  init(_ seed: Int) {
    var random = Random(UInt64(seed) &+ 1000)
    func pick(_ range: ClosedRange<Int>) -> Int { random.integer(in: range) }
    let saturates = seed % 8 == 7
    let kind = seed % 5
    let isWide = [5, 8].contains(seed % 10)
    if kind == 4 {
      chooseFilter(isDeep: seed % 8 > 4, pick)
    } else {
      chooseShape(kind, isWide: isWide, pick)
    }
    xSigned = pick(0...1) == 0
    wSigned = pick(0...2) > 0 || shape.minimal || isWide
    ySigned = pick(0...1) == 0
    x =
      saturates ? Array(repeating: xSigned ? 127 : 255, count: count(shape.in_channels, true)) : []
    // Codes at the ends of their types: the largest differences that minimal filtering meets.
    let isExtreme = seed % 8 == 3
    func code(_ signed: Bool) -> UInt8 {
      isExtreme ? [signed ? 128 : 0, signed ? 127 : 255][pick(0...1)] : UInt8(pick(0...255))
    }
    if x.isEmpty { x = (0..<count(shape.in_channels, true)).map { _ in code(xSigned) } }
    // The largest weights, and nearly the largest that minimal filtering sums in one block.
    let largest: UInt8 = wSigned ? (seed % 16 < 8 ? 144 : 128) : 0
    w = (0..<shape.weightCount).map { _ in saturates ? largest : code(wSigned) }
    added = (0..<shape.outputCount).map { _ in UInt8(pick(0...255)) }
    // Zero points at the ends of their types as often as between.
    func zeroPoint(_ signed: Bool) -> Int32 {
      let (lowest, highest) = signed ? (-128, 127) : (0, 255)
      return Int32([lowest, highest, pick(lowest...highest)][pick(0...2)])
    }
    xZero = zeroPoint(xSigned)
    let channels = Int(shape.out_channels)
    let isPlain = isWide && pick(0...2) > 0  // multipliers below one, all codes
    zeros =
      pick(0...2) == 0 && !shape.minimal && !isWide
      ? (0..<channels).map { _ in zeroPoint(wSigned) } : nil
    bias = pick(0...2) == 0 ? nil : (0..<channels).map { _ in Int32(pick(-100_000...100_000)) }
    m = (0..<(pick(0...1) == 0 ? 1 : channels)).map { _ in
      pick(0...9) == 0 && !isPlain
        ? 1e30 : Float(pick(1...999)) / Float(1 << pick((isPlain ? 10 : 8)...22))
    }
    (lo, hi) = ySigned ? (-128, 127) : (0, 255)
    if pick(0...2) == 0 && !isPlain { (lo, hi) = ySigned ? (-8, 7) : (3, 15) }
    zero = Int32(pick(Int(lo)...Int(hi)))
    (addedZero, sumZero, addedFirst) = (zeroPoint(ySigned), zeroPoint(ySigned), pick(0...1) == 0)
    // In hundredths many sums are halves but for their rounding, which tells the order of terms; a sum of
    // large ratios is no int32.
    let largeRatio: Float? = seed % 32 > 27 ? 1e8 : nil
    ratios = (largeRatio ?? Float(pick(1...300)) / 100, Float(pick(1...300)) / 100)
  }

  private func count(_ channels: Int64, _ input: Bool) -> Int {
    Int(shape.batch * channels * (input ? shape.in_height * shape.in_width : 1))
  }

  private mutating func chooseShape(
    _ kind: Int, isWide: Bool, _ pick: (ClosedRange<Int>) -> Int
  ) {
    if isWide { return chooseWide(kind == 3 ? 1 : pick(2...3), pick) }
    let groups = kind == 1 ? pick(2...70) : kind == 2 ? pick(1...4) : 1
    let perGroup = kind == 1 ? 1 : pick(1...(kind == 3 ? 150 : 24))
    let results = kind == 1 ? pick(1...2) : pick(1...40)
    let kernel = kind == 3 ? (1, 1) : (pick(1...5), pick(1...5))
    let pads = kind == 3 ? (0, 0) : (pick(0...kernel.0), pick(0...kernel.1))
    let dilation = (pick(1...2), pick(1...2)), stride = (pick(1...2), pick(1...3))
    let reach = ((kernel.0 - 1) * dilation.0 + 1, (kernel.1 - 1) * dilation.1 + 1)
    let size = (max(pick(1...9), reach.0 - pads.0), max(pick(1...14), reach.1 - pads.1))
    shape = KernelTests.ConvolutionTests.shape(
      pick(1...3), c: groups * perGroup, size.0, size.1, m: groups * results, k: kernel,
      stride: stride, dilation: dilation, pads: (pads.0, pads.1, 0, 0), groups: groups)
  }

  /// Pixels for many tiles of all columns, one behind the other.
  private mutating func chooseWide(_ kernel: Int, _ pick: (ClosedRange<Int>) -> Int) {
    let channels =
      kernel > 1 ? pick(1...12) : [16, 24, 32, pick(1...16), pick(33...150)][pick(0...4)]
    let pad = kernel > 1 ? 1 : 0
    shape = KernelTests.ConvolutionTests.shape(
      pick(1...2), c: channels, pick(9...12), pick(13...16),
      m: [16, 48, 64, pick(8...80)][pick(0...3)],
      k: (kernel, kernel),
      stride: (1, 1), dilation: (1, pick(1...2)), pads: (pad, pad, pad, pad), groups: 1)
  }

  /// By minimal filtering; `isDeep`: with more channels than one block has.
  private mutating func chooseFilter(isDeep: Bool, _ pick: (ClosedRange<Int>) -> Int) {
    let channels = isDeep ? pick(240...260) : pick(32...70), pad = pick(0...2)
    let size = isDeep ? (5, 3) : (max(pick(1...10), 3 - pad), max(pick(1...14), 3 - pad))
    shape = KernelTests.ConvolutionTests.shape(
      pick(1...2), c: channels, size.0, size.1, m: pick(32...50), k: (3, 3), stride: (1, 1),
      dilation: (1, 1), pads: (pad, pad, pick(0...2), pick(0...2)), groups: 1)
    shape.minimal = true
  }

  private func value(_ byte: UInt8, _ signed: Bool) -> Int32 {
    signed ? Int32(Int8(bitPattern: byte)) : Int32(byte)
  }

  /// Index of NCHW as one of NHWC.
  private func last(_ index: Int, _ channels: Int, _ plane: Int) -> Int {
    let image = index / (channels * plane)
    let at = index % (channels * plane)
    return (image * plane + at % plane) * channels + at / plane
  }

  func expected() -> (sums: [Int32], codes: [UInt8], added: [UInt8], reals: [Float]) {
    let channels = Int(shape.out_channels), inPlane = Int(shape.in_height * shape.in_width)
    var sums = (0..<shape.outputCount).map { bias?[$0 % channels] ?? 0 }
    shape.forEachProduct { xi, wi, yi in
      let a = value(x[last(xi, Int(shape.in_channels), inPlane)], xSigned) - xZero
      let b = value(w[wi], wSigned) - (zeros?[shape.channel(ofWeight: wi)] ?? 0)
      sums[last(yi, channels, shape.outPlane)] &+= a * b
    }
    let reals = sums.indices.map { Float(sums[$0]) * m[m.count == 1 ? 0 : $0 % channels] }
    let codes = reals.map { real in
      Int32(min(max(Double(real.rounded(.toNearestOrEven)) + Double(zero), Double(lo)), Double(hi)))
    }
    let added = codes.indices.map { i in
      let own = Float(codes[i])
      let other = Float(value(self.added[i], ySigned))
      let sum =
        addedFirst
        ? fixed.addingProduct(own, ratios.own).addingProduct(other, ratios.other)
        : fixed.addingProduct(other, ratios.other).addingProduct(own, ratios.own)
      return min(max(sum, Float(lo)), Float(hi)).rounded(.toNearestOrEven)
    }
    return (
      sums, codes.map { UInt8(truncatingIfNeeded: $0) },
      added.map { UInt8(truncatingIfNeeded: Int($0)) }, reals
    )
  }

  /// zc - fma(ra, za, rb·zb).
  private var fixed: Float {
    let (a, b) = ((ratios.own, Float(zero)), (ratios.other, Float(addedZero)))
    let (first, second) = addedFirst ? (b, a) : (a, b)
    return Float(sumZero) - (second.0 * second.1).addingProduct(first.0, first.1)
  }

  func run<Element: Numeric>(
    _ kernel: OpaquePointer, _ kind: qat_conv_result, _: Element.Type, _ threads: Int,
    adds: Bool = false
  ) -> [Element] {
    var s = shape
    let pool = Pool(threads)
    let packed = Aligned(qat_conv_s8_packed_size(&s)), weightScratch = Aligned(w.count)
    qat_conv_s8_pack(&s, w, wSigned, packed.start, weightScratch.start)
    var y = [Element](repeating: 0, count: s.outputCount)
    var arguments = qat_conv_s8_arguments()
    arguments.x_signed = xSigned
    arguments.x_channels_last = true
    arguments.x_zero = xZero
    arguments.w = UnsafeRawPointer(packed.start)
    arguments.w_signed = wSigned
    arguments.result = kind
    arguments.m_scalar = m.count == 1
    (arguments.zero, arguments.lo, arguments.hi) = (zero, lo, hi)
    arguments.y_channels_last = true
    let scratch = Aligned(qat_conv_s8_scratch(&s, &arguments, Int32(threads)))
    added.withUnsafeBytes { added in
      var sum = qat_conv_s8_sum(
        codes: added.baseAddress, is_signed: ySigned, is_first: addedFirst, own_ratio: ratios.own,
        ratio: ratios.other, fixed: fixed, lo: lo, hi: hi)
      withUnsafePointer(to: &sum) { sum in
        if adds { arguments.add = sum }
        x.withUnsafeBytes { x in
          withPointer(zeros) { zeros in
            withPointer(bias) { bias in
              m.withUnsafeBufferPointer { m in
                y.withUnsafeMutableBytes { y in
                  arguments.x = x.baseAddress
                  arguments.w_zero = zeros
                  arguments.bias = bias
                  arguments.m = m.baseAddress
                  arguments.y = y.baseAddress
                  qat_conv_s8(kernel, &s, &arguments, pool.pool, scratch.start)
                }
              }
            }
          }
        }
      }
    }
    return y
  }
}
