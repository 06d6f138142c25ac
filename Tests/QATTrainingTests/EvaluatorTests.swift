import QATCore
import QATData
import QATIR
import QATRuntime
import QATTraining
import Testing

@Suite("Evaluation")
struct EvaluatorTests {
  @Test("weights a smaller last batch by its samples") func partialBatch() throws {
    let graph = try convNet(), data = try digits(11)
    let whole = try Evaluator(loss: .crossEntropy).evaluate(graph, data)
    let parts = try Evaluator(batchSize: 4, loss: .crossEntropy).evaluate(graph, data)
    let single = try Evaluator(batchSize: 1, loss: .crossEntropy).evaluate(graph, data)
    #expect(whole.count == 11 && parts.count == 11)
    #expect(parts.accuracy == whole.accuracy && single.accuracy == whole.accuracy)
    // Means of float32 losses, each rounded once.
    for other in [parts, single] {
      #expect(abs(try #require(other.loss) - #require(whole.loss)) < 1e-6)
    }
  }

  @Test("counts where the largest output is the label's") func accuracy() throws {
    var graph = Graph(name: "same")
    let x = graph.addInput("x", TensorType(.f32, Shape([Dimension(symbol: "N"), 3])))
    let y = try graph.addNode(Identity(), [x], name: "y")
    graph.setOutputs([graph[y].result])
    let scores: [Float] = [1, 2, 3, 5, 5, 0, 0, .infinity, 0, -3, -1, -2]
    let inputs = scores.map { min($0, 100) }
    let data = try ArrayDataSet(
      AnyTensor(shape: [4, 3], inputs), labels: AnyTensor(shape: [4], [2, 0, 2, 1] as [Int64]))
    let metrics = try Evaluator(batchSize: 3).evaluate(graph, data)
    #expect(metrics == Metrics(accuracy: 0.75, count: 4))
  }

  @Test("changes no variable") func unchanged() throws {
    let session = try Session(quantizedConvNet()), before = session.variables
    let metrics = try Evaluator(batchSize: 8).evaluate(session, digits(16))
    #expect(session.variables == before && metrics.count == 16 && metrics.accuracy != nil)
  }

  @Test("gives no accuracy without class numbers, and no loss without labels") func unlabelled()
    throws
  {
    let pixels = AnyTensor(shape: [2, 1, 8, 8], Array(repeating: Float(0.5), count: 128))
    let metrics = try Evaluator(loss: .crossEntropy).evaluate(convNet(), ArrayDataSet(pixels))
    #expect(metrics == Metrics(count: 2))
  }
}
