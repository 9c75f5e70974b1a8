import { describe, expect, it } from "vitest";
import { EventBus } from "../events/index.js";
import { Metrics } from "../http/index.js";
import { encodeClassCounts } from "./class-counts.js";
import { TelemetryService } from "./telemetry.service.js";

describe("a question about telemetry", () => {
  it("with thousands of classes in each window keeps nobody else waiting for all of them", async () => {
    const classes = Object.fromEntries(Array.from({ length: 4_096 }, (_, index) => [index, 1]));
    const classCounts = encodeClassCounts(classes);
    const repository = {
      async *find() {
        for (let sequence = 0; sequence < 100; sequence++) {
          yield { streamId: "s", sequence, dropped: 0, classCounts, point: { at: 100 - sequence } };
        }
      },
    };
    const devices = { requireExists: async () => undefined };
    const [events, metrics] = [new EventBus(), new Metrics()];
    const service = new TelemetryService(
      repository as never,
      devices as never,
      events,
      {} as never,
      {} as never,
      metrics,
    );
    let turns = 0;
    let asking = true;
    const count = () => {
      if (!asking) return;
      turns += 1;
      setImmediate(count);
    };
    setImmediate(count);
    const reply = await service.query("pi", 0, 1, 100);
    asking = false;
    expect(reply.classCounts).toEqual(Object.fromEntries(Object.keys(classes).map((index) => [index, 100])));
    expect(reply.points.map(({ at }) => at)).toEqual(Array.from({ length: 100 }, (_, index) => index + 1));
    expect(reply.windows).toEqual({ received: 100, missing: 0, dropped: 0 });
    expect(turns).toBeGreaterThanOrEqual(20);
  });
});
