import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, startFleet } from "../support/fleet.js";
import { buildTinyClassifier } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

/** How soon the control plane's view must agree with the device after a restart, ms. */
const AGREES_WITHIN_MS = 30_000;
const SIDE = 8;
const CLASSES = 4_000;

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
    ] as const) {
      const { onnx, manifest, golden } = await model(version, seed);
      await fleet.register({ onnx, manifest, golden });
    }
    await fleet.rollOut("tiny", "1.0.0");
    const endpoint = await fleet.serving("1.0.0");
    answers.set("1.0.0", (await ask(endpoint)).outputs);
  }, 120_000);
  afterAll(() => fleet?.stop());

  /** Whole means: it answers as one version answers, to the number, and that version is the one the control plane names. */
  async function expectOneWholeBundle(versions: readonly string[]): Promise<string> {
    const endpoint = await waitFor(
      "the device to serve after its restart",
      async () => {
        const { reported, presence } = await fleet.device();
        return (
          presence.status === "online" &&
          reported?.agent.startedAt !== undefined &&
          reported.serving.state === "ready" &&
          reported.serving.endpoint
        );
      },
      AGREES_WITHIN_MS,
    );
    const { version, outputs } = await waitFor("an answer", () => ask(endpoint), AGREES_WITHIN_MS);
    expect(versions).toContain(version);
    const known = answers.get(version);
    if (known === undefined) answers.set(version, outputs);
    else expect(outputs).toEqual(known);
    return version;
  }

  it("during a download: serves the old bundle at once, then finishes without fetching what it had", async () => {
    fleet.httpLine.setRate(60_000);
    const rolloutId = await fleet.rollOut("tiny", "2.0.0");
    await waitFor("a third of the download", async () => {
      const deployment = (await fleet.device()).reported?.deployment;
      return deployment?.step === "downloading" && (deployment.progress?.doneBytes ?? 0) > 0;
    });
    const before = fleet.httpLine.downBytes;
    await fleet.agent.kill();
    await fleet.restartAgent();
    expect(await expectOneWholeBundle(["1.0.0"])).toBe("1.0.0");
    fleet.httpLine.setRate(undefined);
    await fleet.serving("2.0.0");
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status === "succeeded");
    expect(await expectOneWholeBundle(["2.0.0"])).toBe("2.0.0");
    const total = (await fleet.device()).reported?.deployment?.progress?.totalBytes ?? 0;
    // Only what was under way when it was killed is fetched again: a chunk at most, and the manifest.
    expect(fleet.httpLine.downBytes - before).toBeLessThan(total + 400_000);
  }, 120_000);

  it("during activation and probe: serves the old or the new bundle whole, and ends with the new one", async () => {
    const rolloutId = await fleet.rollOut("tiny", "3.0.0", { probe: { soakSeconds: 4 } });
    await waitFor("the new bundle to be probed", async () => {
      const step = (await fleet.device()).reported?.deployment?.step;
      return step === "activating" || step === "probing";
    });
    await fleet.agent.kill();
    await fleet.restartAgent();
    await expectOneWholeBundle(["2.0.0", "3.0.0"]);
    await fleet.serving("3.0.0");
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status === "succeeded");
  }, 120_000);

  it("while serving: serves the same bundle again, and the control plane agrees", async () => {
    await fleet.agent.kill();
    await fleet.restartAgent();
    expect(await expectOneWholeBundle(["3.0.0"])).toBe("3.0.0");
    const { reported } = await fleet.device();
    expect(reported?.slots.active?.version).toBe("3.0.0");
  }, 120_000);

  it("at random moments of a deployment: always one whole bundle, and the deployment comes to its end", async () => {
    const rolloutId = await fleet.rollOut("tiny", "4.0.0", { probe: { soakSeconds: 1 } });
    for (const pause of [150, 400, 900]) {
      await new Promise((resolve) => setTimeout(resolve, pause));
      await fleet.agent.kill();
      await fleet.restartAgent();
      await expectOneWholeBundle(["3.0.0", "4.0.0"]);
    }
    await waitFor("the rollout to end", async () => (await fleet.rollout(rolloutId)).status !== "running", 60_000);
    const { status, deployments } = await fleet.rollout(rolloutId);
    const version = await expectOneWholeBundle(["3.0.0", "4.0.0"]);
    expect(version).toBe(status === "succeeded" ? "4.0.0" : "3.0.0");
    if (status !== "succeeded") expect(deployments[0]?.error?.code).toBe("SRT_PROBE_LOOP");
  }, 120_000);
});
