import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Logger } from "../platform/index.js";
import { NudgeInbox } from "./nudge-inbox.js";

const nudge = (generation: unknown, change: object = {}) =>
  Buffer.from(JSON.stringify({ schemaVersion: 1, deviceId: "dev-1", generation, ...change }));

function inboxWith(onNudge?: (generation: number) => void) {
  const heard: number[] = [];
  const said: string[] = [];
  const note = (message: string) => void said.push(message);
  const logger: Logger = { debug: () => undefined, info: () => undefined, warn: note, error: note };
  const take = onNudge ?? ((generation: number) => void heard.push(generation));
  const inbox = new NudgeInbox({ deviceId: "dev-1", onNudge: ({ generation }) => take(generation), logger });
  return { inbox, heard, said };
}

describe("the inbox of nudges", () => {
  it("passes on every hint, repeats and old ones too: whoever looks finds out what is new", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(), { maxLength: 40 }), (generations) => {
        const { inbox, heard } = inboxWith();
        for (const generation of generations) inbox.receive(nudge(generation));
        expect(heard).toEqual(generations);
      }),
    );
  });

  it("drops what is no nudge of this device, counts it, and says so once", () => {
    const { inbox, heard, said } = inboxWith();
    const garbage = [
      Buffer.from("{"),
      Buffer.from([0xff, 0xfe]),
      Buffer.from("null"),
      nudge(3, { schemaVersion: 2 }),
      nudge(-1),
      nudge("3"),
      nudge(2 ** 53),
      nudge(3, { deviceId: "dev-2" }),
      nudge(3, { padding: "x".repeat(4 * 1024) }),
    ];
    for (const message of garbage) inbox.receive(message);
    expect([inbox.invalid, heard.length, said.length]).toEqual([garbage.length, 0, 1]);
    inbox.receive(nudge(3, { somethingNewer: true }));
    expect(heard).toEqual([3]);
  });

  it("takes nothing that anybody can send for an order: whatever comes, all that is passed on is a number", () => {
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 200 }), fc.json().map(Buffer.from)), (message) => {
        const { inbox, heard } = inboxWith();
        inbox.receive(message);
        for (const generation of heard) expect(Number.isSafeInteger(generation)).toBe(true);
      }),
    );
  });

  it("does nothing when the retained message is deleted", () => {
    const { inbox, heard, said } = inboxWith();
    inbox.receive(Buffer.alloc(0));
    expect([inbox.invalid, heard.length, said.length]).toEqual([0, 0, 0]);
  });

  it("outlasts a hint that cannot be followed", () => {
    const { inbox, said } = inboxWith(() => {
      throw new Error("disk full");
    });
    for (let time = 0; time < 3; time++) inbox.receive(nudge(5));
    expect(said).toHaveLength(3);
    expect(inbox.invalid).toBe(0);
  });
});
