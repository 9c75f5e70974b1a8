import { isIP } from "node:net";
import { connect } from "node:tls";
import { SartorError } from "@sartor/shared/errors";
import { LIMITS } from "@sartor/shared/protocol";
import { MqttClient } from "mqtt";
import { type TlsIdentity, tlsRefusal } from "../platform/index.js";
import { type BrokerAddress, parseBrokerUrl } from "./broker-address.js";

/** CONNACK return codes 2, 4 and 5: this device, or its certificate, is not welcome (MQTT 3.1.1, section 3.2.2.3). */
const REFUSALS: readonly unknown[] = [2, 4, 5];
/** Bytes that may arrive ahead of the parser: one read of the socket and its buffers. */
const READ_AHEAD_BYTES = 128 * 1024;

/** A message, in or out. */
export interface Message {
  readonly topic: string;
  readonly payload: Uint8Array;
}

export interface ConnectionOptions {
  /** mqtts://host:8883. */
  readonly url: string;
  /** Client id: the common name of the certificate. */
  readonly deviceId: string;
  /** Certificate of this device, and whom it trusts. */
  readonly tls: TlsIdentity;
  /** What the broker publishes, QoS 1, when this connection dies without a goodbye. */
  readonly will: Message;
  /** The broker drops the connection after one and a half of this without a packet, s. */
  readonly keepaliveSeconds: number;
  /** Longest time from the first SYN to CONNACK, ms. */
  readonly connectTimeoutMs: number;
  readonly onMessage: (message: Message) => void;
  /** Gives up connecting. An open connection is not affected. */
  readonly signal: AbortSignal;
}

/** One MQTT connection, from CONNACK to its end; a new attempt is a new object. */
export interface Connection {
  /** Publishes with QoS 1; resolves on PUBACK, rejects when the connection ends first. */
  publish(message: Message): Promise<void>;
  /** Subscribes with QoS 1; rejects when the broker refuses. */
  subscribe(topic: string): Promise<void>;
  /** Settles, never rejects, when the connection has ended, with what ended it. */
  readonly closed: Promise<SartorError>;
  /** Says goodbye (DISCONNECT: the broker discards the will) once all is acknowledged, and closes. */
  end(): Promise<void>;
  /** Cuts the line: the broker publishes the will. */
  destroy(): void;
}

/**
 * Connects with MQTT 3.1.1 and a clean session: the nudge is retained, so each subscription brings the newest, and what
 * goes up waits in the outbox; a session kept by the broker would only hold stale copies of both.
 *
 * mqtt.js does the protocol and nothing else: it never reconnects, resubscribes or queues, because the outbox is the one
 * place where messages wait. Each attempt is a new client, so its store of unacknowledged packets cannot publish twice.
 *
 * @throws SartorError SRT_UNAUTHENTICATED when the broker refuses the certificate, SRT_CERTIFICATE_EXPIRED when it does so because of its
 * time, SRT_BROKER_UNREACHABLE for all else
 */
