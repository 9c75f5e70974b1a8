import { SartorError } from "@sartor/shared/errors";
import type { DesiredState, ReportedError } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it, vi } from "vitest";
import { EventBus } from "../events/index.js";
import { DesiredPublisher } from "./desired-publisher.service.js";
import { RolloutExecutor } from "./rollout-executor.service.js";

const desired = (deviceId: string, generation = 1) =>
  ({ deviceId, generation, deployment: null, telemetry: { windowSeconds: 10 } }) as unknown as DesiredState;

/** Desired states in memory; planning a device makes its next generation. */
class MemoryStates {
  readonly marks = new Set<string>();
  readonly states = new Map<string, { desired: DesiredState; published: boolean; held?: ReportedError }>();
  noteToPlan = async (ids: readonly string[]) => ids.forEach((id) => void this.marks.add(id));
  takeTunings = async () => false;
  variantsTuned = async () => [];
  findToPlan = async () => [...this.marks];
  bundlesFollowed = async () => [];
  plan = async (ids: readonly string[]) => {
    for (const id of ids) {
      this.marks.delete(id);
      const generation = (this.states.get(id)?.desired.generation ?? 0) + 1;
      this.states.set(id, { desired: desired(id, generation), published: false });
    }
  };
  page = async () => [];
  hold = async ({ deviceId }: DesiredState, held: ReportedError) => {
    const state = this.states.get(deviceId);
    if (state !== undefined) state.held = held;
  };
  release = async (deviceId?: string) => {
    for (const [id, state] of this.states) if (deviceId === undefined || id === deviceId) delete state.held;
  };
  signAgain = async (deviceId?: string) => {
    await this.release(deviceId);
    for (const [id, state] of this.states) if (deviceId === undefined || id === deviceId) state.published = false;
  };
  find = async (id: string) => this.states.get(id)?.desired;
  unpublished = async (limit: number, but: readonly string[]) =>
    [...this.states.values()]
      .filter((state) => !state.published && state.held === undefined && !but.includes(state.desired.deviceId))
      .map((state) => state.desired)
      .slice(0, limit);
  markPublished = async (published: readonly DesiredState[]) => {
    for (const { deviceId, generation } of published) {
      const state = this.states.get(deviceId);
      if (state?.desired.generation === generation) state.published = true;
    }
  };
  forget = async (id: string) => {
    this.marks.delete(id);
    this.states.delete(id);
  };
}

/** A director that signs what it may, and tells how often. */
class TestDirector {
  readonly signed: string[] = [];
  /** Why nothing can be signed now. */
  refusal: SartorError | undefined;
  publish = async ({ deviceId, desired: bytes }: { deviceId: string; desired: Uint8Array }) => {
    if (this.refusal !== undefined) throw this.refusal;
    const { generation } = JSON.parse(Buffer.from(bytes).toString("utf8")) as DesiredState;
    this.signed.push(`${deviceId} ${generation}`);
  };
  forget = async (deviceId: string) => {
    this.signed.push(`forget ${deviceId}`);
  };
}

/** A broker whose answers to some devices wait until they are let go. */
class SlowBroker {
  readonly retained = new Map<string, number>();
  readonly log: string[] = [];
  readonly held = new Map<string, PromiseWithResolvers<void>>();
  hold(deviceId: string): void {
    this.held.set(deviceId, Promise.withResolvers());
  }
  publishNudge = async (deviceId: string, generation: number) => {
    this.log.push(`publish ${deviceId}`);
    await this.held.get(deviceId)?.promise;
    this.retained.set(deviceId, generation);
  };
  forget = async (deviceId: string) => {
    this.log.push(`clear ${deviceId}`);
    this.retained.delete(deviceId);
  };
}

