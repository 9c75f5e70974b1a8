import { randomBytes } from "node:crypto";
import { join } from "node:path";
import type { Inventory } from "@sartor/shared/protocol";
import { z } from "zod";
import type { AgentSettings } from "./config/index.js";
import {
  collectInventory,
  fileProbeCache,
  InventoryMonitor,
  loadEmulatedInventory,
  ownGlibcVersion,
  readRuntime,
} from "./inventory/index.js";
import type { Link } from "./link/index.js";
import { type Clock, diskSpace, hostFiles, type Logger, runCommand } from "./platform/index.js";
import type { SettingsStore } from "./storage/index.js";
import { AGENT_VERSION } from "./version.js";

const SALT_KEY = "inventory.salt";

/** The salt that hides serial numbers, made once. */
function loadOrMakeSalt(store: SettingsStore): string {
  const known = store.load(SALT_KEY, z.string());
  if (known !== undefined) return known;
  const salt = randomBytes(16).toString("hex");
  store.save(SALT_KEY, salt);
  return salt;
}

/** Keeps looking at the hardware and tells the control plane what changed. */
export function createInventory(
  settings: AgentSettings,
  store: SettingsStore,
  link: Link,
  clock: Clock,
  logger: Logger,
  onChange: () => void,
) {
  const salt = loadOrMakeSalt(store);
  const runtimeSources = {
    agentVersion: AGENT_VERSION,
    run: runCommand,
    probeCache: fileProbeCache(join(settings.stateFolder, "runtime-probe.json")),
    onProblem: (problem: string) => logger.warn("part of the hardware could not be read", { problem }),
  };
  const path = settings.emulatedInventory;
  const collect = async (): Promise<Inventory> => {
    if (path === undefined) {
      return collectInventory({
        ...runtimeSources,
        files: hostFiles,
        clock,
        diskSpace,
        statePath: settings.stateFolder,
        serialSalt: salt,
        glibc: ownGlibcVersion(),
      });
    }
    // Emulated hardware, but what runs the models is really this machine's.
    const runtime = await readRuntime({ ...runtimeSources, cache: runtimeSources.probeCache });
    return loadEmulatedInventory(path, { runtime, collectedAt: clock.now() });
  };
  const monitor = new InventoryMonitor({
    collect,
    onChange: (inventory) => {
      link.publishInventory(inventory);
      onChange();
    },
    clock,
    intervalMs: settings.inventoryIntervalMs,
    onProblem: (error) => logger.warn("the inventory could not be collected", { error }),
  });
  const publish = () => {
    try {
      if (monitor.latest !== undefined) link.publishInventory(monitor.latest);
    } catch (error) {
      logger.error("the inventory could not be stored for sending", { error });
    }
  };
  return { monitor, publish };
}
