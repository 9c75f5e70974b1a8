import { type ErrorCode, SartorError } from "@sartor/shared/errors";
import type { LogEvent } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { createLogger } from "../platform/index.js";
import { ManualClock } from "../testing/manual-clock.js";
import type { OrderResult } from "./metadata/trusted-orders.js";
import { OrderFollower } from "./order-follower.js";

const SECOND = 1_000;
const MINUTE = 60 * SECOND;
const logger = createLogger("error", () => undefined);

const refused = (code: ErrorCode, message = "no"): OrderResult => ({
  outcome: "unchanged",
  reason: new SartorError(code, message),
});

/** A follower over repositories that a test plays. */
class Rig {
  readonly clock = new ManualClock(0);
  readonly ended = new AbortController();
  /** When each refresh began. */
  readonly begun: number[] = [];
  readonly taken: number[] = [];
  readonly told: Pick<LogEvent, "level" | "message" | "code">[] = [];
  refusals = 0;
  isOnline = true;
  running = 0;
  mostAtOnce = 0;
  /** Generation of the order that is there. */
  generation = 1;
  draw = 0.5;
  /** How long a refresh takes, ms. */
  takesMs = 0;
  answer: () => OrderResult = () => this.verified();
  onVerified: () => void = () => undefined;
  readonly follower: OrderFollower;
  readonly run: Promise<void>;

  constructor(generation = 0, periodMs?: number) {
    this.follower = new OrderFollower({
      refresh: (signal) => this.#refresh(signal),
      generation,
      onVerified: ({ desired }) => {
        this.onVerified();
        this.taken.push(desired.generation);
      },
      onRefusal: () => {
        this.refusals += 1;
      },
      tell: (event) => this.told.push(event),
      isOnline: () => this.isOnline,
      clock: this.clock,
      logger,
      random: () => this.draw,
      ...(periodMs === undefined ? {} : { periodMs }),
    });
    this.run = this.follower.run(this.ended.signal);
  }

  verified(generation = this.generation): OrderResult {
    const desired = { generation } as never;
    return { outcome: "verified", order: { desired, bundles: new Map() } };
  }

  async #refresh(signal: AbortSignal): Promise<OrderResult> {
    this.begun.push(this.clock.monotonic());
    this.running += 1;
    this.mostAtOnce = Math.max(this.mostAtOnce, this.running);
    try {
      if (this.takesMs > 0) await this.clock.sleep(this.takesMs, signal);
      return this.answer();
    } finally {
      this.running -= 1;
    }
  }

  /** Lets time pass in small steps, so that whatever is due on the way happens when it is. */
  async pass(milliseconds: number, step = 250): Promise<void> {
    for (let left = milliseconds; left > 0; left -= step) await this.clock.pass(Math.min(step, left));
    await this.clock.pass(0);
  }

  /** How long after the last refresh began each of these did. */
  gaps(): number[] {
    return this.begun.slice(1).map((at, index) => at - (this.begun[index] ?? 0));
  }

  async stop(): Promise<void> {
    this.ended.abort();
    await this.run;
  }
}

