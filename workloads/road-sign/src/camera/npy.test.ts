import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { readNpy } from "../npy-reader.js";
import { npyHeader } from "./npy.js";

describe("exported arrays", () => {
  it("come back as they were written, with the data at a multiple of 64 bytes", () => {
    fc.assert(
      fc.property(fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 4 }), (shape) => {
        const data = new Uint8Array(shape.reduce((product, size) => product * size, 1)).map((_, i) => i % 251);
        const header = npyHeader(shape);
        expect(header.length % 64).toBe(0);
        const read = readNpy(Buffer.concat([header, data]));
        expect(read.shape).toEqual(shape);
        expect(Array.from(read.data)).toEqual(Array.from(data));
      }),
    );
  });

  it("are refused when cut short, of another type or another format", () => {
    const file = Buffer.concat([npyHeader([4]), Buffer.alloc(4)]);
    expect(() => readNpy(file.subarray(0, file.length - 1))).toThrow("holds 3 bytes");
    expect(() => readNpy(Buffer.from(file.toString("latin1").replace("|u1", "<f4"), "latin1"))).toThrow(
      "unsigned bytes",
    );
    expect(() => readNpy(Buffer.from("PNG, perhaps, but not this"))).toThrow("not a .npy");
  });
});
