import QATCore
import QATData
import QATIR
import QATPasses

extension CalibrationData {
  /// Batches of a data set in its order, bound to the inputs of a graph.
  /// - Parameters:
  ///   - batchSize: samples in a batch, where the graph does not fix that.
  ///   - batches: how many at most; 0 for all.
  /// - Throws: `invalid-data` where data and model do not fit.
  public init(
    _ data: any DataSet, for graph: Graph, batchSize: Int = 32, batches: Int = 32
  ) throws(Diagnostic) {
    self.init(
      data: try data.bound(to: graph.modelFields), batchSize: graph.batchSize(batchSize),
      batches: batches)
  }

  /// Batches of a data set, in its order; of runs, as many as there would be samples.
  /// - Parameter batches: how many at most; 0 for all.
  public init(data: any DataSet, batchSize: Int, batches: Int) {
    let (batchSize, batches) = data.holdsRuns ? (1, batches * batchSize) : (batchSize, batches)
    self.init(holdsRuns: data.holdsRuns) {
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
