/** Upper bounds that both sides hold; whatever is larger is refused before it is parsed. */
export const LIMITS = {
  /** Largest MQTT packet of an authenticated device, bytes. */
  mqttPacketBytes: 256 * 1024,
  /** Largest MQTT packet before authentication, bytes. */
  mqttConnectBytes: 16 * 1024,
  /** Largest JSON body of a REST request, bytes. */
  jsonBodyBytes: 1024 * 1024,
  /** Largest model or golden-vector upload, bytes (ONNX protobuf itself ends at 2 GiB). */
  uploadBytes: 512 * 1024 * 1024,
  /** Size of one chunk of a bundle, bytes; the last chunk of a file may be smaller. */
  chunkBytes: 256 * 1024,
  /** Most files in one bundle. */
  bundleFiles: 64,
  /** Most chunks in one file. */
  chunksPerFile: 16_384,
  /** Largest bundle manifest, bytes. */
  bundleManifestBytes: 4 * 1024 * 1024,
  /** Most labels of a classifier. */
  labels: 100_000,
  /** Most dimensions of a tensor. */
  tensorRank: 16,
  /** Most elements of one request's tensor. */
  tensorElements: 64 * 1024 * 1024,
  /** Most rows (images) of one inference request: activations grow with them, and a device's memory does not. */
  inferenceRows: 128,
  /** Largest body of an inference request, bytes. */
  inferenceBodyBytes: 32 * 1024 * 1024,
  /** Largest JSON header of an inference request with binary tensors, bytes. */
  inferenceHeaderBytes: 256 * 1024,
  /** Largest encoded image, bytes. */
  imageBytes: 16 * 1024 * 1024,
  /** Most pixels of a decoded image. */
  imagePixels: 32 * 1024 * 1024,
  /** Most buckets of a sketch on the wire. */
  sketchBuckets: 2048,
} as const;
