import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { Coalescer } from "./coalescer.js";

describe("coalescing changes", () => {
  beforeEach(() => {
    vi.useFakeTimers();
  });
  afterEach(() => {
    vi.useRealTimers();
  });

  it("hands over the newest word on each thing once a window", () => {
    const delivered: (readonly string[])[] = [];
    const coalescer = new Coalescer<string>(250, (changes) => delivered.push(changes));
    coalescer.add("a", "a1");
    vi.advanceTimersByTime(200);
    coalescer.add("b", "b1");
    coalescer.add("a", "a2");
    expect(delivered).toEqual([]);
    vi.advanceTimersByTime(50);
    expect(delivered).toEqual([["a2", "b1"]]);
    vi.advanceTimersByTime(1_000);
    expect(delivered).toHaveLength(1);
    coalescer.add("a", "a3");
    vi.advanceTimersByTime(250);
    expect(delivered).toEqual([["a2", "b1"], ["a3"]]);
  });

  it("says nothing after it was stopped", () => {
    const deliver = vi.fn();
    const coalescer = new Coalescer<string>(250, deliver);
    coalescer.add("a", "a1");
    coalescer.stop();
    vi.advanceTimersByTime(1_000);
    expect(deliver).not.toHaveBeenCalled();
  });
});
