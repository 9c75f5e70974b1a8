import type { IncomingMessage } from "node:http";
import type { Tensor } from "@sartor/shared/domain/tensor";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS } from "@sartor/shared/protocol";
import type { ModelHost } from "../model-host.js";
import type { ServedModel } from "../served-model.js";
import { type Answer, errorAnswer, jsonAnswer } from "./answer.js";
import { inferAnswer } from "./infer-answer.js";
import { parseInferRequest } from "./infer-request.js";
import type { InferenceTimer } from "./observation.js";
import { type BodyBudget, readRequestBody } from "./request-body.js";

/** What routes need. */
export interface RouteContext {
  readonly host: ModelHost;
  readonly budget: BodyBudget;
  /** The agent's version, for the server's metadata. */
  readonly agentVersion: string;
}

/** A request that reached its route. */
export interface RoutedRequest {
  readonly message: IncomingMessage;
  readonly timer: InferenceTimer;
}

export interface Route {
  readonly method: "GET" | "POST";
  /** Largest body, bytes; 0 for none. */
  readonly bodyLimit: number;
  /** Inference is observed for telemetry, all else is not. */
  readonly observed: boolean;
  handle(request: RoutedRequest): Promise<Answer> | Answer;
}

interface ModelName {
  readonly name: string;
  readonly version: string | undefined;
}

/** The serving model, if it is the one that was asked for. @throws SartorError SRT_MODEL_NOT_READY or SRT_MODEL_UNKNOWN. */
function findModel(host: ModelHost, { name, version }: ModelName): ServedModel {
  const served = host.current();
  if (served === undefined) throw new SartorError("SRT_MODEL_NOT_READY", "No model is serving on this device yet.");
  const { model, version: serving } = served.bundle.manifest;
  if (model !== name) throw new SartorError("SRT_MODEL_UNKNOWN", `This device serves the model ${model}, not ${name}.`);
  if (version !== undefined && version !== serving) {
    throw new SartorError("SRT_MODEL_UNKNOWN", `This device serves version ${serving} of ${model}, not ${version}.`);
  }
  return served;
}

const nameOf = ({ bundle }: ServedModel) => ({ name: bundle.manifest.model, version: bundle.manifest.version });

/** What an image may come as; its first bytes decide. The last one is what curl says of any body unless it is told otherwise. */
const IMAGE_TYPES = ["image/png", "image/jpeg", "application/octet-stream", "application/x-www-form-urlencoded"];

function checkImageType(message: IncomingMessage): void {
  const type = (message.headers["content-type"] ?? "").split(";")[0]?.trim().toLowerCase() ?? "";
  if (type !== "" && !IMAGE_TYPES.includes(type)) {
    throw new SartorError(
      "SRT_UNSUPPORTED_MEDIA_TYPE",
      `This route takes image/png and image/jpeg; the request says ${type}.`,
    );
  }
}

/** Health (OIP v2, "Health"): live while the server answers, ready while a model does. */
function health({ host }: RouteContext, kind: "live" | "ready"): Route {
  const answer = () => {
    if (kind === "live") return jsonAnswer({ live: true });
    const { state } = host.state();
    if (state === "ready") return jsonAnswer({ ready: true });
    const sentence = state === "none" ? "No model was deployed yet." : `The model is ${state}.`;
    return errorAnswer(new SartorError("SRT_MODEL_NOT_READY", sentence), { ready: false });
  };
  return { method: "GET", bodyLimit: 0, observed: false, handle: answer };
}

function serverMetadata({ agentVersion }: RouteContext): Route {
  const metadata = { name: "sartor-agent", version: agentVersion, extensions: ["binary_tensor_data", "classify"] };
  return { method: "GET", bodyLimit: 0, observed: false, handle: () => jsonAnswer(metadata) };
}

function modelMetadata({ host }: RouteContext, wanted: ModelName): Route {
  const answer = () => {
    const { manifest } = findModel(host, wanted).bundle;
    const describe = (specs: typeof manifest.modelManifest.inputs) =>
      specs.map(({ name, dataType, shape }) => ({ name, datatype: dataType, shape }));
    return jsonAnswer({
      name: manifest.model,
      versions: [manifest.version],
      platform: "onnx_onnxv1",
      inputs: describe(manifest.modelManifest.inputs),
      outputs: describe(manifest.modelManifest.outputs),
      parameters: { variant: manifest.variant.name, classes: manifest.modelManifest.labels.length },
    });
  };
  return { method: "GET", bodyLimit: 0, observed: false, handle: answer };
}

