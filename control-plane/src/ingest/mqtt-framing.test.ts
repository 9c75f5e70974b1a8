import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { type FramingViolation, MqttFraming } from "./mqtt-framing.js";

/** A packet of a type with so many bytes after its header; the length as MQTT 3.1.1, section 2.2.3, encodes it. */
function packet(type: number, bodyBytes: number): Buffer {
  const header = [type << 4];
  let left = bodyBytes;
  do {
    const digit = left % 128;
    left = Math.floor(left / 128);
    header.push(left > 0 ? digit | 0x80 : digit);
  } while (left > 0);
  return Buffer.concat([Buffer.from(header), Buffer.alloc(bodyBytes)]);
}

const connect = packet(1, 13);
const publish = (bodyBytes: number) => packet(3, bodyBytes);

/** Feeds a stream in pieces; tells the first violation and after how many bytes it was found. */
function feed(
  framing: MqttFraming,
  stream: Buffer,
  cuts: readonly number[],
): { violation?: FramingViolation; at: number } {
  const borders = [...new Set(cuts.map((cut) => cut % (stream.length + 1)))].sort((a, b) => a - b);
  let start = 0;
  for (const end of [...borders, stream.length]) {
    const violation = framing.push(stream.subarray(start, end));
    if (violation !== undefined) return { violation, at: end };
    start = end;
  }
  return { at: stream.length };
}

describe("the gate in front of the MQTT parser", () => {
  it("counts the packets of any well-formed stream, however the network cuts it", () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat(20_000), { maxLength: 12 }),
        fc.array(fc.nat(200_000), { maxLength: 40 }),
        (sizes, cuts) => {
          const framing = new MqttFraming(64 * 1024);
          const stream = Buffer.concat([connect, ...sizes.map(publish)]);
          expect(feed(framing, stream, cuts).violation).toBeUndefined();
          expect(framing.packets).toBe(sizes.length + 1);
        },
      ),
    );
  });

  it("refuses a packet above the limit by its header alone, and accepts one exactly at it", () => {
    fc.assert(
      fc.property(fc.integer({ min: 64, max: 300_000 }), fc.integer({ min: -3, max: 3 }), (limit, difference) => {
        const wanted = limit + difference;
        // One byte of type and one to four of length: find the body that makes the packet's size, where there is one.
        const whole = [2, 3, 4, 5].map((header) => publish(wanted - header)).find((made) => made.length === wanted);
        fc.pre(whole !== undefined);
        const framing = new MqttFraming(limit);
        expect(framing.push(connect)).toBeUndefined();
        expect(framing.push((whole as Buffer).subarray(0, 5))).toBe(difference > 0 ? "packet_too_large" : undefined);
      }),
    );
  });

  it("refuses a stream that does not begin with CONNECT", () => {
    expect(new MqttFraming(1024).push(publish(3))).toBe("not_connect");
    expect(new MqttFraming(1024).push(Buffer.from("GET / HTTP/1.1\r\n"))).toBe("not_connect");
  });

  it("refuses a length of more than four bytes", () => {
    expect(new MqttFraming(1024).push(Uint8Array.of(0x10, 0xff, 0xff, 0xff, 0xff, 0x01))).toBe("malformed_length");
  });

  it("never throws on arbitrary bytes, and stays refused", () => {
    fc.assert(
      fc.property(fc.array(fc.uint8Array({ maxLength: 64 }), { maxLength: 20 }), (chunks) => {
        const framing = new MqttFraming(128);
        let refused: FramingViolation | undefined;
        for (const chunk of chunks) {
          const violation = framing.push(chunk);
          if (refused !== undefined) expect(violation).toBe(refused);
          refused = violation;
        }
      }),
    );
  });
});
