import { afterEach, describe, expect, it } from "vitest";
import type { DevicesService } from "../devices/index.js";
import { EventBus } from "../events/index.js";
import type { RolloutsService } from "../rollouts/index.js";
import { LiveClient } from "./live-client.js";
import { LiveEvents, MADE_AT_ONCE } from "./live-events.service.js";

describe("live events", () => {
  let live: LiveEvents | undefined;
  afterEach(() => live?.onModuleDestroy());

  it("of a whole fleet come in order, and never keep the process from its other work for all of them", async () => {
    const fleet = 10 * MADE_AT_ONCE;
    let turns = 0;
    let counting = true;
    const count = () => {
      turns += 1;
      if (counting) setImmediate(count);
    };
    /** How many events were made in each turn of the event loop. */
    const madeInTurn = new Map<number, number>();
    const devices = {
      summary: async (deviceId: string) => {
        madeInTurn.set(turns, (madeInTurn.get(turns) ?? 0) + 1);
        return { deviceId };
      },
    } as unknown as DevicesService;
    const events = new EventBus();
    live = new LiveEvents(events, {} as never, devices, {} as RolloutsService, {} as never, {} as never, {} as never);
    const sent: string[] = [];
    const arrived = new Promise<void>((resolve) => {
      const send = (text: string) => {
        sent.push(text);
        if (sent.length === fleet) resolve();
      };
      live?.join(new LiveClient({ readyState: 1, bufferedAmount: 0, send, close: () => undefined }, null));
    });
    for (let device = 0; device < fleet; device++) events.emit("device.changed", { deviceId: `device-${device}` });
    setImmediate(count);
    await arrived;
    counting = false;
    expect(sent.map((text) => JSON.parse(text).device.deviceId)).toEqual(
      Array.from({ length: fleet }, (_, device) => `device-${device}`),
    );
    // A turn may see the end of one hundred and the beginning of the next.
    expect(Math.max(...madeInTurn.values())).toBeLessThanOrEqual(2 * MADE_AT_ONCE);
  });
});
