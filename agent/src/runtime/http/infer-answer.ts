import type { Tensor } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import type { Answer } from "./answer.js";
import type { InferRequest } from "./infer-request.js";
import { tensorToJson } from "./tensor-json.js";

/** Who answered. */
export interface AnsweringModel {
  readonly name: string;
  readonly version: string;
}

/**
 * Writes the answer to an inference request. With at least one binary output the body is the JSON followed by the outputs'
 * bytes in the same order, and `Inference-Header-Content-Length` gives the length of the JSON.
 * @throws SartorError SRT_TENSOR_INVALID when an output cannot be carried by JSON; SRT_INFERENCE_FAILED when one is missing.
 */
export function inferAnswer(model: AnsweringModel, request: InferRequest, tensors: readonly Tensor[]): Answer {
  const binary: Uint8Array[] = [];
  const outputs = request.outputs.map((wanted) => {
    const tensor = tensors.find(({ name }) => name === wanted.name);
    if (tensor === undefined) {
      throw new SartorError("SRT_INFERENCE_FAILED", `The model gave no output ${JSON.stringify(wanted.name)}.`);
    }
    const head = `{"name":${JSON.stringify(tensor.name)},"datatype":"${tensor.dataType}","shape":[${tensor.shape}],`;
    if (!wanted.binary) return `${head}"data":${tensorToJson(tensor)}}`;
    binary.push(tensor.data);
    return `${head}"parameters":{"binary_data_size":${tensor.data.byteLength}}}`;
  });
  const id = request.id === undefined ? "" : `"id":${JSON.stringify(request.id)},`;
  const names = `"model_name":${JSON.stringify(model.name)},"model_version":${JSON.stringify(model.version)},`;
  const json = Buffer.from(`{${names}${id}"outputs":[${outputs.join(",")}]}`);
  if (binary.length === 0) return { status: 200, headers: { "content-type": "application/json" }, body: [json] };
  return {
    status: 200,
    headers: {
      "content-type": "application/octet-stream",
      "inference-header-content-length": String(json.byteLength),
    },
    body: [json, ...binary],
  };
}
