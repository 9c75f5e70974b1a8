import fc from "fast-check";
import { expect, it } from "vitest";
import { PacketPace } from "./packet-pace.js";

it("whoever waits as it is told sends no more than its pace, however it bursts", () => {
  fc.assert(
    fc.property(
      fc.integer({ min: 10, max: 6_000 }),
      fc.array(fc.tuple(fc.nat(500), fc.nat(2_000)), { maxLength: 100 }),
      (perMinute, chunks) => {
        const pace = new PacketPace(perMinute);
        let now = 0;
        let sent = 0;
        for (const [packets, pause] of chunks) {
          now += pause + pace.take("a", packets, now + pause);
          sent += packets;
          expect(sent).toBeLessThanOrEqual(perMinute + (now / 60_000) * perMinute + 1e-6);
        }
        expect(pace.take("b", 1, now)).toBe(0);
      },
    ),
  );
});