describe("a device that follows its orders", () => {
  it("looks at its start, and from then on every quarter of an hour, a fifth earlier or later, though nobody says anything", async () => {
    for (const [draw, minutes] of [
      [0, 12],
      [0.5, 15],
      [0.999999, 18],
    ] as const) {
      const rig = new Rig();
      rig.draw = draw;
      await rig.pass(0);
      expect(rig.begun).toEqual([0]);
      await rig.pass(60 * MINUTE, SECOND);
      expect(new Set(rig.gaps())).toEqual(new Set([minutes * MINUTE]));
      await rig.stop();
    }
  });

  it("looks at once when it hears of something new, and soon, spread over the fleet, when it hears of what it knows", async () => {
    const rig = new Rig(7);
    rig.generation = 7;
    await rig.pass(5 * SECOND);
    rig.generation = 8;
    rig.follower.nudge({ generation: 8 });
    await rig.pass(0);
    expect(rig.begun).toEqual([0, 5 * SECOND]);
    expect(rig.taken).toEqual([7, 8]);
    rig.draw = 0.75;
    rig.follower.nudge({ generation: 8 });
    await rig.pass(30 * SECOND);
    expect(rig.begun).toEqual([0, 5 * SECOND, 20 * SECOND]);
    await rig.stop();
  });

  it("looks after each connect: soon where all was well, almost at once where it was not", async () => {
    const rig = new Rig();
    await rig.pass(5 * SECOND);
    rig.follower.noteConnected();
    await rig.pass(30 * SECOND);
    expect(rig.begun).toEqual([0, 15 * SECOND]);
    rig.answer = () => refused("SRT_TRUST_UNREACHABLE");
    rig.follower.nudge({ generation: 2 });
    await rig.pass(0);
    expect(rig.follower.refusal?.code).toBe("SRT_TRUST_UNREACHABLE");
    rig.answer = () => rig.verified();
    rig.follower.noteConnected();
    await rig.pass(2 * SECOND);
    expect(rig.follower.refusal).toBeNull();
    await rig.stop();
  });

  it("answers all hints that come during a refresh with one more, and never looks twice at once", async () => {
    const rig = new Rig();
    rig.takesMs = 10 * SECOND;
    await rig.pass(SECOND);
    for (let generation = 1; generation <= 100; generation++) rig.follower.nudge({ generation });
    rig.generation = 100;
    await rig.pass(60 * SECOND);
    expect(rig.begun).toEqual([0, 11 * SECOND]);
    expect(rig.mostAtOnce).toBe(1);
    await rig.stop();
  });

  it("is not driven by a flood of false hints: each that brings nothing makes the next pause longer, up to a minute", async () => {
    const rig = new Rig();
    await rig.pass(SECOND);
    let claimed = 1;
    for (let second = 0; second < 300; second++) {
      for (let time = 0; time < 20; time++) rig.follower.nudge({ generation: ++claimed });
      await rig.pass(SECOND, SECOND);
    }
    // 1, 2, 4, ... 32 s, then 60 s apart.
    expect(rig.begun.length).toBeLessThanOrEqual(13);
    expect(Math.max(...rig.gaps())).toBeLessThanOrEqual(61 * SECOND);
    // Quiet again, it believes each true one at once, however high the false ones were.
    await rig.pass(20 * MINUTE, SECOND);
    for (let generation = 2; generation < 12; generation++) {
      await rig.pass(2 * SECOND);
      const before = rig.begun.length;
      rig.generation = generation;
      rig.follower.nudge({ generation });
      await rig.pass(0);
      expect(rig.begun.length).toBe(before + 1);
      expect(rig.taken.at(-1)).toBe(generation);
    }
    await rig.stop();
  });

  it("is not driven by a flood of old hints either: many add up neither to an earlier look nor to a later one", async () => {
    const rig = new Rig(5);
    rig.generation = 5;
    rig.draw = 0.5;
    await rig.pass(SECOND);
    for (let second = 0; second < 300; second++) {
      for (let time = 0; time < 20; time++) {
        rig.follower.nudge({ generation: time % 6 });
        // Only the first hint after a look draws when it is answered.
        rig.draw = (time + 1) / 20;
      }
      rig.draw = 0.5;
      await rig.pass(SECOND, SECOND);
    }
    expect(rig.begun.length).toBeGreaterThan(20);
    expect(Math.min(...rig.gaps().slice(1))).toBeGreaterThanOrEqual(10 * SECOND);
    expect(Math.max(...rig.gaps())).toBeLessThanOrEqual(12 * SECOND);
    await rig.stop();
  });

  it("tries again after a failure, later and later, up to five minutes, and spread", async () => {
    for (const draw of [0, 0.999999]) {
      const rig = new Rig();
      rig.draw = draw;
      rig.answer = () => refused("SRT_TRUST_UNREACHABLE");
      await rig.pass(30 * MINUTE, SECOND / 2);
      const share = draw === 0 ? 0.5 : 1;
      const expected = [5, 10, 20, 40, 80, 160, 300, 300].map((seconds) => seconds * SECOND * share);
      for (const [index, wait] of expected.entries()) {
        expect(rig.gaps()[index]).toBeGreaterThanOrEqual(wait - 1);
        expect(rig.gaps()[index]).toBeLessThanOrEqual(wait + SECOND / 2);
      }
      await rig.stop();
    }
  });

  it("waits for a key ceremony quietly, a minute at most between two looks", async () => {
    const rig = new Rig();
    rig.draw = 0.999999;
    rig.answer = () => refused("SRT_TRUST_NO_ROOT");
    await rig.pass(30 * MINUTE, SECOND / 2);
    expect(Math.max(...rig.gaps())).toBeLessThanOrEqual(61 * SECOND);
    expect(rig.follower.refusal).toMatchObject({ code: "SRT_TRUST_NO_ROOT", since: 0 });
    expect(rig.told).toEqual([]);
    expect(rig.refusals).toBe(1);
    rig.answer = () => rig.verified();
    rig.follower.nudge({ generation: 1 });
    await rig.pass(61 * SECOND);
    expect(rig.taken).toEqual([1]);
    expect(rig.follower.refusal).toBeNull();
    expect([rig.refusals, rig.told]).toEqual([2, []]);
    await rig.stop();
  });

  it("whose period is shorter than the usual pause looks as often as its period says", async () => {
    const rig = new Rig(0, 200);
    await rig.pass(10 * SECOND, 10);
    expect(Math.max(...rig.gaps())).toBeLessThanOrEqual(250);
    expect(Math.min(...rig.gaps())).toBeGreaterThanOrEqual(200);
    await rig.stop();
  });

  it("never waits longer after a failure than it would have without one", async () => {
    const rig = new Rig(0, 2 * SECOND);
    rig.answer = () => refused("SRT_TRUST_EXPIRED");
    await rig.pass(MINUTE);
    expect(Math.max(...rig.gaps())).toBeLessThanOrEqual(2 * SECOND);
    await rig.stop();
  });
});

