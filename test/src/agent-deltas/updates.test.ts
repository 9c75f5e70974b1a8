import { existsSync, readdirSync, readFileSync, statSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import type { ModelVersionView } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type Fleet, startFleet } from "../support/fleet.js";
import { drawn, fineTuned } from "../support/tuned-models.js";
import { waitFor } from "../support/wait-for.js";

/** 160,000 weights of 4 bytes in the last layer. */
const CLASSES = 20_000;
const MODEL_BYTES = 4 * 8 * CLASSES;

/** A real agent under a real control plane, from one version of a model to the next. */
describe("an update of a model", () => {
  let fleet: Fleet;
  const start = drawn("1.0.0", 1, CLASSES);
  beforeAll(async () => {
    fleet = await startFleet();
    await fleet.register(start);
    await fleet.rollOut("tuned", "1.0.0");
    await fleet.serving("1.0.0");
  }, 120_000);
  afterAll(() => fleet?.stop());

  async function registerTuned(version: string, seed: number): Promise<ModelVersionView> {
    return fleet.register(await fineTuned(start, version, seed));
  }
  /** Bytes that came over HTTPS while something was done. */
  async function downBytesOf(work: () => Promise<unknown>): Promise<number> {
    const before = fleet.httpLine.downBytes;
    await work();
    return fleet.httpLine.downBytes - before;
  }
  const slot = (name: "a" | "b") => join(fleet.folder, "agent", "slots", name);
  const active = async () => {
    const { reported } = await fleet.device();
    const [name] = [reported?.slots.active?.slot ?? "a"];
    return { name, other: name === "a" ? ("b" as const) : ("a" as const) };
  };
  const differencesIn = (folder: string) =>
    existsSync(folder) ? readdirSync(folder).filter((name) => name.startsWith(".delta-")) : [];
  const logged = () => readFileSync(fleet.agent.logFile, "utf8");
  const toldOf = () => logged().split("a file came as a difference").length - 1;

  it("costs the device what changed, and leaves nothing behind", async () => {
    await registerTuned("1.0.1", 5);
    const bytes = await downBytesOf(async () => {
      await fleet.rollOut("tuned", "1.0.1");
      await fleet.serving("1.0.1");
    });
    expect(toldOf()).toBe(1);
    // Three bits of each weight were drawn anew. Orders, their signatures and handshakes are in it, and a manifest that names 20,000 classes.
    const { name } = await active();
    expect(bytes - statSync(join(slot(name), "bundle.json")).size).toBeLessThan(MODEL_BYTES / 6);
    expect([...differencesIn(slot("a")), ...differencesIn(slot("b"))]).toEqual([]);
  });

  it("goes on where it was when the agent is killed in the middle of a difference", async () => {
    await registerTuned("1.0.2", 6);
    const { other } = await active();
    const before = toldOf();
    fleet.httpLine.setRate(24 * 1024);
    await fleet.rollOut("tuned", "1.0.2");
    const taken = await waitFor("a part of the difference", () => {
      const [name] = differencesIn(slot(other)).filter((each) => !each.includes(".", 1));
      const { size } = statSync(join(slot(other), name ?? ""), { throwIfNoEntry: false }) ?? { size: 0 };
      return name !== undefined && size > 16_384 && size;
    });
    await fleet.agent.kill();
    const bytes = await downBytesOf(async () => {
      await fleet.restartAgent();
      fleet.httpLine.setRate(undefined);
      await fleet.serving("1.0.2");
    });
    expect(toldOf()).toBe(before + 1);
    expect(bytes).toBeLessThan(MODEL_BYTES / 4 - taken);
    expect(differencesIn(slot(other))).toEqual([]);
  });

  it("comes whole where what the device holds is damaged, and serves", async () => {
    await registerTuned("1.0.3", 7);
    const { name } = await active();
    const before = toldOf();
    writeFileSync(join(slot(name), "model.onnx"), Buffer.alloc(MODEL_BYTES, 3));
    const bytes = await downBytesOf(async () => {
      await fleet.rollOut("tuned", "1.0.3");
      await fleet.serving("1.0.3");
    });
    expect(toldOf()).toBe(before);
    expect(logged()).toContain("SRT_DELTA_INVALID");
    expect(bytes).toBeGreaterThan(MODEL_BYTES / 2);
  });
});
