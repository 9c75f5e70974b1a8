import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { WaitingRoom } from "./waiting-room.js";

describe("connections that have not said who they are", () => {
  it("from one address are few, and make place among themselves first", () => {
    const room = new WaitingRoom<string>({ total: 4, perAddress: 2 });
    expect(["b1", "a1", "a2"].map((one) => room.enter(one, one[0] ?? ""))).toEqual([undefined, undefined, undefined]);
    expect(room.enter("a3", "a")).toBe("a1");
    room.leave("a2");
    expect(room.enter("a4", "a")).toBeUndefined();
    expect(room.enter("c1", "c")).toBeUndefined();
    // Full: whoever waited longest.
    expect(room.enter("d1", "d")).toBe("b1");
  });

  it("never keep a newcomer out and never are too many", () => {
    const limits = { total: 8, perAddress: 3 };
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.nat(12), fc.boolean()), { maxLength: 60 }), (arrivals) => {
        const room = new WaitingRoom<number>(limits);
        const waiting = new Map<number, number>();
        arrivals.forEach(([address, leaves], index) => {
          const displaced = room.enter(index, `stranger-${address}`);
          if (displaced !== undefined) waiting.delete(displaced);
          waiting.set(index, address);
          if (leaves) {
            room.leave(index);
            waiting.delete(index);
          }
          expect(room.size).toBe(waiting.size);
          expect(room.size).toBeLessThanOrEqual(limits.total);
          expect([...waiting.values()].filter((other) => other === address).length).toBeLessThanOrEqual(
            limits.perAddress,
          );
        });
      }),
    );
  });
});
