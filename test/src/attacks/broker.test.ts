import { connect as connectTcp, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";
import { TestAuthority } from "@sartor/agent/identity/testing";
import { topicOf } from "@sartor/shared/protocol";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { connectDevice, type EnrolledDevice, enrol, rest } from "../support/enrolled-device.js";
import { inventory, reported } from "../support/messages.js";
import { connectPacket, publishPacket, RawConnection, remainingLength } from "../support/raw-mqtt.js";
import { waitFor } from "../support/wait-for.js";

/** Packets of one device that are read in a minute here: so few that a flood reaches it at once. */
const PACKETS_A_MINUTE = 600;

let controlPlane: RunningControlPlane;
/** Honest; every attack ends with a look at whether it is served still. */
let honest: EnrolledDevice;
/** Has a certificate of its own, and means no good. */
let evil: EnrolledDevice;
beforeAll(async () => {
  controlPlane = await startControlPlane({
    env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000", SARTOR_MQTT_PACKETS_PER_MINUTE: String(PACKETS_A_MINUTE) },
  });
  honest = await enrol(controlPlane, "honest");
  evil = await enrol(controlPlane, "evil");
});
afterAll(() => controlPlane?.stop());

let told = 0;
/** An honest device is let in, and what it says arrives. */
async function othersAreServed(): Promise<void> {
  const board = `board ${++told}`;
  const session = await connectDevice(honest);
  await session.publishAsync(topicOf(honest.deviceId, "inventory"), JSON.stringify(inventory(board)), { qos: 1 });
  await session.endAsync();
  await waitFor("what the honest device says", async () => {
    const { body } = await rest<{ board: string | null }>(controlPlane, "GET", `/api/v1/devices/${honest.deviceId}`);
    return JSON.stringify(body.board ?? null).includes(board);
  });
}

async function refusals(reason: string): Promise<number> {
  const metrics = await (await fetch(`${controlPlane.httpUrl}/metrics`)).text();
  const found = new RegExp(`sartor_mqtt_refusals_total\\{reason="${reason}"\\} (\\d+)`).exec(metrics);
  return Number(found?.[1] ?? 0);
}

/** Does something that is refused for that reason, and looks whether it was counted. */
async function isCounted(reason: string, attack: () => Promise<void>): Promise<void> {
  const before = await refusals(reason);
  await attack();
  await waitFor(`a refusal because of ${reason}`, async () => (await refusals(reason)) > before);
}

describe("client-id takeover", () => {
  it("with another device's certificate is refused, and the real session goes on", async () => {
    const session = await connectDevice(honest);
    const lost: string[] = [];
    session.on("close", () => lost.push("closed"));
    await isCounted("client_id_is_not_certificate", () =>
      expect(connectDevice(evil, { clientId: honest.deviceId })).rejects.toThrow(/identifier rejected/i),
    );
    for (const clientId of [
      `${honest.deviceId}\u0000`,
      honest.deviceId.toUpperCase(),
      ` ${honest.deviceId}`,
      "+",
      "#",
      "$SYS",
    ]) {
      const refused = connectDevice(evil, { clientId }).then((client) => client.endAsync());
      await expect(refused, JSON.stringify(clientId)).rejects.toThrow();
    }
    expect(lost).toEqual([]);
    await session.publishAsync(topicOf(honest.deviceId, "inventory"), JSON.stringify(inventory("mine")), { qos: 1 });
    await session.endAsync();
    await othersAreServed();
  });

  it("without a certificate, or with one of another authority, is refused in the handshake", async () => {
    const session = await connectDevice(honest);
    const { ca } = honest.credential;
    const stranger = await (await TestAuthority.create()).makeDevice(honest.deviceId);
    for (const credential of [{ ca }, { ca, client: stranger }]) {
      await expect(connectDevice({ ...honest, credential })).rejects.toThrow();
    }
    expect(session.connected).toBe(true);
    await session.endAsync();
  });

  it("by somebody who was revoked is refused, and ends what he had open", async () => {
    const thief = await enrol(controlPlane, "thief");
    const session = await connectDevice(thief);
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
    expect((await rest(controlPlane, "POST", `/api/v1/devices/${thief.deviceId}/revoke`, {})).status).toBeLessThan(300);
    await closed;
    await expect(connectDevice(thief)).rejects.toThrow();
    await othersAreServed();
  });

  it("does not reach another device's hints, nor speak in its name", async () => {
    const session = await connectDevice(evil);
    await expect(session.subscribeAsync(topicOf(honest.deviceId, "nudge"), { qos: 1 })).rejects.toThrow();
    const closed = new Promise<void>((resolve) => session.once("close", () => resolve()));
    await isCounted("foreign_topic", async () => {
      session.publish(topicOf(honest.deviceId, "nudge"), JSON.stringify({ generation: 99 }), { qos: 1, retain: true });
      await closed;
    });
    const heard: string[] = [];
    const victim = await connectDevice(honest);
    victim.on("message", (_topic, payload) => heard.push(payload.toString()));
    await victim.subscribeAsync(topicOf(honest.deviceId, "nudge"), { qos: 1 });
    await victim.publishAsync(topicOf(honest.deviceId, "inventory"), JSON.stringify(inventory("x")), { qos: 1 });
    await victim.endAsync();
    expect(heard.filter((text) => text.includes("99"))).toEqual([]);
  });
});

describe("broker flood", () => {
  it("of packets: whoever floods is read slowly, others are not", async () => {
    const raw = new RawConnection(evil.mqttUrl, evil.credential);
    await raw.send(connectPacket(evil.deviceId));
    await waitFor("CONNACK", () => raw.received.length >= 4);
    const packet = publishPacket(
      topicOf(evil.deviceId, "reported"),
      Buffer.from(JSON.stringify(reported(evil.deviceId, 1))),
    );
    await isCounted("slowed_down", async () => {
      void raw.send(Buffer.concat(Array.from({ length: 20 * PACKETS_A_MINUTE }, () => packet)));
    });
    // Had the honest one to wait for its share of the flood, it would take twenty minutes.
    await othersAreServed();
    expect(raw.isClosed).toBe(false);
    raw.destroy();
  });

  it("of garbage, of empty packets and of packets that lie about their length", async () => {
    const garbage: [string, Buffer][] = [
      ["malformed_length", Buffer.from([0x10, 0xff, 0xff, 0xff, 0xff, 0x7f])],
      ["packet_too_large", Buffer.concat([Buffer.from([0x10]), remainingLength(128 * 1024 * 1024)])],
    ];
    for (const [, bytes] of garbage) {
      for (let times = 0; times < 20; times++) {
        const raw = new RawConnection(evil.mqttUrl, evil.credential);
        await raw.send(bytes);
        await raw.closed;
        expect(raw.received).toHaveLength(0);
      }
    }
    await othersAreServed();
  });

  it("of many connections of one address that say nothing: they cost their own places only", async () => {
    const raws = Array.from({ length: 200 }, () => new RawConnection(evil.mqttUrl, evil.credential));
    await othersAreServed();
    for (const raw of raws) raw.destroy();
  });

  it("of a whole place full of strangers ends by itself: their handshakes have deadlines", async () => {
    const { hostname, port } = new URL(evil.mqttUrl);
    const sockets = Array.from({ length: 50 }, () => connectTcp({ host: hostname, port: Number(port) }));
    const ended = sockets.map((socket) => endOf(socket));
    // They hold the line and say nothing; a byte now and then is nothing either.
    const timer = setInterval(() => {
      for (const socket of sockets) if (!socket.destroyed) socket.write(Buffer.from([0x16]));
    }, 1_000);
    await othersAreServed();
    await Promise.all(ended);
    clearInterval(timer);
    await othersAreServed();
  }, 60_000);

  it("slow clients are cut off: a CONNECT that drips", async () => {
    const packet = connectPacket(evil.deviceId);
    const raw = new RawConnection(evil.mqttUrl, evil.credential);
    let at = 0;
    const timer = setInterval(() => {
      if (at < packet.byteLength - 1) void raw.send(packet.subarray(at, ++at));
    }, 1_000);
    await raw.closed;
    clearInterval(timer);
    expect(raw.received).toHaveLength(0);
    await othersAreServed();
  }, 60_000);

  it("slow clients are cut off: one that never reads its answers", async () => {
    const { hostname, port } = new URL(evil.mqttUrl);
    const { ca, client } = evil.credential;
    const socket = connectTls({
      host: hostname,
      port: Number(port),
      ca,
      ...(client === undefined ? {} : { cert: client.certificate, key: client.key }),
    });
    await new Promise((resolve) => socket.once("secureConnect", resolve));
    socket.pause();
    socket.write(connectPacket(evil.deviceId));
    // Pings without end: each is answered, and nobody takes the answers. The pace holds them back.
    const pings = Buffer.concat(Array.from({ length: 4 * PACKETS_A_MINUTE }, () => Buffer.from([0xc0, 0])));
    socket.on("error", () => undefined);
    socket.write(pings);
    await othersAreServed();
    socket.destroy();
    await othersAreServed();
  });

  it("of sessions: one that begins them in a tight loop is refused, others are not", async () => {
    const loop = await enrol(controlPlane, "loop");
    let refused = 0;
    for (let times = 0; times < 90 && refused === 0; times++) {
      await connectDevice(loop).then(
        (session) => session.endAsync(),
        () => {
          refused += 1;
        },
      );
    }
    expect(refused).toBe(1);
    expect(await refusals("too_many_sessions")).toBeGreaterThan(0);
    await othersAreServed();
  });
});

function endOf(socket: Socket): Promise<void> {
  return new Promise((resolve) => {
    socket.on("error", () => undefined);
    socket.once("close", () => resolve());
  });
}
