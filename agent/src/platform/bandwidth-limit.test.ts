import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { BandwidthLimit } from "./bandwidth-limit.js";

const never = new AbortController().signal;

describe("a limit of the bandwidth", () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  it("is kept by all transfers together, over any stretch of time", async () => {
    const limit = new BandwidthLimit(100_000, Date.now);
    const start = Date.now();
    let taken = 0;
    const transfer = async (pieces: number, bytes: number) => {
      for (let piece = 0; piece < pieces; piece++) {
        await limit.take(bytes, never);
        taken += bytes;
        // A quarter of a second ahead, and what a timer is early.
        expect(taken).toBeLessThanOrEqual(100 * (Date.now() - start) + 25_000 + 100);
      }
    };
    const transfers = Promise.all([transfer(50, 10_000), transfer(20, 16_384), transfer(200, 1_000)]);
    await vi.runAllTimersAsync();
    await transfers;
    const seconds = (Date.now() - start) / 1_000;
    expect(taken / seconds).toBeGreaterThan(95_000);
  });

  it("waits for nothing where there is none, and for nobody who gave up", async () => {
    await new BandwidthLimit(undefined).take(1e12, never);
    const control = new AbortController();
    const waiting = new BandwidthLimit(1_000, Date.now).take(1e9, control.signal);
    control.abort(new Error("stopped"));
    await expect(waiting).rejects.toThrow("stopped");
  });
});
