/** Bytes of a `.npy` file with their shape. */
export interface NpyBytes {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads a `.npy` file (NumPy's format 1.0) of unsigned bytes in row-major order.
 *
 * @throws Error where the file is another format, another type, or cut short
 */
export function readNpy(file: Uint8Array): NpyBytes {
  const view = new DataView(file.buffer, file.byteOffset, file.byteLength);
  const magic = Buffer.from(file.subarray(0, 6)).toString("latin1");
  if (magic !== "\x93NUMPY" || file[6] !== 1) throw new Error("not a .npy file of format 1.0");
  const headerEnd = 10 + view.getUint16(8, true);
  const header = Buffer.from(file.subarray(10, headerEnd)).toString("latin1");
  if (!header.includes("'|u1'") || !header.includes("'fortran_order': False")) {
    throw new Error("want unsigned bytes in row-major order");
  }
  const shape = (/'shape': \(([^)]*)\)/.exec(header)?.[1] ?? "")
    .split(",")
    .filter((part) => part.trim() !== "")
    .map(Number);
  const data = file.subarray(headerEnd);
  const wanted = shape.reduce((product, size) => product * size, 1);
  if (data.length !== wanted) throw new Error(`holds ${data.length} bytes where its shape wants ${wanted}`);
  return { shape, data };
}