function modelReady({ host }: RouteContext, wanted: ModelName): Route {
  const answer = () => {
    const served = findModel(host, wanted);
    if (served.state === "ready") return jsonAnswer({ name: wanted.name, ready: true });
    const error = new SartorError("SRT_MODEL_NOT_READY", `The model ${wanted.name} is ${served.state}.`);
    return errorAnswer(error, { name: wanted.name, ready: false });
  };
  return { method: "GET", bodyLimit: 0, observed: false, handle: answer };
}

/** Inference on tensors (OIP v2, "Inference", with the binary tensor data extension). */
function infer({ host, budget }: RouteContext, wanted: ModelName): Route {
  const handle = async ({ message, timer }: RoutedRequest) => {
    findModel(host, wanted);
    const body = await readRequestBody(message, LIMITS.inferenceBodyBytes, budget);
    try {
      // Asked again: the model may have been swapped while the body came in.
      const served = findModel(host, wanted);
      timer.givenTo(served.bundle);
      const { modelManifest } = served.bundle.manifest;
      const header = message.headers["inference-header-content-length"];
      const request = parseInferRequest(body.bytes, typeof header === "string" ? header : undefined, modelManifest);
      const tensors = request.inputs.map(({ name, dataType, shape }) => ({ name, dataType, shape }));
      const { result, parts } = await served.request(
        "infer",
        { tensors },
        request.inputs.map(({ data }) => data),
      );
      timer.ran(result.runMs, result.classification);
      const outputs: Tensor[] = result.tensors.map((tensor, index) => ({
        ...tensor,
        data: parts[index] ?? new Uint8Array(),
      }));
      return inferAnswer(nameOf(served), request, outputs);
    } finally {
      body.release();
    }
  };
  return { method: "POST", bodyLimit: LIMITS.inferenceBodyBytes, observed: true, handle };
}

/** Classification of one encoded image: Sartor's own addition to the protocol. */
function classify({ host, budget }: RouteContext, wanted: ModelName): Route {
  const handle = async ({ message, timer }: RoutedRequest) => {
    checkImageType(message);
    findModel(host, wanted);
    const body = await readRequestBody(message, LIMITS.imageBytes, budget);
    try {
      if (body.bytes.byteLength === 0) throw new SartorError("SRT_IMAGE_INVALID", "The body is empty.");
      const served = findModel(host, wanted);
      timer.givenTo(served.bundle);
      const { labels } = served.bundle.manifest.modelManifest;
      const { result } = await served.request("classify", {}, [body.bytes]);
      timer.ran(result.runMs, result);
      const top = result.top.map(({ index, probability }) => ({
        index,
        label: labels[index] ?? String(index),
        probability,
      }));
      const { name, version } = nameOf(served);
      return jsonAnswer({
        model_name: name,
        model_version: version,
        class: top[0],
        top,
        entropy: result.entropy,
        timing: { total_ms: timer.elapsedMs(), run_ms: result.runMs },
      });
    } finally {
      body.release();
    }
  };
  return { method: "POST", bodyLimit: LIMITS.imageBytes, observed: true, handle };
}

/** The routes at a path, one for each method; undefined when there is no such path. */
export function routesAt(path: string, context: RouteContext): readonly Route[] | undefined {
  const [root, area, name, ...rest] = decodePath(path);
  if (root !== "v2") return undefined;
  if (area === undefined) return [serverMetadata(context)];
  if (area === "health" && rest.length === 0 && (name === "live" || name === "ready")) return [health(context, name)];
  if (area !== "models" || name === undefined) return undefined;
  const [version, action, ...more] = rest[0] === "versions" ? rest.slice(1) : [undefined, ...rest];
  if (more.length > 0 || (rest[0] === "versions" && version === undefined)) return undefined;
  const wanted = { name, version };
  if (action === undefined) return [modelMetadata(context, wanted)];
  if (action === "ready") return [modelReady(context, wanted)];
  if (action === "infer") return [infer(context, wanted)];
  if (action === "classify") return [classify(context, wanted)];
  return undefined;
}

function decodePath(path: string): string[] {
  const parts = path.split("/").slice(1);
  if (parts.at(-1) === "") parts.pop();
  try {
    return parts.map(decodeURIComponent);
  } catch {
    return [];
  }
}
