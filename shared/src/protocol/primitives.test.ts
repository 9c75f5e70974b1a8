import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { enrolmentRequestSchema } from "./enrolment.js";
import { deviceEventSchema } from "./events.js";
import { longTextSchema, reportedErrorSchema, shortTextSchema } from "./primitives.js";
import { telemetryWindowSchema } from "./telemetry.js";

const CONTROLS = Array.from({ length: 32 }, (_, code) => String.fromCharCode(code)).concat("\u007f");

describe("text on the wire", () => {
  it.each(CONTROLS.map((character) => [JSON.stringify(character), character]))(
    "a name with %s is refused, prose with it is kept",
    (_name, character) => {
      expect(shortTextSchema.safeParse(`gate${character}7`).success).toBe(false);
      const kept = "\t\n".includes(character) ? character : "\ufffd";
      expect(longTextSchema.parse(`it${character}failed`)).toBe(`it${kept}failed`);
    },
  );

  it("without control characters passes as it is", () => {
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 60 }), (text) => {
        fc.pre(CONTROLS.every((character) => !text.includes(character)) && text.length <= 256);
        expect(shortTextSchema.parse(text)).toBe(text);
        expect(longTextSchema.parse(text)).toBe(text);
      }),
    );
  });

  it("that PostgreSQL cannot hold never reaches a column: names, session ids, stream ids, codes and keys", () => {
    const event = {
      schemaVersion: 1,
      deviceId: "dev-1",
      at: 1,
      type: "presence",
      status: "online",
      reason: "connected",
    };
    const window = {
      schemaVersion: 1,
      deviceId: "dev-1",
      streamId: "s",
      sequence: 1,
      startedAt: 0,
      endedAt: 1,
      inference: { count: 0, errors: {} },
      system: {},
      dropped: 0,
    };
    const token = `${"t".repeat(43)}.${"f".repeat(43)}`;
    const csr = "-----BEGIN CERTIFICATE REQUEST-----\n";
    const enrolment = { schemaVersion: 1, token, csr, emulated: false, hardware: ["linux-x64"] };
    for (const [text, fits] of [
      ["harmless", true],
      ["nul\0inside", false],
    ] as const) {
      const accepted = [
        deviceEventSchema.safeParse({ ...event, sessionId: text }),
        telemetryWindowSchema.safeParse({ ...window, streamId: text }),
        telemetryWindowSchema.safeParse({ ...window, inference: { count: 0, errors: { [text]: 1 } } }),
        reportedErrorSchema.safeParse({ code: text, message: "x" }),
        reportedErrorSchema.safeParse({ code: "x", message: "x", details: { [text]: 1 } }),
        enrolmentRequestSchema.safeParse({ ...enrolment, name: text }),
      ].map((result) => result.success);
      expect(accepted).toEqual(accepted.map(() => fits));
    }
  });

  it("is described in JSON Schema", () => {
    expect(z.toJSONSchema(longTextSchema)).toMatchObject({ type: "string", maxLength: 4096 });
    expect(z.toJSONSchema(shortTextSchema)).toMatchObject({ type: "string", maxLength: 256 });
  });
});
