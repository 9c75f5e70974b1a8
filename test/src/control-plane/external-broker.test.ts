import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { type AddressInfo, createServer, type Server, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { DatabaseSync } from "node:sqlite";
import { createServer as createTlsServer, TLSSocket } from "node:tls";
import { TestAuthority } from "@sartor/agent/identity/testing";
import type { DeviceDetail, ErrorReply } from "@sartor/shared/protocol";
import { topicOf } from "@sartor/shared/protocol";
import { Aedes } from "aedes";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { freePort } from "../support/control-plane-process.js";
import { connectDevice, enrol, rest } from "../support/enrolled-device.js";
import { inventory, presence, reported } from "../support/messages.js";
import { waitFor } from "../support/wait-for.js";

const authority = await TestAuthority.create("Authority of the site");
const certificate = await authority.issueServer();

/**
 * An MQTT broker that somebody else runs and keeps sessions: devices come over TLS and are who their certificate says, the control plane comes
 * over a line of its own with a password.
 */
async function startBroker(
  port = 0,
  devicePort = 0,
): Promise<{
  aedes: Aedes;
  server: Server;
  /** For the control plane. */
  url: string;
  /** For devices. */
  deviceUrl: string;
  /** What of the control plane it takes without ever acknowledging it. */
  swallow: (topic: string) => boolean;
  stop(): Promise<void>;
}> {
  const behaviour = { swallow: (_topic: string) => false };
  const aedes = await Aedes.createBroker({
    concurrency: 0,
    authenticate: (client, username, password, done) => {
      const { conn } = client;
      if (conn instanceof TLSSocket) done(null, conn.getPeerCertificate().subject.CN === client.id);
      else done(null, username === "cp" && password?.toString() === "cp secret");
    },
    authorizePublish: (client, packet, done) => {
      if (client?.id !== "sartor-control-plane" || !behaviour.swallow(packet.topic)) done(null);
    },
  });
  const sockets = new Set<Socket>();
  const take = (socket: Socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    aedes.handle(socket);
  };
  const server = createServer(take);
  const { certificate: cert, key } = certificate;
  const forDevices = createTlsServer(
    { cert, key, ca: authority.root, requestCert: true, rejectUnauthorized: true },
    take,
  );
  const portOf = async (listener: Server, wanted: number) => {
    listener.listen(wanted, "127.0.0.1");
    await once(listener, "listening");
    return (listener.address() as AddressInfo).port;
  };
  const [plainPort, tlsPort] = [await portOf(server, port), await portOf(forDevices, devicePort)];
  return Object.assign(behaviour, {
    aedes,
    server,
    url: `mqtt://127.0.0.1:${plainPort}`,
    deviceUrl: `mqtts://127.0.0.1:${tlsPort}`,
    stop: async () => {
      await new Promise<void>((resolve) => aedes.close(resolve));
      for (const socket of sockets) socket.destroy();
      server.close();
      forDevices.close();
    },
  });
}

describe("with an external broker", () => {
  let stateDir: string;
  let broker: Awaited<ReturnType<typeof startBroker>>;
  let authorityFiles: Record<string, string>;
  const start = (options: { process?: boolean; env?: Record<string, string> } = {}): Promise<RunningControlPlane> =>
    startControlPlane({
      stateDir,
      ...options,
      env: {
        ...options.env,
        ...authorityFiles,
        SARTOR_MQTT_URL: broker.url,
        SARTOR_PUBLIC_MQTT_URL: broker.deviceUrl,
        SARTOR_MQTT_USERNAME: "cp",
        SARTOR_MQTT_PASSWORD: "cp secret",
      },
    });
  const detailOf = async (controlPlane: RunningControlPlane, deviceId: string) =>
    (await rest<DeviceDetail>(controlPlane, "GET", `/api/v1/devices/${deviceId}`)).body;

  beforeEach(async () => {
    stateDir = await mkdtemp(join(tmpdir(), "sartor-external-"));
    // Ports that nobody else takes while this broker is away.
    broker = await startBroker(await freePort(), await freePort());
    const save = async (name: string, text: string) => {
      const path = join(stateDir, name);
      await writeFile(path, text, { mode: 0o600 });
      return path;
    };
    authorityFiles = {
      SARTOR_CA_ROOT_FILE: await save("site-root.pem", authority.root),
      SARTOR_CA_INTERMEDIATE_FILE: await save("site-intermediate.pem", authority.intermediate),
      SARTOR_CA_INTERMEDIATE_KEY_FILE: await save("site-intermediate-key.pem", await authority.intermediateKey()),
    };
  });
  afterEach(async () => {
    await broker.stop();
    await rm(stateDir, { recursive: true, force: true });
  });

  it("hears devices through it, tells them its address, and follows their presence by their own word", async () => {
    const controlPlane = await start();
    try {
      const device = await enrol(controlPlane);
      expect(device.mqttUrl).toBe(broker.deviceUrl);
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
      const devicePort = Number(new URL(broker.deviceUrl).port);
      await broker.stop();
      await waitFor("not ready", async () => {
        const { status, body } = await rest<{ checks: { broker: string } }>(
          controlPlane,
          "GET",
          "/api/v1/health/ready",
        );
        return status === 503 && body.checks.broker === "no connection to the broker";
      });
      broker = await startBroker(port, devicePort);
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

  it("takes a message again that could not be stored, without being started anew", async () => {
    const controlPlane = await start({ process: true });
    // Somebody holds the database longer than a writer waits for it.
    const database = new DatabaseSync(join(stateDir, "control-plane.sqlite"), { timeout: 20_000 });
    try {
      const device = await enrol(controlPlane);
      const session = await connectDevice(device);
      database.exec("begin immediate");
      await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("late")), { qos: 1 });
      await waitFor("the message to fail", async () => {
        const metrics = await (await fetch(`${controlPlane.httpUrl}/metrics`)).text();
        return /sartor_mqtt_messages_total\{kind="inventory",outcome="failed"\} [1-9]/.test(metrics);
      });
      database.exec("rollback");
      await waitFor("its inventory", async () => (await detailOf(controlPlane, device.deviceId)).board === "late");
      await session.endAsync();
    } finally {
      database.close();
      await controlPlane.stop();
    }
  });

  it("that does not answer any more, says so in time, and stops in order while it waits", async () => {
    const controlPlane = await start({ process: true });
    let stopped: Promise<void> | undefined;
    try {
      const [refused, waiting] = [await enrol(controlPlane), await enrol(controlPlane)];
      const deletion = (deviceId: string) => rest<ErrorReply>(controlPlane, "DELETE", `/api/v1/devices/${deviceId}`);
      const swallowed: string[] = [];
      broker.swallow = (topic) => {
        swallowed.push(topic);
        return true;
      };
      const { status, body } = await deletion(refused.deviceId);
      expect([status, body.error.code]).toEqual([503, "SRT_BROKER_UNREACHABLE"]);
      expect(body.error.message).toContain(topicOf(refused.deviceId, "nudge"));

      await waitFor("the next connection", async () => {
        return (await rest(controlPlane, "GET", "/api/v1/health/ready")).status === 200;
      });
      const unanswered = deletion(waiting.deviceId).catch(() => undefined);
      await waitFor("a message that waits", () => swallowed.length > 1);
      stopped = controlPlane.stop();
      await stopped;
      await unanswered;
    } finally {
      await (stopped ?? controlPlane.stop());
    }
  });

  it("that was away gets the newest of what it missed", async () => {
    const controlPlane = await start();
    try {
      const device = await enrol(controlPlane);
      const port = Number(new URL(broker.url).port);
      const devicePort = Number(new URL(broker.deviceUrl).port);
      await broker.stop();
      await waitFor("not ready", async () => (await rest(controlPlane, "GET", "/api/v1/health/ready")).status === 503);
      expect((await rest(controlPlane, "DELETE", `/api/v1/devices/${device.deviceId}`)).status).toBe(204);
      broker = await startBroker(port, devicePort);
      const removed: string[] = [];
      broker.aedes.on("publish", ({ topic, payload, retain }, client) => {
        if (client?.id === "sartor-control-plane" && retain && payload.length === 0) removed.push(topic);
      });
      await waitFor("the removal of its hint", () => removed.includes(topicOf(device.deviceId, "nudge")));
    } finally {
      await controlPlane.stop();
    }
  });
});
