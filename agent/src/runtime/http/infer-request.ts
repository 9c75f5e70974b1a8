import { ELEMENT_BYTES, elementCount, shapeFits, type Tensor } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS, type ModelManifest, type TensorSpec } from "@sartor/shared/protocol";
import { parseBoundedJson } from "./bounded-json.js";
import { HTTP_LIMITS } from "./http-limits.js";
import { tensorFromJson } from "./tensor-json.js";

/** An output that the client asked for, and the form it wants it in. */
export interface WantedOutput {
  readonly name: string;
  readonly binary: boolean;
}

/** An inference request that fits the model. */
export interface InferRequest {
  readonly id: string | undefined;
  /** In the order of the manifest's inputs. */
  readonly inputs: readonly Tensor[];
  readonly outputs: readonly WantedOutput[];
}

type Json = Record<string, unknown>;

const invalid = (problem: string): SartorError => new SartorError("SRT_INVALID_REQUEST", problem);
const wrongTensor = (name: string, problem: string, details: Json = {}): SartorError =>
  new SartorError("SRT_TENSOR_INVALID", `The tensor ${JSON.stringify(name)} ${problem}.`, {
    details: { tensor: name, ...details },
  });

const isObject = (value: unknown): value is Json =>
  typeof value === "object" && value !== null && !Array.isArray(value);

function objectList(value: unknown, field: string, most: number): Json[] {
  if (!Array.isArray(value) || value.length > most || !value.every(isObject)) {
    throw invalid(`"${field}" must be a list of at most ${most} objects.`);
  }
  return value;
}

function parametersOf(value: Json): Json {
  if (value.parameters === undefined) return {};
  if (!isObject(value.parameters)) throw invalid('"parameters" must be an object.');
  return value.parameters;
}

/** Splits a body into its JSON and what follows (binary tensor data extension, "Binary Tensor Request"). */
function splitBody(body: Uint8Array, headerLength: string | undefined): { json: Json; binary: Uint8Array } {
  let jsonBytes = body.byteLength;
  if (headerLength !== undefined) {
    jsonBytes = /^\d{1,10}$/.test(headerLength) ? Number(headerLength) : Number.NaN;
    if (!(jsonBytes <= Math.min(body.byteLength, LIMITS.inferenceHeaderBytes))) {
      throw invalid(
        `Inference-Header-Content-Length must be a length of at most the body's and ${LIMITS.inferenceHeaderBytes} bytes.`,
      );
    }
  } else if (jsonBytes > HTTP_LIMITS.jsonBytes) {
    throw new SartorError(
      "SRT_BODY_TOO_LARGE",
      `Tensors as JSON may take ${HTTP_LIMITS.jsonBytes} bytes; send larger ones as binary data.`,
      { details: { limit: HTTP_LIMITS.jsonBytes } },
    );
  }
  const bounds = { depth: HTTP_LIMITS.jsonDepth, containers: HTTP_LIMITS.jsonContainers };
  const json = parseBoundedJson(body.subarray(0, jsonBytes), bounds);
  if (!isObject(json)) throw invalid("The request must be a JSON object.");
  return { json, binary: body.subarray(jsonBytes) };
}

function checkedShape(spec: TensorSpec, shape: unknown): readonly number[] {
  const details = { expected: spec.shape };
  const isShape = Array.isArray(shape) && shape.every((size) => Number.isSafeInteger(size) && size >= 0);
  if (!isShape) throw wrongTensor(spec.name, "has no shape that is a list of sizes", details);
  if (!shapeFits(shape, spec.shape)) {
    throw wrongTensor(
      spec.name,
      `has the shape [${shape.slice(0, LIMITS.tensorRank + 1)}]; the model takes [${spec.shape}]`,
      details,
    );
  }
  if (spec.shape[0] === -1 && (shape[0] ?? 1) > LIMITS.inferenceRows) {
    throw wrongTensor(spec.name, `has ${shape[0]} rows; one request may have ${LIMITS.inferenceRows}`, details);
  }
  if (!(elementCount(shape) <= LIMITS.tensorElements)) {
    throw wrongTensor(spec.name, `has more than ${LIMITS.tensorElements} elements`, details);
  }
  return shape;
}

/** Takes tensors' bytes from the binary part in the order of the request's inputs. */
class BinaryPart {
  #position = 0;

  constructor(private readonly bytes: Uint8Array) {}

