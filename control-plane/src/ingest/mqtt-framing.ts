/** Why a byte stream is not acceptable MQTT. */
export type FramingViolation = "packet_too_large" | "malformed_length" | "not_connect";

/** Type number of CONNECT (MQTT 3.1.1, section 2.2.1). */
const CONNECT = 1;
/** The remaining length has at most four bytes (MQTT 3.1.1, section 2.2.3). */
const MAXIMUM_LENGTH_BYTES = 4;

/**
 * Follows the packet borders in a byte stream without keeping any of it, so that a packet's announced length can be
 * refused before anything buffers it. Fixed header: one byte of type and flags, then the remaining length, seven bits
 * a byte, least significant first (MQTT 3.1.1, section 2.2).
 */
export class MqttFraming {
  /** Largest packet that is accepted from now on, fixed header included, bytes. */
  maximumPacketBytes: number;
  /** Packets whose header was read. */
  packets = 0;

  /** Bytes of the current packet that are still to come after its header; undefined while within a header. */
  #bodyLeft: number | undefined = undefined;
  /** Bytes of the current header read so far; 0 between packets. */
  #headerBytes = 0;
  #remainingLength = 0;
  #violation: FramingViolation | undefined;

  constructor(maximumPacketBytes: number) {
    this.maximumPacketBytes = maximumPacketBytes;
  }

  /** Reads on; once a violation was found it is given for ever. */
  push(chunk: Uint8Array): FramingViolation | undefined {
    let position = 0;
    while (position < chunk.byteLength && this.#violation === undefined) {
      if (this.#bodyLeft !== undefined) {
        const step = Math.min(this.#bodyLeft, chunk.byteLength - position);
        position += step;
        this.#bodyLeft -= step;
        if (this.#bodyLeft === 0) this.#nextPacket();
      } else {
        this.#violation = this.#pushHeaderByte(chunk[position] ?? 0);
        position += 1;
      }
    }
    return this.#violation;
  }

  #pushHeaderByte(byte: number): FramingViolation | undefined {
    if (this.#headerBytes === 0) {
      this.#headerBytes = 1;
      return this.packets === 0 && byte >> 4 !== CONNECT ? "not_connect" : undefined;
    }
    this.#remainingLength += (byte & 0x7f) * 128 ** (this.#headerBytes - 1);
    this.#headerBytes += 1;
    if ((byte & 0x80) !== 0) {
      return this.#headerBytes > MAXIMUM_LENGTH_BYTES ? "malformed_length" : undefined;
    }
    if (this.#headerBytes + this.#remainingLength > this.maximumPacketBytes) return "packet_too_large";
    this.packets += 1;
    if (this.#remainingLength === 0) this.#nextPacket();
    else this.#bodyLeft = this.#remainingLength;
    return undefined;
  }

  #nextPacket(): void {
    this.#bodyLeft = undefined;
    this.#headerBytes = 0;
    this.#remainingLength = 0;
  }
}
