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

/** Says how long to wait before more is read, ms, after so many packets began. */
export type Pace = (packets: number) => number;

/** Longest pause in one go, ms. */
const LONGEST_PAUSE_MS = 60_000;

/**
 * A socket behind a gate: what the broker's parser would buffer is refused by its announced length. Before
 * authentication a packet may have 16 KiB, afterwards 256 KiB; a 128 MiB CONNECT never gets past its fifth byte.
 * Whoever sends more packets than its pace allows is read more slowly: TCP holds it back, nothing is lost.
 */
export class GatedConnection<S extends Socket = Socket> extends Duplex {
  readonly #socket: S;
  #pace: Pace = () => 0;
  #paused: NodeJS.Timeout | undefined;
  readonly #framing = new MqttFraming(LIMITS.mqttConnectBytes);

  constructor(socket: S) {
    super({ allowHalfOpen: false });
    this.#socket = socket;
    socket.on("data", (chunk: Buffer) => {
      const before = this.#framing.packets;
      const violation = this.#framing.push(chunk);
      if (violation !== undefined) {
        this.destroy(new FramingError(violation));
        return;
      }
      this.#pauseFor(this.#pace(this.#framing.packets - before));
      if (!this.push(chunk)) socket.pause();
    });
    socket.on("end", () => this.push(null));
    socket.on("error", (error) => this.destroy(error));
    socket.on("close", () => this.destroy());
  }

  /** Address of the other side. */
  get remoteAddress(): string {
    return this.#socket.remoteAddress ?? "unknown";
  }

  /** The socket behind the gate. */
  get socket(): S {
    return this.#socket;
  }

  /** Called when the client is authenticated: packets may be larger from now on, and come at its pace. */
  open(pace: Pace = () => 0): void {
    this.#framing.maximumPacketBytes = LIMITS.mqttPacketBytes;
    this.#pace = pace;
  }

  #pauseFor(milliseconds: number): void {
    if (milliseconds <= 0) return;
    clearTimeout(this.#paused);
    this.#socket.pause();
    this.#paused = setTimeout(
      () => {
        this.#paused = undefined;
        this.#socket.resume();
      },
      Math.min(milliseconds, LONGEST_PAUSE_MS),
    ).unref();
  }

  override _read(): void {
    if (this.#paused === undefined) this.#socket.resume();
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
    clearTimeout(this.#paused);
    this.#socket.destroy();
    done(error);
  }
}
