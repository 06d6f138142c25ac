import QATCore
import QATIR

/// Sums and products of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64 with VNNI)
/// computes for them.
extension RuntimeCase {
  static let elementwise: [RuntimeCase] = [
    RuntimeCase(
      "Add ((12,), (12,))", QLinearAdd(),
      [
        AnyTensor(
          shape: [12], [163, 75, 169, 195, 71, 159, 186, 245, 230, 128, 218, 249] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(shape: [12], [115, 120, 111, 77, 88, 222, 56, 4, 62, 220, 211, 233] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [7] as [UInt8]),
        AnyTensor(shape: [], [1.0] as [Float]), AnyTensor(shape: [], [129] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [12], [255, 222, 255, 255, 204, 255, 245, 248, 255, 255, 255, 255] as [UInt8])
      ]),
    RuntimeCase(
      "Mul ((12,), (12,))", QLinearMul(),
      [
        AnyTensor(shape: [12], [173, 146, 65, 8, 20, 241, 34, 255, 46, 115, 144, 169] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [3] as [UInt8]),
        AnyTensor(
          shape: [12], [52, 231, 227, 152, 254, 105, 21, 178, 14, 218, 209, 12] as [UInt8]),
        AnyTensor(shape: [], [0.5] as [Float]), AnyTensor(shape: [], [7] as [UInt8]),
        AnyTensor(shape: [], [8.0] as [Float]), AnyTensor(shape: [], [129] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [12], [255, 255, 255, 152, 255, 255, 143, 255, 138, 255, 255, 155] as [UInt8])
      ]),
    RuntimeCase(
      "Add ((2, 6), (6,))", QLinearAdd(),
      [
        AnyTensor(
          shape: [2, 6], [69, 116, 113, 11, -127, 55, -34, 39, -34, -98, -82, -19] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [-3] as [Int8]),
        AnyTensor(shape: [6], [77, -72, -90, 122, 5, 59] as [Int8]),
        AnyTensor(
          shape: [],
          [0.5]
            as [Float]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [1] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 6], [109, -16, -36, 125, -61, 84, 58, -55, -110, 70, -38, 47] as [Int8])
      ]),
    RuntimeCase(
      "Mul ((2, 6), (6,))", QLinearMul(),
      [
        AnyTensor(
          shape: [2, 6], [-16, -104, -55, -97, 49, -84, -46, -78, 39, 86, 43, -98] as [Int8]),
        AnyTensor(shape: [], [0.25] as [Float]), AnyTensor(shape: [], [-3] as [Int8]),
        AnyTensor(shape: [6], [124, -116, -76, -124, 68, -28] as [Int8]),
        AnyTensor(
          shape: [],
          [0.5] as [Float]), AnyTensor(shape: [], [5] as [Int8]),
        AnyTensor(shape: [], [4.0] as [Float]), AnyTensor(shape: [], [1] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 6], [-47, 127, 127, 127, 103, 85, -128, 127, -105, -128, 92, 99] as [Int8])
      ]),
    RuntimeCase(
      "Add ((12,), ())", QLinearAdd(),
      [
        AnyTensor(shape: [12], [25, 190, 158, 76, 52, 53, 131, 86, 196, 113, 176, 15] as [UInt8]),
        AnyTensor(shape: [], [0.10000000149011612] as [Float]),
        AnyTensor(
          shape: [],
          [255] as [UInt8]), AnyTensor(shape: [], [28] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.30000001192092896] as [Float]), AnyTensor(shape: [], [0] as [UInt8]),
        AnyTensor(shape: [], [0.20000000298023224] as [Float]),
        AnyTensor(shape: [], [17] as [UInt8]),
      ],
      [
        AnyTensor(shape: [12], [0, 26, 10, 0, 0, 0, 0, 0, 30, 0, 20, 0] as [UInt8])
      ]),
    RuntimeCase(
      "Mul ((12,), ())", QLinearMul(),
      [
        AnyTensor(shape: [12], [41, 57, 108, 212, 186, 67, 16, 172, 80, 153, 233, 109] as [UInt8]),
        AnyTensor(shape: [], [0.10000000149011612] as [Float]),
        AnyTensor(
          shape: [],
          [255] as [UInt8]), AnyTensor(shape: [], [189] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.30000001192092896] as [Float]), AnyTensor(shape: [], [0] as [UInt8]),
        AnyTensor(shape: [], [1.600000023841858] as [Float]), AnyTensor(shape: [], [17] as [UInt8]),
      ],
      [
        AnyTensor(shape: [12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as [UInt8])
      ]),
    RuntimeCase(
      "Add ((), (12,))", QLinearAdd(),
      [
        AnyTensor(shape: [], [-119] as [Int8]),
        AnyTensor(shape: [], [0.07000000029802322] as [Float]),
        AnyTensor(shape: [], [-128] as [Int8]),
        AnyTensor(
          shape: [12],
          [
            109, -41, 24,
            -63, -112, 59, -96, -17, -105, 121, 58, -85,
          ] as [Int8]),
        AnyTensor(
          shape: [],
          [0.03500000014901161] as [Float]), AnyTensor(shape: [], [127] as [Int8]),
        AnyTensor(shape: [], [0.07000000029802322] as [Float]),
        AnyTensor(shape: [], [-1] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [12], [-1, -76, -44, -87, -112, -26, -104, -64, -108, 5, -26, -98] as [Int8])
      ]),
    RuntimeCase(
      "Mul ((), (12,))", QLinearMul(),
      [
        AnyTensor(shape: [], [111] as [Int8]),
        AnyTensor(shape: [], [0.07000000029802322] as [Float]),
        AnyTensor(shape: [], [-128] as [Int8]),
        AnyTensor(
          shape: [12],
          [
            97, 0, 71, -87,
            106, 73, -73, 84, 42, -109, -24, 42,
          ] as [Int8]),
        AnyTensor(
          shape: [],
          [0.03500000014901161] as [Float]), AnyTensor(shape: [], [127] as [Int8]),
        AnyTensor(shape: [], [0.5600000023841858] as [Float]), AnyTensor(shape: [], [-1] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [12],
          [-32, -128, -60, -128, -23, -57, -128, -46, -90, -128, -128, -90]
            as [Int8])
      ]),
    RuntimeCase(
      "Add ((1,), (1,))", QLinearAdd(),
      [
        AnyTensor(shape: [1], [247] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [1] as [UInt8]), AnyTensor(shape: [1], [31] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [2] as [UInt8]),
        AnyTensor(shape: [], [0.10000000149011612] as [Float]),
        AnyTensor(
          shape: [],
          [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1], [140] as [UInt8])
      ]),
    RuntimeCase(
      "Mul ((1,), (1,))", QLinearMul(),
      [
        AnyTensor(shape: [1], [61] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [1] as [UInt8]), AnyTensor(shape: [1], [70] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [2] as [UInt8]), AnyTensor(shape: [], [0.800000011920929] as [Float]),
        AnyTensor(
          shape: [],
          [3]
            as [UInt8]),
      ],
      [
        AnyTensor(shape: [1], [16] as [UInt8])
      ]),
    RuntimeCase(
      "Add ((2, 1), (1, 6))", QLinearAdd(),
      [
        AnyTensor(shape: [2, 1], [-53, -117] as [Int8]),
        AnyTensor(
          shape: [],
          [0.10000000149011612] as [Float]), AnyTensor(shape: [], [9] as [Int8]),
        AnyTensor(shape: [1, 6], [-4, -9, -32, 60, 63, -100] as [Int8]),
        AnyTensor(
          shape: [],
          [0.05000000074505806] as [Float]), AnyTensor(shape: [], [-9] as [Int8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [11] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [2, 6],
          [
            -68, -72, -87, -26, -24, -128, -128, -128, -128, -111, -109,
            -128,
          ] as [Int8])
      ]),
    RuntimeCase(
      "Mul ((2, 1), (1, 6))", QLinearMul(),
      [
        AnyTensor(shape: [2, 1], [-26, -19] as [Int8]),
        AnyTensor(
          shape: [],
          [0.10000000149011612] as [Float]), AnyTensor(shape: [], [9] as [Int8]),
        AnyTensor(shape: [1, 6], [-97, 8, 29, 87, 5, 8] as [Int8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [-9] as [Int8]),
        AnyTensor(
          shape: [],
          [0.6000000238418579]
            as [Float]), AnyTensor(shape: [], [11] as [Int8]),
      ],
      [
        AnyTensor(shape: [2, 6], [37, 6, 0, -17, 7, 6, 32, 7, 2, -11, 8, 7] as [Int8])
      ]),
    RuntimeCase(
      "Add in an order that matters: vectors", QLinearAdd(),
      [
        AnyTensor(shape: [12], [52, 54, 56, 58, 60, 62, 64, 66, 68, 70, 72, 74] as [UInt8]),
        AnyTensor(shape: [], [0.02500000223517418] as [Float]),
        AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(shape: [12], [0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0] as [UInt8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(
          shape: [],
          [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [12], [0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: second scalar", QLinearAdd(),
      [
        AnyTensor(shape: [4], [52, 52, 52, 52] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.02500000223517418] as [Float]), AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(shape: [], [0] as [UInt8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.05000000074505806] as [Float]), AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [4], [0, 0, 0, 0] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: first scalar", QLinearAdd(),
      [
        AnyTensor(shape: [], [52] as [UInt8]),
        AnyTensor(shape: [], [0.02500000223517418] as [Float]),
        AnyTensor(shape: [], [161] as [UInt8]), AnyTensor(shape: [4], [0, 0, 0, 0] as [UInt8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(
          shape: [],
          [80] as [UInt8]), AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [4], [1, 1, 1, 1] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: single", QLinearAdd(),
      [
        AnyTensor(shape: [1], [52] as [UInt8]),
        AnyTensor(shape: [], [0.02500000223517418] as [Float]),
        AnyTensor(shape: [], [161] as [UInt8]), AnyTensor(shape: [1], [0] as [UInt8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(
          shape: [],
          [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [1], [1] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: channels second", QLinearAdd(),
      [
        AnyTensor(shape: [2, 3], [52, 52, 52, 52, 52, 52] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.02500000223517418] as [Float]), AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(shape: [2, 1], [0, 0] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.07500000298023224]
            as [Float]), AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.05000000074505806] as [Float]), AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 3], [0, 0, 0, 0, 0, 0] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: channels first", QLinearAdd(),
      [
        AnyTensor(shape: [2, 1], [52, 52] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.02500000223517418]
            as [Float]), AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(
          shape: [2, 3],
          [
            0, 0, 0,
            0, 0, 0,
          ] as [UInt8]), AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [2, 3], [1, 1, 1, 1, 1, 1] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: column and scalar", QLinearAdd(),
      [
        AnyTensor(shape: [3, 1], [52, 52, 52] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.02500000223517418] as [Float]), AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(shape: [], [0] as [UInt8]),
        AnyTensor(shape: [], [0.07500000298023224] as [Float]),
        AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.05000000074505806] as [Float]), AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 1], [1, 1, 1] as [UInt8])
      ]),
    RuntimeCase(
      "Add in an order that matters: columns", QLinearAdd(),
      [
        AnyTensor(shape: [3, 1], [52, 54, 56] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.02500000223517418] as [Float]), AnyTensor(shape: [], [161] as [UInt8]),
        AnyTensor(shape: [3, 1], [0, 0, 0] as [UInt8]),
        AnyTensor(
          shape: [],
          [0.07500000298023224] as [Float]), AnyTensor(shape: [], [80] as [UInt8]),
        AnyTensor(shape: [], [0.05000000074505806] as [Float]),
        AnyTensor(shape: [], [175] as [UInt8]),
      ],
      [
        AnyTensor(shape: [3, 1], [0, 1, 2] as [UInt8])
      ]),
  ]
}
