import { readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { tuningReportSchema } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { buildTinyClassifier, bundleOf, type TinyBundle, type TinyModelOptions } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { orderOf, startTuningDevice, type TuningDevice } from "./tuning-device.js";

const SIDE = 8;
/** So many that a bundle is several chunks. */
const CLASSES = 16_000;
const TUNED_WITHIN_MS = 240_000;

/** Half a core: measuring takes long enough to be met in the middle, on any machine. */
const GENTLY = { budget: { maximumCpuShare: 0.5 / availableParallelism() } };

/** A way to run the same version: the same answers, at another cost. */
function variant(name: string, options: TinyModelOptions = {}, threads = 1): TinyBundle {
  const model = buildTinyClassifier({ name: "tiny", version: "1.0.0", width: SIDE, height: SIDE, ...options });
  return bundleOf(model, { intraOpThreads: threads }, { name });
}

const slow = variant("slow", { spinIterations: 8 });
const quick = variant("quick");
const slower = variant("slower", { spinIterations: 12 });
/** Signed, and gone from the server. */
const lost = variant("lost", { seed: 3 });
const letter = bundleOf(
  { ...buildTinyClassifier({ name: "tiny", width: SIDE, height: SIDE }), onnx: new TextEncoder().encode("a letter") },
  {},
  { name: "letter" },
);
const wrong = (() => {
  const options = { name: "tiny", version: "1.0.0", width: SIDE, height: SIDE };
  const { golden } = buildTinyClassifier({ ...options, seed: 7 });
  return bundleOf({ ...buildTinyClassifier(options), golden }, {}, { name: "wrong" });
})();

/** Asks the device's endpoint again and again, as a camera does, and counts what was not answered. */
function askAllTheTime(endpoint: string) {
  const data = Array.from({ length: 3 * SIDE * SIDE }, (_, index) => Math.sin(index));
  const body = JSON.stringify({ inputs: [{ name: "image", datatype: "FP32", shape: [1, 3, SIDE, SIDE], data }] });
  const headers = { "content-type": "application/json" };
  let running = true;
  const answers: { status: number; outputs: string }[] = [];
  const loop = (async () => {
    while (running) {
      const response = await fetch(`${endpoint}/v2/models/tiny/infer`, { method: "POST", headers, body });
      const { outputs } = (await response.json()) as { outputs?: unknown };
      answers.push({ status: response.status, outputs: JSON.stringify(outputs) });
      await new Promise((resolve) => setTimeout(resolve, 100));
    }
  })();
  return async () => {
    running = false;
    await loop;
    return answers;
  };
}

/** Processes whose parent is that one. */
function childrenOf(pid: number): number[] {
  return readFileSync(`/proc/${pid}/task/${pid}/children`, "utf8").trim().split(/\s+/).filter(Boolean).map(Number);
}

function isAlive(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch {
    return false;
  }
}

describe("a device that is told to measure other ways to run its model", () => {
  let device: TuningDevice;
  afterEach(() => device?.stop());

  const report = (count = 1) =>
    waitFor(
      "the tuning to be reported",
      () => device.reports().length >= count && device.reports()[count - 1],
      TUNED_WITHIN_MS,
    );
  const step = (wanted: string) =>
    waitFor(`the tuning to be ${wanted}`, () => device.reported()?.tuning?.step === wanted, TUNED_WITHIN_MS);

  it("measures them beside what serves, which answers all the while, reports once, and keeps nothing but its choice", async () => {
    device = await startTuningDevice([slow, quick, slower]);
    await device.deploy(slow);
    await device.serving(slow);
    const stopAsking = askAllTheTime(device.endpoint);
    const order = orderOf([quick, slower]);
    await device.order(order);
    const sent = await report();
    expect(tuningReportSchema.parse(sent)).toMatchObject({
      tuningId: order.tuningId,
      sequence: 1,
      trigger: "ordered",
      status: "succeeded",
      error: null,
      model: "tiny",
      incumbent: { bundleId: slow.bundleId, variant: "slow" },
      verdict: { decision: "switch", candidateId: "quick" },
    });
    const result = (id: string) => sent.results.find(({ candidateId }) => candidateId === id);
    expect(result("quick")).toMatchObject({ outcome: "measured", providerVerified: true, golden: { passed: true } });
    expect(result("quick")?.runs).toBeGreaterThanOrEqual(64);
    expect(result("quick")?.peakMemoryBytes).toBeGreaterThan(0);
    expect(result("slower")?.outcome).toMatch(/measured|eliminated/);
    await step("done");
    await waitFor("the candidates to be tidied up", () => device.candidates().length === 1);
    expect(device.candidates()).toEqual([quick.bundleId.slice("sha256:".length)]);
    expect(childrenOf(device.agent.pid)).toHaveLength(1);

    const answers = await stopAsking();
    expect(answers.length).toBeGreaterThan(0);
    expect(answers.filter(({ status }) => status !== 200)).toEqual([]);
    expect(new Set(answers.map(({ outputs }) => outputs)).size).toBe(1);
    expect(device.reported()?.serving).toMatchObject({ state: "ready", bundleId: slow.bundleId, restarts: 0 });

    // What was chosen is deployed from what lies here: nothing crosses the line again. Then nothing of the tuning is left.
    const before = device.bundles.sentChunks.length;
    await device.deploy(quick);
    await device.serving(quick);
    expect(device.bundles.sentChunks.length).toBe(before);
    await device.order(null);
    await waitFor("the folder of candidates to be empty", () => device.candidates().length === 0);
    await waitFor("the report to say so", () => device.reported()?.tuning === null);
    expect(device.reports()).toHaveLength(1);
  }, 300_000);

  it("gives the measuring up when a deployment comes, and takes it up again afterwards", async () => {
    device = await startTuningDevice([slow, quick, slower]);
    await device.deploy(slow);
    await device.serving(slow);
    await device.order(orderOf([quick], GENTLY));
    await step("measuring");
    await device.deploy(slower, undefined, 2_000);
    await waitFor("the deployment to be proved", () => device.reported()?.deployment?.step === "probing");
    expect(device.reported()?.tuning?.step).toBe("waiting");
    expect(device.reports()).toEqual([]);
    await device.serving(slower);
    const sent = await report();
    expect(sent).toMatchObject({
      status: "succeeded",
      incumbent: { bundleId: slower.bundleId },
      verdict: { decision: "switch", candidateId: "quick" },
    });
    expect(device.reports()).toHaveLength(1);
  }, 300_000);

  it("begins anew after it was killed in the middle, serves meanwhile, and reports once", async () => {
    device = await startTuningDevice([slow, quick]);
    await device.deploy(slow);
    await device.serving(slow);
    await device.order(orderOf([quick], GENTLY));
    await step("measuring");
    const sentChunks = device.bundles.sentChunks.length;
    const orphans = childrenOf(device.agent.pid);
    expect(orphans.length).toBeGreaterThan(1);
    await device.killAndRestart();
    await waitFor("the killed agent's children to be gone", () => !orphans.some(isAlive));
    const sent = await report();
    expect(sent).toMatchObject({ status: "succeeded", sequence: 1, verdict: { candidateId: "quick" } });
    expect(device.reported()?.serving).toMatchObject({ state: "ready", bundleId: slow.bundleId });
    expect(device.bundles.sentChunks.length).toBe(sentChunks);
    // It stands in the order in force still: it is not measured again.
    await device.killAndRestart();
    await step("done");
    expect(device.reports()).toHaveLength(1);
  }, 300_000);

  it("begins anew after it was killed while it fetched, without what is there already", async () => {
    // Another seed: none of its chunks lies in the slot.
    const large = variant("large", { classes: CLASSES, seed: 2 });
    device = await startTuningDevice([slow, large]);
    await device.deploy(slow);
    await device.serving(slow);
    const former = device.bundles.sentChunks.length;
    const release = device.bundles.holdAfter(2);
    await device.order(orderOf([large]));
    await waitFor("two chunks to be sent", () => device.bundles.sentChunks.length === former + 2);
    await waitFor("both to be on the disk", () => (device.reported()?.tuning?.progress ?? 0) > 0);
    await device.killAndRestart();
    release();
    expect(await report()).toMatchObject({ status: "succeeded", sequence: 1 });
    const sent = device.bundles.sentChunks.slice(former);
    expect(sent.length).toBeGreaterThan(2);
    expect(new Set(sent).size).toBe(sent.length);
    expect(device.reports()).toHaveLength(1);
  }, 300_000);

  it("refuses what does not load, what gives wrong answers and what needs another runtime, each by its code", async () => {
    const triton = { ...variant("triton", { seed: 1, classes: 12 }) };
    device = await startTuningDevice([quick, letter, wrong, triton], [lost]);
    await device.deploy(quick);
    await device.serving(quick);
    const order = orderOf([letter, wrong, triton, lost]);
    const candidates = order.candidates.map((candidate) =>
      candidate.candidateId === "triton"
        ? { ...candidate, runtime: { ...candidate.runtime, adapter: "triton" as const } }
        : candidate,
    );
    await device.order({ ...order, candidates });
    const sent = await report();
    const codes = Object.fromEntries(sent.results.map(({ candidateId, error }) => [candidateId, error?.code]));
    expect(codes).toMatchObject({
      letter: "SRT_MODEL_NOT_ONNX",
      wrong: "SRT_PROBE_FAILED",
      triton: "SRT_PROVIDER_UNAVAILABLE",
      lost: "SRT_BUNDLE_UNKNOWN",
    });
    expect(sent.results.filter(({ error }) => error !== null).map(({ outcome }) => outcome)).toEqual(
      Array(4).fill("refused"),
    );
    expect(sent.verdict?.decision ?? "keep").toBe("keep");
    expect(device.reported()?.serving).toMatchObject({ state: "ready", bundleId: quick.bundleId });
  }, 300_000);

  it("measures nothing more once nothing is ordered any more", async () => {
    device = await startTuningDevice([slow, quick]);
    await device.deploy(slow);
    await device.serving(slow);
    await device.order(orderOf([quick], GENTLY));
    await step("measuring");
    await device.order(null);
    await waitFor("the tuning to be over", () => device.reported()?.tuning === null);
    await waitFor("its processes to be gone", () => childrenOf(device.agent.pid).length === 1);
    await waitFor("the folder of candidates to be empty", () => device.candidates().length === 0);
    expect(device.reports().every(({ status }) => status === "canceled")).toBe(true);
  }, 300_000);
});

describe("a device that is told how to run its model", () => {
  let device: TuningDevice;
  afterEach(() => device?.stop());

  it("runs the same bundle with other settings without fetching it again, says so, and keeps them over a restart", async () => {
    device = await startTuningDevice([quick]);
    await device.deploy(quick);
    expect((await device.serving(quick)).serving.intraOpThreads).toBe(1);
    const stopAsking = askAllTheTime(device.endpoint);
    const before = device.bundles.sentChunks.length;
    await device.deploy(quick, { ...quick.manifest.runtime, intraOpThreads: 2 });
    expect((await device.serving(quick)).serving.intraOpThreads).toBe(2);
    expect((await stopAsking()).filter(({ status }) => status !== 200)).toEqual([]);
    expect(device.bundles.sentChunks.length).toBe(before);
    const { bootId } = device.reported()?.agent ?? {};
    await device.killAndRestart();
    const again = await waitFor("the restarted agent to serve", () => {
      const now = device.reported();
      return now?.agent.bootId !== bootId && now?.serving.state === "ready" && now;
    });
    expect(again.serving).toMatchObject({ bundleId: quick.bundleId, intraOpThreads: 2 });
  }, 120_000);

  it("goes on with the settings that it had when it cannot run with others", async () => {
    device = await startTuningDevice([quick]);
    await device.deploy(quick);
    await device.serving(quick);
    await device.deploy(quick, { ...quick.manifest.runtime, adapter: "triton" });
    const refused = await waitFor("the deployment to be refused", () => {
      const now = device.reported();
      return now?.deployment?.status === "failed" && now;
    });
    expect(refused.deployment?.error?.code).toBe("SRT_PROVIDER_UNAVAILABLE");
    expect(refused.serving).toMatchObject({ state: "ready", bundleId: quick.bundleId, intraOpThreads: 1 });
  }, 120_000);
});
