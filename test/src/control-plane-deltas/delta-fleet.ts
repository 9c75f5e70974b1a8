import { nodeDeltaTools } from "@sartor/control-plane/deltas";
import { applyDelta } from "@sartor/shared/domain/delta";
import { type BundleManifest, bundleManifestSchema, deltaPath, type ErrorReply } from "@sartor/shared/protocol";
import { ScriptedDevice } from "../control-plane-models/scripted-device.js";
import type { RunningControlPlane } from "../support/control-plane.js";
import { digestOf, register } from "../support/registering.js";
import type { TinyModel } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** A bundle, and its network. */
export interface KnownBundle {
  readonly bundleId: string;
  readonly manifest: BundleManifest;
  /** Digest of its network. */
  readonly model: string;
  readonly golden: string;
}

/** Registers a version and reads its bundle. */
export async function bundleOf(
  controlPlane: RunningControlPlane,
  device: ScriptedDevice,
  model: TinyModel,
): Promise<KnownBundle> {
  const { status, body } = await register(controlPlane, model);
  if (status !== 201) throw new Error(`not registered: ${status} ${JSON.stringify(body)}`);
  const bundleId = body.variants[0]?.bundleId ?? "";
  const reply = await device.get(`/api/v1/bundles/${bundleId}/manifest`);
  const manifest = bundleManifestSchema.parse(await reply.json());
  const digestOfFile = (name: string) => manifest.files.find((file) => file.name === name)?.digest ?? "";
  return {
    bundleId,
    manifest,
    model: digestOfFile(manifest.entry.model),
    golden: digestOfFile(manifest.entry.golden),
  };
}

/** Address of the difference from networks of some bundles to that of another. */
export function pathOf(to: KnownBundle, from: readonly KnownBundle[]): string {
  return deltaPath(
    to.bundleId,
    to.model,
    from.map(({ model }) => model),
  );
}

/** Asks again as long as the difference is being made. */
export function ask(device: ScriptedDevice, path: string, headers: Record<string, string> = {}): Promise<Response> {
  return waitFor(`an answer to ${path}`, async () => {
    const reply = await device.get(path, headers);
    return reply.status !== 202 && reply;
  });
}

/** Applies a difference as a device does, to the content that it holds by digest. */
export async function apply(
  delta: Uint8Array,
  target: { digest: string; bytes: number },
  held: ReadonlyMap<string, Uint8Array>,
): Promise<Uint8Array> {
  const readBase = async ({ digest }: { digest: string }, offset: number, length: number) => {
    const base = held.get(`sha256:${digest}`);
    if (base === undefined) throw new Error(`the device does not hold ${digest}`);
    return base.subarray(offset, offset + length);
  };
  const expected = { digest: target.digest.slice("sha256:".length), length: target.bytes };
  const pieces: Uint8Array[] = [];
  for await (const piece of applyDelta([delta], readBase, expected, nodeDeltaTools)) pieces.push(piece);
  return Buffer.concat(pieces);
}

/** Downloads a network whole. */
export async function networkOf(
  device: ScriptedDevice,
  { bundleId, manifest, model }: KnownBundle,
): Promise<Uint8Array> {
  const content = (await device.download(bundleId)).files.get(manifest.entry.model) ?? new Uint8Array();
  if (digestOf(content) !== model) throw new Error("not the network");
  return content;
}

/** A counter or gauge of `/metrics`, 0 where it was never counted. */
export async function metric(controlPlane: RunningControlPlane, series: string): Promise<number> {
  const text = await (await fetch(`${controlPlane.httpUrl}/metrics`)).text();
  const line = text.split("\n").find((each) => each.startsWith(`${series} `));
  return line === undefined ? 0 : Number(line.slice(series.length + 1));
}

export const madeOf = (outcome: string) => `sartor_deltas_made_total{outcome="${outcome}"}`;

export const errorOf = async (reply: Response) => {
  const { error } = (await reply.json()) as ErrorReply;
  return { status: reply.status, code: error.code, details: error.details };
};
