import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { initialPresence, nextPresence, type Presence, type PresenceInput } from "./presence.js";

const after = (...inputs: PresenceInput[]): Presence => inputs.reduce(nextPresence, initialPresence(0));

describe("presence", () => {
  it.each<[string, PresenceInput[], Presence["status"], number]>([
    ["a device that never connected was never seen", [], "never_seen", 0],
    ["a greeting makes it online", [{ type: "online", sessionId: "a", at: 5 }], "online", 5],
    [
      "its last will makes it offline",
      [
        { type: "online", sessionId: "a", at: 5 },
        { type: "offline", sessionId: "a", at: 9 },
      ],
      "offline",
      9,
    ],
    [
      "a will of the session before is stale",
      [
        { type: "online", sessionId: "a", at: 5 },
        { type: "online", sessionId: "b", at: 8 },
        { type: "offline", sessionId: "a", at: 9 },
      ],
      "online",
      5,
    ],
    [
      "a repeated greeting of the session before does not hide the next will",
      [
        { type: "online", sessionId: "a", at: 5 },
        { type: "online", sessionId: "b", at: 6 },
        { type: "online", sessionId: "a", at: 7 },
        { type: "offline", sessionId: "b", at: 9 },
      ],
      "offline",
      9,
    ],
    [
      "the embedded broker's word is enough, greeting or not",
      [
        { type: "connected", at: 3 },
        { type: "disconnected", at: 4 },
      ],
      "offline",
      4,
    ],
    [
      "a stale will does not end a session that the broker sees",
      [
        { type: "online", sessionId: "a", at: 1 },
        { type: "disconnected", at: 2 },
        { type: "connected", at: 3 },
        { type: "online", sessionId: "b", at: 4 },
        { type: "offline", sessionId: "a", at: 5 },
      ],
      "online",
      3,
    ],
  ])("%s", (_title, inputs, status, since) => {
    expect(after(...inputs)).toMatchObject({ status, since });
  });

  it("whatever arrived late before, the newest session's greeting and will decide", () => {
    const input = fc.oneof(
      fc.record({
        type: fc.constantFrom("online" as const, "offline" as const),
        sessionId: fc.constantFrom("a", "b", "c", "d"),
        at: fc.nat(1_000),
      }),
      fc.record({
        type: fc.constantFrom("connected" as const, "disconnected" as const, "heard" as const),
        at: fc.nat(1_000),
      }),
    );
    fc.assert(
      fc.property(fc.array(input, { maxLength: 30 }), (history) => {
        const online = nextPresence(after(...history), { type: "online", sessionId: "new", at: 2_000 });
        expect(online.status).toBe("online");
        const late = ["a", "b", "c", "d"].reduce(
          (state, sessionId) => nextPresence(state, { type: "offline", sessionId, at: 2_001 }),
          online,
        );
        expect(late.status).toBe("online");
        expect(nextPresence(late, { type: "offline", sessionId: "new", at: 2_002 }).status).toBe("offline");
      }),
    );
  });
});
