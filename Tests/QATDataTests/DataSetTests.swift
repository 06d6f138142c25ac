import func Foundation.erfc
import QATCore
import Testing

@testable import QATData

@Suite("Data sets")
struct DataSetTests {
  private func numbers(_ count: Int) -> AnyTensor {
    AnyTensor(shape: [count, 2], (0..<2 * count).map { Float($0) })
  }

  @Test("in memory give the rows asked for, labels as i64")
  func arrays() throws {
    let data = try ArrayDataSet(
      inputs: ["x": numbers(4)], targets: ["": AnyTensor(shape: [4], [3, 2, 1, 0] as [UInt8])])
    let batch = try data.batch([2, 0])
    #expect(batch.inputs["x"] == AnyTensor(shape: [2, 2], [4, 5, 0, 1] as [Float]))
    #expect(batch.labels == AnyTensor(shape: [2], [1, 3] as [Int64]))
    #expect(batch.count == 2)
    #expect(throws: Diagnostic.self) { try data.batch([4]) }
  }

  @Test("refuse arrays of different lengths and data that is not finite, with the position")
  func badArrays() throws {
    #expect(throws: Diagnostic.self) {
      try ArrayDataSet(inputs: ["x": numbers(4), "y": numbers(3)])
    }
    #expect(throws: Diagnostic.self) { try ArrayDataSet(AnyTensor(Float(1))) }
    #expect(throws: Diagnostic.self) { try ArrayDataSet(inputs: [:]) }
    var values = [Float](repeating: 0, count: 24)
    values[17] = .nan
    let error = #expect(throws: Diagnostic.self) {
      try ArrayDataSet(inputs: ["image": AnyTensor(shape: [2, 3, 4], values)])
    }
    #expect(error?.code == .invalidData)
    #expect(error?.message.contains("'image'") == true)
    #expect(error?.message.contains("[1, 1, 1]") == true)
    let half = AnyTensor(.f16, shape: [2], bytes: [0, 0x3c, 0, 0x7c])
    #expect(throws: Diagnostic.self) { try checkFinite(half, named: "h") }
    #expect(throws: Diagnostic.self) { try checkFinite(AnyTensor(-Double.infinity), named: "d") }
  }

  @Test("hold 1,437 digits to train and 360 to test, scaled to 0…1")
  func digits() throws {
    let train = try ImageDataSet.digits(.train), test = try ImageDataSet.digits(.test)
    #expect(train.count == 1437 && test.count == 360)
    #expect(train.inputs == [DataField(.f32, [1, 8, 8])])
    let batch = try train.batch([0, 1])
    // The first row of the first image of the source: 0 0 5 13 9 1 0 0, a zero; then a one.
    let pixels = try #require(batch.inputs[""]?.elements(as: Float.self))
    #expect(Array(pixels[..<8]) == [0, 0, 5, 13, 9, 1, 0, 0].map { $0 / 16 })
    #expect(batch.inputs[""]?.shape == [2, 1, 8, 8])
    #expect(batch.labels?.integers == [0, 1])
  }

  @Test("bind to a model by name, by position, through casts and flattening")
  func binding() throws {
    let n = Dimension(symbol: "N")
    let image = ModelField("image", TensorType(.f32, [n, 2]))
    let unnamed = try ArrayDataSet(numbers(3)).bound(to: [image])
    #expect(
      try unnamed.batch([1]).inputs == ["image": AnyTensor(shape: [1, 2], [2, 3] as [Float])])
    let doubles = try ArrayDataSet(
      inputs: ["image": AnyTensor(shape: [1, 1, 2], [1, 2] as [Double])])
    #expect(
      try doubles.bound(to: [image]).batch([0]).inputs["image"]
        == AnyTensor(shape: [1, 2], [1, 2] as [Float]))
    let flat = ModelField("x", TensorType(.f32, [n, 64]))
    #expect(
      try ImageDataSet.digits(.test).bound(to: [flat]).batch([0]).inputs["x"]?.shape == [1, 64])
  }

  @Test("say what does not fit a model")
  func misfits() throws {
    let n = Dimension(symbol: "N")
    let image = ModelField("image", TensorType(.f32, [n, 2]))
    let mask = ModelField("mask", TensorType(.i64, [n, 2]))
    func code(_ data: ArrayDataSet, _ model: [ModelField]) -> Diagnostic.Code? {
      do throws(Diagnostic) { _ = try data.bound(to: model) } catch { return error.code }
      return nil
    }
    #expect(try code(ArrayDataSet(numbers(3)), [image, mask]) == .invalidData)
    #expect(try code(ArrayDataSet(inputs: ["imge": numbers(3)]), [image]) == .unknownName)
    #expect(try code(ArrayDataSet(inputs: ["image": numbers(3)]), [image, mask]) == .unknownName)
    #expect(try code(ArrayDataSet(numbers(3)), [mask]) == .typeMismatch)
    let wide = AnyTensor(shape: [1, 3], [1, 2, 3] as [Float])
    #expect(try code(ArrayDataSet(wide), [image]) == .shapeMismatch)
    let large = ModelField("i", TensorType(.i32, [n]))
    let data = try ArrayDataSet(AnyTensor(shape: [1], [Int64(1) << 40])).bound(to: [large])
    #expect(throws: Diagnostic.self) { try data.batch([0]) }
  }

  @Test("make the same random sample for the same seed and index")
  func random() throws {
    let fields = [DataField("x", .f32, [1000]), DataField("i", .i64, [3])]
    let data = try RandomDataSet(count: 10, inputs: fields, classes: 5, seed: 1)
    let batch = try data.batch([3, 7])
    #expect(
      try data.batch([7, 3, 7]).inputs["x"]?.elements(as: Float.self)?.prefix(1000)
        == batch.inputs["x"]?.elements(as: Float.self)?.suffix(1000))
    let values = try #require(batch.inputs["x"]?.doubles)
    let mean = values.reduce(0, +) / 2000, square = values.reduce(0) { $0 + $1 * $1 } / 2000
    // Five standard errors of 2000 normal values: 5/√2000 and 5·√(2/2000).
    #expect(abs(mean) < 0.112 && abs(square - 1) < 0.159)
    #expect(batch.inputs["i"]?.integers?.allSatisfy { (0...1).contains($0) } == true)
    #expect(batch.labels?.integers?.allSatisfy { (0..<5).contains($0) } == true)
  }
}

