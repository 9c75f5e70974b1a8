import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { FaultyDevice } from "./faulty-device.js";
import { FULL_DISK_FAULTS, runFullDisk } from "./full-disk.js";
import { startKillDevice } from "./kill.js";
import { SMALL_DISK_BYTES, SmallDisk } from "./small-disk.js";

const disk = SmallDisk.mount(SMALL_DISK_BYTES);
if (disk === undefined)
  process.stderr.write("LEFT OUT: tests of a full disk, which mount a small one: that takes root\n");

describe.skipIf(disk === undefined)("a device whose disk is", () => {
  let device: FaultyDevice | undefined;
  beforeAll(async () => {
    device = await startKillDevice(join(disk?.folder ?? "", "state"));
  }, 120_000);
  afterAll(async () => {
    await device?.stop();
    disk?.unmount();
  });

  it.each(FULL_DISK_FAULTS)(
    "%s: goes on serving, and does what is ordered once there is room",
    async (kind) => {
      if (device === undefined || disk === undefined) throw new Error("there is no device");
      const seed = Math.floor(Math.random() * 2 ** 31);
      const { violations, events } = await runFullDisk(device, disk, { seed, injections: 3, kinds: [kind] });
      expect({ seed, violations, events: violations.length > 0 ? events : [] }).toEqual({
        seed,
        violations: [],
        events: [],
      });
    },
    240_000,
  );
});
