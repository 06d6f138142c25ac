import QATCore
import QATIR

/// A tensor [N,C,…] seen as N blocks of C channels of `inner` elements.
struct ChannelLayout {
  let batch: Int
  let channels: Int
  let inner: Int

  init(_ shape: [Int]) {
    batch = shape[0]
    channels = shape[1]
    inner = shape[2...].reduce(1, *)
  }

  /// Elements of one channel.
  var count: Int { batch * inner }

  /// Calls `body` with the elements of a channel, one run for each entry of the batch.
  func forEachRun(of channel: Int, _ body: (Range<Int>) -> Void) {
    for entry in 0..<batch {
      let start = (entry * channels + channel) * inner
      body(start..<start + inner)
    }
  }

  /// The sum, in double precision, of `term` at every element of a channel.
  func sum(of channel: Int, _ term: (Int) -> Double) -> Double {
    var total = 0.0
    forEachRun(of: channel) { run in
      for index in run { total += term(index) }
    }
    return total
  }

  /// Mean and variance (over the count, not one less) of every channel.
  func statistics<T: ReferenceFloat>(_ x: [T]) -> (mean: [Double], variance: [Double]) {
    var means: [Double] = [], variances: [Double] = []
    for channel in 0..<channels {
      let mean = sum(of: channel) { Double(x[$0]) } / Double(count)
      let squares = sum(of: channel) { (Double(x[$0]) - mean) * (Double(x[$0]) - mean) }
      means.append(mean)
      variances.append(squares / Double(count))
    }
    return (means, variances)
  }
}
