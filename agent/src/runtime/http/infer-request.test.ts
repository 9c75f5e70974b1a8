import { ELEMENT_BYTES, elementCount, tensorFrom } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import { type ModelManifest, TENSOR_TYPES } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { inferAnswer } from "./infer-answer.js";
import { parseInferRequest } from "./infer-request.js";

type Specs = Pick<ModelManifest, "inputs" | "outputs">;
const asManifest = (specs: Specs): ModelManifest => specs as ModelManifest;

const sizes = fc.array(fc.integer({ min: 1, max: 4 }), { minLength: 1, maxLength: 4 });
const tensors = fc
  .uniqueArray(
    fc.record({
      name: fc.string({ minLength: 1, maxLength: 10 }),
      dataType: fc.constantFrom(...TENSOR_TYPES),
      shape: sizes,
    }),
    {
      minLength: 1,
      maxLength: 4,
      selector: ({ name }) => name,
    },
  )
  .chain((specs) =>
    fc.tuple(
      ...specs.map((spec) => {
        const bytes = elementCount(spec.shape) * ELEMENT_BYTES[spec.dataType];
        return fc.uint8Array({ minLength: bytes, maxLength: bytes }).map((data) => ({ ...spec, data }));
      }),
    ),
  );

const manifest = asManifest({
  inputs: [{ name: "image", dataType: "FP32", shape: [-1, 2] }],
  outputs: [{ name: "logits", dataType: "FP32", shape: [-1, 3] }],
});

describe("inference requests", () => {
  it("with binary tensors of any type arrive bit for bit, and an answer's bytes can be read back", () => {
    fc.assert(
      fc.property(tensors, (sent) => {
        const specs = asManifest({ inputs: [...sent], outputs: [...sent] });
        const json = {
          inputs: [...sent].reverse().map(({ name, dataType, shape, data }) => ({
            name,
            datatype: dataType,
            shape,
            parameters: { binary_data_size: data.length },
          })),
          parameters: { binary_data_output: true },
        };
        const head = Buffer.from(JSON.stringify(json));
        const body = Buffer.concat([head, ...[...sent].reverse().map(({ data }) => data)]);
        const request = parseInferRequest(body, String(head.length), specs);
        expect(request.inputs.map(({ name, data }) => ({ name, data: [...data] }))).toEqual(
          sent.map(({ name, data }) => ({ name, data: [...data] })),
        );

        const answer = inferAnswer({ name: "m", version: "1.0.0" }, request, request.inputs);
        const whole = Buffer.concat(answer.body);
        const length = Number(answer.headers?.["inference-header-content-length"]);
        const outputs: { parameters: { binary_data_size: number } }[] = JSON.parse(
          whole.toString("utf8", 0, length),
        ).outputs;
        let offset = length;
        for (const [index, { parameters }] of outputs.entries()) {
          const piece = whole.subarray(offset, offset + parameters.binary_data_size);
          expect([...piece]).toEqual([...(sent[index]?.data ?? [])]);
          offset += piece.length;
        }
        expect(offset).toBe(whole.length);
      }),
    );
  });

  const refusedOrRead = (body: Uint8Array, header: string | undefined) => {
    try {
      parseInferRequest(body, header, manifest);
    } catch (error) {
      expect(error).toBeInstanceOf(SartorError);
      expect((error as SartorError).status).toBeLessThan(500);
    }
  };

  it("that are any bytes at all are refused with a code, never with a crash", () => {
    fc.assert(
      fc.property(
        fc.uint8Array({ maxLength: 200 }),
        fc.option(fc.oneof(fc.string(), fc.nat(300).map(String)), { nil: undefined }),
        refusedOrRead,
      ),
    );
  });

  it("that are any JSON at all in any place are refused with a code, never with a crash", () => {
    const json = fc.jsonValue();
    const input = fc.record(
      {
        name: fc.oneof(fc.constant("image"), json),
        shape: fc.oneof(fc.constant([1, 2]), json),
        datatype: fc.oneof(fc.constant("FP32"), json),
        data: json,
        parameters: fc.oneof(fc.record({ binary_data_size: json }), json),
      },
      { requiredKeys: [] },
    );
    const request = fc.record(
      { id: json, inputs: fc.oneof(fc.array(input), json), outputs: json, parameters: json, other: json },
      { requiredKeys: [] },
    );
    fc.assert(
      fc.property(request, (value) => refusedOrRead(new TextEncoder().encode(JSON.stringify(value)), undefined)),
      { numRuns: 300 },
    );
  });

  it("may carry fields that nobody knows, at every level", () => {
    const body = {
      inputs: [
        { name: "image", shape: [1, 2], datatype: "FP32", data: [1, 2], colour: "blue", parameters: { mood: 5 } },
      ],
      parameters: { priority: 7 },
      new_in_v9: [{}],
    };
    const { inputs } = parseInferRequest(Buffer.from(JSON.stringify(body)), undefined, manifest);
    expect(inputs).toEqual([tensorFrom("image", "FP32", [1, 2], new Float32Array([1, 2]))]);
  });

  it("cannot name an input twice, nor an output twice", () => {
    const image = { name: "image", shape: [1, 2], datatype: "FP32", data: [1, 2] };
    const parse = (value: unknown) => parseInferRequest(Buffer.from(JSON.stringify(value)), undefined, manifest);
    expect(() => parse({ inputs: [image, image] })).toThrow(/stands twice/);
    expect(() => parse({ inputs: [image], outputs: [{ name: "logits" }, { name: "logits" }] })).toThrow(/at most 1/);
  });
});