  take(spec: TensorSpec, size: unknown, wanted: number): Uint8Array {
    if (size !== wanted) {
      throw wrongTensor(
        spec.name,
        `announces binary_data_size ${JSON.stringify(size)}; its shape and type make ${wanted} bytes`,
      );
    }
    const data = this.bytes.subarray(this.#position, this.#position + wanted);
    if (data.byteLength !== wanted) throw wrongTensor(spec.name, "has less binary data than announced");
    this.#position += wanted;
    return data;
  }

  /** @throws SartorError when bytes are left that no tensor announced. */
  finish(): void {
    const left = this.bytes.byteLength - this.#position;
    if (left > 0) throw invalid(`${left} bytes follow the last tensor.`);
  }
}

function readInput(spec: TensorSpec, input: Json, binary: BinaryPart): Tensor {
  if (input.datatype !== spec.dataType) {
    throw wrongTensor(
      spec.name,
      `has the datatype ${JSON.stringify(input.datatype ?? null)}; the model takes ${spec.dataType}`,
    );
  }
  const shape = checkedShape(spec, input.shape);
  const size = parametersOf(input).binary_data_size;
  if (size === undefined) return tensorFromJson(spec.name, spec.dataType, shape, input.data);
  if (input.data !== undefined) throw wrongTensor(spec.name, "has JSON data and binary data; send one of them");
  const data = binary.take(spec, size, elementCount(shape) * ELEMENT_BYTES[spec.dataType]);
  return { name: spec.name, dataType: spec.dataType, shape, data };
}

function readInputs(manifest: ModelManifest, list: readonly Json[], binary: BinaryPart): Tensor[] {
  const found = new Map<string, Tensor>();
  for (const input of list) {
    const spec = manifest.inputs.find(({ name }) => name === input.name);
    if (spec === undefined) {
      const known = manifest.inputs.map(({ name }) => name).join(", ");
      throw wrongTensor(String(input.name).slice(0, 256), `is no input of the model; its inputs are ${known}`);
    }
    if (found.has(spec.name)) throw wrongTensor(spec.name, "stands twice");
    found.set(spec.name, readInput(spec, input, binary));
  }
  binary.finish();
  return manifest.inputs.map(({ name }) => {
    const tensor = found.get(name);
    if (tensor === undefined) throw wrongTensor(name, "is missing");
    return tensor;
  });
}

function flag(parameters: Json, name: string, fallback: boolean): boolean {
  const value = parameters[name];
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") throw invalid(`The parameter "${name}" must be true or false.`);
  return value;
}

function readOutputs(manifest: ModelManifest, json: Json): WantedOutput[] {
  const allBinary = flag(parametersOf(json), "binary_data_output", false);
  const everything = manifest.outputs.map(({ name }) => ({ name, binary: allBinary }));
  if (json.outputs === undefined) return everything;
  const wanted = objectList(json.outputs, "outputs", manifest.outputs.length).map((output) => {
    const spec = manifest.outputs.find(({ name }) => name === output.name);
    if (spec === undefined) {
      const known = manifest.outputs.map(({ name }) => name).join(", ");
      throw wrongTensor(String(output.name).slice(0, 256), `is no output of the model; its outputs are ${known}`);
    }
    return { name: spec.name, binary: flag(parametersOf(output), "binary_data", allBinary) };
  });
  if (new Set(wanted.map(({ name }) => name)).size !== wanted.length) throw invalid('"outputs" names an output twice.');
  return wanted.length === 0 ? everything : wanted;
}

/**
 * Reads an inference request of the Open Inference Protocol v2, with JSON or binary tensors, and checks it against the model:
 * nothing that does not fit reaches the runtime. Fields that the protocol does not know are ignored.
 *
 * @param body the whole body
 * @param headerLength the header `Inference-Header-Content-Length`: the length of the JSON in front of binary data
 * @throws SartorError SRT_INVALID_REQUEST, SRT_TENSOR_INVALID or SRT_BODY_TOO_LARGE; the message names field and expectation.
 */
export function parseInferRequest(
  body: Uint8Array,
  headerLength: string | undefined,
  manifest: ModelManifest,
): InferRequest {
  const { json, binary } = splitBody(body, headerLength);
  const { id } = json;
  if (id !== undefined && (typeof id !== "string" || id.length > HTTP_LIMITS.idCharacters)) {
    throw invalid(`"id" must be a text of at most ${HTTP_LIMITS.idCharacters} characters.`);
  }
  const list = objectList(json.inputs, "inputs", 64);
  const outputs = readOutputs(manifest, json);
  return { id, inputs: readInputs(manifest, list, new BinaryPart(binary)), outputs };
}
