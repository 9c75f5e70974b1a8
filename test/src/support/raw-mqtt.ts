import { connect, type TLSSocket } from "node:tls";
import { type TlsCredential, TlsIdentity } from "@sartor/agent/platform";

/** A length as MQTT 3.1.1, section 2.2.3, encodes it. */
export function remainingLength(bytes: number): Buffer {
  const digits: number[] = [];
  let left = bytes;
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    digits.push(left > 0 ? digit | 0x80 : digit);
  } while (left > 0);
  return Buffer.from(digits);
}

/** Text with its length in front (section 1.5.3). */
function field(text: string | Buffer): Buffer {
  const bytes = Buffer.from(text);
  const length = Buffer.alloc(2);
  length.writeUInt16BE(bytes.length);
  return Buffer.concat([length, bytes]);
}

/** A CONNECT packet (section 3.1); who it is, the certificate says. */
export function connectPacket(clientId: string): Buffer {
  const body = Buffer.concat([
    field("MQTT"),
    // Level 4; clean session; 60 s keep-alive.
    Buffer.from([4, 0b0000_0010, 0, 60]),
    field(clientId),
  ]);
  return Buffer.concat([Buffer.from([0x10]), remainingLength(body.length), body]);
}

/** A PUBLISH packet of QoS 0 (section 3.3). */
export function publishPacket(topic: string, payload: Buffer): Buffer {
  const body = Buffer.concat([field(topic), payload]);
  return Buffer.concat([Buffer.from([0x30]), remainingLength(body.length), body]);
}

/** A socket to a broker, for clients that no library would be. */
export class RawConnection {
  readonly #socket: TLSSocket;
  #received: Buffer = Buffer.alloc(0);
  /** Resolves when the other side ended the connection. */
  readonly closed: Promise<void>;

  /** @param credential a device's certificate, or only whom to trust */
  constructor(url: string, credential: TlsCredential) {
    const { hostname, port } = new URL(url);
    this.#socket = connect({ ...new TlsIdentity(credential).options(), host: hostname, port: Number(port) });
    this.closed = new Promise((resolve) => this.#socket.once("close", () => resolve()));
    this.#socket.on("error", () => this.#socket.destroy());
    this.#socket.on("data", (chunk) => {
      this.#received = Buffer.concat([this.#received, chunk]);
    });
  }

  get isClosed(): boolean {
    return this.#socket.closed;
  }

  /** What came so far. */
  get received(): Buffer {
    return this.#received;
  }

  /** Sends; resolves when the kernel took it, or when the connection is gone. */
  send(bytes: Buffer): Promise<void> {
    return new Promise((resolve) => {
      if (this.#socket.destroyed) resolve();
      else this.#socket.write(bytes, () => resolve());
    });
  }

  destroy(): void {
    this.#socket.destroy();
  }
}
