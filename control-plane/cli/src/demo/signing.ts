import { randomBytes } from "node:crypto";
import type { ModelVersionView } from "@sartor/shared/protocol";
import type { ApiClient } from "../api-client.js";
import { counted } from "../commands/format.js";
import { AUTOMATIC_WARNING, signerWithUnattendedKeys, TrustApi } from "../keys/index.js";
import { pollUntil } from "./poll.js";
import type { Progress } from "./progress.js";

const SIGNED_WITHIN_MS = 60_000;

/** Holds the demo's key ceremony in a folder of its own, and from then on signs whatever the control plane offers, until the signal. */
export async function signByItself(
  api: ApiClient,
  folder: string,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const trust = new TrustApi(api);
  const held = (await trust.status()).ready;
  const signer = await signerWithUnattendedKeys({ api: () => trust, folder, random: randomBytes, now: Date.now });
  await signer.ceremony();
  if (!held) progress.say(`key ceremony held; the keys lie in ${folder}`);
  progress.say(AUTOMATIC_WARNING);
  void signer.run(signal, (error) =>
    progress.say(`signing failed and is tried again: ${error instanceof Error ? error.message : error}`),
  );
}

/** Waits until everything that is offered of a version is signed: what is not, no device believes. */
export async function untilSigned(
  api: ApiClient,
  { model, version }: Pick<ModelVersionView, "model" | "version">,
  progress: Progress,
  signal: AbortSignal,
): Promise<void> {
  const trust = new TrustApi(api);
  const { bundles } = await pollUntil(
    {
      what: `the signatures of ${model} ${version}`,
      withinMs: SIGNED_WITHIN_MS,
      ask: () => trust.version(model, version),
      isDone: (now) => now.bundles.length > 0 && now.bundles.every(({ signed }) => signed !== null),
    },
    signal,
  );
  progress.say(`${counted(bundles.length, "bundle")} of ${model} ${version} signed`);
}
