import { setTimeout as sleep } from "node:timers/promises";
import { seededRandom } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";
import { MESSAGE_FAULTS, type MessageFault } from "./messages-line.js";
import { ANSWER_FAULTS, type AnswerFault, sendBadly } from "./network-answers.js";
import type { NetworkFleet } from "./network-fleet.js";

/** What a cycle may do to the line. */
export const NETWORK_FAULTS = [
  "drop",
  "corrupt",
  "half-open",
  "flapping",
  "partition",
  ...ANSWER_FAULTS,
  ...MESSAGE_FAULTS,
] as const;
export type NetworkFault = (typeof NETWORK_FAULTS)[number];

/** How long the faults of a cycle go on at most, ms; then the line is good, and what was ordered has to be done. */
const LONGEST_MS = 20_000;
/** By then a good line has brought every device what was ordered: back-off of a minute, and then all of it. */
const SETTLED_WITHIN_MS = 180_000;
/** Flaps come every 1 to 60 s in the field: here they are that much quicker. */
const FLAP_SCALE = 20;

/** What a run of cycles saw. */
export interface NetworkRun {
  readonly seed: number;
  /** Injections that really happened, by fault. */
  readonly injected: Map<NetworkFault, number>;
  /** In words; none is what is promised. */
  readonly violations: string[];
  cycles: number;
}

export interface NetworkRunOptions {
  readonly seed: number;
  /** The faults of one cycle after the other, from the first again. */
  readonly faults: readonly NetworkFault[];
  readonly cycles: number;
  /** Told after each cycle. */
  readonly onCycle?: (run: NetworkRun, faults: readonly NetworkFault[], milliseconds: number) => void;
  /** Ends the run after the cycle in hand. */
  readonly isOver?: () => boolean;
}

/** Makes cycles: a release, a rollout to every device, and faults on the way of it; after each the promises are looked at. */
export async function runNetworkFaults(fleet: NetworkFleet, options: NetworkRunOptions): Promise<NetworkRun> {
  const { seed, faults, cycles, onCycle, isOver = () => false } = options;
  const random = seededRandom(seed);
  const run: NetworkRun = { seed, injected: new Map(), violations: [], cycles: 0 };
  const watch = watchFloors(fleet, run);
  while (run.cycles < cycles && !isOver()) {
    const fault = faults[run.cycles % faults.length];
    if (fault === undefined) throw new Error("no fault was named");
    const since = performance.now();
    await cycle(fleet, fault, random, run);
    await watch();
    run.cycles += 1;
    onCycle?.(run, [fault], performance.now() - since);
  }
  return run;
}

async function cycle(fleet: NetworkFleet, fault: NetworkFault, random: () => number, run: NetworkRun): Promise<void> {
  const version = await fleet.release();
  const before = await Promise.all(fleet.devices.map((device) => device.answering()));
  const faulty = new AbortController();
  const disturbing = disturb(fleet, fault, random, run, faulty.signal);
  const rolloutId = await fleet.order(version);
  const ended = async () => {
    const { deployments } = await fleet.rollout(rolloutId);
    return deployments.length > 0 && deployments.every(({ status }) => status === "succeeded");
  };
  // Whatever is disturbed, what answers is the old bundle or the new one, all the time.
  const serving = (async () => {
    while (!faulty.signal.aborted) {
      for (const [index, device] of fleet.devices.entries()) {
        const now = await device.answering();
        // Between two models the endpoint may be away for a moment; another bundle may never answer.
        if (now !== undefined && now !== version && now !== before[index]) {
          run.violations.push(`${device.deviceId} answered with ${now} while ${before[index]} became ${version}`);
        }
      }
      await sleep(100);
    }
  })();
  await waitFor(`${version} to be everywhere, or for the faults to be over`, ended, LONGEST_MS).catch(() => undefined);
  faulty.abort();
  await Promise.all([disturbing, serving]);
  await waitFor(`${version} to be everywhere after ${fault}`, ended, SETTLED_WITHIN_MS).catch(async () => {
    const { deployments } = await fleet.rollout(rolloutId);
    const states = deployments.map(({ status, step, error }) => `${status} ${step} ${error?.code ?? ""}`);
    run.violations.push(`after ${fault} the rollout of ${version} did not end: ${states.join("; ")}`);
  });
  await agree(fleet, version, rolloutId, run);
}

/** The two sides say the same, the device answers with what was ordered, and each attempt ended once. */
async function agree(fleet: NetworkFleet, version: string, rolloutId: string, run: NetworkRun): Promise<void> {
  const { deployments, status } = await waitFor("the rollout to end", async () => {
    const now = await fleet.rollout(rolloutId);
    return now.finishedAt !== null && now;
  }).catch(() => fleet.rollout(rolloutId));
  if (status !== "succeeded") run.violations.push(`the rollout of ${version} is ${status}`);
  if (deployments.length !== fleet.devices.length)
    run.violations.push(`${deployments.length} deployments of ${version}`);
  for (const device of fleet.devices) {
    const answer = await waitFor(`${version} to answer`, async () => (await device.answering()) === version).catch(
      () => false,
    );
    if (!answer) run.violations.push(`${device.deviceId} answers with ${await device.answering()}, not ${version}`);
    const agreed = await waitFor("the report", async () => {
      const { reported, presence } = await device.view();
      const own = deployments.find(({ deviceId }) => deviceId === device.deviceId);
      return (
        presence.status === "online" &&
        reported?.serving.version === version &&
        reported.deployment?.deploymentId === own?.deploymentId &&
        reported.deployment?.status === own?.status &&
        reported.ordersRefusal === null &&
        reported.slots.active?.bundleId === own?.bundleId
      );
    }).catch(() => false);
    if (!agreed) {
      const { reported, presence } = await device.view();
      const said = JSON.stringify([presence, reported?.serving, reported?.deployment, reported?.ordersRefusal]);
      run.violations.push(`${device.deviceId} does not agree about ${version}: ${said}`);
    }
  }
}

