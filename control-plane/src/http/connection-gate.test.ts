import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { ConnectionGate } from "./connection-gate.js";

describe("the gate in front of TLS", () => {
  it("never has more handshakes of one address under way than allowed, whatever comes and goes", () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 5 }), fc.array(fc.boolean(), { maxLength: 100 }), (handshakes, comings) => {
        const gate = new ConnectionGate({ perMinute: 1_000, handshakes });
        let underWay = 0;
        for (const comes of comings) {
          if (comes) {
            const refusal = gate.enter("a", 0);
            expect(refusal).toBe(underWay < handshakes ? undefined : "too_many_handshakes");
            if (refusal === undefined) underWay += 1;
          } else if (underWay > 0) {
            gate.handshakeEnded("a");
            underWay -= 1;
          }
        }
      }),
    );
  });

  it("limits how often an address connects, without touching others", () => {
    const gate = new ConnectionGate({ perMinute: 2, handshakes: 10 });
    expect([gate.enter("a", 0), gate.enter("a", 0), gate.enter("a", 0)]).toEqual([
      undefined,
      undefined,
      "too_many_connections",
    ]);
    expect(gate.enter("b", 0)).toBeUndefined();
    expect(gate.enter("a", 30_000)).toBeUndefined();
  });
});
