import QATCore
import Testing

@testable import QATData

@Suite("DATA texts")
struct DataSourceTests {
  @Test(
    "print as they parsed",
    arguments: [
      "digits", "digits?split=test&limit=10",
      "mnist:/data/mnist?split=train&offset=5&limit=7&seed=3",
      "cifar10:c", "runs:dir?limit=3", "random:8?seed=1&classes=10&size.S=128", "x.npz",
      "dir/x.npy?limit=3",
      "../samples",
    ])
  func roundTrip(text: String) throws {
    #expect(try DataSource(text).description == text)
  }

  @Test(
    "that are wrong say how",
    arguments: [
      ("mnits:/data", "unknown-name", "did you mean 'mnist'?"),
      ("digits?splt=test", "unknown-name", "did you mean 'split'?"),
      ("digits?split=validation", "invalid-option", "use train or test"),
      ("digits?limit=0", "invalid-option", "as in limit=100"),
      ("digits?limit=3&limit=4", "invalid-option", "write options as ?split=test&limit=1000"),
      ("digits?limit", "invalid-option", "write options as ?split=test&limit=1000"),
      ("x.npz?split=test", "invalid-option", "take a part with offset and limit"),
      ("x.npz?classes=3", "unknown-name", "known: limit, offset, seed, split"),
      ("random:0", "invalid-option", "as in random:100"),
      ("mnist", "invalid-option", "as in mnist:DIR"),
      ("", "invalid-option", "as in data.npz, mnist:DIR, digits"),
    ])
  func mistakes(text: String, code: String, hint: String) {
    let error = #expect(throws: Diagnostic.self) { try DataSource(text) }
    #expect(error?.code.rawValue == code)
    #expect(error?.hint == hint)
  }

  @Test("take parts of the data")
  func parts() throws {
    let part = try DataSource("digits?split=test&offset=10&limit=5").load()
    #expect(part.count == 5)
    #expect(try part.batch([0]) == ImageDataSet.digits(.test).batch([10]))
    let mixed = try DataSource("digits?split=test&seed=1&limit=50").load()
    #expect(mixed.count == 50)
    #expect(try mixed.batch([0]) != ImageDataSet.digits(.test).batch([0]))
    #expect(try DataSource("digits").load(.init(defaultSplit: .test)).count == 360)
    #expect(throws: Diagnostic.self) { try DataSource("digits?split=test&offset=360").load() }
  }

  @Test("read .npz and .npy files")
  func arrays() throws {
    let folder = try ScratchFolder()
    let x = AnyTensor(shape: [2, 1], [1, 2] as [Float]),
      labels = AnyTensor(shape: [2], [0, 1] as [Int32])
    let path = try folder.write("d.npz", try NPZ.encode(["x": x, "labels": labels]))
    let batch = try DataSource(path).load().batch([1])
    #expect(batch.inputs == ["x": AnyTensor(shape: [1, 1], [2] as [Float])])
    #expect(batch.labels == AnyTensor(shape: [1], [1] as [Int64]))
    let single = try folder.write("x.npy", try NPY.encode(x))
    #expect(try DataSource(single).load().inputs == [DataField(.f32, [1])])
    let bad = try folder.write("bad.npy", try NPY.encode(AnyTensor(shape: [1], [Float.nan])))
    let error = #expect(throws: Diagnostic.self) { try DataSource(bad).load() }
    #expect(error?.code == .invalidData && error?.place == bad)
    #expect(throws: Diagnostic.self) { try DataSource("\(folder.path)/none.npz").load() }
    let text = try folder.write("x.csv", [1])
    #expect(throws: Diagnostic.self) { try DataSource(text).load() }
  }

  @Test("read MNIST's files under their names")
  func mnist() throws {
    let folder = try ScratchFolder()
    try folder.write("t10k-images-idx3-ubyte.gz", gzipped(idx([2, 1, 2], [0, 255, 51, 102])))
    try folder.write("t10k-labels-idx1-ubyte", idx([2], [7, 3]))
    let data = try DataSource("mnist:\(folder.path)?split=test").load()
    let batch = try data.batch([0, 1])
    let expected = [0, 255, 51, 102].map { (Float($0) / 255 - 0.1307) / 0.3081 }
    #expect(batch.inputs[""] == AnyTensor(shape: [2, 1, 1, 2], expected))
    #expect(batch.labels?.integers == [7, 3])
    #expect(throws: Diagnostic.self) { try DataSource("mnist:\(folder.path)").load() }
    try folder.write("t10k-labels-idx1-ubyte", idx([3], [7, 3, 1]))
    #expect(throws: Diagnostic.self) { try DataSource("mnist:\(folder.path)?split=test").load() }
  }

