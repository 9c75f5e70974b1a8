import { once } from "node:events";
import { connect, createServer, type TLSSocket } from "node:tls";
import { makeCertificateRequest, makeDeviceKey } from "@sartor/agent/identity/testing";
import { type TlsCredential, TlsIdentity } from "@sartor/agent/platform";
import type { ServerCertificateReply } from "@sartor/shared/protocol";
import { rest } from "../support/enrolled-device.js";

/** What may happen to messages that a broker, or whoever is in front of it, delivers at least once and in no order. */
export const MESSAGE_FAULTS = ["duplicated", "reordered", "stale"] as const;
export type MessageFault = (typeof MESSAGE_FAULTS)[number];
/** Which way a message goes. */
export type Way = "up" | "down";

/** Types of packets (MQTT 3.1.1, section 2.2.1). */
const PUBLISH = 3;
const PUBACK = 4;
/** How far the ids of what only this line sends are from those that the sender just used; both go round. */
const OWN_IDS_AHEAD = 30_000;
/** Former messages of one way that may come again. */
const REMEMBERED = 200;
/** A message that was held back comes at last after so much, ms, when no other one came to overtake it. */
const HELD_MS = 500;

/** A line to a broker that duplicates, reorders and repeats messages. */
export interface MessagesLine {
  readonly url: string;
  /** Decides about each message. */
  plan: (way: Way) => MessageFault | undefined;
  onInjected: (fault: MessageFault, way: Way) => void;
  stop(): Promise<void>;
}

