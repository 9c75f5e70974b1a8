import { describe, expect, it } from "vitest";
import { Gate } from "./gate.js";

describe("a gate", () => {
  it("lets work in up to its limit, has the next wait and turns the rest away", async () => {
    const gate = new Gate({ atOnce: 1, waiting: 1 }, "jobs");
    const first = Promise.withResolvers<string>();
    const order: string[] = [];
    const one = gate.run(() => first.promise);
    const two = gate.run(async () => {
      order.push("two");
      return "two";
    });
    await expect(gate.run(async () => "three")).rejects.toMatchObject({
      code: "SRT_RATE_LIMITED",
      message: "Too many jobs wait already; try again in 10 s.",
      details: { retryAfterSeconds: 10 },
    });
    expect(order).toEqual([]);
    first.resolve("one");
    expect(await Promise.all([one, two])).toEqual(["one", "two"]);
    expect(await gate.run(async () => "four")).toBe("four");
  });

  it("opens again after work that failed", async () => {
    const gate = new Gate({ atOnce: 1, waiting: 1 }, "jobs");
    await expect(gate.run(() => Promise.reject(new Error("no")))).rejects.toThrow("no");
    expect(await gate.run(async () => "again")).toBe("again");
  });
});
