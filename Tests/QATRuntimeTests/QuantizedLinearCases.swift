import QATCore
import QATIR

/// Quantizing and dequantizing of codes, with many ties, and what ONNX Runtime 1.31.1 (CPU, x86-64
/// with VNNI) computes for them.
extension RuntimeCase {
  static let linear: [RuntimeCase] = [
    RuntimeCase(
      "QuantizeLinear u8", QuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [3] as [UInt8]),
      ],
      [
        AnyTensor(shape: [16], [0, 2, 4, 6, 8, 0, 255, 255, 0, 0, 255, 0, 3, 3, 3, 129] as [UInt8])
      ]),
    RuntimeCase(
      "QuantizeLinear i8", QuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [-3] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [16],
          [
            -6, -4, -2, 0, 2, -8, 127, 127, -128, -128, 127, -128, -3, -3,
            -3, 123,
          ] as [Int8])
      ]),
    RuntimeCase(
      "QuantizeLinear u16", QuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [30001] as [UInt16]),
      ],
      [
        AnyTensor(
          shape: [16],
          [
            29998, 30000, 30002, 30004, 30006, 29996, 30254, 30256, 29744,
            29743, 30601, 29401, 30001, 30001, 30001, 30127,
          ] as [UInt16])
      ]),
    RuntimeCase(
      "QuantizeLinear i16", QuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]), AnyTensor(shape: [], [0.5] as [Float]),
        AnyTensor(shape: [], [-7] as [Int16]),
      ],
      [
        AnyTensor(
          shape: [16],
          [
            -10, -8, -6, -4, -2, -12, 246, 248, -264, -265, 593, -607, -7,
            -7, -7, 119,
          ] as [Int16])
      ]),
    RuntimeCase(
      "QuantizeLinear along an axis", QuantizeLinear(axis: -1),
      [
        AnyTensor(
          shape: [4, 4],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]),
        AnyTensor(
          shape: [4],
          [
            1.0, 0.5,
            0.25, 0.10000000149011612,
          ] as [Float]), AnyTensor(shape: [4], [1, 2, 3, 4] as [UInt8]),
      ],
      [
        AnyTensor(
          shape: [4, 4], [0, 1, 5, 19, 3, 0, 255, 255, 0, 0, 255, 0, 1, 2, 4, 255] as [UInt8])
      ]),
    RuntimeCase(
      "QuantizeLinear in blocks", QuantizeLinear(axis: 1, blockSize: 3),
      [
        AnyTensor(
          shape: [4, 4],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float]),
        AnyTensor(
          shape: [4, 2],
          [
            1.0, 0.5,
            0.25, 0.10000000149011612, 2.0, 3.0, 1.0, 1.0,
          ] as [Float]),
        AnyTensor(
          shape: [4, 2],
          [110, -99, 98, 122, -86, 21, -49, 59] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [4, 4],
          [
            108, 110, 110, -96, 108, 88, 127, 127, -128, -128, 64, -79,
            -49, -49, -49, 122,
          ] as [Int8])
      ]),
    RuntimeCase(
      "DequantizeLinear along an axis", DequantizeLinear(axis: 0),
      [
        AnyTensor(shape: [3, 4], [-14, 0, 29, 23, 101, 74, -90, -1, -105, 17, -96, 3] as [Int8]),
        AnyTensor(
          shape: [3], [0.10000000149011612, 0.20000000298023224, 0.30000001192092896] as [Float]),
        AnyTensor(shape: [3], [1, -2, 3] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [3, 4],
          [
            -1.5, -0.10000000149011612, 2.799999952316284,
            2.200000047683716, 20.600000381469727, 15.199999809265137, -17.600000381469727,
            0.20000000298023224, -32.400001525878906, 4.200000286102295, -29.700000762939453, 0.0,
          ] as [Float])
      ]),
    RuntimeCase(
      "DequantizeLinear in blocks", DequantizeLinear(axis: 0, blockSize: 2),
      [
        AnyTensor(shape: [3, 2], [87, 112, -58, -35, 4, 116] as [Int8]),
        AnyTensor(
          shape: [2, 2],
          [0.10000000149011612, 0.20000000298023224, 0.30000001192092896, 0.699999988079071]
            as [Float]), AnyTensor(shape: [2, 2], [1, -2, 3, 0] as [Int8]),
      ],
      [
        AnyTensor(
          shape: [3, 2],
          [
            8.600000381469727, 22.80000114440918, -5.900000095367432,
            -6.599999904632568, 0.30000001192092896, 81.19999694824219,
          ] as [Float])
      ]),
    RuntimeCase(
      "DequantizeLinear of int32", DequantizeLinear(),
      [
        AnyTensor(shape: [4], [16_777_217, -2_147_483_648, 2_147_483_647, 77] as [Int32]),
        AnyTensor(shape: [], [0.0010000000474974513] as [Float]),
      ],
      [
        AnyTensor(
          shape: [4], [16777.216796875, -2147483.75, 2147483.75, 0.07700000703334808] as [Float])
      ]),
    RuntimeCase(
      "DynamicQuantizeLinear", DynamicQuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, 0.5, 1.5, 2.5, -2.5, 126.5, 127.5, -128.5, -129.0,
            300.0, -300.0, 0.0, -0.0, 0.25, 63.25,
          ] as [Float])
      ],
      [
        AnyTensor(
          shape: [16],
          [
            126, 127, 127, 128, 128, 126, 181, 181, 72, 72, 254, 0, 127, 127,
            127, 154,
          ] as [UInt8]), AnyTensor(shape: [], [2.3529412746429443] as [Float]),
        AnyTensor(shape: [], [127] as [UInt8]),
      ]),
    RuntimeCase(
      "DynamicQuantizeLinear", DynamicQuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            1.5, 0.5, 0.5, 1.5, 2.5, 2.5, 126.5, 127.5, 128.5, 129.0, 300.0,
            300.0, 0.0, 0.0, 0.25, 63.25,
          ] as [Float])
      ],
      [
        AnyTensor(
          shape: [16], [1, 0, 0, 1, 2, 2, 108, 108, 109, 110, 255, 255, 0, 0, 0, 54] as [UInt8]),
        AnyTensor(shape: [], [1.1764706373214722] as [Float]),
        AnyTensor(
          shape: [],
          [0]
            as [UInt8]),
      ]),
    RuntimeCase(
      "DynamicQuantizeLinear", DynamicQuantizeLinear(),
      [
        AnyTensor(
          shape: [16],
          [
            -1.5, -0.5, -0.5, -1.5, -2.5, -2.5, -126.5, -127.5, -128.5,
            -129.0, -300.0, -300.0, -0.0, -0.0, -0.25, -63.25,
          ] as [Float])
      ],
      [
        AnyTensor(
          shape: [16],
          [
            254, 255, 255, 254, 253, 253, 147, 147, 146, 145, 0, 0, 255, 255,
            255, 201,
          ] as [UInt8]), AnyTensor(shape: [], [1.1764706373214722] as [Float]),
        AnyTensor(shape: [], [255] as [UInt8]),
      ]),
    RuntimeCase(
      "DynamicQuantizeLinear", DynamicQuantizeLinear(),
      [
        AnyTensor(shape: [3], [0.0, 0.0, 0.0] as [Float])
      ],
      [
        AnyTensor(shape: [3], [0, 0, 0] as [UInt8]), AnyTensor(shape: [], [1.0] as [Float]),
        AnyTensor(shape: [], [0] as [UInt8]),
      ]),
    RuntimeCase(
      "DynamicQuantizeLinear", DynamicQuantizeLinear(),
      [
        AnyTensor(
          shape: [13],
          [
            -0.2075825035572052, 0.7729141116142273, 0.22441832721233368,
            0.2945168614387512, 1.4951612949371338, -1.1814099550247192, -2.8119497299194336,
            -1.3062410354614258, 4.10235595703125, 3.5094847679138184, -0.3312845230102539,
            -2.4329237937927246, 1.9666285514831543,
          ] as [Float])
      ],
      [
        AnyTensor(
          shape: [13], [96, 133, 112, 115, 159, 60, 0, 56, 255, 233, 92, 14, 177] as [UInt8]),
        AnyTensor(shape: [], [0.027114924043416977] as [Float]),
        AnyTensor(
          shape: [],
          [104] as [UInt8]),
      ]),
  ]
}
