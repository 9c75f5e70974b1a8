/**
 * Measures the inference endpoint on this machine: `node test/dist/runtime/measure-endpoint.js [slot folder]`.
 * One client, one connection, one request at a time; client, server and child share the machine. Without a slot folder
 * (one with `bundle.json`) a tiny model of 32 x 32 is measured.
 */
import { readFile } from "node:fs/promises";
import { Agent, request } from "node:http";
import { join } from "node:path";
import { createImageTensorWriter } from "@sartor/shared/domain/tensor";
import { bundleManifestSchema } from "@sartor/shared/protocol";
import sharp from "sharp";
import { buildTinyClassifier, randomPixels } from "../support/tiny-model.js";
import { startServingDevice } from "./serving-device.js";

const WARM_UP = 200;
const REQUESTS = 1_500;
const agent = new Agent({ keepAlive: true, maxSockets: 1 });

function post(url: string, body: Uint8Array, headers: Record<string, string>): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const options = { method: "POST", agent, headers: { ...headers, "content-length": String(body.length) } };
    const call = request(url, options, (response) => {
      const chunks: Buffer[] = [];
      response.on("data", (chunk: Buffer) => chunks.push(chunk));
      response.on("end", () => {
        const answer = Buffer.concat(chunks);
        if (response.statusCode === 200) resolve(answer);
        else reject(new Error(answer.toString()));
      });
    });
    call.on("error", reject);
    call.end(body);
  });
}

async function measure(name: string, call: () => Promise<unknown>): Promise<void> {
  const times: number[] = [];
  for (let turn = 0; turn < WARM_UP + REQUESTS; turn++) {
    const startedAt = performance.now();
    await call();
    if (turn >= WARM_UP) times.push(performance.now() - startedAt);
  }
  times.sort((a, b) => a - b);
  const at = (share: number) => (times[Math.floor(times.length * share)] ?? 0).toFixed(3);
  console.log(`${name.padEnd(28)} p50 ${at(0.5)} ms   p95 ${at(0.95)} ms   p99 ${at(0.99)} ms`);
}

/** Proportional set size of a process, MB; shared pages count by their share. */
async function pss(pid: number): Promise<string> {
  const rollup = await readFile(`/proc/${pid}/smaps_rollup`, "utf8");
  const of = (field: string) => (Number(new RegExp(`^${field}:\\s+(\\d+)`, "m").exec(rollup)?.[1]) / 1024).toFixed(1);
  return `${of("Pss")} MB PSS (${of("Pss_Anon")} of its own)`;
}

const device = await startServingDevice();
const folder = process.argv[2];
if (folder === undefined) {
  await device.serve(buildTinyClassifier());
} else {
  const manifest = bundleManifestSchema.parse(JSON.parse(await readFile(join(folder, "bundle.json"), "utf8")));
  const bundle = { bundleId: `sha256:${"0".repeat(64)}`, folder, manifest, runtime: manifest.runtime };
  const staged = await device.host.stage(bundle);
  console.log("probe:", JSON.stringify(await staged.probe()));
  await staged.promote();
}
const served = device.host.current();
if (served === undefined) throw new Error("nothing serves");
const { model, modelManifest } = served.bundle.manifest;
const { preprocessing } = modelManifest;
const { width, height } = preprocessing;
const pixels = randomPixels(width, height, 1);
const raw = { raw: { width, height, channels: 3 as const } };
const [png, jpeg] = [await sharp(pixels, raw).png().toBuffer(), await sharp(pixels, raw).jpeg().toBuffer()];
const writer = createImageTensorWriter(preprocessing);
const values = new Float32Array(writer.length);
writer.write(pixels, values);
const shape = preprocessing.layout === "nchw" ? [1, 3, height, width] : [1, height, width, 3];
const input = { name: modelManifest.inputs[0]?.name, shape, datatype: "FP32" };
const json = Buffer.from(JSON.stringify({ inputs: [{ ...input, data: Array.from(values) }] }));
const head = Buffer.from(
  JSON.stringify({
    inputs: [{ ...input, parameters: { binary_data_size: values.byteLength } }],
    parameters: { binary_data_output: true },
  }),
);
const binary = Buffer.concat([head, new Uint8Array(values.buffer)]);
const binaryHeaders = { "inference-header-content-length": String(head.length) };
const [infer, classify] = ["infer", "classify"].map((action) => `${device.url}/v2/models/${model}/${action}`);
const child = () => pss(served.pid ?? 0);

console.log(`model ${model}, ${width} x ${height}; child before its first request: ${await child()}`);
await measure("infer, JSON", () => post(infer ?? "", json, {}));
await measure("infer, binary", () => post(infer ?? "", binary, binaryHeaders));
console.log(`child after tensors only: ${await child()}`);
await measure("classify, PNG", () => post(classify ?? "", png, { "content-type": "image/png" }));
await measure("classify, JPEG", () => post(classify ?? "", jpeg, { "content-type": "image/jpeg" }));
console.log(`child after images: ${await child()}`);
const runs = device.observations.slice(-REQUESTS).map(({ runMs }) => runMs ?? 0);
const service = device.observations.slice(-REQUESTS).map(({ latencyMs }) => latencyMs);
const median = (list: number[]) => (list.sort((a, b) => a - b)[Math.floor(list.length / 2)] ?? 0).toFixed(3);
console.log(
  `inside the device, last route: latency p50 ${median(service)} ms, of which the runtime ${median(runs)} ms`,
);
agent.destroy();
await device.stop();