/** Starts one in front of a control plane's broker. @param credential of a device: the broker asks for its certificate */
export async function startMessagesLine(
  upstream: { readonly httpUrl: string; readonly operatorToken: string; readonly mqttPort: number },
  port: number,
  credential: (deviceId: string) => TlsCredential,
): Promise<MessagesLine> {
  const key = makeDeviceKey();
  const csr = await makeCertificateRequest(key);
  const { body } = await rest<ServerCertificateReply>(upstream, "POST", "/api/v1/certificates/servers", {
    csr,
    names: ["127.0.0.1"],
  });
  const sockets = new Set<TLSSocket>();
  /** Former messages of each device, by way: also of its former sessions. */
  const former = new Map<string, Buffer[]>();
  const memoryOf = (deviceId: string, way: Way): Buffer[] => {
    const name = `${deviceId}/${way}`;
    const memory = former.get(name) ?? [];
    former.set(name, memory);
    return memory;
  };
  const line: MessagesLine = {
    url: `mqtts://127.0.0.1:${port}`,
    plan: () => undefined,
    onInjected: () => undefined,
    async stop() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
  const server = createServer(
    { key, cert: body.certificate, ca: body.authorities, requestCert: true, rejectUnauthorized: true },
    (device) => {
      const deviceId = String(device.getPeerCertificate().subject.CN);
      const broker = connect({
        ...new TlsIdentity(credential(deviceId)).options(),
        host: "127.0.0.1",
        port: upstream.mqttPort,
      });
      const end = () => {
        for (const socket of [device, broker]) {
          socket.destroy();
          sockets.delete(socket);
        }
      };
      for (const socket of [device, broker]) {
        sockets.add(socket);
        socket.on("error", end).on("close", end);
      }
      const own = { up: new Set<number>(), down: new Set<number>() };
      const up = new DisturbedWay({ way: "up", to: broker, line, own }, memoryOf(deviceId, "up"));
      const down = new DisturbedWay({ way: "down", to: device, line, own }, memoryOf(deviceId, "down"));
      device.on("data", (piece: Buffer) => up.take(piece));
      broker.on("data", (piece: Buffer) => down.take(piece));
    },
  );
  server.on("tlsClientError", () => undefined);
  server.listen(port, "127.0.0.1");
  await once(server, "listening");
  return line;
}

interface WayOptions {
  readonly way: Way;
  readonly to: TLSSocket;
  readonly line: MessagesLine;
  /** Packet ids of what only this line sent, each way, and that was not acknowledged yet. */
  readonly own: Readonly<Record<Way, Set<number>>>;
}

/** One way of one session. */
class DisturbedWay {
  readonly #is: WayOptions;
  readonly #former: Buffer[];
  #rest: Buffer = Buffer.alloc(0);
  #held: Buffer | undefined;
  /** The id that the sender used last. */
  #lastId = 1;
  #sentAgain = 0;

  constructor(options: WayOptions, former: Buffer[]) {
    this.#is = options;
    this.#former = former;
  }

  take(piece: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, piece]);
    for (let packet = this.#cut(); packet !== undefined; packet = this.#cut()) this.#pass(packet);
  }

  /** The next whole packet; undefined while it is not there. */
  #cut(): Buffer | undefined {
    let length = 0;
    for (let at = 1; at <= 4; at++) {
      const digit = this.#rest[at];
      if (digit === undefined) return undefined;
      length += (digit & 0x7f) * 128 ** (at - 1);
      if ((digit & 0x80) !== 0) continue;
      const bytes = at + 1 + length;
      if (this.#rest.byteLength < bytes) return undefined;
      const packet = this.#rest.subarray(0, bytes);
      this.#rest = this.#rest.subarray(bytes);
      return packet;
    }
    throw new Error("no MQTT packet has so long a length");
  }

  #pass(packet: Buffer): void {
    const type = (packet[0] ?? 0) >> 4;
    // The acknowledgement of what only this line sent is nobody's.
    const { way, line, own } = this.#is;
    if (type === PUBACK && own[way === "up" ? "down" : "up"].delete(packet.readUInt16BE(2))) return;
    const isMessage = type === PUBLISH && isOfQosOne(packet);
    if (isMessage) this.#lastId = packet.readUInt16BE(idAt(packet));
    const fault = isMessage ? line.plan(way) : undefined;
    if (fault === undefined) this.#send(packet);
    else if (fault === "duplicated") {
      this.#inject(fault);
      this.#send(packet);
      this.#sendAgain(packet);
    } else if (fault === "reordered" && this.#held === undefined) {
      this.#hold(packet);
    } else {
      const stale = fault === "stale" ? this.#former[Math.floor(this.#former.length / 2)] : undefined;
      if (stale !== undefined) {
        this.#inject("stale");
        this.#sendAgain(stale);
      }
      this.#send(packet);
    }
    if (!isMessage) return;
    this.#former.push(Buffer.from(packet));
    if (this.#former.length > REMEMBERED) this.#former.shift();
  }

  /** Keeps a message back until the next one, or for a while, has passed it. */
  #hold(packet: Buffer): void {
    const held = Buffer.from(packet);
    this.#held = held;
    setTimeout(() => {
      if (this.#held !== held) return;
      this.#held = undefined;
      if (!this.#is.to.destroyed) this.#is.to.write(held);
    }, HELD_MS);
  }

  #send(packet: Buffer): void {
    if (this.#is.to.destroyed) return;
    this.#is.to.write(packet);
    const held = this.#held;
    if (held === undefined || (packet[0] ?? 0) >> 4 !== PUBLISH) return;
    this.#held = undefined;
    this.#inject("reordered");
    this.#is.to.write(held);
  }

  /** Sends a message once more, as a new one. */
  #sendAgain(packet: Buffer): void {
    if (this.#is.to.destroyed) return;
    const again = Buffer.from(packet);
    this.#sentAgain += 1;
    const id = ((this.#lastId + OWN_IDS_AHEAD + (this.#sentAgain % 1_000)) % 0xffff) + 1;
    again.writeUInt16BE(id, idAt(again));
    this.#is.own[this.#is.way].add(id);
    this.#is.to.write(again);
  }

  #inject(fault: MessageFault): void {
    this.#is.line.onInjected(fault, this.#is.way);
  }
}

const isOfQosOne = (packet: Buffer) => (((packet[0] ?? 0) >> 1) & 3) === 1;

/** Where a PUBLISH has its packet id: behind its topic (section 3.3.2). */
function idAt(packet: Buffer): number {
  let at = 1;
  while (((packet[at] ?? 0) & 0x80) !== 0) at += 1;
  return at + 3 + packet.readUInt16BE(at + 1);
}
