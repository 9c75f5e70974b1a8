/**
 * The head of a safetensors file with `labels` (INT32, one a sample) and `images` (UINT8, samples x side x side x 3): the header and
 * the labels. The pixels follow it, so that a dataset of any size is written without being held. The wider type comes first and the
 * header is padded to 8 bytes, as `writeSafetensors` of `@sartor/shared` does it.
 *
 * Source: huggingface/safetensors, README "Format".
 */
export function datasetHead(labels: Int32Array, side: number, metadata: Readonly<Record<string, string>>): Uint8Array {
  const samples = labels.length;
  const labelBytes = samples * 4;
  const imageBytes = samples * side * side * 3;
  const text = JSON.stringify({
    __metadata__: metadata,
    labels: { dtype: "I32", shape: [samples], data_offsets: [0, labelBytes] },
    images: { dtype: "U8", shape: [samples, side, side, 3], data_offsets: [labelBytes, labelBytes + imageBytes] },
  });
  const headerBytes = Math.ceil(Buffer.byteLength(text) / 8) * 8;
  const head = Buffer.alloc(8 + headerBytes + labelBytes, " ");
  head.writeBigUInt64LE(BigInt(headerBytes), 0);
  head.write(text, 8);
  for (const [sample, label] of labels.entries()) head.writeInt32LE(label, 8 + headerBytes + sample * 4);
  return head;
}
