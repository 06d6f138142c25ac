import CQATKernels
import Foundation
import Testing

extension KernelTests {
  @Suite("Normalisation, losses, updates")
  struct NormalizationTests {
    @Test(
      "batch norm and its gradient agree with Double",
      arguments: [(3, 5, 7), (1, 2, 9000), (4, 11, 1)])
    func batchNorm(_ batch: Int, _ channels: Int, _ inner: Int) {
      var random = Random(8)
      let count = batch * channels * inner
      let n = Double(batch * inner)
      let x = random.floats(count)
      let dy = random.floats(count)
      let gamma = random.floats(channels)
      let beta = random.floats(channels)
      let epsilon: Float = 1e-3
      var y = [Double](repeating: 0, count: count)
      var dx = y
      var dgamma = [Double](repeating: 0, count: channels)
      var dbeta = dgamma
      for c in 0..<channels {
        let at = (0..<count).filter { $0 / inner % channels == c }
        let mean = at.reduce(0) { $0 + Double(x[$1]) } / n
        let variance = at.reduce(0) { $0 + pow(Double(x[$1]) - mean, 2) } / n
        let r = 1 / (variance + Double(epsilon)).squareRoot()
        for i in at {
          let h = (Double(x[i]) - mean) * r
          y[i] = h * Double(gamma[c]) + Double(beta[c])
          dgamma[c] += Double(dy[i]) * h
          dbeta[c] += Double(dy[i])
        }
        for i in at {
          let h = (Double(x[i]) - mean) * r
          dx[i] = Double(gamma[c]) * r * (Double(dy[i]) - dbeta[c] / n - h * dgamma[c] / n)
        }
      }
      let results = withEachCPU { _ in
        [1, 3].map { threads -> [[Float]] in
          let pool = Pool(threads)
          var mean = [Float](repeating: 0, count: channels)
          var variance = mean
          var fg = mean
          var fb = mean
          var fy = [Float](repeating: 0, count: count)
          var fx = fy
          let (b, c, i) = (Int64(batch), Int64(channels), Int64(inner))
          qat_batchnorm_statistics(b, c, i, x, &mean, &variance, pool.pool)
          qat_batchnorm_apply(b, c, i, x, mean, variance, gamma, beta, epsilon, &fy, pool.pool)
          qat_batchnorm_gradient(
            b, c, i, dy, x, mean, variance, gamma, epsilon, &fx, &fg, &fb, pool.pool)
          return [fy, fx, fg, fb]
        }
      }
      for ofCPU in results {
        for other in ofCPU { #expect(other.map(\.bits) == results[0][0].map(\.bits)) }
      }
      for (result, exact) in zip(results[0][0], [y, dx, dgamma, dbeta]) {
        #expect(distance(result, exact) < 2e-5)
      }
    }

    @Test("layer norm and softmax agree with Double, and their gradients with differences")
    func rows() {
      let rows = 3
      let count = 19
      var random = Random(6)
      let x = random.floats(rows * count).map { $0 * 4 }
      let dy = random.floats(rows * count)
      let gamma = random.floats(count)
      let beta = random.floats(count)
      func layerNorm(_ x: [Double]) -> [Double] {
        (0..<rows).flatMap { row -> [Double] in
          let r = Array(x[row * count..<(row + 1) * count])
          let mean = r.reduce(0, +) / Double(count)
          let variance = r.reduce(0) { $0 + pow($1 - mean, 2) } / Double(count)
          return r.indices.map {
            (r[$0] - mean) / (variance + 1e-5).squareRoot() * Double(gamma[$0]) + Double(beta[$0])
          }
        }
      }
      func softmax(_ x: [Double]) -> [Double] {
        (0..<rows).flatMap { row -> [Double] in
          let e = x[row * count..<(row + 1) * count].map { exp($0) }
          let sum = e.reduce(0, +)
          return e.map { $0 / sum }
        }
      }
      /// The gradient of sum(dy * f(x)) by central differences.
      func gradient(_ f: ([Double]) -> [Double]) -> [Double] {
        x.indices.map { i in
          var a = x.map(Double.init)
          var b = a
          a[i] += 1e-5
          b[i] -= 1e-5
          return zip(zip(f(a), f(b)), dy).reduce(0) { $0 + ($1.0.0 - $1.0.1) / 2e-5 * Double($1.1) }
        }
      }
      let doubles = x.map(Double.init)
      let (r, n) = (Int64(rows), Int64(count))
      var y = [Float](repeating: 0, count: x.count)
      var dx = y
      var mean = [Float](repeating: 0, count: rows)
      var inverse = mean
      qat_layernorm_f32(r, n, x, gamma, beta, 1e-5, &y, &mean, &inverse, nil)
      #expect(distance(y, layerNorm(doubles)) < 1e-5)
      qat_layernorm_f32_gradient(r, n, dy, x, gamma, mean, inverse, &dx, nil, nil, nil)
      #expect(distance(dx, gradient(layerNorm)) < 1e-5)
      qat_softmax_f32(r, n, x, &y, nil)
      #expect(distance(y, softmax(doubles)) < 1e-6)
      qat_softmax_f32_gradient(r, n, y, dy, &dx)
      #expect(distance(dx, gradient(softmax)) < 1e-5)
      qat_log_softmax_f32(r, n, x, &y, nil)
      #expect(distance(y, softmax(doubles).map { log($0) }) < 1e-6)
      qat_log_softmax_f32_gradient(r, n, y, dy, &dx)
      #expect(distance(dx, gradient { softmax($0).map { log($0) } }) < 1e-5)
      let labels: [Int64] = [4, -1, 18]
      var losses = [Float](repeating: 9, count: rows)
      qat_nll_f32(r, n, y, labels, -1, &losses)
      #expect(losses == [-y[4], 0, -y[2 * count + 18]])
      qat_cross_entropy_f32_gradient(r, n, y, labels, -1, 0.5, &dx)
      let probabilities = softmax(doubles)
      #expect(
        distance(
          dx,
          x.indices.map { i in
            let row = i / count
            let label = labels[row]
            return label < 0 ? 0 : 0.5 * (probabilities[i] - (i % count == Int(label) ? 1 : 0))
          }) < 1e-6)
    }

