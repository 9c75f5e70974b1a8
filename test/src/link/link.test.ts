import { mkdtemp, rm } from "node:fs/promises";
import type { AddressInfo } from "node:net";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { createServer, type TLSSocket } from "node:tls";
import { TestAuthority } from "@sartor/agent/identity/testing";
import type { LinkOptions } from "@sartor/agent/link";
import { TlsIdentity } from "@sartor/agent/platform";
import { LIMITS, tuningReportSchema } from "@sartor/shared/protocol";
import { afterEach, describe, expect, it } from "vitest";
import { credentials, deviceCredential, serverOptions } from "../support/test-credentials.js";
import { waitFor } from "../support/wait-for.js";
import { createTestAgent, DEVICE_ID, type TestAgent } from "./test-agent.js";
import { TestBroker, type TestBrokerOptions } from "./test-broker.js";

const brokers: TestBroker[] = [];
const agents: TestAgent[] = [];
afterEach(async () => {
  for (const agent of agents.splice(0)) {
    await agent.link.stop(0);
    agent.database.close();
  }
  for (const broker of brokers.splice(0)) await broker.stop();
});

async function startBroker(options: TestBrokerOptions = {}): Promise<TestBroker> {
  const broker = new TestBroker(options);
  await broker.start();
  brokers.push(broker);
  return broker;
}

function startAgent(url: string, options: Partial<LinkOptions> = {}): TestAgent {
  const agent = createTestAgent(url, ":memory:", options);
  agents.push(agent);
  agent.link.start();
  return agent;
}

const nudge = (generation: number) => ({ schemaVersion: 1, deviceId: DEVICE_ID, generation });
const range = (count: number) => Array.from({ length: count }, (_, index) => index);
const sequencesAt = (broker: TestBroker) => broker.of("telemetry").map(({ sequence }) => Number(sequence));

