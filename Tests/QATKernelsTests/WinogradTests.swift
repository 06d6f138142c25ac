import CQATKernels
import Testing

extension KernelTests {
  @Suite("Convolutions by minimal filtering")
  struct WinogradTests {
    typealias Planes = ConvolutionTests
    typealias Run = ChannelsLastConvolutionTests.Run

    static let shapes = [
      // Squares that end where the image does, and beyond it.
      Planes.shape(2, c: 32, 6, 8, m: 32, k: (3, 3), pads: (1, 1, 1, 1)),
      Planes.shape(3, c: 40, 7, 9, m: 37, k: (3, 3), pads: (1, 1, 1, 1)),
      Planes.shape(1, c: 33, 5, 4, m: 50, k: (3, 3)),
      Planes.shape(1, c: 32, 4, 5, m: 34, k: (3, 3), pads: (0, 2, 1, 0)),
      // Squares that see nothing of the image.
      Planes.shape(1, c: 32, 2, 2, m: 32, k: (3, 3), pads: (4, 5, 4, 5)),
      // More than one chunk of squares, and two blocks of a sum.
      Planes.shape(2, c: 300, 17, 11, m: 70, k: (3, 3), pads: (1, 1, 1, 1)),
      // Inputs 4 KiB apart.
      Planes.shape(1, c: 1024, 6, 5, m: 32, k: (3, 3), pads: (1, 1, 1, 1)),
    ]

    private func result(
      _ run: Run, threads: Int, _ epilogue: qat_conv_epilogue?
    ) -> [Float] {
      var s = run.s
      let pool = Pool(threads)
      let scratch = Aligned(qat_conv_winograd_scratch(&s, Int32(threads)))
      let packed = Aligned(4 * qat_conv_winograd_packed_size(&s))
      qat_conv_winograd_pack(&s, run.w, packed.floats, pool.pool)
      var y = [Float](repeating: .nan, count: s.outputCount)
      guard var epilogue else {
        qat_conv_winograd(&s, run.x, packed.floats, nil, &y, pool.pool, scratch.start)
        return y
      }
      run.bias.withUnsafeBufferPointer { bias in
        run.residual.withUnsafeBufferPointer { residual in
          epilogue.bias = bias.baseAddress
          epilogue.residual = residual.baseAddress
          qat_conv_winograd(&s, run.x, packed.floats, &epilogue, &y, pool.pool, scratch.start)
        }
      }
      return y
    }

    @Test("agree with sums in Double, whatever CPU and threads", arguments: 0..<shapes.count)
    func matchDouble(_ index: Int) {
      var shape = Self.shapes[index]
      #expect(qat_conv_winograd_applies(&shape))
      let run = Run(shape, seed: UInt64(index))
      let clamps = qat_conv_epilogue(
        bias: nil, residual: nil, clamps: true, low: -1, high: 2)
      let results = withEachCPU { _ in (1...3).map { result(run, threads: $0, clamps).bits } }
      for ofCPU in results {
        for ofThreads in ofCPU { #expect(ofThreads == results[0][0]) }
      }
      #expect(distance(results[0][0].map(Float.init(bitPattern:)), run.exact[0]) < 3e-5)
    }

    @Test("need no epilogue")
    func needNoEpilogue() {
      var run = Run(Self.shapes[1], seed: 1)
      run.bias = run.bias.map { _ in 0 }
      run.residual = run.residual.map { _ in 0 }
      let open = qat_conv_epilogue(
        bias: nil, residual: nil, clamps: false, low: 0, high: 0)
      #expect(result(run, threads: 1, nil) == result(run, threads: 1, open))
    }

    @Test("of one image do not depend on the batch")
    func dependOnTheirImage() {
      let run = Run(Self.shapes[1], seed: 1)
      let all = result(run, threads: 1, nil)
      var one = run
      one.s.batch = 1
      for image in 0..<3 {
        one.x = Array(run.x[image * one.s.inputCount..<(image + 1) * one.s.inputCount])
        #expect(
          result(one, threads: 1, nil).bits
            == Array(all[image * one.s.outputCount..<(image + 1) * one.s.outputCount]).bits)
      }
    }

    @Test("take no other kernels, strides or groups")
    func takeNoOthers() {
      for other in [
        Planes.shape(1, c: 32, 8, 8, m: 32, k: (3, 2)),
        Planes.shape(1, c: 32, 8, 8, m: 32, k: (3, 3), stride: (2, 1)),
        Planes.shape(1, c: 32, 8, 8, m: 32, k: (3, 3), dilation: (1, 2)),
        Planes.shape(1, c: 64, 8, 8, m: 64, k: (3, 3), groups: 2),
      ] {
        var shape = other
        #expect(!qat_conv_winograd_applies(&shape))
      }
    }
  }
}
