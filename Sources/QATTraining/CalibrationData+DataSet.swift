import QATCore
import QATData
import QATPasses

extension CalibrationData {
  /// Batches of a data set, in its order.
  /// - Parameter batches: how many at most; 0 for all.
  public init(data: any DataSet, batchSize: Int, batches: Int) {
    self.init {
      let starts = Array(
        stride(from: 0, to: data.count, by: batchSize).prefix(batches == 0 ? .max : batches))
      return AnySequence(
        starts.lazy.map { start -> Result<[String: AnyTensor], Diagnostic> in
          do throws(Diagnostic) {
            return .success(
              try data.batch(Array(start..<min(start + batchSize, data.count))).inputs)
          } catch { return .failure(error) }
        })
    }
  }
}