describe("the link to the broker", () => {
  it("brings every report of a tuning, numbered in the order in which they were made, over restarts too", async () => {
    const databasePath = join(await mkdtemp(join(tmpdir(), "sartor-link-")), "state.db");
    const broker = await startBroker();
    const report = (tuningId: string) => ({
      tuningId,
      trigger: "ordered" as const,
      status: "canceled" as const,
      error: null,
      model: "road-sign",
      version: "1.0.0",
      environment: {
        agentVersion: "0.1.0",
        onnxRuntimeVersion: "1.30.0",
        powerModeId: null,
        memoryBytes: 2 ** 30,
        logicalCores: 2,
      },
      incumbent: null,
      results: [],
      verdict: null,
      totalRuns: 0,
      durationMs: 0,
      cpuShare: 0,
    });
    const ids = range(4).map((index) => `01J0000000000000000000000${index}`);
    for (const pair of [ids.slice(0, 2), ids.slice(2)]) {
      // Reported without a line, then connected.
      const agent = createTestAgent(broker.url, databasePath);
      for (const tuningId of pair) agent.link.publishTuning(report(tuningId));
      agent.link.start();
      await waitFor("the outbox to be empty", () => agent.link.state().connected && agent.link.state().queued === 0);
      await agent.link.stop(0);
      agent.database.close();
    }
    const sent = broker.of("tuning").map((message) => tuningReportSchema.parse(message));
    expect(sent.map(({ sequence, tuningId }) => [sequence, tuningId])).toEqual(ids.map((id, index) => [index + 1, id]));
    expect(new Set(sent.map(({ deviceId }) => deviceId))).toEqual(new Set([DEVICE_ID]));
    await rm(dirname(databasePath), { recursive: true });
  });

  it("loses no telemetry while the broker is down, and brings it in order when the broker is back", async () => {
    const broker = await startBroker();
    const agent = startAgent(broker.url);
    await waitFor("connected", () => agent.link.state().connected);
    for (const window of range(300)) {
      agent.appendWindow();
      if (window === 100) await broker.stop();
      if (window % 10 === 0) await new Promise((resolve) => setTimeout(resolve, 5));
    }
    await waitFor("the loss is noticed", () => !agent.link.state().connected);
    expect(agent.link.state().queued).toBeGreaterThanOrEqual(199);
    await broker.start();
    await waitFor("all windows arrived", () => new Set(sequencesAt(broker)).size === 300);
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect([...new Set(sequencesAt(broker))]).toEqual(range(300));
    expect(agent.link.state().droppedTelemetry).toBe(0);
  });

  it("brings everything over a line that breaks again and again", async () => {
    let publications = 0;
    const broker: TestBroker = await startBroker({
      accept: () => {
        publications += 1;
        if (publications % 60 === 0) setImmediate(() => broker.cutLines());
        return publications % 60 !== 0;
      },
    });
    const agent = startAgent(broker.url, { random: () => 0 });
    for (const _ of range(400)) agent.appendWindow();
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(broker.connects).toBeGreaterThan(4);
    expect([...new Set(sequencesAt(broker))].toSorted((a, b) => a - b)).toEqual(range(400));
    // What was in flight at a break may come twice, nothing else may.
    expect(sequencesAt(broker).length).toBeLessThanOrEqual(400 + 16 * broker.connects);
  });

  it("sends nothing twice over a line that holds", async () => {
    const broker = await startBroker();
    const agent = startAgent(broker.url);
    for (const _ of range(200)) agent.appendWindow();
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(sequencesAt(broker)).toEqual(range(200));
  });

  it("connects anew when the broker takes messages and never acknowledges them", async () => {
    let deaf = true;
    const broker = await startBroker({ accept: ({ topic }) => !deaf || !topic.endsWith("/telemetry") });
    const agent = startAgent(broker.url, { acknowledgementTimeoutMs: 300 });
    agent.appendWindow();
    await waitFor("a second connection", () => broker.connects > 1);
    deaf = false;
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(new Set(sequencesAt(broker))).toEqual(new Set([0]));
  });

  it("hears the newest nudge after each connect, and each one that comes while it lasts", async () => {
    const broker = await startBroker();
    const heard: number[] = [];
    await broker.publishNudge(DEVICE_ID, 4);
    const agent = startAgent(broker.url, { onNudge: ({ generation }) => void heard.push(generation) });
    await waitFor("the retained one", () => heard.length === 1);
    await broker.publishNudge(DEVICE_ID, 5);
    await waitFor("the next one", () => heard.length === 2);
    broker.cutLines();
    await waitFor("the retained one once more", () => heard.length === 3);
    expect(broker.connects).toBe(2);
    // What an old one means, whoever looks finds out: it may be a broker's memory, and it is no order.
    await broker.publishNudge(DEVICE_ID, 3);
    await waitFor("the old one", () => heard.length === 4);
    expect(heard).toEqual([4, 5, 5, 3]);
    expect(agent.link.state().invalidNudges).toBe(0);
  });

  it("drops garbage and other devices' nudges, says so once, and goes on", async () => {
    const broker = await startBroker();
    const heard: number[] = [];
    const agent = startAgent(broker.url, { onNudge: ({ generation }) => void heard.push(generation) });
    await waitFor("connected", () => agent.link.state().connected);
    const bad: (string | object)[] = [
      "{ no JSON",
      { ...nudge(9), deviceId: "another-device" },
      { ...nudge(9), schemaVersion: 2 },
      { ...nudge(9), generation: -1 },
      { ...nudge(9), padding: "x".repeat(5_000) },
    ];
    for (const message of bad) await broker.publishNudge(DEVICE_ID, message);
    // The removal of a retained message.
    await broker.publishNudge(DEVICE_ID, "");
    await broker.publishNudge("another-device", 9);
    await broker.publishNudge(DEVICE_ID, 5);
    await waitFor("the good one", () => heard.length > 0);
    expect(heard).toEqual([5]);
    expect(agent.link.state().invalidNudges).toBe(bad.length);
    expect(agent.log.filter(({ message }) => message.includes("nudge was dropped"))).toHaveLength(1);
    expect(agent.link.state().connected).toBe(true);
  });

  it("gives nothing that a broker sends for an order: an order of the former release is not even subscribed to", async () => {
    const broker = await startBroker();
    const topic = `sartor/v1/${DEVICE_ID}/desired`;
    const order = { ...nudge(99), issuedAt: 0, deployment: null, telemetry: { windowSeconds: 1 } };
    await broker.publish(topic, Buffer.from(JSON.stringify(order)));
    const heard: object[] = [];
    const agent = startAgent(broker.url, { onNudge: (hint) => void heard.push(hint) });
    await waitFor("connected", () => agent.link.state().connected);
    await broker.publish(topic, Buffer.from(JSON.stringify(order)));
    await broker.publishNudge(DEVICE_ID, order);
    await waitFor("a nudge", () => heard.length > 0);
    expect(heard).toEqual([{ generation: 99 }]);
    expect(broker.subscriptions).toEqual([`sartor/v1/${DEVICE_ID}/nudge`]);
  });

  it("outlasts a flood of nudges, and sends what it has to send meanwhile", async () => {
    const broker = await startBroker();
    let heard = 0;
    const agent = startAgent(broker.url, { onNudge: () => void heard++ });
    await waitFor("connected", () => agent.link.state().connected);
    const flood = range(5_000).map((generation) => broker.publishNudge(DEVICE_ID, generation));
    for (const _ of range(100)) agent.appendWindow();
    await Promise.all(flood);
    await waitFor("the last one", () => heard === 5_000);
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(sequencesAt(broker)).toEqual(range(100));
    expect(broker.connects).toBe(1);
  });

  it("says online after each connect, and asks for a report", async () => {
    const broker = await startBroker();
    let asked = 0;
    const agent = startAgent(broker.url, {
      onConnected: () => {
        asked += 1;
      },
    });
    await waitFor("asked once", () => asked === 1);
    broker.cutLines();
    await waitFor("asked again", () => asked === 2);
    expect(agent.link.state().connected).toBe(true);
    const online = broker.of("events").filter(({ status }) => status === "online");
    expect(new Set(online.map(({ sessionId }) => sessionId)).size).toBe(2);
  });

  it("goes in order: empties the outbox, says that it shuts down, and leaves no will behind", async () => {
    const broker = await startBroker();
    const agent = startAgent(broker.url);
    await waitFor("connected", () => agent.link.state().connected);
    for (const _ of range(50)) agent.appendWindow();
    agent.link.publishLog({ level: "info", message: "shutting down" });
    await agent.link.stop(5_000);
    expect(agent.link.state()).toMatchObject({ connected: false, queued: 0 });
    expect(sequencesAt(broker)).toEqual(range(50));
    expect(broker.of("events").map(({ type, status, reason, sequence }) => [type, status ?? sequence, reason])).toEqual(
      [
        ["presence", "online", "connected"],
        ["log", 1, undefined],
        ["presence", "offline", "shutdown"],
      ],
    );
  });

  it("stops at once while the broker is away, and keeps what waits", async () => {
    const broker = await startBroker();
    await broker.stop();
    const agent = startAgent(broker.url, { random: () => 1 });
    agent.appendWindow();
    await waitFor("the first attempt failed", () =>
      agent.log.some(({ facts }) => facts?.code === "SRT_BROKER_UNREACHABLE"),
    );
    await agent.link.stop();
    expect(agent.link.state()).toMatchObject({ connected: false, queued: 1 });
  });

  it("tells an operator when the credential is refused, and waits long before it asks again", async () => {
    const broker = await startBroker({ refuse: true });
    const agent = startAgent(broker.url, { random: () => 0.5 });
    agent.appendWindow();
    await waitFor("the refusal is logged", () => agent.log.some(({ level }) => level === "error"));
    expect(agent.log.filter(({ level }) => level === "error")).toMatchObject([
      {
        message: expect.stringContaining("refused this device's certificate"),
        facts: { code: "SRT_UNAUTHENTICATED", waitMs: 15_000 },
      },
    ]);
    expect(JSON.stringify(agent.log)).not.toContain("PRIVATE KEY");
    expect(broker.connects).toBe(1);
    expect(agent.link.state().queued).toBe(1);
  });

  it("asks why when it is refused, once for each refusal", async () => {
    const broker = await startBroker({ refuse: true });
    let asked = 0;
    const agent = startAgent(broker.url, { onCertificateRefused: () => void asked++, random: () => 0.5 });
    await waitFor("the refusal", () => asked === 1);
    expect(agent.link.state().connected).toBe(false);
  });

  it("connects to no broker that the control plane's root does not vouch for", async () => {
    const stranger = await TestAuthority.create();
    const broker = await startBroker();
    const tls = new TlsIdentity({ ca: stranger.root, client: credentials.device });
    const agent = startAgent(broker.url, { tls });
    await waitFor("the attempt failed", () => agent.log.some(({ facts }) => facts?.code === "SRT_BROKER_UNREACHABLE"));
    expect(agent.log.find(({ level }) => level === "warn")?.message).toContain("certificate");
    expect(broker.connects).toBe(0);
  });

  it("goes over to a renewed certificate at once: nothing lost, nothing twice, and no will", async () => {
    const broker = await startBroker();
    const tls = new TlsIdentity(deviceCredential);
    const agent = startAgent(broker.url, { tls, random: () => 1 });
    await waitFor("connected", () => agent.link.state().connected);
    for (const _ of range(30)) agent.appendWindow();
    tls.swap({ ca: credentials.root, client: credentials.renewedDevice });
    for (const _ of range(30)) agent.appendWindow();
    await waitFor("connected with the new one", () => broker.connects === 2 && agent.link.state().connected);
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(new Set(broker.peers).size).toBe(2);
    expect([...new Set(sequencesAt(broker))]).toEqual(range(60));
    expect(broker.of("events").map(({ status }) => status)).toEqual(["online", "online"]);
  });

  it("keeps only the newest report while the broker is away", async () => {
    const broker = await startBroker();
    await broker.stop();
    const agent = startAgent(broker.url);
    for (const sequence of range(20)) {
      agent.link.publishReported({ ...reported, sequence });
      agent.appendWindow();
    }
    expect(agent.link.state().queued).toBe(21);
    await broker.start();
    await waitFor("the outbox is empty", () => agent.link.state().queued === 0);
    expect(broker.of("reported").map(({ sequence }) => sequence)).toEqual([19]);
  });

  it("cuts the line when a broker sends a packet without end, instead of collecting it", async () => {
    let sent = 0;
    const sockets = new Set<TLSSocket>();
    const server = createServer(serverOptions, (socket) => {
      sockets.add(socket);
      socket.on("error", () => undefined);
      socket.once("data", () => {
        socket.write(Buffer.from([0x20, 0x02, 0x00, 0x00]));
        // PUBLISH with the greatest remaining length that MQTT can say: 256 MiB.
        socket.write(Buffer.from([0x30, 0xff, 0xff, 0xff, 0x7f, 0x00, 0x01, 0x61]));
        const block = Buffer.alloc(64 * 1024);
        const flood = () => {
          if (socket.destroyed || sent > 64 * LIMITS.mqttPacketBytes) return;
          sent += block.byteLength;
          if (socket.write(block)) setImmediate(flood);
          else socket.once("drain", flood);
        };
        flood();
      });
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    const agent = startAgent(`mqtts://127.0.0.1:${(server.address() as AddressInfo).port}`);
    await waitFor("the line is cut", () => agent.log.some(({ facts }) => facts?.code === "SRT_PACKET_TOO_LARGE"));
    for (const socket of sockets) socket.destroy();
    server.close();
    expect(sent).toBeLessThan(64 * LIMITS.mqttPacketBytes);
  });
});

const reported = {
  schemaVersion: 1 as const,
  deviceId: DEVICE_ID,
  at: 0,
  sequence: 0,
  generation: 0,
  agent: { version: "0.1.0", bootId: "boot", startedAt: 0 },
  slots: { active: null, inactive: null },
  deployment: null,
  tuning: null,
  ordersRefusal: null,
  serving: { state: "none" as const },
  outbox: { queued: 0, droppedTelemetry: 0 },
};
