import type { DeviceDetail, ReportedState, RolloutDetail } from "@sartor/shared/protocol";
import { topicOf } from "@sartor/shared/protocol";
import {
  type AttackedDevice,
  COUNTER,
  first,
  GENERATION,
  second,
  startAttackedDevice,
} from "../attacks/attacked-device.js";
import type { RunningControlPlane } from "../support/control-plane.js";
import { connectDevice, enrol, rest } from "../support/enrolled-device.js";
import { reported } from "../support/messages.js";
import { readOrder } from "../support/orders.js";
import { seededRandom } from "../support/tiny-model.js";
import { waitFor } from "../support/wait-for.js";

export interface MessagesRun {
  readonly seed: number;
  readonly injected: Map<string, number>;
  readonly violations: string[];
}

interface Options {
  readonly seed: number;
  /** Messages, or restarts, at least. */
  readonly injections: number;
  readonly onProgress?: (run: MessagesRun) => void;
}

const total = ({ injected }: MessagesRun) => [...injected.values()].reduce((sum, count) => sum + count, 0);
const counter =
  (run: MessagesRun) =>
  (fault: string, by = 1) =>
    void run.injected.set(fault, (run.injected.get(fault) ?? 0) + by);

/** A device whose broker forgets, repeats, invents and mixes up hints, and is killed: its orders come true all the same. */
export async function runNudgeFaults(device: AttackedDevice, options: Options): Promise<MessagesRun> {
  const random = seededRandom(options.seed);
  const run: MessagesRun = { seed: options.seed, injected: new Map(), violations: [] };
  const count = counter(run);
  const { deviceId } = device.trust;
  let generation = device.reported()?.generation ?? GENERATION;
  let releases = COUNTER + generation;
  const hints = async (times: number) => {
    for (let index = 0; index < times; index++) {
      const draw = random();
      const [fault, claimed] =
        draw < 0.4
          ? (["nudge duplicated", generation] as const)
          : draw < 0.8
            ? (["nudge stale", Math.floor(random() * generation)] as const)
            : (["nudge too early", generation + 1 + Math.floor(random() * 3)] as const);
      await device.broker.publishNudge(deviceId, claimed);
      count(fault);
    }
  };
  while (total(run) < options.injections && run.violations.length === 0) {
    await hints(150);
    const bundle = device.reported()?.serving.bundleId === first.bundleId ? second : first;
    generation += 1;
    releases += 1;
    device.orderHonestly(bundle, generation, releases);
    await hints(50);
    const now = await device.serving(bundle).catch(() => device.reported());
    if (now?.generation !== generation || now.serving.bundleId !== bundle.bundleId || now.ordersRefusal !== null) {
      run.violations.push(`order ${generation} was not followed: ${JSON.stringify(now)}`);
    }
    const generations = device.broker.of("reported").map((report) => (report as unknown as ReportedState).generation);
    if (generations.some((value, index) => value < (generations[index - 1] ?? 0))) {
      run.violations.push("a reported generation fell");
    }
    options.onProgress?.(run);
  }
  return run;
}

/** Kills the broker and starts it again, with an order that comes while it is away, each time: no order and no report is lost. */
export async function runBrokerFaults(device: AttackedDevice, options: Options): Promise<MessagesRun> {
  const run: MessagesRun = { seed: options.seed, injected: new Map(), violations: [] };
  const random = seededRandom(options.seed);
  const count = counter(run);
  let generation = device.reported()?.generation ?? GENERATION;
  while (total(run) < options.injections && run.violations.length === 0) {
    const bundle = device.reported()?.serving.bundleId === first.bundleId ? second : first;
    generation += 1;
    const order = () => device.orderHonestly(bundle, generation, COUNTER + 1_000 + generation);
    const isBefore = random() < 0.5;
    if (isBefore) order();
    await device.broker.stop();
    count("broker killed");
    if (!isBefore) order();
    await device.broker.start();
    const now = await device.serving(bundle).catch(() => device.reported());
    if (now?.generation !== generation || now.deployment?.status !== "succeeded") {
      run.violations.push(
        `order ${generation} was lost over a restart of the broker: ${JSON.stringify(now?.deployment)}`,
      );
    }
    const ended = device.broker
      .of("reported")
      .map((report) => (report as unknown as ReportedState).deployment)
      .filter((deployment) => deployment?.bundleId === bundle.bundleId && deployment.status === "failed");
    if (ended.length > 0) run.violations.push("a deployment failed because the broker was away");
    options.onProgress?.(run);
  }
  return run;
}