export async function openConnection(options: ConnectionOptions): Promise<Connection> {
  const address = parseBrokerUrl(options.url);
  const openSocket = () => connect({ ...options.tls.options(), ...address, servername: serverName(address.host) });
  const client = new MqttClient(openSocket, {
    protocolVersion: 4,
    clean: true,
    clientId: options.deviceId,
    keepalive: options.keepaliveSeconds,
    connectTimeout: options.connectTimeoutMs,
    will: { topic: options.will.topic, payload: Buffer.from(options.will.payload), qos: 1, retain: false },
    reconnectPeriod: 0,
    resubscribe: false,
    queueQoSZero: false,
    timerVariant: "native",
    // Its table of all 65,536 encoded packet numbers takes 8 MB for nothing that could be measured.
    writeCache: false,
    manualConnect: true,
  });
  const opened = Promise.withResolvers<void>();
  const closed = Promise.withResolvers<SartorError>();
  let failure: SartorError | undefined;
  client.on("error", (error) => {
    failure ??= asSartorError(error, address);
  });
  // mqtt.js forgets the callbacks of unacknowledged messages when the line breaks; whoever waits is told here.
  const unacknowledged = new Set<(reason: SartorError) => void>();
  client.on("close", () => {
    const reason = failure ?? unreachable(address, "the connection was closed");
    opened.reject(reason);
    closed.resolve(reason);
    for (const reject of unacknowledged) reject(reason);
    unacknowledged.clear();
  });
  client.on("connect", () => opened.resolve());
  client.on("message", (topic, payload) => options.onMessage({ topic, payload }));
  const abort = () => client.stream.destroy();
  client.connect();
  options.signal.addEventListener("abort", abort, { once: true });
  boundIncomingPackets(client, (problem) => {
    failure ??= problem;
  });
  try {
    if (options.signal.aborted) abort();
    await opened.promise;
  } finally {
    options.signal.removeEventListener("abort", abort);
  }
  return {
    publish: ({ topic, payload }) =>
      new Promise((resolve, reject) => {
        // mqtt.js would queue it for a reconnection that never comes.
        if (!client.connected) return reject(unreachable(address, "the connection has ended"));
        unacknowledged.add(reject);
        const bytes = Buffer.from(payload.buffer, payload.byteOffset, payload.byteLength);
        client.publish(topic, bytes, { qos: 1 }, (error) => {
          unacknowledged.delete(reject);
          if (error) reject(error);
          else resolve();
        });
      }),
    subscribe: async (topic) => {
      const granted = await client.subscribeAsync(topic, { qos: 1 });
      if (granted.some((grant) => grant.qos === 128)) {
        throw new SartorError("SRT_FORBIDDEN", `The broker refused the subscription to ${topic}.`);
      }
    },
    closed: closed.promise,
    end: async () => {
      client.end();
      await closed.promise;
    },
    destroy: () => {
      client.stream.destroy();
    },
  };
}

/** RFC 6066, section 3: an address is no server name. The certificate is checked against it all the same. */
const serverName = (host: string): string => (isIP(host) === 0 ? host : "");

/** The parser itself would collect up to 256 MiB for one packet; a broker has no business sending more than a nudge. */
function boundIncomingPackets(client: MqttClient, onProblem: (problem: SartorError) => void): void {
  let sinceLastPacket = 0;
  client.on("packetreceive", () => {
    sinceLastPacket = 0;
  });
  client.stream.on("data", (chunk: Uint8Array) => {
    sinceLastPacket += chunk.byteLength;
    if (sinceLastPacket <= LIMITS.mqttPacketBytes + READ_AHEAD_BYTES) return;
    onProblem(
      new SartorError("SRT_PACKET_TOO_LARGE", `The broker sent a packet of more than ${LIMITS.mqttPacketBytes} bytes.`),
    );
    client.stream.destroy();
  });
}

function asSartorError(error: Error & { code?: unknown }, address: BrokerAddress): SartorError {
  const where = `The broker ${address.host}:${address.port}`;
  const refusal = tlsRefusal(error);
  if (refusal === "expired")
    return new SartorError(
      "SRT_CERTIFICATE_EXPIRED",
      `${where} says that this device's certificate is past its time.`,
      {
        cause: error,
      },
    );
  if (refusal !== "refused" && !REFUSALS.includes(error.code))
    return unreachable(address, error.message || String(error.code), error);
  return new SartorError("SRT_UNAUTHENTICATED", `${where} refused this device's certificate (${error.message}).`, {
    cause: error,
  });
}

function unreachable({ host, port }: BrokerAddress, reason: string, cause?: unknown): SartorError {
  return new SartorError("SRT_BROKER_UNREACHABLE", `No connection to the broker ${host}:${port}: ${reason}.`, {
    cause,
  });
}