describe("why a device does not follow its orders", () => {
  it("is told once, with when it began, and that it is over", async () => {
    const rig = new Rig();
    rig.answer = () => refused("SRT_TRUST_UNSIGNED", `not signed at ${rig.clock.now()}`);
    await rig.pass(20 * MINUTE, SECOND);
    expect(rig.follower.refusal).toMatchObject({ code: "SRT_TRUST_UNSIGNED", since: 0 });
    expect(rig.refusals).toBe(1);
    expect(rig.told).toMatchObject([{ level: "error", code: "SRT_TRUST_UNSIGNED" }]);
    rig.answer = () => refused("SRT_TRUST_ROLLBACK");
    await rig.pass(5 * MINUTE, SECOND);
    expect(rig.follower.refusal?.code).toBe("SRT_TRUST_ROLLBACK");
    expect(rig.follower.refusal?.since).toBeGreaterThan(19 * MINUTE);
    expect(rig.refusals).toBe(2);
    rig.answer = () => rig.verified();
    await rig.pass(5 * MINUTE, SECOND);
    expect(rig.follower.refusal).toBeNull();
    expect(rig.refusals).toBe(3);
    expect(rig.told.map(({ level, code }) => [level, code])).toEqual([
      ["error", "SRT_TRUST_UNSIGNED"],
      ["error", "SRT_TRUST_ROLLBACK"],
      ["info", undefined],
    ]);
    await rig.stop();
  });

  it("is no news while the line is bad for a moment, or while there is no line at all", async () => {
    const rig = new Rig();
    rig.isOnline = false;
    rig.answer = () => refused("SRT_TRUST_UNREACHABLE");
    await rig.pass(60 * MINUTE, SECOND);
    expect(rig.told).toEqual([]);
    rig.answer = () => rig.verified();
    await rig.pass(6 * MINUTE, SECOND);
    expect(rig.follower.refusal).toBeNull();
    rig.isOnline = true;
    rig.answer = () => refused("SRT_TRUST_UNREACHABLE");
    rig.follower.nudge({ generation: 9 });
    await rig.pass(20 * SECOND);
    expect(rig.told).toEqual([]);
    await rig.pass(10 * MINUTE, SECOND);
    expect(rig.told).toMatchObject([{ level: "warning", code: "SRT_TRUST_UNREACHABLE" }]);
    await rig.stop();
  });

  it("may be the device's own disk: that is told and tried again like the rest", async () => {
    const rig = new Rig();
    rig.onVerified = () => {
      throw Object.assign(new Error("ENOSPC: no space left on device"), { code: "ENOSPC", syscall: "write" });
    };
    await rig.pass(0);
    expect(rig.follower.refusal).toMatchObject({
      code: "SRT_STATE_UNUSABLE",
      message: expect.stringContaining("ENOSPC"),
    });
    rig.onVerified = () => undefined;
    await rig.pass(6 * SECOND);
    expect(rig.follower.refusal).toBeNull();
    expect(rig.taken).toEqual([1]);
    rig.answer = () => {
      throw Object.assign(new Error("database or disk is full"), { code: "ERR_SQLITE_ERROR" });
    };
    rig.follower.nudge({ generation: 2 });
    await rig.pass(SECOND);
    expect(rig.follower.refusal?.code).toBe("SRT_STATE_UNUSABLE");
    await rig.stop();
  });

  it("fits a report, however long the message is", async () => {
    const rig = new Rig();
    rig.answer = () => refused("SRT_TRUST_METADATA_INVALID", "x".repeat(100_000));
    await rig.pass(0);
    expect(rig.follower.refusal?.message.length).toBe(2048);
    await rig.stop();
  });
});