/** A device with a good line of orders, for {@link runNudgeFaults} and {@link runBrokerFaults}. */
export const startMessagesDevice = (): Promise<AttackedDevice> => startAttackedDevice();

/** A device whose reports arrive twice, late, in any order, and again from former days: the control plane believes the newest. */
export async function runReportFaults(controlPlane: RunningControlPlane, options: Options): Promise<MessagesRun> {
  const random = seededRandom(options.seed);
  const run: MessagesRun = { seed: options.seed, injected: new Map(), violations: [] };
  const count = counter(run);
  const identity = await enrol(controlPlane, "device with a bad broker");
  const { deviceId } = identity;
  const session = await connectDevice(identity);
  const publish = (report: ReportedState) =>
    session.publishAsync(topicOf(deviceId, "reported"), JSON.stringify(report), { qos: 1 });
  const former: ReportedState[] = [];
  let sequence = 0;
  while (total(run) < options.injections && run.violations.length === 0) {
    const { body } = await rest<{ rolloutId: string }>(controlPlane, "POST", "/api/v1/rollouts", {
      name: "messages",
      model: "tiny",
      version: "1.0.0",
      devices: [deviceId],
      tailoring: { tune: "never" },
    });
    const desired = await waitFor("the order", async () => {
      const order = await readOrder(controlPlane, identity);
      return order?.deployment?.rolloutId === body.rolloutId && order;
    });
    const { deployment, generation } = desired;
    if (deployment === null) throw new Error("unreachable");
    const { bundleId, model, version } = deployment.bundle;
    const steps = ["downloading", "verifying", "installing", "activating", "probing", "committing"] as const;
    const { deploymentId } = deployment;
    const isFailure = random() < 0.3;
    const truth: ReportedState[] = steps.map((step) => {
      sequence += 1;
      const said = { deploymentId, bundleId, attempt: 1, status: "in_progress" as const, step };
      return { ...reported(deviceId, sequence), generation, deployment: said };
    });
    sequence += 1;
    const last: ReportedState = {
      ...reported(deviceId, sequence),
      generation,
      deployment: {
        deploymentId,
        bundleId,
        attempt: 1,
        status: isFailure ? "failed" : "succeeded",
        step: "done",
        ...(isFailure ? { error: { code: "SRT_PROBE_FAILED", message: "It answers wrongly." } } : {}),
      },
      ...(isFailure
        ? {}
        : {
            slots: { active: { slot: "a", bundleId, model, version, variant: "fp32", installedAt: 1 }, inactive: null },
            serving: { state: "ready", bundleId, model, version, variant: "fp32" },
          }),
    };
    truth.push(last);
    // Everything twice, former days in between, all of it in any order.
    const old = Array.from({ length: Math.min(former.length, 12) }, () => former[Math.floor(random() * former.length)]);
    const sent = [...truth, ...truth, ...old.filter((report) => report !== undefined)]
      .map((report) => ({ report, at: random() }))
      .sort((one, other) => one.at - other.at);
    for (const { report } of sent) await publish(report);
    count("report duplicated", truth.length);
    count("report stale", old.length);
    count("report reordered", truth.length);
    const view = await waitFor("the rollout to end", async () => {
      const now = await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${body.rolloutId}`);
      return now.body.finishedAt !== null && now.body;
    }).catch(() => undefined);
    const ended = view?.deployments[0];
    if (ended?.status !== last.deployment?.status) {
      run.violations.push(
        `a deployment that ${last.deployment?.status} is ${ended?.status} ${ended?.step} to the control plane`,
      );
    }
    // What comes after its end, from before it, changes nothing.
    for (const report of truth) await publish(report);
    count("report after the end", truth.length);
    const after = await rest<RolloutDetail>(controlPlane, "GET", `/api/v1/rollouts/${body.rolloutId}`);
    if (JSON.stringify(after.body.deployments) !== JSON.stringify(view?.deployments)) {
      run.violations.push("a stale report changed a deployment that had ended");
    }
    const device = await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${deviceId}`);
    if (device.body.reported?.sequence !== sequence) {
      run.violations.push(`report ${device.body.reported?.sequence} stands in the place of ${sequence}`);
    }
    former.push(...truth);
    former.splice(0, former.length - 500);
    options.onProgress?.(run);
  }
  await session.endAsync();
  return run;
}
