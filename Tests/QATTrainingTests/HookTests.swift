import QATCore
import QATData
import QATIR
import QATRuntime
import QATTraining
import Testing

@Suite("Hooks")
struct HookTests {
  private func batch(_ count: Int) throws -> Batch { try digits(count).batch(Array(0..<count)) }

  @Test("of a session see every value as it is kept for watching") func session() throws {
    let graph = try quantizedConvNet()
    let image = try #require(batch(4).inputs[Batch.unnamed])
    let watching = try Session(graph, watching: nil), session = try Session(graph)
    let expected = try watching.run(["image": image])
    var seen: [String: AnyTensor] = [:], order: [String] = []
    for id in graph.allValues {
      let name = graph[id].name
      try session.addHook(on: name) { event in
        seen[name] = event.value
        order.append(event.name)
      }
    }
    #expect(try session.run(["image": image]) == expected)
    #expect(seen.count == graph.allValues.count)
    for (name, tensor) in seen { #expect(tensor == watching.value(name), "\(name)") }
    let position = { (name: String) in order.firstIndex(of: name) ?? -1 }
    #expect(position("image") < position("norm") && position("norm") < position("relu"))
  }

  @Test("show a node's operands, go by its name, and can be removed") func nodes() throws {
    let graph = try convNet(), session = try Session(graph)
    let image = try #require(batch(2).inputs[Batch.unnamed])
    var calls = 0
    let hook = try session.addHook(on: "logits") { event in
      calls += 1
      #expect(event.operandCount == 3 && event.operand(3) == nil)
      #expect(event.operand(0)?.shape == [2, 64] && event.value.shape == [2, 10])
      #expect(event.operand(2) == graph.value(named: "dense.bias").flatMap { graph[$0].variable })
    }
    _ = try session.run(["image": image])
    session.remove(hook)
    _ = try session.run(["image": image])
    #expect(calls == 1)
    let error = #expect(throws: Diagnostic.self) { try session.addHook(on: "logit") { _ in } }
    #expect(error?.hint == "did you mean 'logits'?")
    let stop = Diagnostic(.io, "enough")
    try session.addHook(on: "relu") { _ throws(Diagnostic) in throw stop }
    let thrown = #expect(throws: Diagnostic.self) { try session.run(["image": image]) }
    #expect(thrown?.message == "enough" && thrown?.place?.contains("relu") == true)
  }

  @Test("see gradients that fit together, and what the optimizer takes") func gradients() throws {
    var options = TrainingOptions()
    options.optimizer.momentum = 0
    let step = try TrainingStep(convNet(), options), batch = try batch(8)
    var flat: AnyTensor?, logits: AnyTensor?, weight: AnyTensor?, norm: AnyTensor?
    try step.addForwardHook(on: "flatten") { flat = $0.value }
    try step.addForwardHook(on: "norm") { norm = $0.value }
    try step.addBackwardHook(on: "logits") { logits = $0.value }
    try step.addBackwardHook(on: "dense.weight") { weight = $0.value }
    let old = try #require(step.variables["dense.weight"]?.elements(as: Float.self))
    _ = try step.run(batch, learningRate: 1)
    let new = try #require(step.variables["dense.weight"]?.elements(as: Float.self))
    let x = try #require(flat?.doubles), dy = try #require(logits?.doubles)
    let dw = try #require(weight?.elements(as: Float.self))
    #expect(norm?.shape == [8, 4, 4, 4])
    for output in 0..<10 {
      for input in 0..<64 {
        let index = output * 64 + input
        // dW = dyᵀ x; a plain step of rate 1 subtracts it.
        let product = (0..<8).reduce(0.0) { $0 + dy[$1 * 10 + output] * x[$1 * 64 + input] }
        #expect(abs(Double(dw[index]) - product) < 1e-6)
        #expect(new[index] == old[index] - dw[index])
      }
    }
  }

  @Test("change nothing of what is trained, and go along when the form changes") func transparent()
    throws
  {
    let data = try digits(40)
    var trainer = Trainer()
    (trainer.epochs, trainer.batchSize, trainer.learningRate) = (2, 16, 0.05)
    (trainer.quantizationDelay, trainer.batchNormFreezeStep) = (2, 4)
    let plain = try TrainingStep(quantizedConvNet()), hooked = try TrainingStep(quantizedConvNet())
    let history = try trainer.train(plain, on: data)
    var forward = 0, backward = 0
    for name in ["norm", "relu", "logits", "conv.weight"] {
      try hooked.addForwardHook(on: name) { if $0.value.elementCount > 0 { forward += 1 } }
      try hooked.addBackwardHook(on: name) { if $0.value.elementCount > 0 { backward += 1 } }
    }
    #expect(try trainer.train(hooked, on: data) == history)
    #expect(hooked.variables == plain.variables)
    #expect(forward == 4 * 6 && backward == 4 * 6)
  }

  @Test("say where no gradient arrives") func noGradient() throws {
    let step = try TrainingStep(convNet())
    let error = #expect(throws: Diagnostic.self) { try step.addBackwardHook(on: "image") { _ in } }
    #expect(error?.message == "no gradient reaches 'image'")
    #expect(throws: Diagnostic.self) { try step.addForwardHook(on: "nowhere") { _ in } }
    #expect(throws: Diagnostic.self) { try step.addBackwardHook(on: "nowhere") { _ in } }
    _ = try step.run(batch(4), learningRate: 0.1)
  }
}
