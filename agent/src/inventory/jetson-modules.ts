/** A Jetson module: what is soldered on it, whatever carrier it sits on. */
export interface JetsonModule {
  readonly name: string;
  /** Deep-learning accelerators of the module. */
  readonly dlas: number;
}

/**
 * Modules by the board id and SKU of their 699-level part number.
 * Source: NVIDIA Jetson Linux Developer Guide, "Jetson Modules and Configurations" (Quick Start) and "Jetson EEPROM Layout";
 * number of DLAs: NVIDIA's Jetson modules comparison.
 */
const MODULES: Readonly<Record<string, JetsonModule>> = {
  "p2180-1000": { name: "jetson-tx1", dlas: 0 },
  "p2888-0001": { name: "jetson-agx-xavier-16gb", dlas: 2 },
  "p2888-0003": { name: "jetson-agx-xavier-32gb", dlas: 2 },
  "p2888-0004": { name: "jetson-agx-xavier-32gb", dlas: 2 },
  "p2888-0005": { name: "jetson-agx-xavier-64gb", dlas: 2 },
  "p2888-0008": { name: "jetson-agx-xavier-industrial", dlas: 2 },
  "p3310-1000": { name: "jetson-tx2", dlas: 0 },
  "p3448-0000": { name: "jetson-nano-4gb", dlas: 0 },
  "p3448-0002": { name: "jetson-nano-4gb", dlas: 0 },
  "p3448-0003": { name: "jetson-nano-2gb", dlas: 0 },
  "p3489-0000": { name: "jetson-tx2i", dlas: 0 },
  "p3489-0888": { name: "jetson-tx2-4gb", dlas: 0 },
  "p3636-0001": { name: "jetson-tx2-nx", dlas: 0 },
  "p3668-0000": { name: "jetson-xavier-nx-8gb", dlas: 2 },
  "p3668-0001": { name: "jetson-xavier-nx-8gb", dlas: 2 },
  "p3668-0003": { name: "jetson-xavier-nx-16gb", dlas: 2 },
  "p3701-0000": { name: "jetson-agx-orin-32gb-devkit", dlas: 2 },
  "p3701-0004": { name: "jetson-agx-orin-32gb", dlas: 2 },
  "p3701-0005": { name: "jetson-agx-orin-64gb", dlas: 2 },
  "p3701-0008": { name: "jetson-agx-orin-industrial", dlas: 2 },
  "p3767-0000": { name: "jetson-orin-nx-16gb", dlas: 2 },
  "p3767-0001": { name: "jetson-orin-nx-8gb", dlas: 1 },
  "p3767-0003": { name: "jetson-orin-nano-8gb", dlas: 0 },
  "p3767-0004": { name: "jetson-orin-nano-4gb", dlas: 0 },
  "p3767-0005": { name: "jetson-orin-nano-8gb", dlas: 0 },
};

/** A Tegra system on chip: its GPU as CUDA names it. Source: NVIDIA's "CUDA GPUs" list and the chips' data sheets. */
export interface TegraChip {
  readonly gpu: string;
  readonly computeCapability: string;
}

const CHIPS: Readonly<Record<string, TegraChip>> = {
  tegra210: { gpu: "NVIDIA Tegra X1 (GM20B, Maxwell)", computeCapability: "5.3" },
  tegra186: { gpu: "NVIDIA Tegra X2 (GP10B, Pascal)", computeCapability: "6.2" },
  tegra194: { gpu: "NVIDIA Xavier (GV11B, Volta)", computeCapability: "7.2" },
  tegra234: { gpu: "NVIDIA Orin (GA10B, Ampere)", computeCapability: "8.7" },
  tegra23x: { gpu: "NVIDIA Orin (GA10B, Ampere)", computeCapability: "8.7" },
};

/** The module of a number such as "p3767-0005". */
export const jetsonModule = (number: string): JetsonModule | undefined => MODULES[number];

/** The chip that a `compatible` list names ("nvidia,tegra234"). */
export function tegraChip(compatible: readonly string[]): TegraChip | undefined {
  for (const entry of compatible) {
    const chip = CHIPS[entry.replace(/^nvidia,/, "")];
    if (chip !== undefined) return chip;
  }
  return undefined;
}

/** Module numbers that a `compatible` list names, in its order, carriers left out: "p3768-0000+p3767-0005-super" has p3767-0005. */
export function moduleNumbers(compatible: readonly string[]): string[] {
  const numbers = compatible.flatMap((entry) => [...entry.matchAll(/p\d{4}-\d{4}/g)].map((match) => match[0]));
  return [...new Set(numbers.filter((number) => MODULES[number] !== undefined))];
}
