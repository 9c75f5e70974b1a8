import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type Logger, systemClock } from "@sartor/agent/platform";
import {
  type InferenceObservation,
  InferenceServer,
  ModelHost,
  type RuntimeSettings,
  type StagedModel,
} from "@sartor/agent/runtime";
import type { RuntimeSettings as VariantSettings } from "@sartor/shared/protocol";
import { type TinyBundle, type TinyModel, writeSlot } from "../support/tiny-model.js";

/** A real host with real children behind a real endpoint. */
export interface ServingDevice {
  readonly host: ModelHost;
  readonly url: string;
  readonly observations: InferenceObservation[];
  /** Bundle ids of serving children that ended by themselves. */
  readonly crashes: string[];
  /** Writes a slot with the model and stages it. */
  stage(model: TinyModel, variant?: Partial<VariantSettings>): Promise<StagedModel>;
  /** Stages and promotes. */
  serve(model: TinyModel, variant?: Partial<VariantSettings>): Promise<TinyBundle>;
  /** Folder of the slot that was written last. */
  slotFolder(): string;
  stop(): Promise<void>;
}

const silent: Logger = { debug: () => undefined, info: () => undefined, warn: () => undefined, error: () => undefined };

export async function startServingDevice(settings: Partial<RuntimeSettings> = {}): Promise<ServingDevice> {
  const folder = await mkdtemp(join(tmpdir(), "sartor-runtime-"));
  const observations: InferenceObservation[] = [];
  const crashes: string[] = [];
  const host = new ModelHost({
    clock: systemClock,
    logger: silent,
    settings,
    onCrash: (bundleId) => crashes.push(bundleId),
  });
  const server = new InferenceServer({
    host,
    listen: { host: "127.0.0.1", port: 0 },
    logger: silent,
    clock: systemClock,
    agentVersion: "0.1.0",
    onInference: (observation) => observations.push(observation),
  });
  let slots = 0;
  const slotFolder = () => join(folder, `slot-${slots}`);
  const write = async (model: TinyModel, variant: Partial<VariantSettings> = {}) => {
    slots++;
    const bundle = await writeSlot(slotFolder(), model, variant);
    return { bundle, staged: await host.stage({ ...bundle, folder: slotFolder(), runtime: bundle.manifest.runtime }) };
  };
  return {
    host,
    url: await server.start(),
    observations,
    crashes,
    slotFolder,
    stage: async (model, variant) => (await write(model, variant)).staged,
    serve: async (model, variant) => {
      const { bundle, staged } = await write(model, variant);
      await staged.promote();
      return bundle;
    },
    stop: async () => {
      await server.stop();
      await host.stop();
      await rm(folder, { recursive: true, force: true });
    },
  };
}

/** An answer of the endpoint, with its JSON. */
export interface JsonReply {
  readonly status: number;
  // biome-ignore lint/suspicious/noExplicitAny: tests read what the endpoint says, whatever it is.
  readonly body: any;
}

export async function getJson(url: string): Promise<JsonReply> {
  const response = await fetch(url);
  return { status: response.status, body: await response.json() };
}

export async function postJson(
  url: string,
  body: unknown,
  headers: Readonly<Record<string, string>> = {},
): Promise<JsonReply> {
  const raw = typeof body === "string" || body instanceof Uint8Array;
  const response = await fetch(url, {
    method: "POST",
    body: raw ? (body as NonNullable<RequestInit["body"]>) : JSON.stringify(body),
    headers: { "content-type": "application/json", ...headers },
  });
  return { status: response.status, body: await response.json() };
}

export async function postImage(url: string, image: Uint8Array, type = "image/png"): Promise<JsonReply> {
  return postJson(url, image, { "content-type": type });
}

/** Waits until `condition` holds; fails after ten seconds. */
export async function eventually(condition: () => boolean | Promise<boolean>, what: string): Promise<void> {
  for (let turn = 0; turn < 500; turn++) {
    if (await condition()) return;
    await systemClock.sleep(20);
  }
  throw new Error(`this never happened: ${what}`);
}
