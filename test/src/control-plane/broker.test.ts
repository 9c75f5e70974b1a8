import { TestAuthority } from "@sartor/agent/identity/testing";
import { LIMITS, topicOf } from "@sartor/shared/protocol";
import mqtt from "mqtt";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type RunningControlPlane, startControlPlane } from "../support/control-plane.js";
import { connectDevice, type EnrolledDevice, enrol, mqttOptions, rest } from "../support/enrolled-device.js";
import { inventory, presence, reported } from "../support/messages.js";
import { connectPacket, publishPacket, RawConnection, remainingLength } from "../support/raw-mqtt.js";
import { waitFor } from "../support/wait-for.js";

let controlPlane: RunningControlPlane;
let device: EnrolledDevice;
let other: EnrolledDevice;

beforeAll(async () => {
  controlPlane = await startControlPlane({ env: { SARTOR_ENROLMENTS_PER_MINUTE: "1000" } });
  device = await enrol(controlPlane, "one");
  other = await enrol(controlPlane, "other");
});
afterAll(() => controlPlane.stop());

/** Where releases before signed orders told a device what to do. */
const desiredOf = ({ deviceId }: EnrolledDevice) => `sartor/v1/${deviceId}/desired`;

/** The connection's end, or what happened instead. */
function endOf(client: mqtt.MqttClient): Promise<string> {
  return new Promise((resolve) => client.once("close", () => resolve("closed")));
}

describe("the embedded broker lets in who is enrolled", () => {
  it.each<[string, mqtt.IClientOptions, RegExp]>([
    ["a client id that is not the device's", { clientId: "somebody-else" }, /identifier rejected/i],
    ["an empty client id", { clientId: "", clean: true }, /identifier rejected/i],
    ["another device's id", { clientId: "nobody-1234", username: "nobody-1234" }, /identifier rejected/i],
    [
      "a last will on another device's topic",
      { will: { topic: "sartor/v1/somebody-else/events", payload: Buffer.from("{}"), qos: 1, retain: false } },
      /not authorized/i,
    ],
  ])("%s is refused", async (_title, options, problem) => {
    await expect(connectDevice(device, options)).rejects.toThrow(problem);
  });

  it("nobody without a certificate, or with one of another authority", async () => {
    const { ca } = device.credential;
    const stranger = { ca, client: await (await TestAuthority.create()).makeDevice(device.deviceId) };
    for (const credential of [{ ca }, stranger]) {
      await expect(connectDevice({ ...device, credential })).rejects.toThrow();
    }
  });

  it("an unknown client that claims a known id does not disturb the live device", async () => {
    const session = await connectDevice(device);
    const { ca } = device.credential;
    const stranger = { ca, client: await (await TestAuthority.create()).makeDevice(device.deviceId) };
    await expect(connectDevice({ ...device, credential: stranger })).rejects.toThrow();
    await expect(connectDevice(other, { clientId: device.deviceId })).rejects.toThrow(/identifier rejected/i);
    expect(session.connected).toBe(true);
    await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory()), { qos: 1 });
    await session.endAsync();
  });
});

describe("a device uses its own topics only", () => {
  it("publishing to a foreign topic ends the session, and nothing of it arrives", async () => {
    const own = topicOf(device.deviceId, "nudge");
    for (const topic of [topicOf(other.deviceId, "inventory"), own, desiredOf(device), "$SYS/x", "any"]) {
      const session = await connectDevice(device);
      const end = endOf(session);
      session.publish(topic, JSON.stringify(inventory("stolen")), { qos: 1 });
      expect(await end).toBe("closed");
    }
    const { body } = await rest<{ board: unknown }>(controlPlane, "GET", `/api/v1/devices/${other.deviceId}`);
    expect(body.board).toBeNull();
  });

  it("subscribing to anything but the hints that are its own is answered with failure", async () => {
    const session = await connectDevice(device);
    const foreign = ["#", "sartor/v1/+/nudge", topicOf(other.deviceId, "nudge"), "$SYS/#"];
    // Orders do not come over the broker: there is no topic of them, not even a device's own.
    for (const filter of [...foreign, desiredOf(device), desiredOf(other)]) {
      await expect(session.subscribeAsync(filter, { qos: 1 }), filter).rejects.toThrow();
    }
    const [granted] = await session.subscribeAsync(topicOf(device.deviceId, "nudge"), { qos: 1 });
    expect(granted?.qos).toBe(1);
    await session.endAsync();
  });

  it("leaves nothing retained on the broker", async () => {
    const session = await connectDevice(device);
    const events = topicOf(device.deviceId, "events");
    await session.publishAsync(events, JSON.stringify(presence(device.deviceId, "s")), { qos: 1, retain: true });
    const { body } = await rest<{ presence: { status: string } }>(
      controlPlane,
      "GET",
      `/api/v1/devices/${device.deviceId}`,
    );
    expect(body.presence.status).toBe("online");
    expect(session.connected).toBe(true);
    await session.endAsync();
  });
});

