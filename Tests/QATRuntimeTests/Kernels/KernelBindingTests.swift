import QATCore
import QATIR
import QATRuntime
import Testing

@Suite("Operations bound to kernels")
struct KernelBindingTests {
  @Test(
    "give what the reference evaluation gives",
    arguments: KernelCase.all)
  func agree(_ test: KernelCase) throws {
    let (graph, feeds) = try test.graph()
    let expected = try ReferenceEvaluator(graph).evaluate(feeds).outputs
    for threads in [1, 3] {
      let session = try Session(graph, threads: threads)
      let outputs = try session.run(feeds)
      #expect(outputs.count == expected.count)
      for (output, reference) in zip(outputs, expected) {
        #expect(output.type == reference.type)
        let a = output.doubles ?? [], b = reference.doubles ?? []
        let bound = test.tolerance * (b.map(abs).max() ?? 0)
        #expect(zip(a, b).allSatisfy { abs($0 - $1) <= bound }, "\(a) is not \(b)")
      }
      #expect(try session.profile(feeds, runs: 1).map(\.isKernel) == [true])
    }
  }
}

extension KernelCase {
  static let all: [KernelCase] = [
    unary, broadcasts, folds, movements, rowFunctions, reductions, searches, tops, pools, halves,
    quantized, channelsLast, codeForms, training, products, normalizations, attention, rotary,
    recurrent, recurrentGradients,
  ].flatMap { $0 }
}
