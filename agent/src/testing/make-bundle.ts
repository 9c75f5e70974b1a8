import { createHash } from "node:crypto";
import { SartorError } from "@sartor/shared/errors";
import type { BundleManifest } from "@sartor/shared/protocol";
import type { BundleSource, ChunkContent, DeltaReply, DeltaRequest, OrderedBundle } from "../ota/index.js";

/** A complete bundle in memory, for unit tests of the rooms that move bundles and never look into the model. */
export interface TestBundle {
  readonly bundleId: string;
  readonly bytes: Uint8Array;
  /** Length of the manifest, as an order names it. */
  readonly manifestBytes: number;
  readonly manifest: BundleManifest;
  readonly chunks: ReadonlyMap<string, Uint8Array>;
}

const digestOf = (bytes: Uint8Array) => `sha256:${createHash("sha256").update(bytes).digest("hex")}`;

/** Makes a bundle whose files hold bytes derived from `seed`; equal seeds give equal bundles. */
export function makeBundle(seed: number, chunkBytes = 1000, modelBytes = 3500): TestBundle {
  const chunks = new Map<string, Uint8Array>();
  const files = (["golden.safetensors", "model.onnx"] as const).map((name, file) => {
    const content = new Uint8Array(modelBytes - file).map(
      (_, index) => (index * 31 + seed * 17 + file + (index >> 8)) & 0xff,
    );
    const refs = [];
    for (let at = 0; at < content.byteLength; at += chunkBytes) {
      const chunk = content.slice(at, at + chunkBytes);
      chunks.set(digestOf(chunk), chunk);
      refs.push({ digest: digestOf(chunk), bytes: chunk.byteLength });
    }
    return { name, bytes: content.byteLength, digest: digestOf(content), chunks: refs };
  });
  const manifest: BundleManifest = {
    schemaVersion: 1,
    model: "road-sign",
    version: `1.0.${seed}`,
    variant: {
      name: "fp32",
      kind: "fp32",
      golden: { absoluteTolerance: 0.001, relativeTolerance: 0.001, minimumTopOneAgreement: 1 },
    },
    runtime: {
      adapter: "onnxruntime-node",
      executionProviders: ["cpu"],
      intraOpThreads: 1,
      graphOptimizationLevel: "all",
      sessionConfig: {},
      providerOptions: {},
    },
    modelManifest: {
      schemaVersion: 1,
      name: "road-sign",
      version: `1.0.${seed}`,
      task: "image-classification",
      description: "",
      inputs: [{ name: "image", dataType: "FP32", shape: [-1, 3, 32, 32] }],
      outputs: [{ name: "logits", dataType: "FP32", shape: [-1, 2] }],
      labels: ["one", "two"],
      preprocessing: {
        kind: "image",
        width: 32,
        height: 32,
        colorOrder: "rgb",
        layout: "nchw",
        mean: [0, 0, 0],
        standardDeviation: [1, 1, 1],
      },
      postprocessing: { kind: "softmax" },
      golden: { absoluteTolerance: 0.01, relativeTolerance: 0.01, minimumTopOneAgreement: 1 },
      evaluation: [],
    },
    entry: { model: "model.onnx", golden: "golden.safetensors" },
    files,
    totalBytes: files.reduce((sum, file) => sum + file.bytes, 0),
  };
  return bundleWith(manifest, chunks);
}

/** The same files under another manifest: another bundle. */
export function twinOf({ chunks }: Pick<TestBundle, "chunks">, manifest: BundleManifest): TestBundle {
  return bundleWith(manifest, chunks);
}

function bundleWith(manifest: BundleManifest, chunks: ReadonlyMap<string, Uint8Array>): TestBundle {
  const bytes = new TextEncoder().encode(JSON.stringify(manifest));
  return { bundleId: digestOf(bytes), bytes, manifestBytes: bytes.byteLength, manifest, chunks };
}

/** A source in memory that counts what it sends and misbehaves when `disturb` says so. */
export class MemoryBundleSource implements BundleSource {
  readonly #bundles: ReadonlyMap<string, TestBundle>;
  readonly requested: string[] = [];
  sentBytes = 0;
  /** May throw, or change a piece, before it is sent. */
  disturb: (piece: Uint8Array) => Uint8Array = (piece) => piece;
  /** Requests for differences, in their order. */
  readonly asked: DeltaRequest[] = [];
  /** What they are answered. */
  answerDelta: (request: DeltaRequest) => DeltaReply = () => ({ kind: "none", reason: "none is offered" });

  constructor(...bundles: TestBundle[]) {
    this.#bundles = new Map(bundles.map((bundle) => [bundle.bundleId, bundle]));
  }

  async fetchManifest({ bundleId }: OrderedBundle): Promise<{ bytes: Uint8Array; manifest: BundleManifest }> {
    const bundle = this.#bundles.get(bundleId);
    if (bundle === undefined) throw new SartorError("SRT_BUNDLE_UNKNOWN", `no ${bundleId}`);
    return { bytes: bundle.bytes, manifest: bundle.manifest };
  }

  async openDelta(request: DeltaRequest): Promise<DeltaReply> {
    this.asked.push(request);
    return this.answerDelta(request);
  }

  async openChunk({ digest }: { digest: string }, offset: number): Promise<ChunkContent> {
    this.requested.push(`${digest}@${offset}`);
    const chunk = [...this.#bundles.values()]
      .map(({ chunks }) => chunks.get(digest))
      .find((found) => found !== undefined);
    if (chunk === undefined) throw new SartorError("SRT_DOWNLOAD_FAILED", `no ${digest}`);
    const send = (piece: Uint8Array) => {
      const sent = this.disturb(piece);
      this.sentBytes += sent.byteLength;
      return sent;
    };
    const pieces = async function* () {
      for (let at = offset; at < chunk.byteLength; at += 300)
        yield send(chunk.slice(at, Math.min(at + 300, chunk.byteLength)));
    };
    return { body: pieces() };
  }
}