describe("the gate in front of the parser", () => {
  it("ends a connection that announces a 128 MiB CONNECT, after its first bytes", async () => {
    const raw = new RawConnection(controlPlane.mqttUrl, device.credential);
    await raw.send(Buffer.concat([Buffer.from([0x10]), remainingLength(128 * 1024 * 1024)]));
    await raw.closed;
    expect(raw.received).toHaveLength(0);
  });

  it("refuses before authentication what it accepts afterwards", async () => {
    const packet = publishPacket(topicOf(device.deviceId, "inventory"), Buffer.alloc(LIMITS.mqttConnectBytes, "a"));
    const early = new RawConnection(controlPlane.mqttUrl, device.credential);
    await early.send(packet);
    await early.closed;

    const late = new RawConnection(controlPlane.mqttUrl, device.credential);
    await late.send(connectPacket(device.deviceId));
    await waitFor("CONNACK", () => late.received.equals(Buffer.from([0x20, 2, 0, 0])));
    await late.send(packet);
    // The answer to a ping shows that the packet before it was taken.
    await late.send(Buffer.from([0xc0, 0]));
    await waitFor("PINGRESP", () => late.received.includes(Buffer.from([0xd0, 0])));
    late.destroy();
  });

  it("ends an authenticated session at a packet above 256 KiB", async () => {
    const session = await connectDevice(device);
    const end = endOf(session);
    session.publish(topicOf(device.deviceId, "inventory"), Buffer.alloc(LIMITS.mqttPacketBytes), { qos: 1 });
    expect(await end).toBe("closed");
  });

  it("ends whatever does not speak MQTT", async () => {
    const raw = new RawConnection(controlPlane.mqttUrl, device.credential);
    await raw.send(Buffer.from("GET / HTTP/1.1\r\n\r\n"));
    await raw.closed;
    expect(raw.received).toHaveLength(0);
  });
});

describe("presence", () => {
  const statusOf = async (deviceId: string) => {
    const { body } = await rest<{ presence: { status: string } }>(controlPlane, "GET", `/api/v1/devices/${deviceId}`);
    return body.presence.status;
  };

  it("follows the session: connected, lost, taken over", async () => {
    const will = (sessionId: string) => ({
      topic: topicOf(device.deviceId, "events"),
      payload: Buffer.from(JSON.stringify(presence(device.deviceId, sessionId, "offline"))),
      qos: 1 as const,
      retain: false,
    });
    const first = await connectDevice(device, { will: will("first") });
    await first.publishAsync(will("").topic, JSON.stringify(presence(device.deviceId, "first")), { qos: 1 });
    expect(await statusOf(device.deviceId)).toBe("online");

    // The second session takes the first one's place: the first one's will is stale.
    const firstEnded = endOf(first);
    const second = await connectDevice(device, { will: will("second") });
    await firstEnded;
    await second.publishAsync(will("").topic, JSON.stringify(presence(device.deviceId, "second")), { qos: 1 });
    expect(await statusOf(device.deviceId)).toBe("online");

    second.stream.destroy();
    await waitFor("the device to be offline", async () => (await statusOf(device.deviceId)) === "offline");
  });
});

describe("load", () => {
  it("survives the burst that ends aedes by default, and serves everybody afterwards", async () => {
    const publishers = 50;
    const messages = 2_000;
    const devices = await Promise.all(
      Array.from({ length: publishers }, (_, index) => enrol(controlPlane, `p${index}`)),
    );
    const subscriber = await connectDevice(other);
    await subscriber.subscribeAsync(topicOf(other.deviceId, "nudge"), { qos: 0 });

    const connections = devices.map((publisher) => {
      const raw = new RawConnection(publisher.mqttUrl, publisher.credential);
      return { raw, publisher };
    });
    await Promise.all(
      connections.map(async ({ raw, publisher }) => {
        await raw.send(connectPacket(publisher.deviceId));
        await waitFor("CONNACK", () => raw.received.length >= 4);
      }),
    );
    const bursts = connections.map(({ raw, publisher }) => {
      const payload = Buffer.from(JSON.stringify({ ...reported(publisher.deviceId, 1), schemaVersion: 1 }));
      const packet = publishPacket(topicOf(publisher.deviceId, "reported"), payload);
      return raw.send(Buffer.concat(Array.from({ length: messages }, () => packet)));
    });
    // The subscriber leaves in the middle of it, without a word.
    subscriber.stream.destroy();
    await Promise.all(bursts);
    await Promise.all(
      connections.map(async ({ raw }) => {
        await raw.send(Buffer.from([0xc0, 0]));
        await waitFor("PINGRESP after the burst", () => raw.received.includes(Buffer.from([0xd0, 0])), 50_000);
      }),
    );
    expect(connections.filter(({ raw }) => raw.isClosed)).toHaveLength(0);
    for (const { raw } of connections) raw.destroy();

    // A ping may be answered while the last messages before it still wait for their commit.
    const count = async (outcome: string) => {
      const metrics = await (await fetch(`${controlPlane.httpUrl}/metrics`)).text();
      const found = new RegExp(`sartor_mqtt_messages_total\\{kind="reported",outcome="${outcome}"\\} (\\d+)`).exec(
        metrics,
      );
      return Number(found?.[1] ?? 0);
    };
    await waitFor("every message to be taken", async () => (await count("accepted")) >= publishers * messages);
    expect([await count("accepted"), await count("failed"), await count("invalid")]).toEqual([
      publishers * messages,
      0,
      0,
    ]);
    const session = await connectDevice(device);
    await session.publishAsync(topicOf(device.deviceId, "inventory"), JSON.stringify(inventory("after")), { qos: 1 });
    await session.endAsync();
  }, 120_000);

  it("takes no more connections than it is told to", async () => {
    const small = await startControlPlane({ env: { SARTOR_MQTT_MAX_CONNECTIONS: "3" } });
    try {
      const one = await enrol(small);
      const blockers = Array.from({ length: 3 }, () => new RawConnection(small.mqttUrl, one.credential));
      await Promise.all(blockers.map((raw) => raw.send(Buffer.from([0x10]))));
      const refused = mqtt.connect(one.mqttUrl, mqttOptions(one));
      refused.on("error", () => undefined);
      await endOf(refused);
      for (const raw of blockers) raw.destroy();
      await waitFor("a free place", async () => {
        const session = await connectDevice(one);
        await session.endAsync();
        return true;
      });
    } finally {
      await small.stop();
    }
  });
});
