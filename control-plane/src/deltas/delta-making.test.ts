import { Logger } from "@nestjs/common";
import { SartorError } from "@sartor/shared/errors";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { DeltaHouse, hanging } from "./testing/delta-house.js";

Logger.overrideLogger(false);

const DAY_MS = 24 * 3_600_000;
const crash = () => Promise.reject(new SartorError("SRT_INTERNAL", "The process ended with SIGKILL."));

describe("differences that are asked for", () => {
  let house: DeltaHouse;
  beforeEach(async () => {
    house = await DeltaHouse.open(1_000_000);
  });
  afterEach(() => house.close());

  it("are made once, however many ask meanwhile and afterwards", async () => {
    const pair = house.pair(0, 0, 1);
    for (let device = 0; device < 50; device++) expect(house.ask(pair, `device ${device}`)).not.toBe("full");
    await house.making.idle();
    expect(await house.stateOf(pair)).toBe("ready");
    house.ask(pair);
    await house.making.idle();
    expect(house.worker.jobs).toBe(1);
  });

  it("are not made where another way costs as little, and that is known from then on", async () => {
    const strangers = { target: house.pair(0, 0, 1).target, bases: house.pair(1, 0, 1).bases };
    house.ask(strangers);
    await house.making.idle();
    expect(await house.find(strangers)).toMatchObject({ state: "not_worth_it", chunkBytes: 8_000, fullBytes: 8_000 });
    house.ask(strangers);
    await house.making.idle();
    expect(house.worker.jobs).toBe(1);
  });

  it("are made again when a worker is killed, but not for ever; a day later they get another chance", async () => {
    const pair = house.pair(0, 0, 1);
    let crashes = 2;
    house.worker.before = () => (crashes-- > 0 ? crash() : Promise.resolve());
    house.ask(pair);
    await house.making.idle();
    expect([await house.stateOf(pair), house.worker.jobs]).toEqual(["ready", 3]);

    const other = house.pair(0, 0, 2);
    house.worker.before = crash;
    house.ask(other);
    await house.making.idle();
    expect([await house.stateOf(other), house.worker.jobs]).toEqual(["could_not_be_made", 6]);
    await house.kept.sweep();
    expect(await house.stateOf(other)).toBe("could_not_be_made");
    house.version.clock.at += DAY_MS + 1;
    await house.kept.sweep();
    expect(await house.stateOf(other)).toBeUndefined();
    expect(await house.stateOf(pair)).toBe("ready");
  });

  it("are given up at once where another attempt would end the same way", async () => {
    const pair = house.pair(0, 0, 1);
    house.worker.before = () => Promise.reject(new SartorError("SRT_DELTA_NOT_OFFERED", "too much memory"));
    house.ask(pair);
    await house.making.idle();
    expect([await house.stateOf(pair), house.worker.jobs]).toEqual(["could_not_be_made", 1]);
  });

  it("are made by the next process when one is killed at it, without being asked again; what only waited is not", async () => {
    const [begun, waiting] = [house.pair(0, 0, 1), house.pair(0, 0, 2)];
    const { before, reached } = hanging();
    house.worker.before = before;
    house.ask(begun);
    house.ask(waiting);
    await reached;
    expect(await house.stateOf(begun)).toBe("making");
    await house.start();
    await house.making.idle();
    expect([await house.stateOf(begun), await house.stateOf(waiting)]).toEqual(["ready", undefined]);
  });

  it("that kill every process which makes them are given up", async () => {
    const pair = house.pair(0, 0, 1);
    const first = hanging();
    house.worker.before = first.before;
    house.ask(pair);
    await first.reached;
    for (let kill = 0; kill < 2; kill++) {
      const { before, reached } = hanging();
      await house.start(before);
      await reached;
    }
    await house.start();
    await house.making.idle();
    expect([await house.stateOf(pair), house.worker.jobs]).toEqual(["could_not_be_made", 0]);
  });

  it("are made at the next start when the control plane stops, however often it does", async () => {
    const pair = house.pair(0, 0, 1);
    const first = hanging();
    house.worker.before = first.before;
    house.ask(pair);
    await first.reached;
    for (let stop = 0; stop < 5; stop++) {
      await house.making.onModuleDestroy();
      expect(await house.stateOf(pair)).toBe("making");
      expect(house.ask(house.pair(0, 0, 2))).toBe("full");
      const { before, reached } = hanging();
      await house.start(before);
      await reached;
    }
    await house.making.onModuleDestroy();
    await house.start();
    await house.making.idle();
    expect(await house.stateOf(pair)).toBe("ready");
  });

  it("go with the bundles of their files, and never take with them what something else refers to", async () => {
    const [gone, shared, stays] = [house.pair(0, 0, 1), house.pair(0, 2, 1), house.pair(0, 2, 3)];
    for (const pair of [gone, shared, stays]) house.ask(pair);
    await house.making.idle();
    const digests = await Promise.all(
      [gone, shared, stays].map(async (pair) => (await house.find(pair))?.content?.digest ?? ""),
    );
    await house.keepElsewhere(digests[1] ?? "");
    await house.removeFile("0.1");
    await house.kept.sweep();
    expect(await Promise.all([gone, shared, stays].map((pair) => house.stateOf(pair)))).toEqual([
      undefined,
      undefined,
      "ready",
    ]);
    const sizes = await Promise.all(digests.map((digest) => house.version.store.size(digest)));
    expect(sizes.map((size) => size !== undefined)).toEqual([false, true, true]);
  });

  it("are forgotten when a file goes while they are made, and their content is collected", async () => {
    const pair = house.pair(0, 0, 1);
    house.worker.before = async () => {
      await house.removeFile("0.1");
      await house.kept.sweep();
    };
    house.ask(pair);
    await house.making.idle();
    expect(await house.stateOf(pair)).toBeUndefined();
    house.version.clock.at += DAY_MS + 1;
    // The file and the difference to it.
    expect(await house.version.blobs.collect()).toBe(2);
  });

  it("are made again when their content was lost", async () => {
    const pair = house.pair(0, 0, 1);
    house.ask(pair);
    await house.making.idle();
    const digest = (await house.find(pair))?.content?.digest ?? "";
    await house.version.store.delete(digest);
    house.ask(pair);
    await house.making.idle();
    expect(await house.version.store.size(digest)).toBe((await house.find(pair))?.content?.bytes);
  });
});
