import { watch } from "node:fs";
import { LIMITS } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, startFleet } from "../support/fleet.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** How soon the control plane's view must agree with the device after a restart, ms. */
const AGREES_WITHIN_MS = 30_000;
const SIDE = 8;
/** So many classes that a bundle is several chunks. */
const CLASSES = 16_000;

const model = (version: string, seed: number) =>
  buildTinyClassifier({ name: "tiny", version, seed, classes: CLASSES, width: SIDE, height: SIDE });

/** Asks the device's endpoint; the answer is the raw output of the bundle that serves. */
async function ask(endpoint: string): Promise<{ version: string; outputs: number[] }> {
  const data = Array.from({ length: 3 * SIDE * SIDE }, (_, index) => Math.sin(index));
  const response = await fetch(`${endpoint}/v2/models/tiny/infer`, {
    method: "POST",
    headers: { "content-type": "application/json" },
    body: JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 3, SIDE, SIDE], data }] }),
  });
  const body = (await response.json()) as { model_version: string; outputs: { data: number[] }[] };
  if (!response.ok) throw new Error(JSON.stringify(body));
  return { version: body.model_version, outputs: body.outputs[0]?.data ?? [] };
}

describe("an agent that is killed with SIGKILL", () => {
  let fleet: Fleet;
  const answers = new Map<string, number[]>();

  beforeAll(async () => {
    fleet = await startFleet();
    for (const [version, seed] of [
      ["1.0.0", 1],
      ["2.0.0", 2],
      ["3.0.0", 3],
      ["4.0.0", 4],
      ["5.0.0", 5],
    ] as const) {
      const { onnx, manifest, golden } = await model(version, seed);
      await fleet.register({ onnx, manifest, golden });
    }
    await fleet.rollOut("tiny", "1.0.0");
    const endpoint = await fleet.serving("1.0.0");
    answers.set("1.0.0", (await ask(endpoint)).outputs);
  }, 120_000);
  afterAll(() => fleet?.stop());

  async function killAndRestart(): Promise<void> {
    await fleet.agent.kill();
    await fleet.restartAgent();
  }

  /**
   * Whole means: it answers as one version answers, to the number, and that version is the one that the control plane names, by a
   * report of this boot and not of an earlier one.
   */
  async function expectOneWholeBundle(versions: readonly string[], formerBoot: string): Promise<string> {
    const answer = await waitFor(
      "the control plane's view to agree with what the device answers",
      async () => {
        const { reported, presence } = await fleet.device();
        if (presence.status !== "online" || reported?.serving.endpoint === undefined) return undefined;
        if (reported.agent.bootId === formerBoot || reported.serving.state !== "ready") return undefined;
        const { version, outputs } = await ask(reported.serving.endpoint);
        return version === reported.serving.version ? { version, outputs } : undefined;
      },
      AGREES_WITHIN_MS,
    );
    expect(versions).toContain(answer.version);
    const known = answers.get(answer.version);
    if (known === undefined) answers.set(answer.version, answer.outputs);
    else expect(answer.outputs).toEqual(known);
    return answer.version;
  }

  const bootId = async () => (await fleet.device()).reported?.agent.bootId ?? "";

  it("during a download: serves the old bundle at once, then finishes without fetching what it had", async () => {
    const boot = await bootId();
    fleet.httpLine.setRate(300_000);
    const rolloutId = await fleet.rollOut("tiny", "2.0.0");
    const { doneBytes, totalBytes } = await waitFor("two chunks to be downloaded", async () => {
      const deployment = (await fleet.device()).reported?.deployment;
      const progress = deployment?.step === "downloading" ? deployment.progress : undefined;
      return progress !== undefined && progress.doneBytes > LIMITS.chunkBytes && progress;
    });
    await fleet.agent.kill();
    const before = fleet.httpLine.downBytes;
    // So slow that the download cannot end before the old bundle was seen to serve.
    fleet.httpLine.setRate(10_000);
    await fleet.restartAgent();
    expect(await expectOneWholeBundle(["1.0.0"], boot)).toBe("1.0.0");
    fleet.httpLine.setRate(undefined);
    await fleet.serving("2.0.0");
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status === "succeeded");
    expect(await expectOneWholeBundle(["2.0.0"], boot)).toBe("2.0.0");
    // Only what was missing crosses the line again, and the chunk that was under way when it was killed, and HTTP headers.
    const headers = 20_000;
    expect(fleet.httpLine.downBytes - before).toBeLessThan(totalBytes - doneBytes + LIMITS.chunkBytes + headers);
  }, 120_000);

  it("in the moment of activation: serves the old or the new bundle whole, and ends with the new one", async () => {
    const boot = await bootId();
    const rolloutId = await fleet.rollOut("tiny", "3.0.0");
    await new Promise<void>((resolve) => {
      const watcher = watch(fleet.agent.folder, (_, name) => {
        if (name !== "active") return;
        watcher.close();
        resolve();
      });
    });
    await killAndRestart();
    await expectOneWholeBundle(["2.0.0", "3.0.0"], boot);
    await fleet.serving("3.0.0");
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status === "succeeded");
  }, 120_000);

  it("during probe and soak: serves the old or the new bundle whole, and ends with the new one", async () => {
    const boot = await bootId();
    const rolloutId = await fleet.rollOut("tiny", "4.0.0", { probe: { soakSeconds: 4 } });
    await waitFor(
      "the new bundle to be probed",
      async () => (await fleet.device()).reported?.deployment?.step === "probing",
    );
    await killAndRestart();
    await expectOneWholeBundle(["3.0.0", "4.0.0"], boot);
    await fleet.serving("4.0.0");
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status === "succeeded");
  }, 120_000);

  it("while serving: serves the same bundle again, and the control plane agrees", async () => {
    const boot = await bootId();
    await killAndRestart();
    expect(await expectOneWholeBundle(["4.0.0"], boot)).toBe("4.0.0");
    expect((await fleet.device()).reported?.slots.active?.version).toBe("4.0.0");
  }, 120_000);

  it("at random moments of a deployment: always one whole bundle, and the deployment comes to its end", async () => {
    const rolloutId = await fleet.rollOut("tiny", "5.0.0", { probe: { soakSeconds: 1 } });
    let boot = "";
    for (const pause of [150, 400, 900]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      boot = await bootId();
      await killAndRestart();
      await expectOneWholeBundle(["4.0.0", "5.0.0"], boot);
    }
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status !== "running", 60_000);
    const { status, deployments } = await fleet.rollout(rolloutId);
    const version = await expectOneWholeBundle(["4.0.0", "5.0.0"], boot);
    expect(version).toBe(status === "succeeded" ? "5.0.0" : "4.0.0");
    if (status !== "succeeded") expect(deployments[0]?.error?.code).toBe("SRT_PROBE_LOOP");
  }, 120_000);
});
