import { readFile } from "node:fs/promises";
import { createRequire } from "node:module";
import type { Inventory } from "@sartor/shared/protocol";
import type { RunCommand } from "../platform/index.js";
import { writeFileDurably } from "../storage/index.js";
import { type ExecutionProviders, probeProviders } from "./host-probe.js";
import { shortText } from "./text.js";

type Runtime = Inventory["runtime"];

/** Remembers the last answer of the providers probe, so that it runs once a version and not at every start. */
export interface ProbeCache {
  read(): Promise<string | undefined>;
  write(text: string): Promise<void>;
}

/** A cache in one file of the state folder. */
export function fileProbeCache(path: string): ProbeCache {
  return {
    read: () => readFile(path, "utf8").catch(() => undefined),
    write: async (text) => writeFileDurably(path, text),
  };
}

export interface RuntimeDependencies {
  readonly agentVersion: string;
  readonly run: RunCommand;
  readonly cache?: ProbeCache;
  /** Told when the probe gave nothing. */
  readonly onProblem?: (problem: string) => void;
}

/** Version of the onnxruntime-node package, read from its package.json: loading the library would cost memory for good. */
async function onnxRuntimeVersion(): Promise<string | undefined> {
  try {
    const path = createRequire(import.meta.url).resolve("onnxruntime-node/package.json");
    const manifest = JSON.parse(await readFile(path, "utf8")) as { version?: unknown };
    return typeof manifest.version === "string" ? shortText(manifest.version) : undefined;
  } catch {
    return undefined;
  }
}

/** A cached answer that belongs to `key`, or undefined; a damaged cache counts as none. */
async function fromCache(cache: ProbeCache | undefined, key: string): Promise<ExecutionProviders | undefined> {
  const text = await cache?.read();
  if (text === undefined) return undefined;
  try {
    const stored = JSON.parse(text) as { key?: unknown; providers?: unknown };
    if (stored.key !== key || !Array.isArray(stored.providers)) return undefined;
    const valid = stored.providers.every(
      (entry) => typeof entry?.name === "string" && typeof entry?.bundled === "boolean",
    );
    return valid ? (stored.providers as ExecutionProviders) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * What runs models here. The providers are those that ONNX Runtime was built with, not those that work: a provider counts as
 * real only after a probe that ran a model on it. An empty list means that the library could not be loaded.
 */
export async function readRuntime(dependencies: RuntimeDependencies): Promise<Runtime> {
  const version = await onnxRuntimeVersion();
  const key = `${version}/${process.version}/${process.arch}`;
  let providers = await fromCache(dependencies.cache, key);
  if (providers === undefined) {
    const answer = await probeProviders(dependencies.run);
    if ("found" in answer) {
      providers = answer.found;
      const kept = dependencies.cache?.write(JSON.stringify({ key, providers }));
      await kept?.catch((error: unknown) => dependencies.onProblem?.(`the answer could not be kept: ${error}`));
    } else {
      dependencies.onProblem?.(answer.problem);
    }
  }
  return {
    agentVersion: dependencies.agentVersion,
    nodeVersion: process.version,
    onnxRuntimeVersion: version ?? "not installed",
    executionProviders: providers ?? [],
  };
}