@Suite("Batches")
struct BatchTests {
  @Test("cover every sample once an epoch, the last batch with what is left")
  func coverage() {
    var sampler = BatchSampler(count: 10, batchSize: 4, seed: 3)
    var orders: [[Int]] = []
    for epoch in 0..<2 {
      #expect(sampler.epoch == epoch && sampler.isAtStartOfEpoch)
      let batches = (0..<sampler.batchesPerEpoch).map { _ in sampler.next() }
      #expect(batches.map(\.count) == [4, 4, 2])
      orders.append(batches.flatMap { $0 })
      #expect(orders[epoch].sorted() == Array(0..<10))
    }
    #expect(orders[0] != orders[1])
  }

  @Test("go on from a saved state as if never interrupted")
  func resuming() throws {
    let data = try ImageDataSet.digits(.test)
    let augmentations: [any Augmentation] = [RandomShift(pixels: 1), HorizontalFlip()]
    func loader(_ seed: UInt64) -> DataLoader {
      DataLoader(data, batchSize: 100, seed: seed, augmentations: augmentations)
    }
    var whole = loader(9), other = loader(1)
    for _ in 0..<6 { _ = try whole.next() }
    try other.restore(whole.state)
    #expect(other.epoch == 1)
    for _ in 0..<6 { #expect(try other.next() == whole.next()) }
    #expect(throws: Diagnostic.self) { try other.restore([1, 2]) }
    #expect(throws: Diagnostic.self) { try other.restore([1, 2, 50, 1, 2, 3, 4]) }
    #expect(throws: Diagnostic.self) { try other.restore([1, .max, 0, 1, 2, 3, 4]) }
  }

  @Test("come from a generator that gives its published numbers")
  func generator() throws {
    var mix = SplitMix64(state: 1_234_567)
    #expect(mix.next() == 6_457_827_717_110_365_317)
    #expect(mix.next() == 3_203_168_211_198_807_973)
    // xoshiro256** from the state 1, 2, 3, 4, as the reference implementation gives it.
    var random = try RandomSource(state: [1, 2, 3, 4])
    #expect([random.next(), random.next(), random.next()] == [11520, 0, 1_509_978_240])
    #expect(throws: Diagnostic.self) { try RandomSource(state: [0, 0, 0, 0]) }
  }

  @Test("of a normal distribution lie where its integral says")
  func normal() {
    var random = RandomSource(seed: 11)
    let values = (0..<1_000_000).map { _ in Double(random.normal()) }
    let count = Double(values.count)
    for bound in [-4, -3.6542, -3, -2, -1.3, -0.5, -0.1, 0, 0.2, 0.7, 1, 1.7, 2.5, 3.6542, 4.2] {
      let share = 0.5 * erfc(-bound / 2.0.squareRoot())
      let found = Double(values.count { $0 < bound }) / count
      // Five deviations of a count.
      #expect(abs(found - share) < 5 * (share * (1 - share) / count).squareRoot(), "\(bound)")
    }
    // Neighbours say nothing of each other.
    let products = zip(values, values.dropFirst()).map { $0 * $1 }.reduce(0, +)
    #expect(abs(products) < 5 * count.squareRoot())
  }

  @Test("are shifted and mirrored within their own image")
  func augmentations() throws {
    let image = AnyTensor(shape: [1, 1, 2, 3], [1, 2, 3, 4, 5, 6] as [Float])
    var random = RandomSource(seed: 0)
    var batch = Batch(inputs: ["": image])
    try HorizontalFlip(probability: 1).apply(to: &batch, using: &random)
    #expect(batch.inputs[""]?.elements() == [3, 2, 1, 6, 5, 4] as [Float])
    try HorizontalFlip(probability: 0).apply(to: &batch, using: &random)
    #expect(batch.inputs[""]?.elements() == [3, 2, 1, 6, 5, 4] as [Float])
    var shifts: Set<[Float]> = []
    for _ in 0..<200 {
      var batch = Batch(inputs: ["": image])
      try RandomShift(pixels: 1, padding: .constant(0)).apply(to: &batch, using: &random)
      shifts.insert(batch.inputs[""]?.elements() ?? [])
    }
    #expect(shifts.count == 9)
    #expect(shifts.contains([0, 0, 0, 0, 1, 2]) && shifts.contains([5, 6, 0, 0, 0, 0]))
    var flat = Batch(inputs: ["": AnyTensor(shape: [1, 6], [Float](repeating: 0, count: 6))])
    #expect(throws: Diagnostic.self) { try RandomShift(pixels: 1).apply(to: &flat, using: &random) }
  }
}
