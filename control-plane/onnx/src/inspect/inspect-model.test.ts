import { create, toBinary } from "@bufbuild/protobuf";
import { SartorError } from "@sartor/shared/errors";
import fc from "fast-check";
import {
  AttributeProtoSchema,
  GraphProtoSchema,
  ModelProtoSchema,
  NodeProtoSchema,
  StringStringEntryProtoSchema,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from "onnx-buf";
import { describe, expect, it } from "vitest";
import { encodeModel, type ModelOptions, valueInfo } from "../testing/encode-model.js";
import { inspectModel } from "./inspect-model.js";

const encode = (options: ModelOptions = {}): Uint8Array => encodeModel(options);

function codeOf(bytes: Uint8Array): string {
  try {
    inspectModel(bytes);
  } catch (error) {
    if (error instanceof SartorError) return error.code;
    throw error;
  }
  return "accepted";
}

describe("inspecting a model", () => {
  it("tells versions, inputs, outputs, parameters and operators", () => {
    expect(inspectModel(encode())).toEqual({
      irVersion: 8,
      producer: "test 1",
      opsets: { "ai.onnx": 13 },
      inputs: [{ name: "x", dataType: "FP32", shape: [-1, 4] }],
      outputs: [{ name: "y", dataType: "FP32", shape: [-1, 3] }],
      parameters: 15,
      operators: { Gemm: 1 },
      externalTensors: [],
    });
  });

  it("reads a model that lies inside Node's shared buffer pool", () => {
    const bytes = encode();
    const pooled = Buffer.concat([Buffer.from("before"), bytes, Buffer.from("after")]).subarray(6, 6 + bytes.length);
    expect(inspectModel(pooled).parameters).toBe(15);
  });

  it("leaves out initializers that an old model lists among its inputs", () => {
    const bytes = encode({ inputs: [valueInfo("x", [-1, 4]), valueInfo("w", [3, 4]), valueInfo("b", [3])] });
    expect(inspectModel(bytes).inputs.map((input) => input.name)).toEqual(["x"]);
  });

  it.each([
    ["nothing", new Uint8Array()],
    ["a PNG image", Uint8Array.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a, 0, 0, 0, 13])],
    ["a text", new TextEncoder().encode("the quick brown fox jumps over the lazy dog")],
    ["a JSON text", new TextEncoder().encode('{"model": "road-sign"}')],
    ["zeros", new Uint8Array(1024)],
    ["a model cut in half", encode().subarray(0, 60)],
    ["a protobuf without a graph", toBinary(ModelProtoSchema, create(ModelProtoSchema, { irVersion: 8n }))],
    ["a model without an IR version", encode({ irVersion: 0 })],
    ["a model without an operator set", encode({ opsets: [] })],
    ["a model without outputs", encode({ outputs: [] })],
    ["a tensor with a negative dimension", encode({ weightDims: [-3n, 4n] })],
    ["a tensor shorter than its shape", encode({ weightDims: [3n, 400n] })],
    ["a tensor as large as the universe", encode({ weightDims: [2n ** 40n, 2n ** 40n] })],
  ])("refuses %s as not ONNX", (_what, bytes) => {
    expect(codeOf(bytes)).toBe("SRT_MODEL_NOT_ONNX");
  });

  it.each([
    ["operator set 6", encode({ opsets: [["", 6]] })],
    ["operator set 27", encode({ opsets: [["", 27]] })],
    ["operator set 99 under the domain's other name", encode({ opsets: [["ai.onnx", 99]] })],
    ["IR version 2", encode({ irVersion: 2 })],
    ["IR version 14", encode({ irVersion: 14 })],
    ["an operator of a strange domain", encode({ domain: "org.example" })],
    ["an input of strings", encode({ inputs: [valueInfo("x", [-1, 4], 8)] })],
    ["an input of 17 dimensions", encode({ inputs: [valueInfo("x", Array(17).fill(1))] })],
  ])("refuses %s as unsupported", (_what, bytes) => {
    expect(codeOf(bytes)).toBe("SRT_MODEL_UNSUPPORTED");
  });

  it.each([6, 27])("names the operator set %i and what is supported", (version) => {
    expect(() => inspectModel(encode({ opsets: [["", version]] }))).toThrow(
      `operator set ${version} of ai.onnx; versions 7 to 26`,
    );
  });

  it("finds external data even in a tensor inside a subgraph", () => {
    const outside = create(TensorProtoSchema, {
      name: "secret",
      dataType: 1,
      dims: [4n],
      dataLocation: TensorProto_DataLocation.EXTERNAL,
      externalData: [create(StringStringEntryProtoSchema, { key: "location", value: "../../etc/passwd" })],
    });
    const branch = create(GraphProtoSchema, { name: "then", initializer: [outside] });
    const attribute = create(AttributeProtoSchema, { name: "then_branch", g: branch });
    const bytes = encode({ nodes: [create(NodeProtoSchema, { opType: "If", attribute: [attribute] })] });
    expect(() => inspectModel(bytes)).toThrow("tensors in other files (secret)");
    expect(codeOf(bytes)).toBe("SRT_MODEL_UNSUPPORTED");
  });

  it("answers graphs nested a thousand deep with a code", () => {
    // Lengths are written from the inside out: attribute.g -> graph.node -> node.attribute.
    let inner: Uint8Array = new Uint8Array();
    for (let depth = 0; depth < 3000; depth++) inner = lengthDelimited([6, 1, 5][depth % 3] ?? 1, inner);
    const bytes = Buffer.concat([Uint8Array.from([0x08, 8]), lengthDelimited(7, inner)]);
    expect(codeOf(bytes)).toBe("SRT_MODEL_NOT_ONNX");
  });
});

describe("whatever bytes come", () => {
  it("answers random bytes with a code and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        expect(codeOf(bytes)).toMatch(/^SRT_MODEL_(NOT_ONNX|UNSUPPORTED)$/);
      }),
      { numRuns: 2000 },
    );
  });

  it("answers a truncated or damaged model with a code or reads it", () => {
    const whole = encode();
    fc.assert(
      fc.property(
        fc.nat(whole.length),
        fc.array(fc.tuple(fc.nat(whole.length - 1), fc.nat(255)), { maxLength: 8 }),
        (length, changes) => {
          const bytes = Uint8Array.from(whole);
          for (const [position, value] of changes) bytes[position] = value;
          expect(codeOf(bytes.subarray(0, length))).toMatch(/^(accepted|SRT_MODEL_(NOT_ONNX|UNSUPPORTED))$/);
        },
      ),
      { numRuns: 3000 },
    );
  });
});

function lengthDelimited(field: number, content: Uint8Array): Uint8Array {
  const length: number[] = [];
  for (let rest = content.length; ; rest >>>= 7) {
    length.push(rest > 127 ? (rest & 127) | 128 : rest);
    if (rest <= 127) break;
  }
  return Buffer.concat([Uint8Array.from([(field << 3) | 2, ...length]), content]);
}
