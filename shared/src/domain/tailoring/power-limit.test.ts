import { describe, expect, it } from "vitest";
import type { DeviceCapabilities, PowerMode } from "../hardware/index.js";
import { judgePower } from "./power-limit.js";

const modes: PowerMode[] = [
  { id: 0, name: "MAXN" },
  { id: 1, name: "10W", budgetMilliwatts: 10_000 },
  { id: 2, name: "15W2", budgetMilliwatts: 15_000, onlineCores: 2 },
  { id: 3, name: "15W4", budgetMilliwatts: 15_000, onlineCores: 4 },
];
const device = (change: Partial<DeviceCapabilities>): DeviceCapabilities => ({
  deviceType: "box",
  title: "Box",
  generic: false,
  emulated: false,
  fastCores: 4,
  fastCore: undefined,
  clockMhz: undefined,
  providers: [],
  precisions: [],
  powerModes: modes,
  maximumMilliwatts: undefined,
  activePowerModeId: 0,
  traps: [],
  ...change,
});

describe("a limit on power", () => {
  it.each([
    ["none is no limit", device({}), undefined, "unlimited"],
    ["is held by the mode that the device is in", device({ activePowerModeId: 1 }), 12_000, "holds"],
    ["is held by a module that cannot draw more", device({ maximumMilliwatts: 12_000 }), 12_000, "holds"],
    ["may need another mode", device({}), 12_000, "switch"],
    [
      "may need another mode where the present one is not known",
      device({ activePowerModeId: undefined }),
      12_000,
      "switch",
    ],
    ["below every mode cannot be held", device({}), 9_999, "impossible"],
    [
      "cannot be judged where no mode has a budget",
      device({ powerModes: [{ id: 0, name: "MAXN" }] }),
      9_999,
      "unknown",
    ],
    [
      "cannot be judged where nothing is known",
      device({ powerModes: [], activePowerModeId: undefined }),
      9_999,
      "unknown",
    ],
  ] as const)("%s", (_what, capabilities, maximum, kind) => {
    expect(judgePower(capabilities, maximum).kind).toBe(kind);
  });

  it("takes the largest budget that fits, and of equal ones that with more cores", () => {
    const verdict = judgePower(device({}), 20_000);
    expect(verdict.kind === "switch" && verdict.mode.name).toBe("15W4");
  });
});
