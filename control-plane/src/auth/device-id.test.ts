import { deviceIdSchema } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceIdOf } from "./device-id.js";

describe("a device's id", () => {
  it.each([
    ["Gate 7, left", "gate-7-left-k3m9x2pq"],
    ["Überwachung Süd", "u-berwachung-su-d-k3m9x2pq"],
    ["门口", "device-k3m9x2pq"],
    ["--", "device-k3m9x2pq"],
  ])("of %s is readable", (name, id) => {
    expect(deviceIdOf(name, "k3m9x2pq")).toBe(id);
  });

  it("is a valid topic level, whatever the name", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0x10ffff), { maxLength: 256 }), (codePoints) => {
        const name = String.fromCodePoint(...codePoints);
        expect(deviceIdSchema.safeParse(deviceIdOf(name, "k3m9x2pq")).success).toBe(true);
      }),
    );
  });
});
