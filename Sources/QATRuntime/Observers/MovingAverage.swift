/// An exponential moving average: `value += momentum · (new - value)`, in float32; the first number
/// sets it.
///
///     var average = MovingAverage(momentum: 0.1)
///     for loss in losses { average.update(loss) }
public struct MovingAverage: Sendable, Hashable {
  /// The weight of a new number, 0…1.
  public let momentum: Float
  /// `nil` before the first number.
  public private(set) var value: Float?

  /// - Parameter value: where it starts; `nil` lets the first number set it.
  /// - Precondition: `momentum` is between 0 and 1.
  public init(momentum: Float = 0.1, value: Float? = nil) {
    precondition((0...1).contains(momentum), "a momentum is between 0 and 1")
    self.momentum = momentum
    self.value = value
  }

  /// Takes a number in and returns the new average.
  @discardableResult
  public mutating func update(_ number: Float) -> Float {
    let new = value.map { $0 + momentum * (number - $0) } ?? number
    value = new
    return new
  }

  /// Forgets all numbers.
  public mutating func reset() { value = nil }
}
