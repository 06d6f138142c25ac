import QATCore

/// Changes the samples of a training batch at random: conform a type of your own for other changes.
///
/// All randomness comes from `random`, whose state a checkpoint keeps.
public protocol Augmentation: Sendable {
  /// Changes the samples of a batch.
  /// - Throws: `invalid-data` for a batch that it can't change.
  func apply(to batch: inout Batch, using random: inout RandomSource) throws(Diagnostic)
}

/// Moves each image by up to `pixels` up or down and left or right: the crop of a padded image.
///
/// Images are f32[N,C,H,W]; all channels of an image move together.
public struct RandomShift: Augmentation {
  /// How far at most, in each direction.
  public var pixels: Int
  /// What moves in from outside.
  public var padding: Padding
  /// Which input; `nil` for the only one.
  public var input: String?

  /// What moves in from outside.
  public enum Padding: Sendable, Equatable {
    /// The nearest pixel of the edge.
    case edge
    /// One value: note that normalized images are not 0 where the pixel was.
    case constant(Float)
  }

  public init(pixels: Int, padding: Padding = .edge, input: String? = nil) {
    self.pixels = pixels
    self.padding = padding
    self.input = input
  }

  public func apply(to batch: inout Batch, using random: inout RandomSource) throws(Diagnostic) {
    var images = try Images(of: batch, input, for: "RandomShift")
    for index in 0..<images.count {
      let down = random.index(below: 2 * pixels + 1) - pixels
      let right = random.index(below: 2 * pixels + 1) - pixels
      if down != 0 || right != 0 { images.remap(index, padding) { ($0 - down, $1 - right) } }
    }
    images.store(in: &batch)
  }
}

/// Mirrors each image, left to right, with the given probability. Images are f32[N,C,H,W].
public struct HorizontalFlip: Augmentation {
  /// Of an image to be mirrored, 0…1.
  public var probability: Float
  /// Which input; `nil` for the only one.
  public var input: String?

  public init(probability: Float = 0.5, input: String? = nil) {
    self.probability = probability
    self.input = input
  }

  public func apply(to batch: inout Batch, using random: inout RandomSource) throws(Diagnostic) {
    var images = try Images(of: batch, input, for: "HorizontalFlip")
    let last = images.width - 1
    for index in 0..<images.count where random.uniform() < probability {
      images.remap(index, .edge) { ($0, last - $1) }
    }
    images.store(in: &batch)
  }
}

/// The images of a batch while they change.
private struct Images {
  let key: String
  let shape: [Int]
  var pixels: [Float]

  var count: Int { shape[0] }
  var width: Int { shape[3] }

  init(of batch: Batch, _ input: String?, for user: String) throws(Diagnostic) {
    guard let key = input ?? (batch.inputs.count == 1 ? batch.inputs.keys.first : nil) else {
      throw Diagnostic(
        .invalidOption, "\(user): the batch has \(batch.inputs.count) inputs", hint: "name one")
    }
    guard let tensor = batch.inputs[key] else {
      throw Diagnostic(
        .unknownName, "\(user): no input '\(key)'",
        hint: nameHint(key, among: Array(batch.inputs.keys)))
    }
    guard tensor.shape.count == 4, let pixels = tensor.elements(as: Float.self) else {
      throw Diagnostic(
        .invalidData, "\(user): '\(key)' is \(tensor.element.name)\(tensor.shape)",
        hint: "images are f32[N,C,H,W]")
    }
    self.key = key
    shape = tensor.shape
    self.pixels = pixels
  }

  /// Fills image `index` anew: each pixel from the row and column that `source` names.
  mutating func remap(
    _ index: Int, _ padding: RandomShift.Padding, from source: (Int, Int) -> (Int, Int)
  ) {
    let height = shape[2], plane = height * width
    for channel in 0..<shape[1] {
      let start = (index * shape[1] + channel) * plane
      let old = Array(pixels[start..<start + plane])
      for row in 0..<height {
        for column in 0..<width {
          let (y, x) = source(row, column)
          let isInside = (0..<height).contains(y) && (0..<width).contains(x)
          if case .constant(let value) = padding, !isInside {
            pixels[start + row * width + column] = value
          } else {
            let nearest = min(max(y, 0), height - 1) * width + min(max(x, 0), width - 1)
            pixels[start + row * width + column] = old[nearest]
          }
        }
      }
    }
  }

  func store(in batch: inout Batch) { batch.inputs[key] = AnyTensor(shape: shape, pixels) }
}
