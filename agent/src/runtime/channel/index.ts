export { encodeFrame, type Frame, FrameReader } from "./frames.js";
export type { BundleLocation, ChildCall, ChildCalls, ImageLimits, ProbeMeasurement, TensorHeader } from "./messages.js";
