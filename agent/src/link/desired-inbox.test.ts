import type { DesiredState } from "@sartor/shared/protocol";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import type { Logger } from "../platform/index.js";
import { DesiredInbox } from "./desired-inbox.js";

const desired = (generation: number, change: object = {}) =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 1,
      deviceId: "dev-1",
      generation,
      issuedAt: 0,
      deployment: null,
      telemetry: { windowSeconds: 10 },
      ...change,
    }),
  );

function inboxWith(knownGeneration = 0, onDesired?: (desired: DesiredState) => void) {
  const generations: number[] = [];
  const warnings: string[] = [];
  const logger: Logger = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void warnings.push(message),
    error: (message) => void warnings.push(message),
  };
  const take = onDesired ?? ((state: DesiredState) => void generations.push(state.generation));
  const inbox = new DesiredInbox({ deviceId: "dev-1", knownGeneration, onDesired: take, logger });
  return { inbox, generations, warnings };
}

describe("DesiredInbox", () => {
  it("lets each generation through once, only ever rising, however messages are repeated and reordered", () => {
    fc.assert(
      fc.property(fc.nat(20), fc.array(fc.nat(40), { maxLength: 60 }), (known, arriving) => {
        const { inbox, generations } = inboxWith(known);
        for (const generation of arriving) inbox.receive(desired(generation));
        expect(generations).toEqual([...new Set(generations)].toSorted((a, b) => a - b));
        const newest = Math.max(...arriving);
        if (newest >= known) expect(generations.at(-1)).toBe(newest);
        else expect(generations).toEqual([]);
        expect(inbox.stale).toBe(arriving.length - generations.length);
      }),
    );
  });

  it("takes the generation that was known before a restart once more, to finish what was half done", () => {
    const { inbox, generations } = inboxWith(7);
    for (const generation of [6, 7, 7]) inbox.receive(desired(generation));
    expect(generations).toEqual([7]);
  });

  it("counts what does not validate and says so once", () => {
    const { inbox, generations, warnings } = inboxWith();
    inbox.receive(Buffer.from("{"));
    inbox.receive(Buffer.from([0xff, 0xfe]));
    inbox.receive(desired(3, { schemaVersion: 2 }));
    inbox.receive(desired(3, { generation: -1 }));
    inbox.receive(desired(3, { deviceId: "dev-2" }));
    inbox.receive(Buffer.alloc(300 * 1024, 32));
    expect([inbox.invalid, generations.length, warnings.length]).toEqual([6, 0, 1]);
    inbox.receive(desired(3, { somethingNewer: true }));
    expect(generations).toEqual([3]);
  });

  it("changes nothing when the retained message is deleted", () => {
    const { inbox, generations, warnings } = inboxWith();
    inbox.receive(Buffer.alloc(0));
    expect([inbox.invalid, inbox.stale, generations.length, warnings.length]).toEqual([0, 0, 0, 0]);
  });

  it("offers a generation again when it could not be taken over the first time", () => {
    let tries = 0;
    const { inbox } = inboxWith(0, () => {
      tries += 1;
      if (tries === 1) throw new Error("disk full");
    });
    for (let time = 0; time < 3; time++) inbox.receive(desired(5));
    expect(tries).toBe(2);
  });
});