  @Test("read CIFAR-10's batches, normalized by channel")
  func cifar10() throws {
    let folder = try ScratchFolder()
    let image = [UInt8](repeating: 255, count: 1024) + [UInt8](repeating: 0, count: 2048)
    try folder.write("data_batch_1.bin", [4] + image)
    try folder.write("data_batch_3.bin.gz", gzipped([9] + image))
    let data = try DataSource("cifar10:\(folder.path)").load()
    let batch = try data.batch([0, 1])
    #expect(batch.labels?.integers == [4, 9])
    let pixels = try #require(batch.inputs[""]?.elements(as: Float.self))
    #expect(pixels[0] == (1 - 0.4914) / 0.2470 && pixels[1024] == (0 - 0.4822) / 0.2435)
    try folder.write("test_batch.bin", [10] + image)
    #expect(throws: Diagnostic.self) { try DataSource("cifar10:\(folder.path)?split=test").load() }
    try folder.write("test_batch.bin", [1] + image + [0])
    #expect(throws: Diagnostic.self) { try DataSource("cifar10:\(folder.path)?split=test").load() }
  }

  @Test("walk folders of samples in natural order")
  func folders() throws {
    let folder = try ScratchFolder()
    for (name, value) in [("s_10", 3), ("s_2", 2), ("s_1", 1)] as [(String, UInt8)] {
      try folder.write("\(name)/input_0.pb", [value])
      try folder.write("\(name)/input_1.pb", [value + 100])
      try folder.write("\(name)/label_0.pb", [value])
    }
    let reader: TensorFileReader = { (path) throws(Diagnostic) in
      let value = try readFile(path)[0]
      return (value > 100 ? "" : "a", AnyTensor(shape: [1, 1], [Int64(value)]))
    }
    let fields = ["a", "b"].map { ModelField($0, TensorType(.i64, nil)) }
    let data = try DataSource(folder.path).load(.init(inputs: fields, readTensorFile: reader))
    let batch = try data.batch([0, 1, 2])
    #expect(batch.inputs["a"]?.integers == [1, 2, 3])
    #expect(batch.inputs["b"]?.integers == [101, 102, 103])
    #expect(batch.labels?.integers == [1, 2, 3])
    #expect(throws: Diagnostic.self) { try DataSource(folder.path).load() }
    let empty = try ScratchFolder()
    #expect(throws: Diagnostic.self) {
      try DataSource(empty.path).load(.init(readTensorFile: reader))
    }
  }

  @Test("take runs one by one, scalars and states as they are")
  func runs() throws {
    let folder = try ScratchFolder()
    for value in [1, 2] as [UInt8] {
      try folder.write("r_\(value)/input_0.pb", [value])
      try folder.write("r_\(value)/input_1.pb", [value + 100])
    }
    // A scalar, and a state whose first size is none of samples.
    let reader: TensorFileReader = { (path) throws(Diagnostic) in
      let value = try readFile(path)[0]
      let size = Int(value) - 100
      return value > 100
        ? ("state", AnyTensor(shape: [2, size], [Float](repeating: 0, count: 2 * size)))
        : ("rate", AnyTensor(Int64(value)))
    }
    let fields = [
      ModelField("rate", TensorType(.i64, [])),
      ModelField("state", TensorType(.f32, [2, .unknown])),
    ]
    let context = DataSource.Context(inputs: fields, readTensorFile: reader)
    let data = try DataSource("runs:\(folder.path)").load(context).bound(to: fields)
    #expect(data.holdsRuns && data.count == 2)
    let second = try data.batch([1])
    #expect(second.inputs["rate"] == AnyTensor(Int64(2)))
    #expect(second.inputs["state"]?.shape == [2, 2])
    let joined = #expect(throws: Diagnostic.self) { try data.batch([0, 1]) }
    #expect(joined?.message == "runs can't be joined to a batch of 2")
    // As samples they have no batch axis.
    let error = #expect(throws: Diagnostic.self) { try DataSource(folder.path).load(context) }
    #expect(error?.message == "a scalar has no batch axis")
  }

  @Test("make random data for a model, symbolic sizes said")
  func random() throws {
    let shape: Shape = [Dimension(symbol: "N"), Dimension(symbol: "S"), 4]
    let context = DataSource.Context(inputs: [ModelField("x", TensorType(.f32, shape))])
    let data = try DataSource("random:6?size.S=3&classes=2").load(context)
    #expect(try data.batch([5]).inputs["x"]?.shape == [1, 3, 4])
    let error = #expect(throws: Diagnostic.self) { try DataSource("random:6").load(context) }
    #expect(error?.hint == "say them: ?size.S=128")
    #expect(throws: Diagnostic.self) { try DataSource("random:6?size.T=3").load(context) }
  }
}
