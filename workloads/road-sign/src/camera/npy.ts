/** The header of a `.npy` file of bytes (NumPy's format 1.0), padded so that the data starts at a multiple of 64. */
export function npyHeader(shape: readonly number[]): Buffer {
  const dictionary = `{'descr': '|u1', 'fortran_order': False, 'shape': (${shape.join(", ")}${shape.length === 1 ? "," : ""}), }`;
  const padding = 63 - ((10 + dictionary.length) % 64);
  const text = `${dictionary}${" ".repeat(padding)}\n`;
  const start = Buffer.from([0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59, 1, 0, 0, 0]);
  start.writeUInt16LE(text.length, 8);
  return Buffer.concat([start, Buffer.from(text, "latin1")]);
}
