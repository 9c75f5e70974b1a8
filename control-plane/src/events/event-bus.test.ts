import { Logger } from "@nestjs/common";
import { afterEach, beforeEach, describe, expect, it, vi } from "vitest";
import { EventBus } from "./event-bus.js";

describe("events", () => {
  const logged: string[] = [];
  beforeEach(() => {
    logged.length = 0;
    vi.spyOn(Logger.prototype, "error").mockImplementation((message: unknown) => {
      logged.push(String(message));
    });
  });
  afterEach(() => vi.restoreAllMocks());

  it("a handler that fails is logged and disturbs neither the others nor the one who tells", async () => {
    const bus = new EventBus();
    const heard: string[] = [];
    bus.on("device.changed", () => {
      throw new Error("first is broken");
    });
    bus.on("device.changed", async () => {
      throw new Error("second is broken");
    });
    bus.on("device.changed", ({ deviceId }) => void heard.push(deviceId));
    bus.emit("device.changed", { deviceId: "one" });
    expect(heard).toEqual(["one"]);
    await new Promise((resolve) => setImmediate(resolve));
    expect(logged).toEqual([expect.stringContaining("first is broken"), expect.stringContaining("second is broken")]);
  });

  it("waiting waits for all, and fails when one failed", async () => {
    const bus = new EventBus();
    let done = false;
    bus.on("device.changed", async () => {
      throw new Error("not stored");
    });
    bus.on("device.changed", async () => {
      await new Promise((resolve) => setTimeout(resolve, 5));
      done = true;
    });
    await expect(bus.emitAndWait("device.changed", { deviceId: "one" })).rejects.toThrow("not stored");
    expect(done).toBe(true);
    await expect(bus.emitAndWait("device.deleted", { deviceId: "one" })).resolves.toBeUndefined();
  });

  it("who stops listening hears nothing more", () => {
    const bus = new EventBus();
    const heard: string[] = [];
    const stop = bus.on("device.changed", ({ deviceId }) => void heard.push(deviceId));
    bus.emit("device.changed", { deviceId: "one" });
    stop();
    bus.emit("device.changed", { deviceId: "two" });
    expect(heard).toEqual(["one"]);
  });
});
