import { describe, expect, it } from "vitest";
import { forEachLimited } from "./for-each-limited.js";

const pause = () => new Promise<void>((resolve) => setTimeout(resolve, 1));

describe("work on many items", () => {
  it("touches each once and never more than the limit at the same time", async () => {
    const items = Array.from({ length: 25 }, (_, index) => index);
    const seen: number[] = [];
    let running = 0;
    let most = 0;
    await forEachLimited(
      items,
      3,
      async (item) => {
        running += 1;
        most = Math.max(most, running);
        await pause();
        seen.push(item);
        running -= 1;
      },
      new AbortController().signal,
    );
    expect(seen.sort((a, b) => a - b)).toEqual(items);
    expect(most).toBe(3);
  });

  it("begins nothing new once it was given up", async () => {
    const control = new AbortController();
    const seen: number[] = [];
    const act = async (item: number) => {
      seen.push(item);
      control.abort();
      await pause();
    };
    await forEachLimited([1, 2, 3, 4], 1, act, control.signal);
    expect(seen).toEqual([1]);
  });
});
