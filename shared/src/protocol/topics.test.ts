import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { deviceIdSchema } from "./primitives.js";
import { DOWNLINK_KINDS, mayPublish, maySubscribe, parseTopic, topicOf, UPLINK_KINDS, uplinkFilter } from "./topics.js";

const deviceId = fc.stringMatching(/^[a-z0-9][a-z0-9-]{2,62}$/);
const kind = fc.constantFrom(...UPLINK_KINDS, ...DOWNLINK_KINDS);

describe("topics", () => {
  it("are what the protocol page says", () => {
    expect(topicOf("dev-1", "telemetry")).toBe("sartor/v1/dev-1/telemetry");
    expect(uplinkFilter("events")).toBe("sartor/v1/+/events");
  });

  it("come apart into what they were made of", () => {
    fc.assert(
      fc.property(deviceId, kind, (id, k) => {
        expect(deviceIdSchema.safeParse(id).success).toBe(true);
        expect(parseTopic(topicOf(id, k))).toEqual({ deviceId: id, kind: k });
      }),
    );
  });

  it("let a device publish to its own uplink topics and nothing else", () => {
    fc.assert(
      fc.property(deviceId, deviceId, kind, (own, other, k) => {
        expect(mayPublish(own, topicOf(own, k))).toBe((UPLINK_KINDS as readonly string[]).includes(k));
        if (own !== other) expect(mayPublish(own, topicOf(other, k))).toBe(false);
      }),
    );
  });

  it("let a device subscribe to what is for it and nothing else", () => {
    fc.assert(
      fc.property(deviceId, deviceId, kind, (own, other, k) => {
        expect(maySubscribe(own, topicOf(own, k))).toBe((DOWNLINK_KINDS as readonly string[]).includes(k));
        if (own !== other) expect(maySubscribe(own, topicOf(other, k))).toBe(false);
      }),
    );
  });

  it.each([
    "#",
    "+",
    "sartor/v1/+/desired",
    "sartor/v1/#",
    "sartor/v1/dev-1/#",
    "sartor/v1/dev-1/+",
    "sartor/v1/dev-1/desired/",
    "/sartor/v1/dev-1/desired",
    "sartor/v2/dev-1/desired",
    "$share/group/sartor/v1/dev-1/desired",
    "$SYS/broker/uptime",
    "sartor/v1//desired",
    "sartor/v1/dev-1/toString",
    "",
  ])("grant nothing for %j", (topic) => {
    expect([mayPublish("dev-1", topic), maySubscribe("dev-1", topic)]).toEqual([false, false]);
  });

  it("never take an arbitrary string for another device's topic", () => {
    fc.assert(
      fc.property(
        fc.array(fc.constantFrom("sartor", "v1", "v2", "dev-1", "+", "#", "", "events", "desired", "a"), {
          maxLength: 6,
        }),
        (levels) => {
          const parsed = parseTopic(levels.join("/"));
          if (parsed !== undefined) expect(topicOf(parsed.deviceId, parsed.kind)).toBe(levels.join("/"));
        },
      ),
    );
  });
});
