import { once } from "node:events";
import { mkdtemp, rm } from "node:fs/promises";
import { createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { DeviceDetail } from "@sartor/shared/protocol";
import { topicOf } from "@sartor/shared/protocol";
import { Aedes } from "aedes";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { connectDevice, enrol, rest } from "../support/enrolled-device.js";
import { inventory, presence, reported } from "../support/messages.js";
import { waitFor } from "../support/wait-for.js";

/** A plain MQTT broker that somebody else runs: it checks one password and keeps sessions. */
async function startBroker(port = 0): Promise<{ aedes: Aedes; server: Server; url: string; stop(): Promise<void> }> {
  const aedes = await Aedes.createBroker({
    concurrency: 0,
    authenticate: (client, username, password, done) => {
      done(null, client.id !== "sartor-control-plane" || (username === "cp" && password?.toString() === "cp secret"));
    },
  });
  const sockets = new Set<Socket>();
  const server = createServer((socket) => {
    sockets.add(socket);
    aedes.handle(socket);
  });
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  const address = server.address();
  if (address === null || typeof address === "string") throw new Error("no port");
  return {
    aedes,
    server,
    url: `mqtt://127.0.0.1:${address.port}`,
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      for (const socket of sockets) socket.destroy();
      server.close();
    },
  };
}

describe("with an external broker", () => {
  let stateDir: string;
  let broker: Awaited<ReturnType<typeof startBroker>>;
  const start = (options: { process?: boolean; env?: Record<string, string> } = {}): Promise<RunningControlPlane> =>
    startControlPlane({
      stateDir,
      ...options,
      env: {
        ...options.env,
        SARTOR_MQTT_URL: broker.url,
        SARTOR_MQTT_USERNAME: "cp",
        SARTOR_MQTT_PASSWORD: "cp secret",
      },
    });
  const detailOf = async (controlPlane: RunningControlPlane, deviceId: string) =>
    (await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${deviceId}`)).body;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-external-"));
    broker = await startBroker();
  });
  afterEach(async () => {
    await broker.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  it("hears devices through it, tells them its address, and follows their presence by their own word", async () => {
    const controlPlane = await start();
    try {
      const device = await enrol(controlPlane);
      expect(device.mqttUrl).toBe(broker.url);
      const events = topicOf(device.deviceId, "events");
      const session = await connectDevice(device, {
        will: {
          topic: events,
          payload: Buffer.from(JSON.stringify(presence(device.deviceId, "one", "offline"))),
          qos: 1,
          retain: false,
        },
      });
      await session.publishAsync(events, JSON.stringify(presence(device.deviceId, "one")), { qos: 1 });
      await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("far")), { qos: 1 });
      const status = async (wanted: string) =>
        (await detailOf(controlPlane, device.deviceId)).presence.status === wanted;
      await waitFor("the device to be online", () => status("online"));
      await waitFor("its inventory", async () => (await detailOf(controlPlane, device.deviceId)).board === "far");
      session.stream.destroy();
      await waitFor("the device to be offline", () => status("offline"));
    } finally {
      await controlPlane.stop();
    }
  });

  it("gets what devices sent while it was away", async () => {
    const before = await start();
    const device = await enrol(before);
    await before.stop();

    const session = await connectDevice(device);
    for (let sequence = 1; sequence <= 300; sequence++) {
      const report = JSON.stringify(reported(device.deviceId, sequence));
      await session.publishAsync(topicOf(device.deviceId, "reported"), report, { qos: 1 });
    }
    await session.endAsync();

    const after = await start();
    try {
      await waitFor(
        "the newest report",
        async () => (await detailOf(after, device.deviceId)).reported?.sequence === 300,
      );
    } finally {
      await after.stop();
    }
  });

  it("killed between a message's arrival and its commit, gets it again", async () => {
    const before = await start({ process: true, env: { SARTOR_WRITE_BEHIND_MS: "10000" } });
    const device = await enrol(before);
    const session = await connectDevice(device);
    await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("again")), { qos: 1 });
    await session.endAsync();
    await waitFor("the message to arrive", async () => {
      const metrics = await (await fetch(`${before.httpUrl}/metrics`)).text();
      return metrics.includes("sartor_ingest_messages_under_way 1");
    });
    await before.kill();

    const after = await start();
    try {
      await waitFor("its inventory", async () => (await detailOf(after, device.deviceId)).board === "again");
    } finally {
      await after.stop();
    }
  });

  it("comes back when the broker does", async () => {
    const controlPlane = await start();
    try {
      const device = await enrol(controlPlane);
      const port = Number(new URL(broker.url).port);
      await broker.stop();
      await waitFor("not ready", async () => {
        const { status, body } = await rest<{ checks: { broker: string } }>(
          controlPlane,
          "GET",
          "/api/v1/health/ready",
        );
        return status === 503 && body.checks.broker === "no connection to the broker";
      });
      broker = await startBroker(port);
      await waitFor("ready", async () => (await rest(controlPlane, "GET", "/api/v1/health/ready")).status === 200);
      const session = await connectDevice(device);
      await waitFor("its inventory", async () => {
        await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("back")), {
          qos: 1,
        });
        return (await detailOf(controlPlane, device.deviceId)).board === "back";
      });
      await session.endAsync();
    } finally {
      await controlPlane.stop();
    }
  });
});
