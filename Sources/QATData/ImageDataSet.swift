import QATCore

/// Labelled 8-bit images, kept as bytes and normalized when a batch is made: f32[N,C,H,W].
///
/// A pixel value v of channel c becomes `(v / range - mean[c]) / deviation[c]`, in float32, in that
/// order.
public struct ImageDataSet: DataSet {
  public let count: Int
  public let inputs: [DataField]
  public let targets = [DataField(.i64, [])]
  private let pixels: [UInt8]
  private let labels: [UInt8]
  /// What each of the 256 values becomes, channel after channel.
  private let normalized: [Float]

  /// How pixel values become numbers.
  public struct Normalization: Sendable, Equatable {
    /// The value that becomes 1 before mean and deviation count: 255 for full 8-bit images.
    public var range: Float
    /// Taken off each channel.
    public var mean: [Float]
    /// What each channel is then divided by.
    public var deviation: [Float]

    public init(range: Float = 255, mean: [Float] = [0], deviation: [Float] = [1]) {
      self.range = range
      self.mean = mean
      self.deviation = deviation
    }

    /// `(x / 255 - 0.1307) / 0.3081`: mean and deviation of the training images.
    public static let mnist = Self(mean: [0.1307], deviation: [0.3081])
    /// Mean and deviation of each channel (red, green, blue) of the training images.
    public static let cifar10 = Self(
      mean: [0.4914, 0.4822, 0.4465], deviation: [0.2470, 0.2435, 0.2616])
    /// `x / 16`.
    public static let digits = Self(range: 16)
  }

  /// - Parameters:
  ///   - pixels: image after image, channel planes, rows.
  ///   - shape: channels, height, width.
  /// - Precondition: as many pixels as labels ask for; one mean and deviation a channel.
  public init(
    pixels: [UInt8], labels: [UInt8], shape: [Int], normalization: Normalization
  ) {
    precondition(shape.count == 3 && normalization.mean.count == shape[0])
    precondition(normalization.deviation.count == shape[0])
    precondition(pixels.count == labels.count * shape.reduce(1, *))
    count = labels.count
    inputs = [DataField(.f32, shape)]
    self.pixels = pixels
    self.labels = labels
    normalized = zip(normalization.mean, normalization.deviation).flatMap { mean, deviation in
      (0..<256).map { (Float($0) / normalization.range - mean) / deviation }
    }
  }

  public func batch(_ indices: [Int]) throws(Diagnostic) -> Batch {
    try check(indices)
    let shape = inputs[0].shape, plane = shape[1] * shape[2], size = shape[0] * plane
    var images: [Float] = []
    images.reserveCapacity(indices.count * size)
    for index in indices {
      for channel in 0..<shape[0] {
        let start = index * size + channel * plane
        for pixel in pixels[start..<start + plane] {
          images.append(normalized[channel << 8 | Int(pixel)])
        }
      }
    }
    return Batch(
      inputs: [Batch.unnamed: AnyTensor(shape: [indices.count] + shape, images)],
      labels: AnyTensor(shape: [indices.count], indices.map { Int64(labels[$0]) }))
  }
}
