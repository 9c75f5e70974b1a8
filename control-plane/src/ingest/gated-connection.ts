import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import { LIMITS } from "@sartor/shared/protocol";
import { type FramingViolation, MqttFraming } from "./mqtt-framing.js";

/** A connection was refused by its first look at the bytes. */
export class FramingError extends Error {
  constructor(readonly violation: FramingViolation) {
    super(`refused: ${violation}`);
  }
}

/**
 * A socket behind a gate: what the broker's parser would buffer is refused by its announced length. Before
 * authentication a packet may have 16 KiB, afterwards 256 KiB; a 128 MiB CONNECT never gets past its fifth byte.
 */
export class GatedConnection extends Duplex {
  readonly #socket: Socket;
  readonly #framing = new MqttFraming(LIMITS.mqttConnectBytes);

  constructor(socket: Socket) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const violation = this.#framing.push(chunk);
      if (violation !== undefined) this.destroy(new FramingError(violation));
      else if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Address of the other side. */
  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "unknown";
  }

  /** Called when the client is authenticated: packets may be larger from now on. */
  open(): void {
    this.#framing.maximumPacketBytes = LIMITS.mqttPacketBytes;
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(chunk, done);
  }

  override _writev(chunks: { chunk: Buffer }[], done: (error?: Error | null) => void): void {
    this.#socket.write(Buffer.concat(chunks.map(({ chunk }) => chunk)), done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}
