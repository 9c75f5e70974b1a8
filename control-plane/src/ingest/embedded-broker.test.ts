import { generateKeyPairSync } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { createConnection, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";
import { topicOf } from "@sartor/shared/protocol";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { CertificateAuthority, loadAuthority, peerCertificateOf, revoked } from "../auth/index.js";
import { EmbeddedBroker } from "./embedded-broker.js";

const DAY = 86_400_000;

/** Key and certificate of one end. */
async function pair(issue: (spki: Buffer) => Promise<{ pem: string }>) {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { pem } = await issue(publicKey.export({ format: "der", type: "spki" }));
  return { key: privateKey.export({ format: "pem", type: "pkcs8" }).toString(), cert: pem };
}

/** CONNECT of MQTT 3.1.1 (section 3.1) with a keep-alive of 60 s. */
function connectPacket(clientId: string): Buffer {
  const body = Buffer.concat([
    Buffer.from([0, 4, ...Buffer.from("MQTT"), 4, 2, 0, 60, 0, clientId.length]),
    Buffer.from(clientId),
  ]);
  return Buffer.concat([Buffer.of(0x10, body.length), body]);
}

function publishPacket(topic: string, packetId: number): Buffer {
  const body = Buffer.concat([
    Buffer.of(0, topic.length),
    Buffer.from(topic),
    Buffer.of(0, packetId),
    Buffer.from("{}"),
  ]);
  return Buffer.concat([Buffer.of(0x32, body.length), body]);
}

describe("the broker's door", () => {
  let folder: string;
  let authority: CertificateAuthority;
  let broker: EmbeddedBroker;
  let port: number;
  let reasons: string[];
  let messages: string[];
  let endOf: Map<string, () => void>;
  const ended = new Set<string>();
  const sockets = new Set<Socket>();

  const serverPair = (names = ["127.0.0.1"]) => pair((key) => authority.issueServer(names, key, Date.now(), DAY));
  const devicePair = (id: string) => pair((key) => authority.issueDevice(id, key, Date.now(), DAY));

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), "sartor-broker-"));
    authority = await CertificateAuthority.of(await loadAuthority(folder, undefined, Date.now()));
    [reasons, messages, endOf] = [[], [], new Map()];
    ended.clear();
    const server = { ...(await serverPair()), ca: [authority.rootPem, authority.intermediatePem] };
    broker = new EmbeddedBroker(
      {
        host: "127.0.0.1",
        port: 0,
        maximumConnections: 100,
        gate: { perMinute: 100, handshakes: 2 },
        packetsPerMinute: { device: 1_000, address: 10_000 },
        listening: (taken) => {
          port = taken;
        },
        now: () => Date.now(),
      },
      {
        identify: async (socket, _kind, close) => {
          const peer = peerCertificateOf(socket);
          if (ended.has(peer.deviceId)) throw revoked();
          endOf.set(peer.deviceId, close ?? (() => socket.destroy()));
          return peer;
        },
      },
      { server, onRenewed: () => undefined },
    );
    await broker.open({
      message: async (topic) => void messages.push(topic),
      connected: () => undefined,
      disconnected: () => undefined,
      refused: (reason) => void reasons.push(reason),
    });
    await broker.listen();
  });
  afterEach(async () => {
    for (const socket of sockets) socket.destroy();
    sockets.clear();
    await broker.close();
    await rm(folder, { recursive: true });
  });

  /** A TLS connection; what comes in, and whether it is over. */
  async function dial(identity?: { key: string; cert: string }) {
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, ca: authority.rootPem, ...identity });
    sockets.add(socket);
    const bytes: number[] = [];
    socket.on("data", (chunk) => bytes.push(...chunk));
    socket.on("error", () => undefined);
    const closed = new Promise<void>((resolve) => socket.once("close", () => resolve()));
    await Promise.race([new Promise<void>((resolve) => socket.once("secureConnect", () => resolve())), closed]);
    const received = async (count: number) => {
      while (bytes.length < count) await new Promise((resolve) => socket.once("data", resolve));
      return bytes.slice(0, count);
    };
    return { socket, closed, received, bytes };
  }

  it("lets a device in by its certificate, and takes its messages for its own topics", async () => {
    const device = await dial(await devicePair("gate-7"));
    device.socket.write(connectPacket("gate-7"));
    expect(await device.received(4)).toEqual([0x20, 2, 0, 0]);
    device.socket.write(publishPacket(topicOf("gate-7", "events"), 1));
    expect((await device.received(8)).slice(4)).toEqual([0x40, 2, 0, 1]);
    expect(messages).toEqual([topicOf("gate-7", "events")]);
    device.socket.write(publishPacket(topicOf("gate-8", "events"), 2));
    await device.closed;
    expect(messages).toHaveLength(1);
    expect(reasons).toContain("foreign_topic");
  });

  it.each(["gate-8", ""])("refuses the client id %j to the certificate of gate-7", async (clientId) => {
    const device = await dial(await devicePair("gate-7"));
    device.socket.write(connectPacket(clientId));
    expect(await device.received(4)).toEqual([0x20, 2, 0, 2]);
    await device.closed;
  });

  it("nobody takes over the session of another device; the device itself does", async () => {
    const identity = await devicePair("gate-7");
    const first = await dial(identity);
    first.socket.write(connectPacket("gate-7"));
    await first.received(4);
    const thief = await dial(await devicePair("gate-8"));
    thief.socket.write(connectPacket("gate-7"));
    await thief.closed;
    expect(first.socket.destroyed).toBe(false);
    const again = await dial(identity);
    again.socket.write(connectPacket("gate-7"));
    expect(await again.received(4)).toEqual([0x20, 2, 0, 0]);
    await first.closed;
  });

  it("does not speak to who has no certificate, or one of another authority, or one for servers", async () => {
    const other = await mkdtemp(join(tmpdir(), "sartor-other-"));
    const foreign = await CertificateAuthority.of(await loadAuthority(other, undefined, Date.now()));
    const strangers = [
      undefined,
      await pair((key) => foreign.issueDevice("gate-7", key, Date.now(), DAY)),
      await serverPair(["gate-7"]),
    ];
    for (const stranger of strangers) {
      const connection = await dial(stranger);
      connection.socket.write(connectPacket("gate-7"));
      await connection.closed;
      expect(connection.bytes).toEqual([]);
    }
    expect(reasons).toEqual(["handshake", "handshake", "handshake"]);
    await rm(other, { recursive: true });
  });

  it("refuses a revoked certificate, and ends its live session at once", async () => {
    const identity = await devicePair("gate-7");
    const live = await dial(identity);
    live.socket.write(connectPacket("gate-7"));
    await live.received(4);
    ended.add("gate-7");
    endOf.get("gate-7")?.();
    await live.closed;
    const again = await dial(identity);
    again.socket.write(connectPacket("gate-7"));
    expect(await again.received(4)).toEqual([0x20, 2, 0, 5]);
    expect(reasons).toContain("certificate_revoked");
  });

  it("ends a connection by the length that a packet announces, before any of it is kept", async () => {
    const device = await dial(await devicePair("gate-7"));
    // CONNECT of 128 MiB: five bytes are enough.
    device.socket.write(Buffer.of(0x10, 0xff, 0xff, 0xff, 0x3f));
    await device.closed;
    expect(reasons).toEqual(["packet_too_large"]);
  });

  it("bounds the handshakes that one address has under way, and forgets those that ended", async () => {
    const silent = [0, 1].map(() => createConnection(port, "127.0.0.1"));
    for (const socket of silent) {
      sockets.add(socket);
      socket.on("error", () => undefined);
    }
    await Promise.all(silent.map((socket) => new Promise((resolve) => socket.once("connect", resolve))));
    const refused = await dial(await devicePair("gate-7"));
    await refused.closed;
    expect(reasons).toEqual(["too_many_handshakes"]);
    for (const socket of silent) socket.destroy();
    // Their ends reach the server some time later.
    for (;;) {
      const device = await dial(await devicePair("gate-7"));
      device.socket.write(connectPacket("gate-7"));
      const first = await Promise.race([device.received(4), device.closed]);
      if (first === undefined) continue;
      expect(first).toEqual([0x20, 2, 0, 0]);
      break;
    }
  });
});