/** Sees that generations and sequences of reports only rise, and that the redirects led nowhere. */
function watchFloors(fleet: NetworkFleet, run: NetworkRun): () => Promise<void> {
  const generations = new Map<string, number>();
  return async () => {
    for (const device of fleet.devices) {
      const generation = (await device.view()).reported?.generation ?? 0;
      const floor = generations.get(device.deviceId) ?? 0;
      if (generation < floor)
        run.violations.push(`the generation of ${device.deviceId} fell from ${floor} to ${generation}`);
      generations.set(device.deviceId, generation);
    }
    if (fleet.elsewhere.visits() > 0) run.violations.push("a redirect to another host was followed");
  };
}

/** Disturbs until the signal, and leaves the line good. */
async function disturb(
  fleet: NetworkFleet,
  fault: NetworkFault,
  random: () => number,
  run: NetworkRun,
  signal: AbortSignal,
): Promise<void> {
  const count = () => void run.injected.set(fault, (run.injected.get(fault) ?? 0) + 1);
  const { httpsLine, mqttLine, middleman, messages } = fleet;
  const calm = () => {
    for (const line of [httpsLine, mqttLine]) {
      line.heal();
      line.plan = () => undefined;
      line.onInjected = () => undefined;
    }
    middleman.tamper = () => false;
    messages.plan = () => undefined;
    messages.onInjected = () => undefined;
  };
  calm();
  signal.addEventListener("abort", calm, { once: true });
  switch (fault) {
    case "drop":
    case "corrupt":
    case "half-open": {
      const kind = fault === "half-open" ? "freeze" : fault;
      for (const line of [httpsLine, mqttLine]) {
        line.onInjected = (happened) => happened === kind && count();
        // Handshakes are some 3 KiB: most connections get further than that before it happens.
        line.plan = () => ({
          kind,
          afterBytes: Math.floor(3_000 + random() * (line === httpsLine ? 60_000 : 3_000)),
          forMs: 200 + random() * 3_000,
        });
        // Lines that are kept open would never meet it.
        line.cut();
        line.heal();
      }
      return;
    }
    case "flapping":
    case "partition": {
      const lines = fault === "partition" ? [httpsLine, mqttLine] : [random() < 0.7 ? httpsLine : mqttLine];
      for (const line of lines) line.onInjected = (happened) => happened === "cut" && count();
      while (!signal.aborted) {
        const scale = fault === "partition" ? 3 : FLAP_SCALE;
        await sleep((1_000 + random() * 9_000) / FLAP_SCALE, undefined, { signal }).catch(() => undefined);
        if (signal.aborted) return;
        for (const line of lines) line.cut();
        await sleep((1_000 + random() * 9_000) / scale, undefined, { signal }).catch(() => undefined);
        for (const line of lines) line.heal();
      }
      return;
    }
    case "duplicated":
    case "reordered":
    case "stale":
      messages.onInjected = count;
      messages.plan = (): MessageFault | undefined => (random() < 0.7 ? fault : undefined);
      return;
    default:
      middleman.tamper = answersBadly(fault, fleet.elsewhere.url, random, count);
  }
}

/** Answers in a bad way now and then; never so that a content that is damaged each time would have to be given up for good. */
function answersBadly(fault: AnswerFault, elsewhere: string, random: () => number, count: () => void) {
  const damaged = new Map<string, number>();
  const asked = new Map<string, number>();
  return (path: string, answer: Parameters<typeof sendBadly>[1], response: Parameters<typeof sendBadly>[2]) => {
    if (answer.status >= 300 || answer.body.byteLength < 2) return false;
    const times = asked.get(path) ?? 0;
    asked.set(path, times + 1);
    // Metadata that fails is asked for again after 5 s and more: now and then is enough. Content comes again at once.
    const isContent = path.startsWith("/api/v1/chunks/") || path.includes("/delta?");
    if (random() > (isContent ? 0.7 : 0.15)) return false;
    if (fault === "corrupted content" || fault === "other content under another ETag") {
      const before = damaged.get(path) ?? 0;
      // Three times in a row the same damage is a damaged source: the deployment fails for good, and rightly.
      if (before >= 1) return false;
      damaged.set(path, before + 1);
    }
    count();
    return sendBadly(fault, answer, response, random, elsewhere);
  };
}

/** Counts in a table's lines. */
export function countsOf({ injected }: NetworkRun): string[] {
  return [...injected].map(([fault, count]) => `${fault.padEnd(36)} ${count}`);
}
