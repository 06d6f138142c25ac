import QATCore
import QATTraining
import Testing

@Suite("Learning-rate schedules")
struct ScheduleTests {
  private func rates(
    _ kind: LearningRateSchedule.Kind, steps: Int, perEpoch: Int = 1, warmup: Int = 0,
    at indices: [Int]
  ) -> [Float] {
    let schedule = LearningRateSchedule(
      kind, peak: 0.8, steps: steps, stepsPerEpoch: perEpoch, warmup: warmup)
    return indices.map { schedule.rate(at: $0) }
  }

  @Test("rise linearly while warming up") func warmup() {
    #expect(
      rates(.constant, steps: 8, warmup: 4, at: [0, 1, 2, 3, 4, 7]) == [
        0.2, 0.4, 0.6, 0.8, 0.8, 0.8,
      ])
  }

  @Test("fall along half a cosine") func cosine() {
    // cos 0 = 1, cos π/3 = 1/2, cos π/2 = 0, cos 2π/3 = -1/2.
    let found = rates(.cosine, steps: 8, warmup: 2, at: [1, 2, 4, 5, 6])
    for (rate, expected) in zip(found, [0.8, 0.8, 0.6, 0.4, 0.2] as [Float]) {
      #expect(abs(rate - expected) < 1e-7)
    }
  }

  @Test("fall by a factor every few epochs") func step() {
    let found = rates(
      .step(every: 2, factor: 0.5), steps: 30, perEpoch: 3, at: [0, 5, 6, 11, 12, 29])
    #expect(found == [0.8, 0.8, 0.4, 0.4, 0.2, 0.05])
  }

  @Test("rise and fall in one cycle") func oneCycle() {
    let found = rates(.oneCycle(peak: 0.25), steps: 16, at: [0, 2, 4, 10])
    let expected: [Float] = [0.032, 0.416, 0.8, 0.4000016]
    for (rate, expected) in zip(found, expected) { #expect(abs(rate - expected) < 1e-7) }
  }

  @Test(
    "keep the last rate behind the last step",
    arguments: ["constant", "cosine", "step:1,0.5", "one-cycle"])
  func afterwards(_ text: String) throws {
    let found = rates(try .init(text), steps: 5, at: [4, 5, 1000])
    #expect(found[1] == found[0] && found[2] == found[0] && found[0] > 0)
  }

  @Test(
    "are read from text, which prints back",
    arguments: [
      "constant", "cosine", "step:30,0.1", "step:2,0.5", "one-cycle:0.25",
    ])
  func text(_ text: String) throws {
    #expect(try LearningRateSchedule.Kind(text).description == text)
  }

  @Test("have defaults for what the text leaves out") func defaults() throws {
    #expect(try LearningRateSchedule.Kind("step") == .step(every: 30, factor: 0.1))
    #expect(try LearningRateSchedule.Kind("one-cycle") == .oneCycle(peak: 0.3))
  }

  @Test("refuse names that are none, with near ones") func unknown() {
    let error = #expect(throws: Diagnostic.self) { try LearningRateSchedule.Kind("cosin") }
    #expect(error?.code == .unknownName && error?.hint == "did you mean 'cosine'?")
  }

  @Test(
    "refuse numbers that do not fit",
    arguments: [
      "step:0,0.1", "step:3", "step:3,nan", "step:a,b", "one-cycle:1", "one-cycle:-1", "cosine:3",
      "step:1,2,3",
    ])
  func badNumbers(_ text: String) {
    let error = #expect(throws: Diagnostic.self) { try LearningRateSchedule.Kind(text) }
    #expect(error?.code == .invalidOption)
  }
}