function start() {
  const states = new MemoryStates();
  const broker = new SlowBroker();
  const director = new TestDirector();
  const events = new EventBus();
  const overdue: string[] = [];
  const ended: string[] = [];
  const clock = { now: () => 0 };
  const enrolled: string[] = [];
  /** Devices of the one rollout that is to begin, those that have begun, and what happens while their variants are chosen. */
  const wave = { chosen: [] as string[], begun: [] as string[], whileChoosing: () => undefined as unknown };
  const devices = { enrolledIds: async () => [...enrolled], setDesiredGeneration: async () => undefined };
  const settings = { telemetryWindowSeconds: 10 };
  const publisher = new DesiredPublisher(
    states as never,
    { ofVariants: async () => new Map() } as never,
    devices as never,
    { hardwareOf: async () => new Map() } as never,
    director as never,
    broker as never,
    settings as never,
    clock as never,
    events,
  );
  const deployments = {
    findOverdue: async () => [...overdue],
    findLive: async () => [],
    applyToAll: async (ids: readonly string[]) => {
      ended.push(...ids);
      overdue.length = 0;
      return [];
    },
    findToStart: async (_rollout: string, _wave: number, _limit: number, after: string) =>
      wave.chosen.filter((id) => id > after && !wave.begun.includes(id)),
    start: async (_start: unknown, choices: readonly { deviceId: string }[]) => {
      wave.begun.push(...choices.map(({ deviceId }) => deviceId));
      return [];
    },
  };
  const running = { rolloutId: "r1", deadlineMs: 1, state: { status: "running", wave: 0 }, cancelRequested: false };
  const rollouts = {
    findRunning: async () => (wave.chosen.length > 0 && running.state.wave === 0 ? [running] : []),
    countWaves: async () => [{}],
    saveState: async (_id: string, state: typeof running.state) => {
      running.state = state;
    },
  };
  const chooser = {
    of: async () => async (ids: readonly string[]) => {
      wave.whileChoosing();
      return ids.map((deviceId) => ({ deviceId }));
    },
  };
  const executor = new RolloutExecutor(
    rollouts as never,
    deployments as never,
    { announce: async () => undefined } as never,
    publisher,
    chooser as never,
    { endOverdue: async () => undefined } as never,
    { followVerdicts: async () => false, afterSuccesses: async () => false } as never,
    devices as never,
    events,
    clock as never,
    {} as never,
  );
  return { states, broker, director, events, overdue, ended, executor, enrolled, wave };
}