    @Test("optimizers take the steps that their papers state")
    func steps() {
      var random = Random(7)
      let w = random.floats(37)
      let g = random.floats(37)
      for nesterov in [false, true] {
        let result = sameOnEachCPU {
          var p = w
          var moved = w
          var velocity = [Float](repeating: 0.5, count: 37)
          var faster = velocity
          var step = qat_sgd(
            rate: 0.1, momentum: 0.9, weight_decay: 0.01, nesterov: nesterov)
          qat_sgd_f32(37, &step, g, w, velocity, &moved, &faster)
          // In place.
          p.withUnsafeMutableBufferPointer { p in
            velocity.withUnsafeMutableBufferPointer { v in
              qat_sgd_f32(
                37, &step, g, p.baseAddress, v.baseAddress, p.baseAddress, v.baseAddress)
            }
          }
          #expect(p == moved && velocity == faster)
          return p.bits
        }
        let exact = w.indices.map { i -> Double in
          let gradient = Double(g[i]) + 0.01 * Double(w[i])
          let v = 0.9 * 0.5 + gradient
          return Double(w[i]) - 0.1 * (nesterov ? gradient + 0.9 * v : v)
        }
        #expect(distance(result.map { Float(bitPattern: $0) }, exact) < 1e-6)
      }
      for decoupled in [false, true] {
        let result = sameOnEachCPU {
          var p = w
          let m = [Float](repeating: 0.1, count: 37)
          let v = [Float](repeating: 0.2, count: 37)
          var newM = m
          var newV = v
          qat_adam_f32(
            37, g, 3, 0.01, 0.9, 0.999, 1e-8, 0.1, decoupled, w, m, v, &p, &newM, &newV)
          return p.bits
        }
        let exact = w.indices.map { i -> Double in
          let x = Double(w[i])
          let gradient = Double(g[i]) + (decoupled ? 0 : 0.1 * x)
          let m = 0.9 * 0.1 + 0.1 * gradient
          let v = 0.999 * 0.2 + 0.001 * gradient * gradient
          let step = m / (1 - pow(0.9, 3)) / ((v / (1 - pow(0.999, 3))).squareRoot() + 1e-8)
          return x * (decoupled ? 1 - 0.01 * 0.1 : 1) - 0.01 * step
        }
        // 1 - beta2 is rounded in float: 5e-5 of a term that is 1/200 of v.
        #expect(distance(result.map { Float(bitPattern: $0) }, exact) < 1e-5)
      }
    }
  }
}
