import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { z } from "zod";
import { describeProblems, parseMessage, printable } from "./compatibility.js";
import { desiredSchema } from "./desired.js";
import { deviceEventSchema } from "./events.js";
import { LIMITS } from "./limits.js";
import { telemetryWindowSchema } from "./telemetry.js";

const bytes = (value: unknown) => new TextEncoder().encode(JSON.stringify(value));
const desired = {
  schemaVersion: 1,
  deviceId: "dev-1",
  generation: 4,
  issuedAt: 1_700_000_000_000,
  deployment: null,
  tuning: null,
  telemetry: { windowSeconds: 60 },
};
const read = (payload: Uint8Array) => parseMessage(desiredSchema, payload, LIMITS.mqttPacketBytes);
const codeOf = (payload: Uint8Array) => {
  const result = read(payload);
  return result.ok ? "ok" : result.error.code;
};

describe("parseMessage", () => {
  it("reads a message that fits", () => {
    expect(read(bytes(desired))).toEqual({ ok: true, value: desired });
  });

  it("is not stopped by fields that a newer peer sends", () => {
    fc.assert(
      fc.property(fc.stringMatching(/^x[a-zA-Z]{1,20}$/), fc.jsonValue(), (name, value) => {
        expect(read(bytes({ ...desired, [name]: value, telemetry: { windowSeconds: 60, [name]: value } })).ok).toBe(
          true,
        );
      }),
    );
  });

  it("says that it does not speak another protocol version, whatever else the message holds", () => {
    for (const schemaVersion of [0, 2, 99]) expect(codeOf(bytes({ schemaVersion }))).toBe("SRT_PROTOCOL_UNSUPPORTED");
  });

  it("refuses what is too long before it reads it", () => {
    expect(codeOf(new Uint8Array(LIMITS.mqttPacketBytes + 1))).toBe("SRT_PACKET_TOO_LARGE");
    const exact = bytes({ ...desired, padding: "" }).byteLength;
    const padded = bytes({ ...desired, padding: " ".repeat(LIMITS.mqttPacketBytes - exact) });
    expect([padded.byteLength, codeOf(padded)]).toEqual([LIMITS.mqttPacketBytes, "ok"]);
  });

  it("refuses text that is not UTF-8, and JSON that is none", () => {
    const broken = new Uint8Array([...new TextEncoder().encode('{"a":"'), 0xff, 0x22, 0x7d]);
    for (const payload of [new Uint8Array(), broken, new TextEncoder().encode('{"a":')]) {
      expect(codeOf(payload)).toBe("SRT_MESSAGE_INVALID");
    }
  });

  it("names a few of the fields that do not fit", () => {
    const result = read(bytes({ ...desired, generation: -1, telemetry: { windowSeconds: 0 } }));
    expect(result.ok ? [] : result.error.details?.problems).toEqual([
      expect.stringMatching(/^generation: /),
      expect.stringMatching(/^telemetry\.windowSeconds: /),
    ]);
    const many = parseMessage(z.object({ list: z.array(z.number()) }), bytes({ list: new Array(1000).fill("x") }), 1e6);
    expect(many.ok ? [] : many.error.details?.problems).toHaveLength(8);
  });

  it("never throws and never lets anything through that is not valid, whatever comes", () => {
    const anything = fc.oneof(
      fc.uint8Array({ maxLength: 300 }),
      fc.json().map((text) => new TextEncoder().encode(text)),
    );
    fc.assert(
      fc.property(
        anything,
        fc.constantFrom(desiredSchema, telemetryWindowSchema, deviceEventSchema),
        (payload, schema) => {
          const result = parseMessage<unknown>(schema, payload, 200);
          if (result.ok) expect(schema.safeParse(result.value).success).toBe(true);
          else
            expect(["SRT_MESSAGE_INVALID", "SRT_PROTOCOL_UNSUPPORTED", "SRT_PACKET_TOO_LARGE"]).toContain(
              result.error.code,
            );
        },
      ),
    );
  });

  it("is not fooled by names that JavaScript knows", () => {
    const polluted = new TextEncoder().encode(
      JSON.stringify(desired).replace(/}$/, ',"__proto__":{"deployment":"evil"},"constructor":{"prototype":{"x":1}}}'),
    );
    expect(read(polluted)).toEqual({ ok: true, value: desired });
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it("survives JSON that is nested as deep as its size allows", () => {
    const depth = LIMITS.mqttPacketBytes / 2;
    const nested = new TextEncoder().encode(`${"[".repeat(depth)}${"]".repeat(depth)}`);
    expect(codeOf(nested)).toBe("SRT_MESSAGE_INVALID");
  });
});

describe("what a stranger wrote", () => {
  it("cannot forge a line of the log, whatever it is", () => {
    const character = fc.oneof(
      fc.constantFrom("\n", "\r", "\u001b", "\u0000", "\u2028", "\u202e", "\u0085"),
      fc.string({ maxLength: 4 }),
    );
    fc.assert(
      fc.property(fc.array(character, { maxLength: 60 }), fc.integer({ min: 8, max: 64 }), (parts, maximum) => {
        const text = printable(parts.join(""), maximum);
        expect(text.length).toBeLessThanOrEqual(maximum);
        expect(text).not.toMatch(/[\p{Cc}\p{Zl}\p{Zp}\u202a-\u202e]/u);
      }),
    );
  });

  it("is left alone when it is harmless", () => {
    expect(printable("Überwachung 7", 64)).toBe("Überwachung 7");
    expect(printable("12345678", 8)).toBe("12345678");
    expect(printable("123456789", 8)).toBe("1234567…");
  });

  it("is quoted and cut where a problem names it", () => {
    const key = `x\nWARN forged\u001b[31m${"y".repeat(5_000)}`;
    const result = z.object({ errors: z.record(z.string(), z.number()) }).safeParse({ errors: { [key]: "no" } });
    const [problem = ""] = describeProblems(result.error as z.ZodError);
    expect(problem).toMatch(/^errors\."x\\nWARN forged\\u001b/);
    expect(problem.length).toBeLessThanOrEqual(128 + 2 + 256);
    expect(problem).not.toMatch(/\p{Cc}/u);
  });
});