describe("the loop that follows orders", () => {
  it("ends at once when it is stopped, asleep or in the middle of a refresh, and says nothing of it", async () => {
    const asleep = new Rig();
    await asleep.pass(SECOND);
    await asleep.stop();
    const busy = new Rig();
    busy.takesMs = 10 * MINUTE;
    await busy.pass(SECOND);
    expect(busy.running).toBe(1);
    await busy.stop();
    expect(busy.running).toBe(0);
    for (const rig of [asleep, busy]) {
      expect(rig.told).toEqual([]);
      expect(rig.follower.refusal).toBeNull();
    }
    expect(busy.taken).toEqual([]);
  });

  it("takes nothing of a refresh that ended as it was stopped", async () => {
    const rig = new Rig();
    rig.answer = () => {
      rig.ended.abort();
      return rig.verified();
    };
    await rig.run;
    expect(rig.taken).toEqual([]);
  });

  it("outlasts whatever is thrown on its way", async () => {
    const told: string[] = [];
    const clock = new ManualClock(0);
    const ended = new AbortController();
    let looks = 0;
    const follower = new OrderFollower({
      refresh: async () => {
        looks += 1;
        throw new TypeError("a mistake of ours");
      },
      generation: 0,
      onVerified: () => undefined,
      onRefusal: () => {
        throw new Error("no report today");
      },
      tell: () => {
        throw new Error("no event today");
      },
      isOnline: () => true,
      clock,
      logger: createLogger("error", (line) => told.push(line)),
      random: () => 0,
    });
    const run = follower.run(ended.signal);
    for (let time = 0; time < 40; time++) await clock.pass(SECOND);
    expect(looks).toBeGreaterThan(3);
    expect(follower.refusal?.code).toBe("SRT_INTERNAL");
    ended.abort();
    await expect(run).resolves.toBeUndefined();
  });

  it("keeps its promises whatever comes: one at a time, a pause between two, and never longer without a look than the period", async () => {
    const event = fc.oneof(
      fc.record({ type: fc.constant("nudge" as const), generation: fc.nat(20) }),
      fc.record({ type: fc.constant("connect" as const) }),
      fc.record({ type: fc.constant("pass" as const), seconds: fc.nat(90) }),
      fc.record({ type: fc.constant("takes" as const), seconds: fc.nat(8) }),
      fc.record({
        type: fc.constant("answer" as const),
        code: fc.constantFrom<ErrorCode | undefined>(undefined, "SRT_TRUST_EXPIRED", "SRT_TRUST_NO_ROOT"),
      }),
      fc.record({ type: fc.constant("publish" as const), generation: fc.nat(20) }),
      fc.record({ type: fc.constant("draw" as const), draw: fc.double({ min: 0, max: 0.999, noNaN: true }) }),
    );
    await fc.assert(
      fc.asyncProperty(fc.array(event, { maxLength: 25 }), async (events) => {
        const period = 2 * MINUTE;
        const rig = new Rig(0, period);
        const ends: number[] = [];
        const answer = rig.answer;
        let code: ErrorCode | undefined;
        rig.answer = () => {
          ends.push(rig.clock.monotonic());
          return code === undefined ? answer() : refused(code);
        };
        for (const now of events) {
          if (now.type === "nudge") rig.follower.nudge(now);
          else if (now.type === "connect") rig.follower.noteConnected();
          else if (now.type === "takes") rig.takesMs = now.seconds * SECOND;
          else if (now.type === "answer") code = now.code;
          else if (now.type === "publish") rig.generation = Math.max(rig.generation, now.generation);
          else if (now.type === "draw") rig.draw = now.draw;
          else await rig.pass(now.seconds * SECOND, SECOND);
        }
        await rig.pass(3 * MINUTE, SECOND);
        expect(rig.mostAtOnce).toBe(1);
        for (const [index, at] of rig.begun.slice(1).entries()) {
          expect(at - (ends[index] ?? 0)).toBeGreaterThanOrEqual(SECOND);
          expect(at - (ends[index] ?? 0)).toBeLessThanOrEqual(1.2 * period + SECOND);
        }
        // What was verified last is in force, unless it is refused just now.
        expect(rig.taken).toEqual(rig.taken.toSorted((a, b) => a - b));
        if (code === undefined) expect(rig.taken.at(-1)).toBe(rig.generation);
        await rig.stop();
      }),
      { numRuns: 40 },
    );
  });
});
