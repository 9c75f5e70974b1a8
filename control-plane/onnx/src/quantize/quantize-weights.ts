import { EditableGraph, ELEMENT, intOf, makeTensor } from "../graph/index.js";
import { type ReplacedLayers, replaceMatrixLayers } from "./replace-layers.js";

export interface WeightOnlyOptions {
  readonly bits: 4 | 8;
  /** Weights of a column that share a scale: a power of two from 16 to 256. */
  readonly blockSize: number;
  readonly keepFloat?: ReadonlySet<string>;
}

/** A block is tried with its scale and with these fractions of it; the least squared error wins. */
const FRACTIONS = [1, 0.95, 0.9, 0.85, 0.8];

/**
 * Keeps weights of MatMul and Gemm in 4 or 8 bits, a scale for each block of a column, and computes in float: `com.microsoft.MatMulNBits`.
 * Symmetric (the zero point is the middle), so no zero points are stored. Deterministic.
 *
 * @throws RangeError for another block size; SartorError SRT_MODEL_NOT_ONNX, SRT_QUANTIZE_NOT_FINITE, SRT_QUANTIZE_NOTHING
 */
export function quantizeWeights(model: Uint8Array, options: WeightOnlyOptions): ReplacedLayers {
  const { bits, blockSize } = options;
  if (!Number.isInteger(Math.log2(blockSize)) || blockSize < 16 || blockSize > 256) {
    throw new RangeError(`a block of ${blockSize}; it must be a power of two from 16 to 256`);
  }
  const graph = EditableGraph.decode(model);
  graph.setOpset("com.microsoft", 1);
  return replaceMatrixLayers(graph, options.keepFloat ?? new Set(), (layer) => {
    const { rows, columns } = layer;
    const blocks = Math.ceil(rows / blockSize);
    const { packed, scales } = packBlocks(layer.weight, rows, columns, bits, blockSize);
    const name = (kind: string) => graph.uniqueName(`${layer.node.name}_${kind}`);
    const [weightName, scaleName, output] = [name("packed"), name("scales"), name("product")];
    graph.addInitializer(makeTensor(weightName, ELEMENT.uint8, [columns, blocks, (blockSize * bits) / 8], packed));
    graph.addInitializer(makeTensor(scaleName, ELEMENT.float, [columns * blocks], scales));
    graph.addNode({
      opType: "MatMulNBits",
      domain: "com.microsoft",
      name: name("MatMulNBits"),
      inputs: [layer.input, weightName, scaleName],
      outputs: [output],
      attributes: [intOf("K", rows), intOf("N", columns), intOf("bits", bits), intOf("block_size", blockSize)],
    });
    return output;
  });
}

/** Columns one after the other, each cut into blocks; the last block is filled with zeros. 4-bit values lie low half first. */
export function packBlocks(weight: Float32Array, rows: number, columns: number, bits: 4 | 8, blockSize: number) {
  const blocks = Math.ceil(rows / blockSize);
  const middle = 2 ** (bits - 1);
  const perByte = 8 / bits;
  const packed = new Uint8Array((columns * blocks * blockSize) / perByte);
  const scales = new Float32Array(columns * blocks);
  const block = new Float32Array(blockSize);
  for (let column = 0; column < columns; column++) {
    for (let index = 0; index < blocks; index++) {
      for (let at = 0; at < blockSize; at++) {
        const row = index * blockSize + at;
        block[at] = row < rows ? (weight[row * columns + column] ?? 0) : 0;
      }
      const scale = blockScale(block, middle);
      const place = column * blocks + index;
      scales[place] = scale;
      for (let at = 0; at < blockSize; at++) {
        const value = stepOf(block[at] ?? 0, scale, middle) + middle;
        const byte = (place * blockSize + at) / perByte;
        const shift = perByte === 1 || at % 2 === 0 ? 0 : 4;
        packed[Math.floor(byte)] = (packed[Math.floor(byte)] ?? 0) | (value << shift);
      }
    }
  }
  return { packed, scales };
}

function stepOf(value: number, scale: number, middle: number): number {
  return Math.max(-middle, Math.min(middle - 1, Math.round(value / scale)));
}

/**
 * The scale with the least squared error: the value of greatest magnitude becomes the greatest integer, or the least one, of which there is
 * one more; the sign of the scale turns the block around.
 */
function blockScale(block: Float32Array, middle: number): number {
  const extreme = block.reduce((most, value) => (Math.abs(value) > Math.abs(most) ? value : most), 0);
  if (extreme === 0) return 1;
  let best = 1;
  let bestError = Number.POSITIVE_INFINITY;
  for (const whole of [-extreme / middle, Math.abs(extreme) / (middle - 1)]) {
    for (const fraction of FRACTIONS) {
      const scale = Math.fround(whole * fraction);
      if (scale === 0) continue;
      let error = 0;
      for (const value of block) error += (value - stepOf(value, scale, middle) * scale) ** 2;
      if (error < bestError) [best, bestError] = [scale, error];
    }
  }
  return best;
}
