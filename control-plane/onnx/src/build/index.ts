export { searchSamples } from "./build-network.js";
export * from "./build-request.js";
export { type BuildOptions, buildVariants, DEFAULT_BUILD_LIMITS } from "./build-variants.js";
export { DatasetSamples, type ReadOptions, type SampleManifest } from "./dataset-samples.js";
export { describeNetwork, type NetworkDescription } from "./describe-network.js";
export { type DatasetContent, inspectDataset } from "./inspect-dataset.js";
export { suitableVariants } from "./suitable-variants.js";
