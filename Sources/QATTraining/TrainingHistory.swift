/// What an epoch brought.
public struct EpochRecord: Sendable, Equatable {
  /// From 1.
  public var epoch: Int
  /// Optimizer steps done by its end, from the beginning of the training.
  public var steps: Int
  /// The mean over the samples of the epoch, each with the loss it had when its batch was trained on.
  public var loss: Double
  /// On the validation data, after the epoch.
  public var validation: Metrics?

  public init(epoch: Int, steps: Int, loss: Double, validation: Metrics? = nil) {
    self.epoch = epoch
    self.steps = steps
    self.loss = loss
    self.validation = validation
  }
}

/// What a training brought; that of a resumed one begins where the first run did.
public struct TrainingHistory: Sendable, Equatable {
  /// Epochs that are done, in order.
  public var epochs: [EpochRecord] = []
  /// Optimizer steps done.
  public var steps = 0
  /// Whether all epochs are done; false where a limit of steps ended the run.
  public var isFinished = false

  public init() {}
}

/// Where a training stands after a step.
public struct TrainingProgress: Sendable {
  /// Steps done, and in all.
  public var step: Int
  /// Steps in all.
  public var steps: Int
  /// The epoch of the step, from 1, and how many there are.
  public var epoch: Int
  /// Epochs in all.
  public var epochs: Int
  /// The loss of the step.
  public var loss: Float
  /// The learning rate of the step.
  public var rate: Float
  /// Seconds to the end at the pace so far.
  public var secondsLeft: Double
  /// The epoch, where the step was its last.
  public var record: EpochRecord?
}

extension EpochRecord {
  /// One line that reads back as the same numbers.
  var text: String {
    let validation = validation.map {
      " \(Self.text($0.loss)) \(Self.text($0.accuracy)) \($0.count)"
    }
    return "\(epoch) \(steps) \(loss)\(validation ?? "")"
  }

  init?(_ text: String) {
    let words = text.split(separator: " ").map(String.init)
    guard words.count == 3 || words.count == 6, let epoch = Int(words[0]),
      let steps = Int(words[1]),
      let loss = Double(words[2])
    else { return nil }
    self.init(epoch: epoch, steps: steps, loss: loss)
    guard words.count == 6 else { return }
    guard let count = Int(words[5]) else { return nil }
    validation = Metrics(loss: Double(words[3]), accuracy: Double(words[4]), count: count)
  }

  private static func text(_ number: Double?) -> String { number.map { "\($0)" } ?? "-" }
}
