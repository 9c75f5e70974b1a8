import { SartorError } from "@sartor/shared/errors";
import { LIMITS } from "@sartor/shared/protocol";
import {
  type GraphProto,
  type ModelProto,
  type TensorProto,
  TensorProto_DataLocation,
  type ValueInfoProto,
} from "onnx-buf";
import { onnxTypeName, protocolTypeOf, rawBytesOf } from "./data-types.js";
import { decodeModel, notOnnx } from "./decode-model.js";
import type { ModelInfo, ModelTensor } from "./model-info.js";
import { domainName, isKnownDomain, normalDomain, SUPPORTED } from "./supported.js";
import { walkModel } from "./walk-graph.js";

/** Most names that one message lists. */
const MAXIMUM_NAMES = 5;

/**
 * Reads what an ONNX model says of itself and refuses what a device could not run.
 *
 * @throws SartorError SRT_MODEL_NOT_ONNX: not a whole ONNX model;
 *   SRT_MODEL_UNSUPPORTED: IR version, operator set, operator domain, tensor type or external data
 */
export function inspectModel(bytes: Uint8Array): ModelInfo {
  const { model, graph } = decodeModel(bytes);
  const irVersion = checkIrVersion(model);
  const opsets = checkOpsets(model);
  const content = countContent(model);
  if (content.externalTensors.length > 0) {
    throw unsupported(
      `The model keeps tensors in other files (${listed(content.externalTensors)}); export it as one file.`,
    );
  }
  const initializers = new Set([
    ...graph.initializer.map((tensor) => tensor.name),
    ...graph.sparseInitializer.map((tensor) => tensor.values?.name ?? ""),
  ]);
  const inputs = graph.input.filter((input) => !initializers.has(input.name));
  if (graph.output.length === 0) throw notOnnx("The model's graph has no output.");
  return {
    irVersion,
    producer: [model.producerName, model.producerVersion].filter(Boolean).join(" ").slice(0, 256),
    opsets,
    inputs: describe(inputs, "input"),
    outputs: describe(graph.output, "output"),
    ...content,
  };
}

function checkIrVersion(model: ModelProto): number {
  const { minimum, maximum } = SUPPORTED.irVersion;
  if (model.irVersion < minimum || model.irVersion > maximum) {
    throw unsupported(
      `The model has ONNX IR version ${model.irVersion}; versions ${minimum} to ${maximum} are supported.`,
    );
  }
  return Number(model.irVersion);
}

function checkOpsets(model: ModelProto): Record<string, number> {
  const opsets = new Map<string, number>();
  for (const { domain, version } of model.opsetImport) {
    if (version < 1n || version > 1_000_000n) throw notOnnx(`Operator set version ${version} makes no sense.`);
    opsets.set(domainName(normalDomain(domain)), Number(version));
  }
  if (opsets.size === 0) throw notOnnx("The model declares no operator set.");
  const version = opsets.get("ai.onnx");
  const { minimum, maximum } = SUPPORTED.opset;
  if (version !== undefined && (version < minimum || version > maximum)) {
    throw unsupported(
      `The model uses operator set ${version} of ai.onnx; versions ${minimum} to ${maximum} are supported.`,
    );
  }
  return Object.fromEntries(opsets);
}

function countContent(model: ModelProto): Pick<ModelInfo, "parameters" | "operators" | "externalTensors"> {
  const functions = new Set(model.functions.map((entry) => `${normalDomain(entry.domain)}\n${entry.name}`));
  const operators = new Map<string, number>();
  const externalTensors: string[] = [];
  const foreign = new Set<string>();
  let parameters = 0;
  walkModel(model, {
    node(node) {
      const domain = normalDomain(node.domain);
      const name = domain === "" ? node.opType : `${domain}.${node.opType}`;
      operators.set(name, (operators.get(name) ?? 0) + 1);
      if (!isKnownDomain(domain) && !functions.has(`${domain}\n${node.opType}`)) foreign.add(name);
    },
    tensor(tensor, initializer) {
      if (tensor.dataLocation === TensorProto_DataLocation.EXTERNAL || tensor.externalData.length > 0) {
        externalTensors.push(tensor.name || "(unnamed)");
        return;
      }
      const elements = checkTensor(tensor);
      if (initializer) parameters += elements;
    },
  });
  if (foreign.size > 0) {
    throw unsupported(`The model uses operators that ONNX Runtime does not have: ${listed([...foreign])}.`);
  }
  if (!Number.isSafeInteger(parameters)) throw notOnnx("The model's initializers announce more elements than exist.");
  return { parameters, operators: Object.fromEntries(operators), externalTensors };
}

/** Checks that a tensor's data is as long as its dimensions say; returns its number of elements. */
function checkTensor(tensor: TensorProto): number {
  const name = tensor.name || "(unnamed)";
  let elements = 1;
  for (const dimension of tensor.dims) {
    if (dimension < 0n) throw notOnnx(`Tensor ${name} has a negative dimension.`);
    elements *= Number(dimension);
  }
  if (!Number.isSafeInteger(elements)) throw notOnnx(`Tensor ${name} announces more elements than a file can hold.`);
  const expected = rawBytesOf(tensor.dataType, elements);
  if (tensor.rawData.byteLength > 0 && expected !== undefined && tensor.rawData.byteLength !== expected) {
    throw notOnnx(`Tensor ${name} has ${tensor.rawData.byteLength} bytes where its shape needs ${expected}.`);
  }
  return elements;
}

function describe(values: GraphProto["input"], kind: "input" | "output"): ModelTensor[] {
  return values.map((value) => describeValue(value, kind));
}

function describeValue(value: ValueInfoProto, kind: "input" | "output"): ModelTensor {
  const type = value.type?.value;
  if (type?.case !== "tensorType") throw unsupported(`The ${kind} ${value.name} is not a tensor.`);
  const dataType = protocolTypeOf(type.value.elemType);
  if (dataType === undefined) {
    throw unsupported(
      `The ${kind} ${value.name} has type ${onnxTypeName(type.value.elemType)}, which is not supported.`,
    );
  }
  const dimensions = type.value.shape?.dim;
  if (dimensions !== undefined && dimensions.length > LIMITS.tensorRank) {
    throw unsupported(`The ${kind} ${value.name} has more than ${LIMITS.tensorRank} dimensions.`);
  }
  // Some exporters write 0 for a dimension that may vary.
  const shape =
    dimensions?.map(({ value: dimension }) =>
      dimension.case === "dimValue" && dimension.value > 0n ? Number(dimension.value) : -1,
    ) ?? null;
  return { name: value.name, dataType, shape };
}

function listed(names: readonly string[]): string {
  const shown = names.slice(0, MAXIMUM_NAMES).map((name) => name.slice(0, 64));
  return names.length > shown.length ? `${shown.join(", ")} and ${names.length - shown.length} more` : shown.join(", ");
}

function unsupported(message: string): SartorError {
  return new SartorError("SRT_MODEL_UNSUPPORTED", message);
}