describe("the executor", () => {
  let running: ReturnType<typeof start>;
  afterEach(async () => {
    for (const held of running.broker.held.values()) held.resolve();
    await running.executor.onModuleDestroy();
  });

  it("keeps neither another device nor a deadline waiting for a broker that does not answer", async () => {
    running = start();
    const { broker, events, executor, overdue, ended, states } = running;
    await executor.onApplicationBootstrap();
    broker.hold("stuck");
    await events.emitAndWait("device.enrolled", { deviceId: "stuck", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(broker.log).toContain("publish stuck"));
    overdue.push("late");
    await events.emitAndWait("device.enrolled", { deviceId: "other", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(states.states.get("other")?.published).toBe(true));
    expect(ended).toEqual(["late"]);
    expect(broker.log.filter((line) => line === "publish stuck")).toHaveLength(1);
    expect(states.states.get("stuck")?.published).toBe(false);
  });

  it("never lets an older desired state of a device come after a newer one", async () => {
    running = start();
    const { broker, events, executor, states } = running;
    await executor.onApplicationBootstrap();
    broker.hold("slow");
    await events.emitAndWait("device.enrolled", { deviceId: "slow", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(broker.log).toEqual(["publish slow"]));
    // It reconnects, and meanwhile it shall do something else.
    const reminded = events.emitAndWait("device.connected", { deviceId: "slow", at: 0 });
    await events.emitAndWait("device.enrolled", { deviceId: "slow", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(states.states.get("slow")?.desired.generation).toBe(2));
    broker.held.get("slow")?.resolve();
    await reminded;
    executor.kick();
    await vi.waitFor(() => expect(states.states.get("slow")?.published).toBe(true));
    expect(broker.retained.get("slow")).toBe(2);
  });

  it("nudges no device before its order is signed, and all of them once people have signed", async () => {
    running = start();
    const { broker, director, events, executor, states } = running;
    director.refusal = new SartorError("SRT_TRUST_NO_ROOT", "The key ceremony was not held yet.");
    await executor.onApplicationBootstrap();
    await events.emitAndWait("device.enrolled", { deviceId: "one", name: "", emulated: false, at: 0 });
    await events.emitAndWait("device.enrolled", { deviceId: "two", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(states.states.get("two")?.held?.code).toBe("SRT_TRUST_NO_ROOT"));
    await events.emitAndWait("device.connected", { deviceId: "one", at: 0 });
    expect(broker.retained.size).toBe(0);
    director.refusal = undefined;
    await events.emitAndWait("signing.published", { models: [] });
    await vi.waitFor(() => expect(broker.retained.size).toBe(2));
    expect(director.signed.sort()).toEqual(["one 1", "two 1"]);
  });

  it("holds no order back that was signed while it was being refused", async () => {
    running = start();
    const { director, events, executor, states } = running;
    await executor.onApplicationBootstrap();
    const refused = Promise.withResolvers<void>();
    const publish = director.publish;
    director.publish = async () => {
      director.publish = publish;
      await refused.promise;
      throw new SartorError("SRT_TRUST_UNSIGNED", "The bundle is not signed.");
    };
    await events.emitAndWait("device.enrolled", { deviceId: "late", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(director.publish).toBe(publish));
    await events.emitAndWait("signing.published", { models: [] });
    refused.resolve();
    await vi.waitFor(() => expect(states.states.get("late")?.held).toBeUndefined());
    executor.kick();
    await vi.waitFor(() => expect(states.states.get("late")?.published).toBe(true));
  });

  it("signs orders again when people signed something, and wakes no device for the same order", async () => {
    running = start();
    const { broker, director, events, executor, states } = running;
    await executor.onApplicationBootstrap();
    await events.emitAndWait("device.enrolled", { deviceId: "one", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(states.states.get("one")?.published).toBe(true));
    await events.emitAndWait("signing.published", { models: ["road-sign"] });
    await vi.waitFor(() => expect(director.signed).toEqual(["one 1", "one 1"]));
    await vi.waitFor(() => expect(states.states.get("one")?.published).toBe(true));
    expect(broker.log).toEqual(["publish one"]);
  });

  it("leaves nothing of a removed device behind, in the database or on the broker, whatever is under way", async () => {
    running = start();
    const { broker, events, executor, states } = running;
    await executor.onApplicationBootstrap();
    broker.hold("gone");
    await events.emitAndWait("device.enrolled", { deviceId: "gone", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(broker.log).toEqual(["publish gone"]));
    // A session has just begun: its reminder waits for its turn.
    const reminded = events.emitAndWait("device.connected", { deviceId: "gone", at: 0 });
    const removed = events.emitAndWait("device.deleted", { deviceId: "gone" });
    await vi.waitFor(() => expect(states.states.has("gone")).toBe(false));
    broker.held.get("gone")?.resolve();
    await removed;
    expect(broker.log.at(-1)).toBe("clear gone");
    await reminded;
    expect(running.director.signed.at(-1)).toBe("forget gone");
    // A report that was on its way asks for a plan, and a late session for a reminder.
    await states.noteToPlan(["gone"]);
    await events.emitAndWait("device.connected", { deviceId: "gone", at: 0 });
    await events.emitAndWait("device.enrolled", { deviceId: "next", name: "", emulated: false, at: 0 });
    await vi.waitFor(() => expect(states.states.get("next")?.published).toBe(true));
    expect(states.states.has("gone")).toBe(false);
    expect([...broker.retained.keys()]).toEqual(["next"]);
  });

  it("begins nothing on a device that was removed after the rollout was ordered, or just now", async () => {
    running = start();
    const { events, executor, enrolled, wave } = running;
    wave.chosen = ["device-1", "device-2", "device-3", "device-4"];
    enrolled.push("device-1", "device-3", "device-4");
    wave.whileChoosing = () => events.emit("device.deleted", { deviceId: "device-3" });
    await executor.onApplicationBootstrap();
    await vi.waitFor(() => expect(wave.begun).toContain("device-4"));
    expect(wave.begun).toEqual(["device-1", "device-4"]);
  });
});
